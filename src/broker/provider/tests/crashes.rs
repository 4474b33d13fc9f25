//! A broker that stops in the middle of a change of its services: at every durable step of a registration, a new price
//! and a removal. The next start ends with database, chain and proxy in agreement, and one transaction paid.

use tokio::sync::Notify;

use super::upstream::{Plan, chunk};
use super::*;
use crate::domain::{OperationKind, ServiceName};
use crate::store::NewOperation;
use crate::store::provider::{OfferedService, ServiceStatus as Stored};

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}],"stream":true,"max_tokens":100}"#;

/// The last thing that still happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    RowWritten,
    OperationBegun,
    AttemptRecorded,
    /// And in the pool of a node when the broker comes back.
    Broadcast,
    /// And forgotten by all nodes.
    BroadcastAndDropped,
    /// And mined while nobody was there to see it.
    MinedMeanwhile,
    /// Seen by the sender, not yet written down.
    Mined,
    /// Written down by the sender; the row still says otherwise.
    OutcomeRecorded,
}

const STEPS: [Step; 8] = [
    Step::RowWritten,
    Step::OperationBegun,
    Step::AttemptRecorded,
    Step::Broadcast,
    Step::BroadcastAndDropped,
    Step::MinedMeanwhile,
    Step::Mined,
    Step::OutcomeRecorded,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Register,
    NewPrice,
    Remove,
}

impl Change {
    fn name(self) -> ServiceName {
        if self == Change::Register { "new" } else { "svc" }.parse().unwrap()
    }

    fn input(self, world: &World) -> ServiceInput {
        world.input(self.name().as_str(), ServiceKind::Chatbot, 7, 9)
    }
}

/// A journal that never comes back from one of its steps, as of a process that is dead.
struct Dead {
    inner: Arc<dyn Journal>,
    step: Step,
    reached: Arc<Notify>,
}

impl Dead {
    async fn die(&self, at: Step) {
        if self.step == at {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

impl Journal for Dead {
    fn record(&self, attempt: Attempt) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async {
            self.die(Step::OperationBegun).await;
            let recorded = self.inner.record(attempt).await;
            self.die(Step::AttemptRecorded).await;
            recorded
        })
    }

    fn finished(&self, op: OperationId, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async move {
            self.die(Step::Mined).await;
            let finished = self.inner.finished(op, outcome).await;
            self.die(Step::OutcomeRecorded).await;
            finished
        })
    }
}

impl World {
    /// Ends all tasks where they are.
    async fn crash(&mut self) {
        self.tasks.stop(Duration::ZERO).await;
    }

    /// Transactions of the provider that were paid for.
    async fn paid(&self) -> u64 {
        let request = serde_json::json!({
            "jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionCount",
            "params": [self.wallet.address().to_string(), "latest"],
        });
        let answer = self.devnet.rpc(request).unwrap();
        u64::from_str_radix(answer["result"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    /// Begins a change with a broker that dies at a step.
    async fn die_at(&mut self, change: Change, step: Step) {
        if step == Step::RowWritten {
            return self.only_the_row(change).await;
        }
        let reached = Arc::new(Notify::new());
        let journal = Dead { inner: journal(self.store.operations()), step, reached: Arc::clone(&reached) };
        self.restart_with(Arc::new(journal)).await;
        let in_pool = matches!(step, Step::Broadcast | Step::BroadcastAndDropped | Step::MinedMeanwhile);
        self.devnet.set_automine(!in_pool);
        let (broker, input) = (self.broker.clone(), change.input(self));
        let mut order = tokio::spawn(async move {
            match change {
                Change::Register | Change::NewPrice => broker.put_service(input, Wait::Receipt).await,
                Change::Remove => broker.delete_service(&change.name(), Wait::Receipt).await,
            }
        });
        if in_pool {
            let devnet = self.devnet.clone();
            self.until(|_| !devnet.pending().is_empty()).await;
        } else {
            tokio::select! {
                () = reached.notified() => {}
                ended = &mut order => panic!("{change:?} did not come to {step:?}: {ended:?}"),
            }
        }
        order.abort();
        self.crash().await;
        match step {
            Step::BroadcastAndDropped => self.devnet.drop_pending(),
            Step::MinedMeanwhile => self.devnet.mine(1).unwrap(),
            _ => {}
        }
    }

    async fn only_the_row(&mut self, change: Change) {
        self.crash().await;
        let row = self.store.service("svc".parse().unwrap()).await.unwrap().unwrap();
        let input = change.input(self);
        let row = match change {
            Change::Register => OfferedService {
                name: change.name(),
                prices: input.prices,
                status: Stored::Pending,
                version: None,
                ..row
            },
            Change::NewPrice => OfferedService { prices: input.prices, status: Stored::Pending, ..row },
            Change::Remove => OfferedService { status: Stored::Removing, ..row },
        };
        self.store.put_service(row).await.unwrap();
    }
}

async fn agrees(world: &World, change: Change, what: &str) {
    let name = change.name();
    let listed = world.chain.service(world.wallet.address(), &name, None).await.unwrap();
    let stored = world.store.service(name.clone()).await.unwrap();
    let terms = world.broker.terms().services.into_iter().find(|terms| terms.name == name);
    if change == Change::Remove {
        assert!(listed.is_none() && stored.is_none() && terms.is_none(), "{what}: {listed:?} {stored:?}");
        let ask = Ask { service: name.to_string(), version: 1, ..world.ask_of("svc", 1) };
        assert!(matches!(world.call(&ask).await, Err(ProxyRefusal::UnknownService(_))), "{what}");
        return;
    }
    let (listed, stored, terms) = (listed.unwrap(), stored.unwrap(), terms.unwrap());
    assert_eq!((listed.prices, stored.status), (stored.prices, Stored::Listed), "{what}");
    assert_eq!((stored.prices.input.get(), stored.prices.output.get()), (7, 9), "{what}");
    assert_eq!((Some(listed.version), listed.version), (stored.version, terms.version), "{what}");
    let view = world.broker.service(&name).unwrap();
    assert!(view.differs.is_empty() && view.listed == Some(listed), "{what}: {view:?}");
    let ask = world.ask_of(name.as_str(), terms.version);
    let (receipt, _) = read(world.call(&ask).await.unwrap()).await.receipt();
    let receipt = receipt.receipt;
    assert_eq!(receipt.fee.output.get(), u128::from(receipt.output.0) * 9, "{what}");
}

#[tokio::test]
async fn at_every_step_of_every_change() {
    for change in [Change::Register, Change::NewPrice, Change::Remove] {
        for step in STEPS {
            let what = format!("{change:?} stopped at {step:?}");
            let mut world = World::new(ServiceKind::Chatbot).await;
            let paid = world.paid().await;
            world.die_at(change, step).await;
            world.restart().await;
            world.devnet.set_automine(true);
            world.devnet.mine(1).unwrap();
            let name = change.name();
            world
                .until(|broker| match broker.service(&name) {
                    None => change == Change::Remove,
                    Some(service) => {
                        change != Change::Remove
                            && service.status == ServiceStatus::Listed
                            && service.differs.is_empty()
                    }
                })
                .await;
            agrees(&world, change, &what).await;
            let sync = world.broker.sync_services(Wait::Receipt).await.unwrap();
            assert!(sync.pushed.is_empty() && sync.removed.is_empty() && sync.pending.is_empty(), "{what}");
            assert_eq!(world.paid().await - paid, 1, "{what}");
            let open = world.store.operations().unfinished().await.unwrap();
            assert!(open.is_empty(), "{what}: {open:?}");
        }
    }
}

#[tokio::test]
async fn what_the_last_run_sent_is_waited_for_before_anything_else_is() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    let paid = world.paid().await;
    world.die_at(Change::NewPrice, Step::Broadcast).await;
    world.restart().await;
    let busy = world.broker.put_service(Change::NewPrice.input(&world), Wait::Receipt).await;
    assert!(matches!(busy, Err(ProviderError::ServiceBusy(_))), "{busy:?}");
    let sync = world.broker.sync_services(Wait::Receipt).await.unwrap();
    assert_eq!((sync.pending.len(), sync.pushed.len()), (1, 0));
    world.devnet.set_automine(true);
    world.devnet.mine(1).unwrap();
    world.until(|broker| broker.services()[0].status == ServiceStatus::Listed).await;
    agrees(&world, Change::NewPrice, "waited for").await;
    assert_eq!(world.paid().await - paid, 1);
}

#[tokio::test]
async fn a_change_with_an_unknown_outcome_is_not_sent_a_second_time() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    let paid = world.paid().await;
    world.devnet.set_automine(false);
    let change = world.broker.put_service(Change::NewPrice.input(&world), Wait::Receipt).await.unwrap();
    assert!(!change.done, "nobody knows yet");
    let refused = async |world: &World| {
        let sync = world.broker.sync_services(Wait::Receipt).await.unwrap();
        assert_eq!((sync.pending.len(), sync.pushed.len()), (1, 0), "{sync:?}");
        let again = world.broker.put_service(Change::NewPrice.input(world), Wait::Receipt).await;
        assert!(matches!(again, Err(ProviderError::ServiceBusy(_))), "{again:?}");
        assert_eq!(world.devnet.pending().len(), 1);
    };
    refused(&world).await;
    world.restart().await;
    refused(&world).await;
    world.devnet.set_automine(true);
    world.devnet.mine(1).unwrap();
    world.until(|broker| broker.services()[0].status == ServiceStatus::Listed).await;
    agrees(&world, Change::NewPrice, "known at last").await;
    assert_eq!(world.paid().await - paid, 1);
}

async fn behind_our_back(world: &World, call: Call) -> crate::chain::Ticket {
    let id = OperationId::random();
    let params = serde_json::json!({});
    let new = NewOperation {
        id,
        kind: OperationKind::RemoveService,
        params,
        idempotency_key: None,
        at: Timestamp::now(),
    };
    world.store.operations().begin(new).await.unwrap();
    world.sender.submit(id, call).await.unwrap()
}

#[tokio::test]
async fn a_repair_does_not_undo_what_was_ordered_meanwhile() {
    let world = World::new(ServiceKind::Chatbot).await;
    world.register("svc2", ServiceKind::Chatbot, 1, 1).await;
    let paid = world.paid().await;
    world.devnet.set_automine(false);
    for name in ["svc", "svc2"] {
        behind_our_back(&world, Call::RemoveService { name: name.parse().unwrap() }).await;
    }
    world.devnet.mine(1).unwrap();
    // The repair has seen that both are gone, and begins with the first.
    let devnet = world.devnet.clone();
    world.until(|_| devnet.pending().len() == 1).await;
    let input = world.input("svc2", ServiceKind::Chatbot, 7, 9);
    world.broker.put_service(input, Wait::Broadcast).await.unwrap();
    world.until(|_| devnet.pending().len() == 2).await;
    world.devnet.mine(1).unwrap();
    world
        .until(|broker| {
            let fits = |view: &ServiceView| view.status == ServiceStatus::Listed && view.differs.is_empty();
            broker.services().iter().all(fits)
        })
        .await;
    let sync = world.broker.sync_services(Wait::Receipt).await.unwrap();
    assert_eq!((sync.unchanged.len(), sync.pushed.len()), (2, 0), "{sync:?}");
    assert_eq!(world.broker.service(&"svc2".parse().unwrap()).unwrap().prices.input.get(), 7);
    assert_eq!(world.paid().await - paid, 4, "two that were removed, two that were put back");
}

#[tokio::test]
async fn a_request_in_flight_keeps_its_price_whatever_becomes_of_the_service() {
    let world = World::new(ServiceKind::Chatbot).await;
    world.upstream.plan(Plan::events(&[chunk("one "), chunk("two "), chunk("three")]));
    let old = world.ask(CHAT);
    let first = world.call(&old).await.unwrap();
    let second = world.call(&world.ask(CHAT)).await.unwrap();
    world.register("svc", ServiceKind::Chatbot, 7, 9).await;
    let (receipt, _) = read(first).await.receipt();
    assert_eq!(receipt.receipt.fee.output.get(), u128::from(receipt.receipt.output.0) * OUTPUT_PRICE);
    world.broker.delete_service(&"svc".parse().unwrap(), Wait::Receipt).await.unwrap();
    let (receipt, _) = read(second).await.receipt();
    assert_eq!(receipt.receipt.fee.output.get(), u128::from(receipt.receipt.output.0) * OUTPUT_PRICE);
    let row = world.store.request(old.id).await.unwrap().unwrap();
    assert_eq!((row.price_version, row.prices.output.get()), (old.version, OUTPUT_PRICE));
    world.idle().await;
}

#[tokio::test]
async fn without_a_grace_an_old_price_is_refused_and_the_new_one_named() {
    let world = World::with(ServiceKind::Chatbot, ProviderSettings { price_grace: 0, ..settings() }).await;
    let old = world.ask(CHAT);
    world.register("svc", ServiceKind::Chatbot, 7, 9).await;
    let refusal = world.call(&old).await.map(|_| ()).unwrap_err();
    let ProxyRefusal::PriceChanged { version, prices, .. } = refusal else { panic!("{refusal}") };
    assert_eq!((version, prices.output.get()), (world.version("svc"), 9));
}

#[tokio::test]
async fn what_only_the_chain_knows_is_shown_taken_over_or_taken_off() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    // The database is lost but for one service.
    world.register("old", ServiceKind::Chatbot, 7, 9).await;
    world.register("older", ServiceKind::Chatbot, 7, 9).await;
    for name in ["old", "older"] {
        world.store.forget_service(name.parse().unwrap()).await.unwrap();
    }
    world.restart().await;
    let unknown: Vec<_> = world.broker.unknown_services().into_iter().map(|service| service.name).collect();
    assert_eq!(unknown.iter().map(ServiceName::as_str).collect::<Vec<_>>(), ["old", "older"]);

    let paid = world.paid().await;
    let input = world.input("old", ServiceKind::Chatbot, 7, 9);
    let change = world.broker.put_service(input, Wait::Receipt).await.unwrap();
    assert_eq!((change.done, change.operation), (true, None), "it is there already, so it costs no gas");
    assert_eq!(world.paid().await, paid);
    let (receipt, _) =
        read(world.call(&world.ask_of("old", world.version("old"))).await.unwrap()).await.receipt();
    assert_eq!(receipt.receipt.fee.output.get(), u128::from(receipt.receipt.output.0) * 9);

    let change = world.broker.delete_service(&"older".parse().unwrap(), Wait::Receipt).await.unwrap();
    assert!(change.done && change.service.is_none());
    let gone = world.chain.service(world.wallet.address(), &"older".parse().unwrap(), None).await.unwrap();
    assert!(gone.is_none() && world.broker.unknown_services().is_empty());
    assert_eq!(world.store.services().await.unwrap().len(), 2);
    let again = world.broker.delete_service(&"older".parse().unwrap(), Wait::Receipt).await;
    assert!(matches!(again, Err(ProviderError::UnknownService(_))));
}

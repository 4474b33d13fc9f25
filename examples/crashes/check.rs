//! The invariants, as far as they can be seen from outside, over books that are at rest.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use zgserve_tui::chain::EventKind;
use zgserve_tui::domain::{AccountId, Address, Neuron, OperationState, ProviderRequestState, amount};

use super::rest::{Books, UserBooks};
use super::tap;
use super::world::{User, Who, World, quantity};

/// Waits for rest and checks everything.
pub async fn all(world: &World) -> Option<Books> {
    let books = super::rest::books(world).await;
    let what = "I11 everything comes to rest: nothing reserved, in flight or under way";
    world.tally.check(what, books.is_ok(), || books.as_ref().err().cloned().unwrap_or_default());
    let books = books.ok()?;
    provider(world, &books);
    for number in 0..books.users.len() {
        user(world, &books, number);
    }
    chain(world, &books);
    told(world).await;
    replays(world).await;
    logs(world);
    Some(books)
}

fn provider(world: &World, books: &Books) {
    let (tally, place, provider) = (&world.tally, &world.place, &books.provider);
    let audit = &provider.audit;
    tally.check("I7 provider's sums are those of its rows", audit.is_empty(), || format!("{audit:?}"));
    let (reserved, in_flight) = (provider.reserved, provider.in_flight);
    tally.check("I11 provider reserves nothing at rest", (reserved, in_flight) == (0, 0), || {
        format!("{reserved}")
    });
    for row in &provider.requests {
        let fee = row.fee.total();
        let exact = row.prices.fee(row.input, row.output).map(|fee| fee.capped(row.max_fee));
        let right = match row.state {
            ProviderRequestState::Charged => exact == Some(row.fee) && fee <= row.max_fee,
            ProviderRequestState::Admitted => false,
            _ => fee.is_zero(),
        };
        tally.check(
            "I8 a fee is price × units, once, at most the highest; lost and failed cost nothing (F-03)",
            right,
            || format!("{row:?}"),
        );
    }
    let acknowledged = &books.acknowledged;
    for row in provider.users.iter().filter(|row| row.id.provider == place.owner) {
        let best = row.voucher.map(|best| best.voucher.cumulative).unwrap_or_default();
        let claimed = row.chain.map(|account| account.settled).unwrap_or_default();
        tally.check(
            "I12 what was claimed is at most what is owed and what is promised",
            claimed <= row.owed && claimed <= best,
            || format!("{row:?}"),
        );
        let unpaid = row.owed.above(best);
        tally.check(
            "I13 owed beyond the best voucher ≤ credit limit",
            unpaid.get() <= place.credit,
            || format!("{unpaid}: {row:?}"),
        );
        let told = acknowledged.get(&row.id.user).copied().unwrap_or_default();
        tally.check(
            "I10 best voucher after the restart ≥ every acknowledged one (F-13)",
            best >= told,
            || format!("{best} < {told}"),
        );
    }
}

fn user(world: &World, books: &Books, number: usize) {
    let (tally, place, user) = (&world.tally, &world.place, &books.users[number]);
    let id = place.account(number);
    tally.check("I17 user's sums are those of its rows", user.audit.is_empty(), || {
        format!("{:?}", user.audit)
    });
    let shown = |name: &str| user.shown[name].as_str().and_then(|text| text.parse::<Neuron>().ok());
    let most: u128 = user.unfinished.iter().map(|row| row.max_fee.get()).sum();
    let reserved = shown("Reserved").unwrap_or(Neuron::MAX);
    tally.check("I11 user holds nothing but for requests that never arrived", reserved.get() <= most, || {
        format!("{reserved} for {:?}", user.unfinished)
    });
    let chain = books.accounts.iter().find(|account| account.id == id);
    let pending = chain.and_then(|account| account.refund).map(|refund| refund.amount).unwrap_or_default();
    let right = shown("Owed") == Some(user.account.owed)
        && shown("Promised") == Some(user.account.authorized)
        && shown("PendingRefund") == Some(pending)
        && shown("Balance") == chain.map(|account| account.balance);
    tally.check("I17 what the user is shown is the ledger and the chain", right, || {
        format!("{} {:?} {chain:?}", user.shown, user.account)
    });

    let theirs: HashMap<_, _> =
        books.provider.requests.iter().filter(|row| row.account == id).map(|row| (row.id, row)).collect();
    let mut known = HashSet::new();
    for row in &user.requests {
        known.insert(row.id);
        // What a provider booked, and died before it could hand it over, is in dispute: the user pays for what came.
        let same = match theirs.get(&row.id) {
            Some(theirs) => {
                let asked = row.fee.total().saturating_add(row.disputed);
                asked == theirs.fee.total() && row.body_hash == theirs.body_hash
            }
            None => row.fee.total().is_zero() && row.disputed.is_zero(),
        };
        tally.check(
            "both books have the same fee for each request, or both know the difference (F-02, F-03)",
            same,
            || format!("{row:?}\n  {:?}", theirs.get(&row.id)),
        );
        // It never had a byte of what it disputes, and the provider was killed while it was under way.
        let lost = row.disputed.is_zero()
            || (row.output.0 == 0 && world.kills_of_provider.load(Ordering::Relaxed) > 0);
        tally.check("nothing is disputed but answers that a killed provider never handed over", lost, || {
            format!("{row:?}")
        });
    }
    let all = theirs.keys().all(|request| known.contains(request));
    tally.check("I15 nothing reached the provider that is not on the user's disk", all, || {
        format!("user {number}")
    });

    let authorized = user.account.authorized;
    let signed = books.signed.get(&id.user).copied().unwrap_or_default();
    tally.check("I15 authorized ≥ every voucher that left", authorized >= signed, || {
        format!("{authorized} < {signed}")
    });
    let row = books.provider.users.iter().find(|row| row.id == id);
    let best = row.and_then(|row| row.voucher).map(|best| best.voucher.cumulative).unwrap_or_default();
    tally.check("I15 authorized ≥ the provider's best voucher", authorized >= best, || {
        format!("{authorized} < {best}")
    });
    // Beyond what is owed a voucher may run only by the highest fees that were under way.
    let owed = row.map(|row| row.owed).unwrap_or_default();
    let disputed = user.account.disputed;
    let same = owed == user.account.owed.saturating_add(disputed);
    tally.check("both books owe the same, but for what is in dispute", same, || {
        format!("{owed} beside {}", user.account.owed)
    });
    let settled = chain.map(|account| account.settled).unwrap_or_default();
    tally.check("I3 settled ≤ promised, and ≤ owed", settled <= authorized && settled <= owed, || {
        format!("{settled} {authorized} {owed}")
    });
    let before = std::mem::replace(&mut world.settled.lock()[number], settled.get());
    tally.check("I2 settled never falls", settled.get() >= before, || format!("{settled} < {before}"));
    operations(world, books, user, id);
}

/// Each deposit was made once if its operation says so, and not at all otherwise.
fn operations(world: &World, books: &Books, user: &UserBooks, id: AccountId) {
    let mut made: BTreeMap<u128, usize> = BTreeMap::new();
    for event in &books.events {
        if let EventKind::Deposited { account, amount, .. } = &event.kind
            && *account == id
        {
            *made.entry(amount.get()).or_default() += 1;
        }
    }
    for operation in user.operations.iter().filter(|operation| operation.kind.as_str() == "deposit") {
        let amount = operation.params["amount"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        let times = made.remove(&amount).unwrap_or(0);
        let mined = operation.state == OperationState::Mined;
        world.tally.check(
            "a deposit was made exactly once, or refused and not made (F-33)",
            times == usize::from(mined),
            || format!("{times} times: {operation:?}"),
        );
    }
    world.tally.check("no deposit without its operation", made.is_empty(), || format!("{made:?}"));
}

fn chain(world: &World, books: &Books) {
    let (tally, place) = (&world.tally, &world.place);
    let mut flows: BTreeMap<AccountId, (u128, u128, u128)> = BTreeMap::new();
    for event in &books.events {
        let Some(id) = event.kind.account() else { continue };
        let (deposited, refunded, paid) = flows.entry(id).or_default();
        match &event.kind {
            EventKind::AccountAdded { balance, .. } => *deposited += balance.get(),
            EventKind::Deposited { amount, .. } => *deposited += amount.get(),
            EventKind::RefundProcessed { amount, .. } => *refunded += amount.get(),
            EventKind::Settled { paid: amount, .. } => *paid += amount.get(),
            _ => {}
        }
    }
    let here: u128 =
        amount::sum(books.accounts.iter().map(|account| account.balance)).unwrap_or_default().get();
    let elsewhere: u128 = flows
        .iter()
        .filter(|(id, _)| id.provider != place.owner)
        .map(|(_, (deposited, refunded, paid))| deposited.saturating_sub(refunded + paid))
        .sum();
    tally.check("I1 the contract holds what its accounts hold", books.contract == here + elsewhere, || {
        format!("{} {here} {elsewhere}", books.contract)
    });
    for account in &books.accounts {
        let (deposited, refunded, paid) = flows.get(&account.id).copied().unwrap_or_default();
        let right = account.balance.get() + refunded + paid == deposited && paid == account.settled.get();
        tally.check(
            "I1 I5 deposits = balance + settled + refunded, per account; settled is the sum of the payments",
            right,
            || format!("{account:?}"),
        );
    }
    let mut ops: HashMap<_, _> = HashMap::new();
    for attempt in &books.provider.attempts {
        ops.insert(attempt.hash, attempt.op);
    }
    // A settlement that was mined paid what its rows say, in one transaction of ours; no other transaction paid.
    for event in &books.events {
        if let EventKind::Settled { account, .. } = &event.kind
            && account.provider == place.owner
        {
            let known = ops.get(&event.tx).is_some_and(Option::is_some);
            tally.check(
                "I18 every settlement on the chain is in the provider's journal (F-33, F-36)",
                known,
                || format!("{event:?}"),
            );
        }
    }
    for operation in
        books.provider.operations.iter().filter(|operation| operation.state == OperationState::Mined)
    {
        let mine: HashSet<_> = books
            .provider
            .attempts
            .iter()
            .filter(|row| row.op == Some(operation.id))
            .map(|row| row.hash)
            .collect();
        let there = operation.hash.is_some_and(|hash| mine.contains(&hash));
        tally.check("I18 the transaction of a mined operation is one of its attempts", there, || {
            format!("{operation:?}")
        });
    }
}

/// A block that anybody was told of is still there.
async fn told(world: &World) {
    let place = &world.place;
    let before = world.told.lock().clone();
    if let Some((number, hash)) = before {
        let block =
            place.rpc("eth_getBlockByNumber", serde_json::json!([format!("{number:#x}"), false])).await;
        let now = block.map(|block| block["hash"].as_str().unwrap_or_default().to_owned());
        world.tally.check(
            "I23 the chain keeps every block that it told of",
            now.as_deref() == Some(hash.as_str()),
            || format!("{number}: {now:?}"),
        );
    }
    let head = place.rpc("eth_getBlockByNumber", serde_json::json!(["latest", false])).await;
    let part = |name: &str| head.as_ref().and_then(|head| head[name].as_str()).unwrap_or_default().to_owned();
    if let Ok(number) = u64::from_str_radix(part("number").trim_start_matches("0x"), 16) {
        *world.told.lock() = Some((number, part("hash")));
    }
}

/// A paid request that was answered once buys nothing a second time, whatever was killed meanwhile.
async fn replays(world: &World) {
    let whole: Vec<_> = world.place.seen.lock().whole.iter().cloned().collect();
    for request in whole.iter().rev().filter(|request| arrived(world, request)).take(2) {
        let status = tap::replay(world.place.proxy_port, request).await;
        let refused = status.is_some_and(|status| (400..500).contains(&status));
        world.tally.check("a paid request sent again is refused (F-14)", refused, || format!("{status:?}"));
    }
}

fn arrived(world: &World, request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).into_owned();
    let header = text.lines().find_map(|line| line.strip_prefix("zg-request: "));
    let head = header.and_then(|text| zgserve_tui::wire::auth::decode_request_auth(text.trim()).ok());
    head.is_some_and(|head| world.place.seen.lock().served.contains(&head.request))
}

fn logs(world: &World) {
    for log in world.logs() {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let panics = text.lines().find(|line| line.contains("panicked"));
        world.tally.check("I22 nothing panicked", panics.is_none(), || format!("{log:?}: {panics:?}"));
    }
}

/// The end of a world: everything is settled and paid back, and nothing is left over. `patience`: how long it is waited
/// for the authorisations of requests that never arrived to be over.
pub async fn close(world: &World, patience: Duration) {
    let (tally, place) = (&world.tally, &world.place);
    super::load::mine_again(place).await;
    for number in 0..place.users.len() {
        let served = world.serves(number).await;
        tally.check("F-02 every user is served after all that happened", served.is_ok(), || {
            format!("user {number}: {served:?}")
        });
    }
    for _ in 0..100 {
        let _ = place.post(&format!("{}/v1/settle", place.provider_url), &serde_json::json!({})).await;
        if place.figure(&place.provider_url, "zgserve_unsettled_neuron").await == Some(0) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let until = Instant::now() + patience;
    let holds = async |user: &User| {
        let url = format!("{}/v1/provider/{}", user.url, place.owner);
        let account = place.get(&url).await.unwrap_or_default();
        let amount =
            |name: &str| account[name].as_str().and_then(|text| text.parse::<u128>().ok()).unwrap_or(0);
        (amount("Balance"), amount("Reserved"), amount("PendingRefund"))
    };
    for user in &place.users {
        while holds(user).await.1 > 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    // What is held goes as requests turn out never to have arrived; more can be taken back then.
    for _ in 0..600 {
        let mut left = false;
        for user in &place.users {
            let (balance, reserved, pending) = holds(user).await;
            left |= balance > reserved;
            if balance > reserved && pending == 0 {
                let body = serde_json::json!({"amount": (balance - reserved).to_string()});
                let _ = place.post(&format!("{}/v1/provider/{}/refund", user.url, place.owner), &body).await;
            }
        }
        if !left {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let Some(books) = all(world).await else { return };
    for user in &books.users {
        let shown = |name: &str| user.shown[name].as_str().unwrap_or_default().to_owned();
        let (held, reserved) = (shown("Balance"), shown("Reserved"));
        let what = "at the end: everything is refunded but what is held for requests that never arrived";
        tally.check(what, held == reserved, || {
            format!(
                "{held} beside {reserved}: {} {:?}",
                user.shown,
                user.operations.iter().take(4).collect::<Vec<_>>()
            )
        });
    }
    for (number, user) in books.users.iter().enumerate() {
        let id = place.account(number);
        let settled = books.accounts.iter().find(|account| account.id == id).map(|account| account.settled);
        let least = user.account.owed;
        let most = least.saturating_add(user.account.disputed);
        // A voucher may have run ahead of what is owed, and what it covers can be claimed.
        let right = settled.is_some_and(|settled| (least..=most).contains(&settled));
        tally.check("at the end: settled = owed, to the neuron, but for what is in dispute", right, || {
            format!("{settled:?} {:?}", user.account)
        });
    }
    wallets(world, &books).await;
}

/// A transaction of one of our keys, as its block has it.
struct Mined {
    nonce: u128,
    hash: String,
    gas: u128,
}

/// Every transaction of our keys is in the books, nonces have no gap, and wallets hold what all of it leaves.
async fn wallets(world: &World, books: &Books) {
    let (tally, place) = (&world.tally, &world.place);
    let mut found: HashMap<Address, Vec<Mined>> = HashMap::new();
    for number in 0..=books.head.number {
        let number = format!("{number:#x}");
        let block =
            place.rpc("eth_getBlockByNumber", serde_json::json!([number, true])).await.unwrap_or_default();
        for tx in block["transactions"].as_array().into_iter().flatten() {
            let from = tx["from"].as_str().and_then(|text| text.parse::<Address>().ok());
            let (Some(from), Some(nonce), Some(hash)) = (from, quantity(&tx["nonce"]), tx["hash"].as_str())
            else {
                continue;
            };
            let receipt =
                place.rpc("eth_getTransactionReceipt", serde_json::json!([hash])).await.unwrap_or_default();
            let (used, price) = (quantity(&receipt["gasUsed"]), quantity(&receipt["effectiveGasPrice"]));
            let gas = used.unwrap_or_default() * price.unwrap_or_default();
            found.entry(from).or_default().push(Mined { nonce, hash: hash.to_owned(), gas });
        }
    }
    let users = books.users.iter().enumerate();
    let users = users.map(|(number, user)| (place.users[number].address, &user.attempts, Who::User(number)));
    for (address, attempts, who) in users.chain([(place.owner, &books.provider.attempts, Who::Provider)]) {
        let known: HashSet<String> = attempts.iter().map(|row| row.hash.to_string()).collect();
        let mined = found.remove(&address).unwrap_or_default();
        let all = mined.iter().all(|tx| known.contains(&tx.hash));
        tally.check("I18 every transaction of a key is in its journal (F-35)", all, || format!("{who:?}"));
        let gapless = mined.iter().enumerate().all(|(at, tx)| tx.nonce == at as u128);
        tally.check("I19 nonces have no gap and are used once (F-35)", gapless, || format!("{who:?}"));
        let gas: u128 = mined.iter().map(|tx| tx.gas).sum();
        let (mut in_, mut out) = (place.wallets[&address], gas);
        for event in &books.events {
            match &event.kind {
                EventKind::AccountAdded { account, balance: amount, .. }
                | EventKind::Deposited { account, amount, .. }
                    if account.user == address =>
                {
                    out += amount.get();
                }
                EventKind::RefundProcessed { account, amount, .. } if account.user == address => {
                    in_ += amount.get()
                }
                EventKind::Settled { account, paid, .. } if account.provider == address => in_ += paid.get(),
                _ => {}
            }
        }
        let owned = place.rpc("eth_getBalance", serde_json::json!([address.to_string(), "latest"])).await;
        let owned = owned.as_ref().and_then(quantity);
        let right = owned == in_.checked_sub(out);
        tally.check(
            "at the end: a wallet holds what it had, plus and minus every event, less gas (F-33)",
            right,
            || format!("{who:?}: {owned:?} beside {in_} - {out}"),
        );
    }
}

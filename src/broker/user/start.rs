//! Starting: the books are rebuilt from the store, what a former run left is taken up, then the tasks begin.
//!
//! The chain may be away: then what the store remembers is shown, marked stale, and the follower goes on trying.

use std::sync::Arc;
use std::time::Duration;

use super::UserError;
use super::finish::Case;
use super::handle::{Inner, UserBroker, UserParts};
use super::operations::plain_view;
use super::positions::Position;
use super::upstream::Upstream;
use super::{evidence, follow, receipts, refunds};
use crate::broker::outbox::{attempt, refused};
use crate::broker::retention;
use crate::chain::BlockRef;
use crate::domain::{B256, OperationState, Timestamp, UserRequestState};
use crate::store::user::{UserRequestFilter, UserRequestSort};
use crate::store::{Direction, PageOf};

/// How long the first look at the chain may hold up the start.
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// With more accounts than the chain tells in one answer the start does not wait for them: what the store remembers has to
/// do until the follower has read them.
const MANY_ACCOUNTS: usize = 250;

/// Faster than this no screen shows anything.
const BETWEEN_SNAPSHOTS: Duration = Duration::from_millis(15);

impl UserBroker {
    /// Starts the broker. Fails only for reasons that waiting does not mend: the store, or the HTTP client.
    pub async fn start(parts: UserParts) -> Result<UserBroker, UserError> {
        let allow_private = parts.settings.allow_private_providers.unwrap_or(parts.local_chain);
        let upstream = Upstream::new(&parts.settings, allow_private).map_err(UserError::Client)?;
        let inner = Arc::new(Inner::new(parts, upstream));
        inner.restore_own_caps().await?;
        restore(&inner).await?;
        resume_requests(&inner).await?;
        resume_operations(&inner).await?;
        let many = inner.overview().totals.accounts > MANY_ACCOUNTS;
        let look = async { if many { None } else { Some(inner.read_everything(true).await) } };
        match tokio::time::timeout(FIRST_LOOK, look).await {
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error @ UserError::Chain(_)))) => inner.unreachable(&error),
            Ok(Some(Err(error))) => return Err(error),
            Ok(None) | Err(_) => inner.view.lock().stale = Some("the chain has not answered yet".to_owned()),
        }
        inner.publish();
        let tasks = &inner.tasks;
        tasks.spawn_until_stopped("snapshots", snapshots(Arc::clone(&inner)));
        tasks.spawn_until_stopped("chain follower", follow::run(Arc::clone(&inner)));
        tasks.spawn_until_stopped("receipt resolver", receipts::run(Arc::clone(&inner)));
        tasks.spawn_until_stopped("signatures of receipts", evidence::run(Arc::clone(&inner)));
        if let Some(days) = inner.settings.keep_requests {
            let of = Arc::clone(&inner);
            let chain = move || of.view.lock().head.map(|head| head.time);
            tasks.spawn_until_stopped("old requests", retention::run(inner.store.db().clone(), days, chain));
        }
        if inner.settings.auto_process_refunds && inner.sender.is_some() {
            tasks.spawn_until_stopped("refund processor", refunds::run(Arc::clone(&inner)));
        }
        Ok(UserBroker { inner })
    }
}

/// Publishes snapshots for those who watch, at most one in a short while, however much happens.
async fn snapshots(inner: Arc<Inner>) {
    loop {
        inner.news.notified().await;
        inner.publish_if_watched();
        tokio::time::sleep(BETWEEN_SNAPSHOTS).await;
    }
}

/// The books and the last view of the chain, as the store has them.
async fn restore(inner: &Inner) -> Result<(), UserError> {
    let store = &inner.store;
    let latest = store
        .requests(
            UserRequestFilter::default(),
            UserRequestSort::CreatedAt(Direction::Descending),
            PageOf::first(1),
        )
        .await?;
    // The day of the newest request, if the clock has been set back since: budgets do not run backwards.
    let latest = latest.items.first().map_or(0, |request| request.created_at.day());
    let day = Timestamp::now().day().max(latest);
    let spent = store.spent_on(day).await?;
    let spent = crate::domain::amount::sum(spent.into_values()).unwrap_or(crate::domain::Neuron::MAX);
    let accounts = store.accounts().await?;
    let services = store.services().await?;
    let own: Vec<_> = accounts.into_iter().filter(|account| account.id.user == inner.user).collect();
    let block = own.iter().filter_map(|account| account.block).max().unwrap_or(0);
    let chains: Vec<_> = own.iter().filter_map(|account| account.chain).collect();
    // The files of the keys are looked at meanwhile.
    let (keys, ()) = tokio::join!(inner.keys.restore(&chains), async {
        let positions = own.iter().map(|account| {
            (account.id.provider, Position::remembered(account.authorized, account.owed, account.chain))
        });
        inner.book.lock().begin(positions.collect());
    });
    keys?;
    inner.book.lock().restore_day(day, spent);
    if !services.is_empty() {
        let at = BlockRef { number: block, hash: B256::ZERO, time: Timestamp::from_seconds(0) };
        let mut catalogue = inner.catalogue.write();
        catalogue.replace(services, 0, at);
        catalogue.undone();
    }
    Ok(())
}

/// What never left cost nothing; what may have left is unconfirmed until the provider says how it ended.
async fn resume_requests(inner: &Arc<Inner>) -> Result<(), UserError> {
    for row in inner.store.unfinished_requests().await? {
        if row.account.user != inner.user {
            continue;
        }
        let case = Case::stored(inner, &row);
        inner.book.lock().restore_hold(row.account.provider, row.id, case.own.most());
        match row.state {
            UserRequestState::Reserved => inner.failed(&case, "the broker stopped before it was sent").await,
            UserRequestState::Sent => inner.unconfirmed(&case).await,
            _ => {}
        }
    }
    Ok(())
}

/// Operations without a transaction were never sent; the others are followed by their hashes.
async fn resume_operations(inner: &Arc<Inner>) -> Result<(), UserError> {
    let operations = inner.store.operations();
    let unfinished = operations.unfinished().await?;
    let attempts = operations.unfinished_attempts().await?;
    for operation in &unfinished {
        let sent = attempts.iter().any(|attempt| attempt.op == Some(operation.id));
        if operation.state == OperationState::Prepared && !sent {
            let why = "the broker stopped before it was sent".to_owned();
            operations.finish(operation.id, refused(why, Timestamp::now())).await?;
        }
    }
    let Some(sender) = inner.sender.clone() else { return Ok(()) };
    let tickets = sender.resume(attempts.into_iter().map(attempt).collect()).await?;
    for ticket in tickets {
        let Some(operation) = unfinished.iter().find(|operation| operation.id == ticket.op) else { continue };
        let mut view = plain_view(operation.clone());
        view.state = OperationState::Sent;
        view.hash = Some(ticket.hash);
        inner.changed(view.clone());
        let task = Arc::clone(inner);
        inner.tasks.spawn("operation", async move { task.follow_operation(view, ticket).await });
    }
    Ok(())
}

//! Keeping up with the chain: events say what to read again; a full read now and then is the backstop.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::UserError;
use super::handle::Inner;
use super::sync::read_accounts;
use crate::chain::{Cursor, EventFilter, EventKind, FollowBatch, FollowSettings, Follower};
use crate::domain::Address;

/// The first wait after a failed read; each further one is twice as long, up to the refresh interval.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// So many changed services are read one by one; when more changed, the whole list is.
const FEW_SERVICES: usize = 20;

/// Runs until it is dropped. Reads everything first, also when that was done before.
pub(super) async fn run(inner: std::sync::Arc<Inner>) {
    let mut wait = FIRST_WAIT;
    loop {
        let error = match follow(&inner, &mut wait).await {
            Ok(never) => match never {},
            Err(error) => error,
        };
        inner.unreachable(&error);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(inner.settings.refresh_interval());
    }
}

/// Everything once, then batch by batch until the chain stops answering.
async fn follow(inner: &Inner, wait: &mut Duration) -> Result<std::convert::Infallible, UserError> {
    inner.book.lock().forget_blocks();
    let mut head = inner.read_everything(true).await?;
    let mut read_at = Instant::now();
    let filter = EventFilter { user: Some(inner.user), provider: None };
    let settings = FollowSettings { filter, from_block: head.number, ..FollowSettings::default() };
    let mut follower = Follower::new(inner.chain.clone(), Some(Cursor::at(head)), settings);
    loop {
        *wait = FIRST_WAIT;
        let due = read_at + inner.settings.refresh_interval();
        match tokio::time::timeout_at(due, follower.next()).await {
            Ok(batch) => {
                let batch = batch?;
                head = batch.to;
                if batch.undone_from.is_some() {
                    // What was read above that block may be of a chain that is no more.
                    inner.catalogue.write().undone();
                    inner.book.lock().forget_blocks();
                    head = inner.read_everything(true).await?;
                    read_at = Instant::now();
                } else {
                    take(inner, &batch).await?;
                }
                inner.reached(head);
                inner.publish();
            }
            Err(_) => {
                inner.book.lock().forget_blocks();
                inner.read_everything(false).await?;
                read_at = Instant::now();
            }
        }
    }
}

/// Reads again what the events of a batch are about.
async fn take(inner: &Inner, batch: &FollowBatch) -> Result<(), UserError> {
    let accounts: BTreeSet<Address> = batch
        .events
        .iter()
        .filter_map(|event| event.kind.account())
        .filter(|account| account.user == inner.user)
        .map(|account| account.provider)
        .collect();
    if !accounts.is_empty() {
        read_accounts(inner, accounts, batch.to).await?;
    }
    let mut changed = BTreeSet::new();
    let mut all = false;
    for event in &batch.events {
        match &event.kind {
            EventKind::ServiceUpdated(service) => {
                changed.insert((service.provider, service.name.clone()));
            }
            // A name that is none of ours was never in our list.
            EventKind::ServiceRemoved { provider, name } => {
                changed.extend(name.parse().ok().map(|name| (*provider, name)));
            }
            EventKind::UnreadableService { .. } => all = true,
            _ => {}
        }
    }
    if all || changed.len() > FEW_SERVICES {
        let list = inner.chain.services(Some(batch.to)).await?;
        inner.take_services(list, batch.to).await?;
    } else if !changed.is_empty() {
        for (provider, name) in changed {
            inner.read_service(provider, &name, Some(batch.to)).await?;
        }
        inner.services_changed().await?;
    }
    Ok(())
}

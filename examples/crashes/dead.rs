//! What a process that was just killed has left on the disk, read from a copy before anything starts on it again.

use std::path::Path;

use zgserve_tui::domain::UserRequestState;
use zgserve_tui::store::provider::{ProviderRequestFilter, ProviderRequestSort};
use zgserve_tui::store::{Db, Direction, PageOf, ProviderStore, Role, UserStore};

use super::world::{Who, World};

/// Whether the end was asked for with SIGTERM, after which nothing may be left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Killed,
    Told,
}

/// A database as the process left it. The log is copied with it; the index of the log is not, as after a power cut.
fn copy(file: &Path, role: Role) -> Result<(tempfile::TempDir, Db), String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let to = directory.path().join("copy.db");
    std::fs::copy(file, &to).map_err(|error| error.to_string())?;
    let log = file.with_extension("db-wal");
    if log.exists() {
        std::fs::copy(log, directory.path().join("copy.db-wal")).map_err(|error| error.to_string())?;
    }
    let db = Db::open(&to, role).map_err(|error| error.to_string())?;
    Ok((directory, db))
}

pub async fn look(world: &World, who: Who, end: End) {
    match who {
        Who::Chain => {}
        Who::Provider => provider(world, end).await,
        Who::User(user) => self::user(world, user, end).await,
    }
}

async fn provider(world: &World, end: End) {
    let (tally, place) = (&world.tally, &world.place);
    let copied = copy(&world.file(Who::Provider), Role::Provider);
    tally.check("I23 the database opens as a kill left it", copied.is_ok(), || {
        format!("{:?}", copied.as_ref().err())
    });
    let Ok((_directory, db)) = copied else { return };
    let Ok(store) = ProviderStore::new(db, world.network().await).await else { return };
    let audit = store.audit().await;
    tally.check(
        "I7 provider's sums are those of its rows, as a kill left them",
        audit.as_ref().is_ok_and(Vec::is_empty),
        || format!("{audit:?}"),
    );
    let (acknowledged, answered) = {
        let mut seen = place.seen.lock();
        (seen.acknowledged.clone(), std::mem::take(&mut seen.answered))
    };
    let users = store.all_users().await.expect("the copy can be read");
    for (user, sum) in acknowledged {
        let best = users.iter().find(|row| row.id.user == user).and_then(|row| row.voucher);
        let best = best.map(|best| best.voucher.cumulative).unwrap_or_default();
        tally.check("I10 best voucher on disk ≥ every acknowledged one (F-13)", best >= sum, || {
            format!("{user}: {best} < {sum}")
        });
    }
    for id in answered {
        let row = store.request(id).await.expect("the copy can be read");
        tally.check("I9 a request that was answered has its row", row.is_some(), || format!("{id}"));
    }
    if end == End::Told {
        let filter = ProviderRequestFilter {
            state: Some(zgserve_tui::domain::ProviderRequestState::Admitted),
            ..ProviderRequestFilter::default()
        };
        let sort = ProviderRequestSort::CreatedAt(Direction::Descending);
        let open = store.requests(filter, sort, PageOf::first(10)).await.expect("the copy can be read").items;
        tally.check("I24 after SIGTERM nothing is left unbooked", open.is_empty(), || format!("{open:?}"));
    }
}

async fn user(world: &World, user: usize, end: End) {
    let (tally, place) = (&world.tally, &world.place);
    let copied = copy(&world.file(Who::User(user)), Role::User);
    tally.check("I23 the database opens as a kill left it", copied.is_ok(), || {
        format!("{:?}", copied.as_ref().err())
    });
    let Ok((_directory, db)) = copied else { return };
    let Ok(store) = UserStore::new(db, world.network().await).await else { return };
    let audit = store.audit().await;
    tally.check(
        "I17 user's sums are those of its rows, as a kill left them",
        audit.as_ref().is_ok_and(Vec::is_empty),
        || format!("{audit:?}"),
    );
    let account = store.account(place.account(user)).await.expect("the copy can be read");
    let authorized = account.map(|account| account.authorized).unwrap_or_default();
    let signed = place.seen.lock().signed.get(&place.users[user].address).copied().unwrap_or_default();
    tally.check("I15 authorized on disk ≥ every voucher that left", authorized >= signed, || {
        format!("{authorized} < {signed}")
    });
    if end == End::Told {
        let open = store.unfinished_requests().await.expect("the copy can be read");
        let lost: Vec<_> = open
            .iter()
            .filter(|row| matches!(row.state, UserRequestState::Reserved | UserRequestState::Sent))
            .collect();
        tally.check("I24 after SIGTERM nothing is left unbooked", lost.is_empty(), || format!("{lost:?}"));
    }
}

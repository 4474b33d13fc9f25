//! Waiting until nothing is under way, and reading everything as it then stands.

use std::collections::HashMap;
use std::time::Duration;

use zgserve_tui::chain::{BlockRef, ChainEvent, EventFilter};
use zgserve_tui::domain::{Address, ChainAccount, Neuron};
use zgserve_tui::store::provider::{ProviderRequest, ProviderRequestFilter, ProviderRequestSort, UserRow};
use zgserve_tui::store::user::{UserAccount, UserRequest, UserRequestFilter, UserRequestSort};
use zgserve_tui::store::{
    AttemptRow, Db, Direction, Operation, OperationFilter, Operations, PageOf, ProviderStore, Role, UserStore,
};

use super::world::{Who, World};

/// How long brokers may take to finish what they have in hand.
const PATIENCE: Duration = Duration::from_secs(180);

/// One side's books.
pub struct ProviderBooks {
    pub audit: Vec<String>,
    pub users: Vec<UserRow>,
    pub requests: Vec<ProviderRequest>,
    pub operations: Vec<Operation>,
    pub attempts: Vec<AttemptRow>,
    pub reserved: u128,
    pub in_flight: u128,
}

pub struct UserBooks {
    pub audit: Vec<String>,
    pub account: UserAccount,
    pub requests: Vec<UserRequest>,
    /// Requests that never came to the provider, as far as can be known yet.
    pub unfinished: Vec<UserRequest>,
    pub operations: Vec<Operation>,
    pub attempts: Vec<AttemptRow>,
    /// As its API shows the account.
    pub shown: serde_json::Value,
}

/// Everything, at one block.
pub struct Books {
    pub provider: ProviderBooks,
    pub users: Vec<UserBooks>,
    /// What was signed and acknowledged before the books were read, by user.
    pub signed: HashMap<Address, Neuron>,
    pub acknowledged: HashMap<Address, Neuron>,
    pub head: BlockRef,
    pub contract: u128,
    pub accounts: Vec<ChainAccount>,
    pub events: Vec<ChainEvent>,
}

/// Waits for rest and reads all books. The error says what does not come to rest.
pub async fn books(world: &World) -> Result<Books, String> {
    let until = tokio::time::Instant::now() + PATIENCE;
    let mut why;
    loop {
        match look(world).await {
            Ok(books) => return Ok(books),
            Err(reason) => why = reason,
        }
        if tokio::time::Instant::now() > until {
            return Err(why);
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

async fn look(world: &World) -> Result<Books, String> {
    let place = &world.place;
    // First: a voucher may still be on its way while the books are read.
    let (signed, acknowledged) = {
        let seen = place.seen.lock();
        (seen.signed.clone(), seen.acknowledged.clone())
    };
    let asked = |what: &str| format!("{what} does not answer");
    let reserved = place
        .figure(&place.provider_url, "zgserve_reserved_neuron")
        .await
        .ok_or_else(|| asked("the provider"))?;
    let in_flight =
        place.figure(&place.provider_url, "zgserve_in_flight").await.ok_or_else(|| asked("the provider"))?;
    let settling =
        place.figure(&place.provider_url, "zgserve_settling").await.ok_or_else(|| asked("the provider"))?;
    if (reserved, in_flight, settling) != (0, 0, 0) {
        return Err(format!("the provider: {reserved} reserved, {in_flight} in flight, {settling} settling"));
    }
    let chain = place.chain().await.ok_or_else(|| asked("the chain"))?;
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let head = chain.head().await.map_err(|error| text(&error))?;
    let provider = provider(world, reserved, in_flight).await?;
    let mut users = Vec::new();
    for number in 0..place.users.len() {
        let books = user(world, number).await?;
        // A request that the provider has never seen is held until its authorisation is over; nothing else is.
        let open = books.unfinished.iter().find(|open| provider.requests.iter().any(|row| row.id == open.id));
        if let Some(open) = open {
            return Err(format!("a user does not know how a request ended: {open:?}"));
        }
        users.push(books);
    }
    let accounts = chain.accounts_of_provider(place.owner, None).await.map_err(|error| text(&error))?;
    let contract = chain.native_balance(chain.contract()).await.map_err(|error| text(&error))?;
    let events = chain.events(0, head.number, EventFilter::default()).await.map_err(|error| text(&error))?;
    if chain.head().await.map_err(|error| text(&error))? != head {
        return Err("the chain does not hold still".to_owned());
    }
    // What the brokers know of the chain may be a moment behind it.
    for (number, user) in users.iter().enumerate() {
        let account = accounts.iter().find(|account| account.id.user == place.users[number].address);
        let there = account.is_some_and(|account| {
            let pending = account.refund.map(|refund| refund.amount).unwrap_or_default();
            user.shown["Balance"] == account.balance.to_string()
                && user.shown["Settled"] == account.settled.to_string()
                && user.shown["PendingRefund"] == pending.to_string()
        });
        if !there {
            return Err(format!(
                "user {number} does not see the chain as it is: {} beside {account:?}",
                user.shown
            ));
        }
    }
    Ok(Books { provider, users, signed, acknowledged, head, contract, accounts, events })
}

/// The database of a broker that runs, through a connection of our own that goes again at once.
fn open(world: &World, who: Who, role: Role) -> Result<Db, String> {
    Db::open(&world.file(who), role).map_err(|error| error.to_string())
}

async fn provider(world: &World, reserved: u128, in_flight: u128) -> Result<ProviderBooks, String> {
    let text = |error: zgserve_tui::store::StoreError| error.to_string();
    let db = open(world, Who::Provider, Role::Provider)?;
    let store = ProviderStore::new(db, world.network().await).await.map_err(text)?;
    let (mut requests, mut page) = (Vec::new(), PageOf::first(1000));
    loop {
        let sort = ProviderRequestSort::CreatedAt(Direction::Ascending);
        let found = store.requests(ProviderRequestFilter::default(), sort, page).await.map_err(text)?;
        requests.extend(found.items);
        let Some(next) = found.next else { break };
        page = PageOf { after: Some(next), limit: 1000 };
    }
    let (operations, attempts) = operations(&store.operations()).await?;
    let audit = store.audit().await.map_err(text)?;
    let users = store.all_users().await.map_err(text)?;
    Ok(ProviderBooks { audit, users, requests, operations, attempts, reserved, in_flight })
}

async fn user(world: &World, number: usize) -> Result<UserBooks, String> {
    let text = |error: zgserve_tui::store::StoreError| error.to_string();
    let place = &world.place;
    let db = open(world, Who::User(number), Role::User)?;
    let store = UserStore::new(db, world.network().await).await.map_err(text)?;
    // Before the list of all: what ends in between is then in neither.
    let unfinished = store.unfinished_requests().await.map_err(text)?;
    let (mut requests, mut page) = (Vec::new(), PageOf::first(1000));
    loop {
        let sort = UserRequestSort::CreatedAt(Direction::Ascending);
        let found = store.requests(UserRequestFilter::default(), sort, page).await.map_err(text)?;
        requests.extend(found.items);
        let Some(next) = found.next else { break };
        page = PageOf { after: Some(next), limit: 1000 };
    }
    let (operations, attempts) = operations(&store.operations()).await?;
    let account =
        store.account(place.account(number)).await.map_err(text)?.ok_or("a user without an account")?;
    let shown = place.get(&format!("{}/v1/provider/{}", place.users[number].url, place.owner)).await;
    let shown = shown.ok_or("a user does not answer")?;
    // A voucher that is brought between the two is on disk before it is shown, and would look as if it were not.
    let after = store.account(place.account(number)).await.map_err(text)?;
    if after.as_ref() != Some(&account) {
        return Err(format!("a user's account does not hold still: {account:?}, then {after:?}"));
    }
    let audit = store.audit().await.map_err(text)?;
    Ok(UserBooks { audit, account, requests, unfinished, operations, attempts, shown })
}

/// All operations, once none of them is under way, and every transaction signed for them.
async fn operations(operations: &Operations) -> Result<(Vec<Operation>, Vec<AttemptRow>), String> {
    let text = |error: zgserve_tui::store::StoreError| error.to_string();
    let open = operations.unfinished().await.map_err(text)?;
    if let Some(open) = open.first() {
        return Err(format!("an operation is under way: {open:?}"));
    }
    let (mut all, mut attempts, mut page) = (Vec::new(), Vec::new(), PageOf::first(1000));
    loop {
        let found = operations.list(OperationFilter::default(), page).await.map_err(text)?;
        all.extend(found.items);
        let Some(next) = found.next else { break };
        page = PageOf { after: Some(next), limit: 1000 };
    }
    for operation in &all {
        attempts.extend(operations.attempts(operation.id).await.map_err(text)?);
    }
    Ok((all, attempts))
}

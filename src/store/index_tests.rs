//! Lists and sums of requests go by the index that leaves least to read, whatever is asked for together.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use rusqlite::{Connection, types::Value};

use super::bulk::{LARGE, SMALL};
use super::page::Order;
use super::provider::{ProviderRequestFilter, ProviderRequestSort};
use super::totals::{Asked, filed};
use super::user::{UserRequestFilter, UserRequestSort};
use super::*;
use crate::domain::{Address, ProviderRequestState, Timestamp, UserRequestState};

const REQUESTS: u32 = 4_000;

async fn books(role: Role) -> Db {
    let db = Db::temporary(role).unwrap();
    bulk::fill(&db, REQUESTS).await;
    db
}

/// How SQLite goes about a query.
fn plan(connection: &Connection, sql: &str, values: &[Value]) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| row.get("detail")).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Whether the filed rows are read by this index, and by nothing else.
fn goes_by(plan: &[String], index: &str) -> bool {
    let filed: Vec<_> = plan
        .iter()
        .filter(|step| step.contains(" requests ") && !step.contains("requests_unfiled"))
        .collect();
    matches!(filed.as_slice(), [step] if step.ends_with(index) || step.contains(&format!("{index} ")))
}

/// What is asked for: account, service, state, limits of time.
type Question = (Option<Address>, Option<&'static str>, Option<&'static str>, bool);

/// The index by which each question is to be answered, newest or oldest first and by fee.
fn questions(role: Role) -> Vec<(Question, &'static str, &'static str)> {
    let (account, ends) = match role {
        Role::User => ("requests_by_provider", "done"),
        Role::Provider => ("requests_by_user", "charged"),
    };
    let mut all = Vec::new();
    for service in [None, Some("common"), Some("rare")] {
        for state in [None, Some(ends), Some("failed")] {
            for timed in [false, true] {
                all.push(((Some(SMALL), service, state, timed), account, account));
            }
            all.push(((Some(LARGE), service, state, true), account, account));
        }
    }
    all.extend([
        // Half of all, of which a page by fee is full soon.
        ((Some(LARGE), None, None, false), account, "requests_by_fee"),
        ((Some(LARGE), Some("common"), Some(ends), false), account, "requests_by_fee"),
        ((Some(LARGE), None, Some("failed"), false), account, account),
        ((None, Some("common"), None, false), "requests_by_service", "requests_by_fee"),
        ((None, None, Some(ends), false), "requests_by_state", "requests_by_fee"),
        ((None, Some("rare"), None, false), "requests_by_service", "requests_by_service"),
        ((None, None, Some("failed"), false), "requests_by_state", "requests_by_state"),
        ((None, Some("common"), Some(ends), false), "requests_by_service", "requests_by_fee"),
        ((None, Some("common"), Some("failed"), false), "requests_by_state", "requests_by_state"),
        ((None, Some("rare"), Some(ends), false), "requests_by_service", "requests_by_service"),
        ((None, Some("rare"), Some("failed"), false), "requests_by_state", "requests_by_state"),
        ((None, Some("rare"), Some(ends), true), "requests_by_service", "requests_by_service"),
        ((None, None, None, false), "requests_by_time", "requests_by_fee"),
    ]);
    all
}

/// The filter of a role.
enum Asking {
    User(UserRequestFilter),
    Provider(ProviderRequestFilter),
}

impl Asking {
    fn of(role: Role, (account, service, state, timed): Question) -> Self {
        let service = service.map(|name| name.parse().unwrap());
        let (from, to) = (Timestamp::from_seconds(10), Timestamp::from_seconds(u64::from(REQUESTS) - 10));
        let (from, to) = (timed.then_some(from), timed.then_some(to));
        match role {
            Role::User => {
                let state = state.map(|word| word.parse::<UserRequestState>().unwrap());
                let provider = account;
                Self::User(UserRequestFilter { provider, service, state, from, to, search: None })
            }
            Role::Provider => {
                let state = state.map(|word| word.parse::<ProviderRequestState>().unwrap());
                Self::Provider(ProviderRequestFilter { user: account, service, state, from, to })
            }
        }
    }

    fn asked(&self) -> Asked {
        match self {
            Self::User(filter) => filter.asked(),
            Self::Provider(filter) => filter.asked(),
        }
    }

    fn order(&self, by_fee: bool, direction: Direction) -> Order {
        match (self, by_fee) {
            (Self::User(_), false) => UserRequestSort::CreatedAt(direction).order(),
            (Self::User(_), true) => UserRequestSort::Fee(direction).order(),
            (Self::Provider(_), false) => ProviderRequestSort::CreatedAt(direction).order(),
            (Self::Provider(_), true) => ProviderRequestSort::Fee(direction).order(),
        }
    }
}

#[tokio::test]
async fn each_list_goes_by_the_index_that_leaves_least_to_read() {
    for role in [Role::User, Role::Provider] {
        let db = books(role).await;
        db.read(move |connection| {
            for (question, by_time, by_fee) in questions(role) {
                let asking = Asking::of(role, question);
                for (direction, is_by_fee) in [
                    (Direction::Ascending, false),
                    (Direction::Descending, false),
                    (Direction::Ascending, true),
                    (Direction::Descending, true),
                ] {
                    let (order, asked) = (asking.order(is_by_fee, direction), asking.asked());
                    let page = PageOf::first(20);
                    let index = asked.index(connection, order, &page)?;
                    let (sql, values) = asked.conditions().requests(order, &page, index)?;
                    let plan = plan(connection, &sql, &values);
                    let wanted = if is_by_fee { by_fee } else { by_time };
                    assert!(goes_by(&plan, wanted), "{role} {question:?} {order:?}: not {wanted}: {plan:#?}");
                }
            }
            Ok(())
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn sums_of_an_account_and_a_time_read_that_account_only() {
    for role in [Role::User, Role::Provider] {
        let db = books(role).await;
        db.read(move |connection| {
            for (question, by_time, _) in questions(role) {
                let (Some(_), .., true) = question else { continue };
                let asked = Asking::of(role, question).asked();
                let all = asked.conditions();
                let plan = plan(connection, &filed(&all, Some(asked.account_index)), &all.values);
                assert!(goes_by(&plan, by_time), "{role} {question:?}: {plan:#?}");
                // The same, added up without any choice.
                let other = totals::scan(connection, &all)?;
                assert_eq!(asked.sum(connection)?, other, "{question:?}");
            }
            Ok(())
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_search_with_a_provider_reads_that_provider_only() {
    let db = books(Role::User).await;
    db.read(|connection| {
        let filter = UserRequestFilter {
            provider: Some(SMALL),
            state: Some(UserRequestState::Done),
            search: Some("common".into()),
            ..Default::default()
        };
        let (order, page) = (UserRequestSort::Fee(Direction::Descending).order(), PageOf::first(20));
        let index = filter.index(connection, order, &page)?;
        let (sql, values) = filter.conditions().requests(order, &page, index)?;
        let plan = plan(connection, &sql, &values);
        assert!(goes_by(&plan, "requests_by_provider"), "{plan:#?}");
        Ok(())
    })
    .await
    .unwrap();
}

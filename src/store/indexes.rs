//! Which index a list of requests is read by.
//!
//! SQLite keeps no statistics here, since they would be of a moment at which the books were small: among indexes that
//! fit alike it takes the one that was made last, whatever is behind it. The running totals know how many requests
//! each condition covers, so the choice is made by them.

use rusqlite::Connection;

use super::{
    StoreError,
    amount::Count,
    page::{Filter, Order, PageOf, limit},
    totals::Asked,
};
use crate::domain::ServiceName;

/// How many filed requests there are.
#[derive(Debug, Default)]
struct Covered {
    of_service: u64,
    of_state: u64,
    /// Of the account, whatever their kind; all where no account is asked for.
    of_account: u64,
    /// By all conditions together.
    together: u64,
}

impl Asked {
    /// The index to read the filed requests of a page by; `None` where there is nothing to choose between.
    pub fn index(
        &self,
        connection: &Connection,
        order: Order,
        page: &PageOf,
    ) -> Result<Option<&'static str>, StoreError> {
        let of_account = !self.account.is_empty();
        // How many requests of a time there are is not known; by fee they might be the last ones.
        let may_go_by_fee = order.column == "fee" && !self.is_timed();
        if of_account && !may_go_by_fee {
            return Ok(Some(self.account_index));
        }
        if !of_account && self.service.is_none() && self.state.is_none() {
            return Ok(None);
        }
        let table = if of_account { "request_totals" } else { "service_totals" };
        let covered = self.covered(connection, table, &self.account)?;
        let (narrowest, read) = if of_account {
            (self.account_index, covered.of_account)
        } else if self.state.is_none() || (self.service.is_some() && covered.of_service < covered.of_state) {
            ("requests_by_service", covered.of_service)
        } else {
            ("requests_by_state", covered.of_state)
        };
        if !may_go_by_fee {
            return Ok(Some(narrowest));
        }
        // By fee the page is full once so many of all were looked at, if those that are wanted lie evenly among them.
        let all = if of_account {
            self.covered(connection, "service_totals", &Filter::default())?.of_account
        } else {
            covered.of_account
        };
        let by_fee = u128::from(limit(page)) * u128::from(all);
        let by_fee_is_less = by_fee < u128::from(read) * u128::from(covered.together);
        Ok(Some(if by_fee_is_less { "requests_by_fee" } else { narrowest }))
    }

    fn covered(&self, connection: &Connection, table: &str, filter: &Filter) -> Result<Covered, StoreError> {
        let sql = format!("SELECT service, state, count FROM {table}{}", filter.sql());
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(&filter.values))?;
        let mut covered = Covered::default();
        while let Some(row) = rows.next()? {
            let count = row.get::<_, Count>(2)?.0;
            let grow = |sum: &mut u64, fits: bool| *sum = sum.saturating_add(if fits { count } else { 0 });
            let (service, state) = (row.get::<_, ServiceName>(0)?, row.get::<_, String>(1)?);
            let of_service = self.service.as_ref().is_none_or(|wanted| *wanted == service);
            let of_state = self.state.is_none_or(|wanted| wanted == state);
            grow(&mut covered.of_service, of_service);
            grow(&mut covered.of_state, of_state);
            grow(&mut covered.of_account, true);
            grow(&mut covered.together, of_service && of_state);
        }
        Ok(covered)
    }
}

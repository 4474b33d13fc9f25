//! Books with many requests, written and filed at once: for tests of what grows with them.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::{Db, Role, filing::Filing};
use crate::domain::Address;

/// Has half of all requests; the others are of 200 accounts.
pub(in crate::store) const LARGE: Address = Address::repeat_byte(0xaa);
pub(in crate::store) const SMALL: Address = Address::ZERO;

/// Fills empty books: a request a second since 1970, one in 40 of the service `rare`, one in 50 failed, the others
/// ended and paid.
pub(in crate::store) async fn fill(db: &Db, requests: u32) {
    let role = db.role();
    let (many, one, end, more, value) = match role {
        Role::User => ("provider", "user", "done", "disputed", "zeroblob(16)"),
        // Nothing is owed after them that is not settled.
        Role::Provider => ("user", "provider", "charged", "owed_after", "zeroblob(16)"),
    };
    let large = alloy::primitives::hex::encode(LARGE);
    let fee = |last: u8| format!("iif(i % 50 = 0, zeroblob(16), x'{last:032x}')");
    let (input, output, both) = (fee(1), fee(2), fee(3));
    let sql = format!(
        "INSERT INTO requests (id, {many}, {one}, service, created_at, state, input_fee, output_fee, fee, max_fee, price_version,
            input_price, output_price, body_hash, {more})
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {requests})
         SELECT randomblob(32), CASE WHEN i % 2 THEN x'{large}' ELSE unhex(printf('%040x', i / 2 % 200)) END, zeroblob(20),
            iif(i % 40 = 0, 'rare', 'common'), i * 1000000, iif(i % 50 = 0, 'failed', '{end}'), {input}, {output}, {both},
            x'{most:032x}', 1, zeroblob(16), zeroblob(16), zeroblob(32), {value}
         FROM n;
         INSERT INTO accounts (user, provider, owed) SELECT user, provider, total_of(fee) FROM requests GROUP BY 1, 2",
        most = 9,
    );
    db.write(move |connection| {
        connection.execute_batch(&sql)?;
        let filing = Filing::new(role);
        while filing.is_waited_for(connection)? {
            filing.file(connection)?;
        }
        Ok(())
    })
    .await
    .unwrap();
}

//! Databases as earlier versions of the program made them, for tests of migrations.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;

use rusqlite::OpenFlags;

use super::{Role, db::connect, migrate::migrate};

/// Makes a closed database what an earlier version, that with so many migrations, would have made of the same calls.
pub(in crate::store) fn as_it_was(path: &Path, role: Role, version: usize) {
    let made = path.with_extension("old");
    let mut old = connect(&made, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE).unwrap();
    migrate(&mut old, role, &role.migrations()[..version]).unwrap();
    old.execute("ATTACH ?1 AS now", [path.to_str().unwrap()]).unwrap();
    for table in ["network", "accounts", "requests"] {
        let sql =
            format!("SELECT group_concat('\"' || name || '\"') FROM pragma_table_info('{table}', 'main')");
        let columns: String = old.query_row(&sql, [], |row| row.get(0)).unwrap();
        let sql = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}");
        old.execute_batch(&sql).unwrap();
    }
    let totals = "INSERT INTO main.request_totals SELECT user, provider, service, state, count(*), total_of(input_fee),
        total_of(output_fee) FROM now.requests GROUP BY user, provider, service, state";
    let spent =
        "INSERT INTO main.spend_days SELECT max(created_at, 0) / 86400000000 AS day, provider, total_of(fee)
        FROM now.requests WHERE fee > zeroblob(16) GROUP BY day, provider";
    let days = "INSERT INTO main.request_days SELECT user, max(created_at, 0) / 86400000000 AS day, provider, service,
            count(*), sum(state IN ('done', 'disputed')), sum(state = 'failed'),
            sum(iif(state IN ('done', 'disputed'), input_units, 0)),
            sum(iif(state IN ('done', 'disputed'), output_units, 0)),
            total_of(input_fee), total_of(output_fee), total_of(disputed)
        FROM now.requests GROUP BY user, day, provider, service";
    let sums = match role {
        Role::Provider => &[totals][..],
        Role::User if version < 3 => &[totals, spent],
        Role::User => &[totals, spent, days],
    };
    for sql in sums {
        old.execute_batch(sql).unwrap();
    }
    old.execute_batch("DETACH now").unwrap();
    old.close().unwrap();
    std::fs::rename(made, path).unwrap();
}

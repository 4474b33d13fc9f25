//! How whole numbers beyond 63 bits are kept in SQLite.
//!
//! SQLite's integers end at 2^63, its sums turn into floating point, and amounts of neuron need 128 bits. An amount
//! is a BLOB of 16 bytes, most significant first: SQLite compares BLOBs byte by byte, so `<`, `ORDER BY`, `MAX` and
//! indexes see the numeric order, and unlike zero-padded text it cannot hold anything that is not a number.
//! SQL adds amounts by two functions of ours, `plus` and the aggregate `total_of`, which are [`add`]: checked, and the statement
//! fails with it. Its own `+` and `sum` are never used on them.

use rusqlite::{
    Connection, ToSql,
    functions::{Aggregate, Context, FunctionFlags},
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use super::StoreError;
use crate::domain::{Fee, Neuron, Units};

impl ToSql for Neuron {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.get().to_be_bytes().to_vec()))
    }
}

impl FromSql for Neuron {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let blob = value.as_blob()?;
        let bytes = <[u8; 16]>::try_from(blob)
            .map_err(|_| FromSqlError::InvalidBlobSize { expected_size: 16, blob_size: blob.len() })?;
        Ok(Self::new(u128::from_be_bytes(bytes)))
    }
}

/// Said of a sum that cannot be kept; also the text by which a statement that failed for it is known.
pub(in crate::store) const BEYOND: &str = "a total would pass 2^128 neuron";

/// A sum that must exist: totals of money never wrap and are never cut off.
pub(in crate::store) fn add(total: Neuron, more: Neuron) -> Result<Neuron, StoreError> {
    total.checked_add(more).ok_or_else(|| StoreError::invalid(BEYOND))
}

/// Teaches a connection `plus(a, b)`, so that a sum grows in the statement that writes it, and `total_of(a)`, the sum of a group.
pub(in crate::store) fn teach(connection: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("plus", 2, flags, |values| plus(values.get(0)?, values.get(1)?))?;
    connection.create_aggregate_function("total_of", 1, flags, TotalOf)
}

fn plus(total: Neuron, more: Neuron) -> rusqlite::Result<Neuron> {
    add(total, more).map_err(|error| rusqlite::Error::UserFunctionError(Box::new(error)))
}

/// The sum of a group of amounts, zero of none.
struct TotalOf;

impl Aggregate<Neuron, Neuron> for TotalOf {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Neuron> {
        Ok(Neuron::ZERO)
    }

    fn step(&self, context: &mut Context<'_>, total: &mut Neuron) -> rusqlite::Result<()> {
        *total = plus(*total, context.get(0)?)?;
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, total: Option<Neuron>) -> rusqlite::Result<Neuron> {
        Ok(total.unwrap_or_default())
    }
}

/// [`add`] for both parts of a fee.
pub(in crate::store) fn add_fee(total: Fee, more: Fee) -> Result<Fee, StoreError> {
    Ok(Fee { input: add(total.input, more.input)?, output: add(total.output, more.output)? })
}

/// What is left of a sum without one of its parts.
pub(in crate::store) fn sub(total: Neuron, part: Neuron) -> Result<Neuron, StoreError> {
    total.checked_sub(part).ok_or_else(|| StoreError::invalid("a total is below one of its parts"))
}

/// [`sub`] for both parts of a fee.
pub(in crate::store) fn sub_fee(total: Fee, part: Fee) -> Result<Fee, StoreError> {
    Ok(Fee { input: sub(total.input, part.input)?, output: sub(total.output, part.output)? })
}

impl ToSql for Units {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        count_to_sql(self.0)
    }
}

impl FromSql for Units {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        count_from_sql(value).map(Self)
    }
}

/// Any other `u64` on its way to or from a column. SQLite's integer has one bit less; what needs it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Count(pub u64);

impl ToSql for Count {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value =
            i64::try_from(self.0).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(ToSqlOutput::from(value))
    }
}

impl FromSql for Count {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        count_from_sql(value).map(Self)
    }
}

fn count_to_sql(value: u64) -> rusqlite::Result<ToSqlOutput<'static>> {
    let value =
        i64::try_from(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    Ok(ToSqlOutput::from(value))
}

fn count_from_sql(value: ValueRef<'_>) -> FromSqlResult<u64> {
    let value = value.as_i64()?;
    u64::try_from(value).map_err(|_| FromSqlError::OutOfRange(value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::*;

    proptest! {
        #[test]
        fn sql_orders_amounts_as_numbers(amounts in proptest::collection::vec(any::<u128>(), 1..40), small in any::<u8>()) {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch("CREATE TABLE t (a BLOB NOT NULL CHECK (length(a) = 16)) STRICT").unwrap();
            let mut amounts = amounts;
            amounts.extend([0, u128::from(small), u128::MAX]);
            for amount in &amounts {
                connection.execute("INSERT INTO t VALUES (?1)", [Neuron::new(*amount)]).unwrap();
            }
            let mut statement = connection.prepare("SELECT a FROM t ORDER BY a").unwrap();
            let stored: Vec<u128> =
                statement.query_map([], |row| Ok(row.get::<_, Neuron>(0)?.get())).unwrap().map(Result::unwrap).collect();
            amounts.sort_unstable();
            prop_assert_eq!(&stored, &amounts);
            let largest: Neuron = connection.query_row("SELECT MAX(a) FROM t", [], |row| row.get(0)).unwrap();
            prop_assert_eq!(largest.get(), u128::MAX);
        }
    }

    #[test]
    fn sql_adds_amounts_and_fails_where_the_sum_does() {
        let connection = Connection::open_in_memory().unwrap();
        teach(&connection).unwrap();
        let plus = |a: u128, b: u128| {
            connection
                .query_row("SELECT plus(?1, ?2)", [Neuron::new(a), Neuron::new(b)], |row| {
                    row.get::<_, Neuron>(0)
                })
                .map_err(StoreError::from)
        };
        assert_eq!(plus(1, (1 << 64) - 1).unwrap(), Neuron::new(1 << 64));
        assert_eq!(plus(u128::MAX, 0).unwrap(), Neuron::new(u128::MAX));
        assert!(matches!(plus(u128::MAX, 1), Err(StoreError::Invalid(said)) if said == BEYOND));
        assert!(connection.query_row("SELECT plus(x'00', 1)", [], |row| row.get::<_, Neuron>(0)).is_err());
    }

    #[test]
    fn a_column_of_another_shape_is_an_error() {
        let connection = Connection::open_in_memory().unwrap();
        for bad in ["x'00'", "'12'", "12", "NULL", "1.5"] {
            assert!(
                connection.query_row(&format!("SELECT {bad}"), [], |row| row.get::<_, Neuron>(0)).is_err()
            );
        }
        assert!(connection.query_row("SELECT -1", [], |row| row.get::<_, Count>(0)).is_err());
        assert!(connection.query_row("SELECT ?1", [Count(u64::MAX)], |row| row.get::<_, Count>(0)).is_err());
    }
}

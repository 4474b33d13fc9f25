//! Which contract a database is about. Books of one contract mean nothing on another.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Db, StoreError, amount::Count, columns::bytes};
use crate::domain::Address;

/// A contract on a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    pub chain_id: u64,
    pub contract: Address,
}

/// Binds a new database to its network; refuses one that is bound to another.
pub(in crate::store) async fn bind(db: &Db, network: Network) -> Result<(), StoreError> {
    db.write(move |connection| {
        let found = get(connection)?;
        match found {
            Some(found) if found == network => Ok(()),
            Some(found) => Err(StoreError::Network { found, wanted: network }),
            None => {
                connection.execute(
                    "INSERT INTO network (one, chain_id, contract) VALUES (1, ?1, ?2)",
                    params![Count(network.chain_id), bytes(&network.contract)],
                )?;
                Ok(())
            }
        }
    })
    .await
}

pub(in crate::store) fn get(connection: &Connection) -> Result<Option<Network>, StoreError> {
    let found = connection
        .query_row("SELECT chain_id, contract FROM network", [], |row| {
            let contract = Address::from(row.get::<_, [u8; 20]>(1)?);
            Ok(Network { chain_id: row.get::<_, Count>(0)?.0, contract })
        })
        .optional()?;
    Ok(found)
}

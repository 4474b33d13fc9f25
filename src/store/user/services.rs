//! The services that the chain listed when it was last asked, so that a listing needs no chain.

use rusqlite::params;

use super::UserStore;
use crate::{
    domain::{Prices, Service},
    store::{
        StoreError,
        amount::Count,
        columns::{address, bytes},
    },
};

impl UserStore {
    /// Replaces the whole list.
    pub async fn put_services(&self, services: Vec<Service>) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                connection.prepare_cached("DELETE FROM services")?.execute([])?;
                let mut insert = connection.prepare_cached(
                    "INSERT INTO services (provider, name, kind, url, model, input_price, output_price, version)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?;
                for service in &services {
                    insert.execute(params![
                        bytes(&service.provider),
                        service.name,
                        service.kind,
                        service.url,
                        service.model,
                        service.prices.input,
                        service.prices.output,
                        Count(service.version)
                    ])?;
                }
                Ok(())
            })
            .await
    }

    /// The list, by provider and name.
    pub async fn services(&self) -> Result<Vec<Service>, StoreError> {
        self.db
            .read(|connection| {
                let mut statement =
                    connection.prepare_cached("SELECT * FROM services ORDER BY provider, name")?;
                let services = statement.query_map([], |row| {
                    Ok(Service {
                        provider: address(row, "provider")?,
                        name: row.get("name")?,
                        kind: row.get("kind")?,
                        url: row.get("url")?,
                        model: row.get("model")?,
                        prices: Prices { input: row.get("input_price")?, output: row.get("output_price")? },
                        version: row.get::<_, Count>("version")?.0,
                    })
                })?;
                Ok(services.collect::<Result<_, _>>()?)
            })
            .await
    }
}

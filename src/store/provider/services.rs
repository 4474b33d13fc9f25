//! What the broker offers, and every price it ever listed.
//!
//! A change is written here first and put on the chain after; the status says what the chain has still to learn, so
//! that both agree after any crash. A call may still name the price version before the last; the history has it.

use std::{collections::BTreeSet, fmt, num::NonZeroU32, str::FromStr};

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::ProviderStore;
use crate::{
    domain::{Prices, ServiceKind, ServiceLimits, ServiceName, Timestamp},
    store::{StoreError, amount::Count},
};

/// What the chain knows of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceStatus {
    /// To be put on the chain, or changed there.
    Pending,
    /// The chain has it as it is here.
    Listed,
    /// To be taken off the chain; refused to callers already.
    Removing,
}

/// Headers that the service itself wants, its access key among them. Not shown by `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UpstreamHeaders(pub Vec<(String, String)>);

impl fmt::Debug for UpstreamHeaders {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// A service on offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedService {
    pub name: ServiceName,
    pub kind: ServiceKind,
    /// Where the service itself answers; never published.
    pub target: String,
    pub model: String,
    /// The name of the meter, as the terms publish it.
    pub meter: String,
    pub prices: Prices,
    pub headers: UpstreamHeaders,
    pub limits: ServiceLimits,
    pub status: ServiceStatus,
    /// The chain's version of it, once listed.
    pub version: Option<u64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Prices that a service had from one version on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceVersion {
    pub version: u64,
    pub prices: Prices,
}

impl ServiceStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Listed => "listed",
            Self::Removing => "removing",
        }
    }
}

impl FromStr for ServiceStatus {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        [Self::Pending, Self::Listed, Self::Removing]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| StoreError::invalid(format!("{text:?} is not a status of a service")))
    }
}

impl fmt::Display for ServiceStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl ToSql for ServiceStatus {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_str()))
    }
}

impl FromSql for ServiceStatus {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|error: StoreError| FromSqlError::Other(Box::new(error)))
    }
}

impl ProviderStore {
    /// Writes a service as it is wanted, over what was known of it; `created_at` of one that exists stays.
    pub async fn put_service(&self, service: OfferedService) -> Result<(), StoreError> {
        self.db.write(move |connection| put(connection, &service)).await
    }

    /// Notes that the chain lists a service at these prices as `version`, for the history too. It is `Listed` now if
    /// these are the prices that are wanted and it is not being removed.
    pub async fn listed(&self, name: ServiceName, version: u64, prices: Prices) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO prices (service, version, input_price, output_price) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![name, Count(version), prices.input, prices.output])?;
                connection
                    .prepare_cached(
                        "UPDATE services SET version = ?2, status = CASE WHEN status = 'pending' AND input_price = ?3
                            AND output_price = ?4 THEN 'listed' ELSE status END
                         WHERE name = ?1",
                    )?
                    .execute(params![name, Count(version), prices.input, prices.output])?;
                Ok(())
            })
            .await
    }

    /// Forgets a service that the chain no longer has. Its price history stays, and so do its calls.
    pub async fn forget_service(&self, name: ServiceName) -> Result<bool, StoreError> {
        self.db
            .write(move |connection| {
                connection.prepare_cached("DELETE FROM paused WHERE service = ?1")?.execute([&name])?;
                Ok(connection.prepare_cached("DELETE FROM services WHERE name = ?1")?.execute([name])? == 1)
            })
            .await
    }

    /// Has a service take no new requests from now on, or take them again. One that is gone is not paused: its name
    /// may be given to another.
    pub async fn pause_service(&self, name: ServiceName, paused: bool) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                let order = if paused {
                    "INSERT INTO paused (service) SELECT name FROM services WHERE name = ?1 ON CONFLICT DO NOTHING"
                } else {
                    "DELETE FROM paused WHERE service = ?1"
                };
                connection.prepare_cached(order)?.execute([name])?;
                Ok(())
            })
            .await
    }

    /// The services that take no new requests.
    pub async fn paused_services(&self) -> Result<BTreeSet<ServiceName>, StoreError> {
        self.db
            .read(|connection| {
                let mut statement = connection.prepare_cached("SELECT service FROM paused")?;
                Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
            })
            .await
    }

    pub async fn service(&self, name: ServiceName) -> Result<Option<OfferedService>, StoreError> {
        self.db
            .read(move |connection| {
                let mut statement = connection.prepare_cached("SELECT * FROM services WHERE name = ?1")?;
                Ok(statement.query_row([name], read).optional()?)
            })
            .await
    }

    /// All services, by name.
    pub async fn services(&self) -> Result<Vec<OfferedService>, StoreError> {
        self.db
            .read(|connection| {
                let mut statement = connection.prepare_cached("SELECT * FROM services ORDER BY name")?;
                Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Every version of a service's prices, newest first.
    pub async fn price_history(&self, name: ServiceName) -> Result<Vec<PriceVersion>, StoreError> {
        self.db
            .read(move |connection| {
                let mut statement = connection
                    .prepare_cached("SELECT * FROM prices WHERE service = ?1 ORDER BY version DESC")?;
                let versions = statement.query_map([name], |row| {
                    let prices = Prices { input: row.get("input_price")?, output: row.get("output_price")? };
                    Ok(PriceVersion { version: row.get::<_, Count>("version")?.0, prices })
                })?;
                Ok(versions.collect::<Result<_, _>>()?)
            })
            .await
    }
}

fn put(connection: &Connection, service: &OfferedService) -> Result<(), StoreError> {
    let headers = serde_json::to_string(&service.headers.0).map_err(StoreError::other)?;
    connection
        .prepare_cached(
            "INSERT INTO services (name, kind, target, model, meter, input_price, output_price, headers, status,
                version, created_at, updated_at, max_in_flight, requests_per_minute)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT DO UPDATE SET kind = ?2, target = ?3, model = ?4, meter = ?5, input_price = ?6,
                output_price = ?7, headers = ?8, status = ?9, version = ?10, updated_at = ?12,
                max_in_flight = ?13, requests_per_minute = ?14",
        )?
        .execute(params![
            service.name,
            service.kind,
            service.target,
            service.model,
            service.meter,
            service.prices.input,
            service.prices.output,
            headers,
            service.status,
            service.version.map(Count),
            service.created_at,
            service.updated_at,
            service.limits.max_in_flight.map(NonZeroU32::get),
            service.limits.requests_per_minute.map(NonZeroU32::get)
        ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<OfferedService> {
    let headers: String = row.get("headers")?;
    // Its words would repeat the secret, so the reason is left out.
    let headers = serde_json::from_str(&headers).map_err(|_| {
        rusqlite::Error::InvalidColumnType(0, "headers".to_owned(), rusqlite::types::Type::Text)
    })?;
    let limit = |column: &str| row.get::<_, Option<u32>>(column).map(|limit| limit.and_then(NonZeroU32::new));
    Ok(OfferedService {
        name: row.get("name")?,
        kind: row.get("kind")?,
        target: row.get("target")?,
        model: row.get("model")?,
        meter: row.get("meter")?,
        prices: Prices { input: row.get("input_price")?, output: row.get("output_price")? },
        headers: UpstreamHeaders(headers),
        limits: ServiceLimits {
            max_in_flight: limit("max_in_flight")?,
            requests_per_minute: limit("requests_per_minute")?,
        },
        status: row.get("status")?,
        version: row.get::<_, Option<Count>>("version")?.map(|count| count.0),
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

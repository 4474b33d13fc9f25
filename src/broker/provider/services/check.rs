//! What an operator describes, held against what can be served.

use http::{HeaderName, HeaderValue};
use url::Url;

use super::ServiceInput;
use crate::broker::provider::error::ProviderError;
use crate::broker::provider::offer::meter_for;
use crate::broker::provider::target::parse_target;
use crate::domain::{Neuron, ServiceName, Timestamp};
use crate::store::provider::{OfferedService, ServiceStatus as StoredStatus, UpstreamHeaders};
use crate::wire::terms::MeterName;

/// The longest model name that the contract stores.
const LONGEST_MODEL: usize = 128;
/// Upstream headers of one service at most.
const MOST_HEADERS: usize = 32;
/// The highest price of a unit: 2^112 − 1 over a million units still fits any sum.
const HIGHEST_PRICE: Neuron = Neuron::new(1 << 92);

/// The row that an input asks for, if it can be served.
pub(super) fn check(
    input: &ServiceInput,
    name: ServiceName,
    before: Option<&OfferedService>,
    now: Timestamp,
) -> Result<OfferedService, ProviderError> {
    let target = parse_target(input.url.trim()).map_err(|error| ProviderError::input("URL", error))?;
    if let Some(before) = before.filter(|before| before.kind != input.kind) {
        return Err(ProviderError::OtherType { name, kind: before.kind });
    }
    if input.model.len() > LONGEST_MODEL {
        return Err(ProviderError::input("model", format!("it is longer than {LONGEST_MODEL} bytes")));
    }
    if input.model.chars().any(char::is_control) {
        return Err(ProviderError::input("model", "it has control characters"));
    }
    for (field, price) in [("inputPrice", input.prices.input), ("outputPrice", input.prices.output)] {
        if price > HIGHEST_PRICE {
            return Err(ProviderError::input(
                field,
                format!("it is above {HIGHEST_PRICE} neuron for one unit"),
            ));
        }
    }
    let meter = meter_for(input.kind, input.meter).map_err(|reason| ProviderError::input("meter", reason))?;
    let headers = match &input.upstream_headers {
        Some(headers) => {
            let headers =
                headers.iter().map(|(name, value)| (name.clone(), value.expose().clone())).collect();
            UpstreamHeaders(headers)
        }
        None => match before {
            Some(row) if !row.headers.0.is_empty() && !is_same_server(&row.target, &target) => {
                return Err(ProviderError::input(
                    "upstreamHeaders",
                    "those that are there were given for another server; give them again for this one, or none",
                ));
            }
            Some(row) => row.headers.clone(),
            None => UpstreamHeaders::default(),
        },
    };
    header_values(&headers)?;
    Ok(OfferedService {
        name,
        kind: input.kind,
        target: target.to_string(),
        model: input.model.clone(),
        meter: meter.as_str().to_owned(),
        prices: input.prices,
        headers,
        limits: input.limits.or(before.map(|row| row.limits)).unwrap_or_default(),
        status: StoredStatus::Pending,
        version: before.and_then(|row| row.version),
        created_at: before.map_or(now, |row| row.created_at),
        updated_at: now,
    })
}

/// Whether headers that were given for one address may go to another: the API key in them is that server's.
fn is_same_server(before: &str, now: &Url) -> bool {
    parse_target(before).is_ok_and(|before| before.origin() == now.origin())
}

pub(super) fn header_values(
    headers: &UpstreamHeaders,
) -> Result<Vec<(HeaderName, HeaderValue)>, ProviderError> {
    // The value is never repeated: it may be a key.
    let bad = |reason: &str| ProviderError::input("upstreamHeaders", reason);
    if headers.0.len() > MOST_HEADERS {
        return Err(bad("there are too many"));
    }
    let read = |(name, value): &(String, String)| {
        let name: HeaderName = name.parse().map_err(|_| bad("a name is not a header name"))?;
        if matches!(
            name.as_str(),
            "host" | "content-length" | "transfer-encoding" | "connection" | "accept-encoding"
        ) {
            return Err(bad("host, connection, lengths and encodings are set by the broker"));
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| bad("a value has characters that no header can carry"))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    headers.0.iter().map(read).collect()
}

/// The meter that a row names.
pub(super) fn meter_of(row: &OfferedService) -> MeterName {
    let named = [MeterName::O200k, MeterName::Usage, MeterName::Bytes].into_iter();
    let named = named.into_iter().find(|meter| meter.as_str() == row.meter);
    // A row of a meter that this kind does not have falls back to the kind's own.
    meter_for(row.kind, named).or_else(|_| meter_for(row.kind, None)).unwrap_or(MeterName::Bytes)
}

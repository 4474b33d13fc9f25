//! Spans to a collector of OpenTelemetry, as OTLP over HTTP in JSON. Only in builds with the feature `otel`, and only where
//! somebody has said where to.
//!
//! What is sent are our own spans with the fields that the log has: methods, paths without queries, names of services, and
//! the id of the paid request, by which the spans of both brokers are found together. No trace goes along with a request to
//! the other side, who is a stranger. Prompts, answers and keys are in no field of any span; what the log says inside of one
//! stays in the log.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

/// A collector that takes longer for a batch does without it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an end waits for the last batch.
const LAST: Duration = Duration::from_secs(3);
/// Where collectors take traces, below their address.
const PATH: &str = "v1/traces";

/// Traces cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("--otlp: traces cannot be sent: {0}")]
pub struct TracesError(String);

/// What is being sent. The last spans go out with [`Traces::stop`].
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends what is left. Blocks for a few seconds at most.
    pub fn stop(self) {
        // A collector that is away loses the spans; nothing else depends on them.
        let _ = self.0.shutdown_with_timeout(LAST);
    }
}

/// The layer that hands spans on, and what sends them from a thread of its own. Call outside of any runtime.
pub(super) fn layer<S>(
    collector: &Url,
) -> Result<(impl Layer<S> + Send + Sync + 'static, Traces), TracesError>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let failed = |error: &dyn std::fmt::Display| TracesError(error.to_string());
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpJson)
        .with_endpoint(address(collector))
        .with_timeout(PATIENCE)
        .build()
        .map_err(|error| failed(&error))?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource =
        Resource::builder_empty().with_service_name(env!("CARGO_PKG_NAME")).with_attribute(version).build();
    let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
    let tracer = provider.tracer(env!("CARGO_PKG_NAME"));
    let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
    Ok((layer.with_filter(filter_fn(is_ours)), Traces(provider)))
}

/// Spans of ours that somebody who watches wants; no events.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
        && metadata.target().starts_with("zgserve_tui")
        && *metadata.level() <= tracing::Level::INFO
}

/// A collector's address with the path for traces, unless it is there already.
fn address(collector: &Url) -> String {
    let base = collector.as_str().trim_end_matches('/');
    if base.ends_with(PATH) { base.to_owned() } else { format!("{base}/{PATH}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn traces_go_where_collectors_take_them() {
        for (given, taken) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://c.example/otlp/", "http://c.example/otlp/v1/traces"),
            ("http://c.example/v1/traces", "http://c.example/v1/traces"),
        ] {
            assert_eq!(address(&given.parse().unwrap()), taken);
        }
    }
}

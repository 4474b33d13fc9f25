//! Whether a provider can be reached, asked without a running broker and with the same care as a paid request.

use std::time::{Duration, Instant};

use super::UserError;
use super::settings::Settings;
use super::terms::{TermsCache, TermsError, fit};
use super::upstream::Upstream;
use crate::chain::Chain;
use crate::domain::Service;

/// Why a provider is of no use at the moment.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    #[error(transparent)]
    User(#[from] UserError),
    #[error(transparent)]
    Terms(#[from] TermsError),
}

/// Fetches a provider's terms and holds them against what the chain says of one of its services. Gives how long it took.
pub async fn reach(
    service: &Service,
    chain: &Chain,
    settings: &Settings,
    allow_private: bool,
) -> Result<Duration, ReachError> {
    let upstream = Upstream::new(settings, allow_private).map_err(UserError::Client)?;
    let begun = Instant::now();
    let terms = TermsCache::new(chain.id(), chain.contract()).fetch(&upstream, service).await?;
    let took = begun.elapsed();
    fit(&terms, service)?;
    Ok(took)
}

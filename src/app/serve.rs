//! Daemons: a role with its listeners until a signal.

use anyhow::Result;

use super::chain::Patience;
use super::provider::RunningProvider;
use super::settings::settings;
use super::signals::Signals;
use super::token;
use super::user::RunningUser;
use crate::cli::{Exit, Global, Output};
use crate::config::{ProviderConfig, UserConfig};
use crate::http::Bound;

pub async fn user(global: &Global, delegates_only: bool) -> Result<Exit> {
    let config: UserConfig = settings(global)?;
    let mut signals = Signals::new()?;
    let listen = token::listen(&config.shell)?;
    // The port first: a taken one should be told before anything is asked or changed.
    let bound = Bound::bind(config.shell.listen, "user broker").await?;
    let address = bound.address();
    let starting = Box::pin(RunningUser::from_settings(&config, global, Patience::Wait, delegates_only));
    let Some(running) = unless_stopped(&mut signals, starting).await else { return Ok(Exit::Interrupted) };
    let mut running = running?;
    running.listen(bound, &listen)?;
    Output.note(&format!("user broker of {} on http://{address} (API page at /)", running.broker.user()));
    if delegates_only {
        Output.note("with delegate keys alone: deposits can be spent, nothing can be sent to the chain");
    }
    signals.next().await;
    Output.note("stopping; once more to stop at once");
    let orderly = signals.unless_again(running.stop()).await;
    Ok(if orderly { Exit::Ok } else { Exit::Interrupted })
}

pub async fn provider(global: &Global) -> Result<Exit> {
    let config: ProviderConfig = settings(global)?;
    let mut signals = Signals::new()?;
    let listen = token::listen(&config.shell)?;
    let bound = Bound::bind(config.shell.listen, "provider broker").await?;
    let address = bound.address();
    let public = match config.proxy_listen {
        Some(address) => Some(Bound::bind(address, "public proxy").await?),
        None => None,
    };
    let starting = Box::pin(RunningProvider::from_settings(&config, global, Patience::Wait));
    let Some(running) = unless_stopped(&mut signals, starting).await else { return Ok(Exit::Interrupted) };
    let mut running = running?;
    running.listen(bound, &listen)?;
    let provider = running.broker.address();
    Output.note(&format!("provider broker of {provider} on http://{address} (API page at /)"));
    if let Some(public) = public {
        Output.note(&format!(
            "public proxy on http://{}, listed as {}",
            public.address(),
            config.broker.serving_url
        ));
        running.listen_for_strangers(public);
    }
    signals.next().await;
    Output.note("stopping; once more to stop at once");
    let orderly = signals.unless_again(running.stop()).await;
    Ok(if orderly { Exit::Ok } else { Exit::Interrupted })
}

async fn unless_stopped<T>(signals: &mut Signals, starting: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        started = starting => Some(started),
        () = signals.next() => None,
    }
}

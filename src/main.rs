//! The binary: the command line read, logs started, the command run, its failure told.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use zgserve_tui::app::{failure_of, run};
use zgserve_tui::cli::{Cli, Exit, LogFormat, Output};
use zgserve_tui::telemetry::{self, Format, ScreenLog, Usual};

fn main() -> ExitCode {
    // Every TLS connection of the process uses this one; it can only fail when it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let format = match cli.global.log_format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    let usual = if cli.is_daemon() { Usual::Notes } else { Usual::Warnings };
    let filter = cli.global.log.as_deref();
    let log = if cli.is_user_screen() {
        telemetry::start_for_screens(filter)
    } else {
        telemetry::start(filter, usual, format, cli.is_screen()).map(|()| ScreenLog::default())
    };
    let log = match log {
        Ok(log) => log,
        Err(error) => {
            Output.note(&error.to_string());
            return Exit::BadInput.into();
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Output.note(&format!("the program cannot start its threads: {error}"));
            return Exit::Failed.into();
        }
    };
    let done = runtime.block_on(run(cli, log));
    // What is left by now was told to stop and did not, or waits for a terminal.
    runtime.shutdown_timeout(Duration::from_millis(200));
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            let failure = failure_of(&error);
            Output.note(&format!("zgserve-tui: {}", failure.message));
            failure.exit.into()
        }
    }
}

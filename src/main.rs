//! The binary: its memory closed to others, the command line read, logs started, the command run, its failure told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use zgserve_tui::app::{failure_of, run};
use zgserve_tui::cli::{Cli, Exit, LogFormat, Output};
use zgserve_tui::memory;
use zgserve_tui::telemetry::{self, Format, ScreenLog, Usual};

/// The system's allocator takes a tenth of a request's time and gives little back after a burst.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    telemetry::tell_faults();
    let shut = memory::shut();
    // Every TLS connection of the process uses this one; it can only fail when it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    take_file_handles();
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(exit) => return ended(exit, None),
    };
    let look = match cli.shown_by() {
        Some(command) => Some(format!("{command} shows it")),
        None => cli.deploys().then(|| "Its address stands above".to_owned()),
    };
    let format = match cli.global.log_format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    let usual = if cli.is_daemon() { Usual::Notes } else { Usual::Warnings };
    let filter = cli.global.log.as_deref();
    #[cfg(feature = "otel")]
    let traces = match cli.global.otlp.as_ref().filter(|_| cli.is_daemon()) {
        None => None,
        Some(collector) => match telemetry::start_with_traces(filter, usual, format, collector) {
            Ok(traces) => Some(traces),
            Err(error) => {
                Output.note(&error.to_string());
                return Exit::BadInput.into();
            }
        },
    };
    let log = if cli.is_user_screen() {
        telemetry::start_for_screens(filter)
    } else {
        // Where traces were started, logs were too.
        telemetry::start(filter, usual, format, cli.is_screen()).map(|()| ScreenLog::default())
    };
    let log = match log {
        Ok(log) => log,
        Err(error) => {
            Output.note(&error.to_string());
            return Exit::BadInput.into();
        }
    };
    if let Err(error) = shut {
        tracing::warn!(%error, "a crash of this program may leave its memory in a core file");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Output.note(&format!("the program cannot start its threads: {error}"));
            return Exit::Failed.into();
        }
    };
    // A fault here was told when it happened; what runs beside it still comes to its end below.
    let done = catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(cli, log))));
    // What is left by now was told to stop and did not, or waits for a terminal.
    runtime.shutdown_timeout(Duration::from_millis(200));
    #[cfg(feature = "otel")]
    if let Some(traces) = traces {
        traces.stop();
    }
    match done {
        Ok(Ok(exit)) => ended(exit, look),
        Err(_) => Exit::Failed.into(),
        Ok(Err(error)) => {
            let failure = failure_of(&error);
            Output.note(&format!("zgserve-tui: {}", failure.message));
            failure.exit.into()
        }
    }
}

/// The exit code of what came to its end, whether its result could be written or not.
fn ended(exit: Exit, look: Option<String>) -> ExitCode {
    match Output.trouble(look, exit) {
        Ok(()) => exit.into(),
        Err(trouble) => {
            Output.note(&format!("zgserve-tui: {trouble}"));
            // What else went wrong says more than that it could not all be printed.
            if exit == Exit::Ok { Exit::Failed.into() } else { exit.into() }
        }
    }
}

/// Each connection takes a file handle, and a flood of them must leave some for the database and for calls of our own. Most
/// systems give a program 1024 and let it have far more.
fn take_file_handles() {
    let limit = getrlimit(Resource::Nofile);
    // Where it fails the usual number has to do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

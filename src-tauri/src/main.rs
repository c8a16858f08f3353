//! The desktop shell: a window, a tray and a login item around a router.
//!
//! It decides nothing about routing and stores nothing: everything it shows and does goes through the control
//! API, in-process where it runs its own router, over loopback where a headless one holds the data directory.
//! The router lives on a runtime of its own, so that closing the window never touches it.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod commands;
mod host;
mod quit;
mod session;
mod settings;
mod shell;
mod tray;
mod window;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use switchyard_engine::log_line::LogLine;
use tracing_subscriber::EnvFilter;

use crate::session::Verdict;

/// Threads that outlive the router's own grace belong to a service that hangs; nobody waits for them.
const LAST_WAIT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match session::check(environment) {
        Verdict::Ready => {}
        Verdict::NoDisplay => return refuse(session::NO_DISPLAY),
        Verdict::NeedsLocale(changes) => {
            // Only comes back where it failed; a window with the wrong locale is better than none.
            let error = session::start_again(&changes);
            complain(&format!("The language of this session could not be set: {error}"));
        }
    }
    let settings = match settings::read(environment) {
        Ok(settings) => settings,
        Err(message) => return refuse(&message),
    };
    let filter = EnvFilter::try_from_env("SWITCHYARD_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || LogLine { colours })
        .with_ansi(colours)
        .init();
    match run(settings) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            complain(&format!("Switchyard could not start: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(settings: settings::Settings) -> anyhow::Result<i32> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("router")
        .build()
        .context("no threads for the router")?;
    let in_runtime = runtime.enter();
    switchyard_engine::process::prepare();
    drop(in_runtime);
    let host = host::Host::new(settings, runtime.handle().clone());
    let code = shell::run(host.clone(), runtime.handle())?;
    runtime.block_on(host.shutdown());
    runtime.shutdown_timeout(LAST_WAIT);
    Ok(code)
}

fn refuse(message: &str) -> ExitCode {
    complain(message);
    ExitCode::from(2)
}

#[expect(clippy::print_stderr, reason = "before the log is open, or after the window is gone")]
fn complain(message: &str) {
    eprintln!("switchyard-desktop: {message}");
}

//! The `switchyard` binary: the headless router (`serve`) and every operation on a running one.
//!
//! Operations go through the control API of the router that runs for the data directory; only credentials can be
//! kept while none runs, through the engine's keyring. Nothing here decides about routing.

mod audit;
mod budget;
mod causes;
mod clients;
mod command;
mod compat;
mod credentials;
mod incidents;
mod map;
mod network;
mod output;
mod overrides;
mod queue;
mod requests;
mod serve;
mod shifts;
mod sim;
mod steer;
mod switch_cost;
mod triggers;
mod typed;

use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Parser;
use switchyard_domain::Problem;

use command::{Command, Switchyard};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// More threads than this only move requests between caches.
const MOST_THREADS: usize = 4;

fn main() -> ExitCode {
    let arguments = Switchyard::parse();
    let done = runtime(&arguments.command).and_then(|runtime| {
        // Boxed, it is compiled once and not for each kind of runtime.
        let all: Pin<Box<dyn Future<Output = Result<ExitCode, Problem>>>> = Box::pin(run(arguments));
        let done = runtime.block_on(all);
        // A blocked read of standard input or of the keychain must not hold the process.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(code) => code,
        Err(problem) => {
            output::refused(&problem);
            ExitCode::FAILURE
        }
    }
}

fn runtime(command: &Command) -> Result<tokio::runtime::Runtime, Problem> {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get().min(MOST_THREADS));
    let mut builder = if matches!(command, Command::Serve(_)) {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let named = Arc::new(AtomicUsize::new(0));
    builder
        .worker_threads(threads)
        .thread_name_fn(move || format!("switchyard-{}", named.fetch_add(1, Ordering::Relaxed)))
        .enable_all()
        .build()
        .map_err(|error| Problem::new("internal", format!("No threads can be started: {error}.")))
}

async fn run(arguments: Switchyard) -> Result<ExitCode, Problem> {
    let place = arguments.place;
    match arguments.command {
        Command::Serve(serve) => Box::pin(serve::run(&place, *serve)).await,
        Command::Status(shown) => steer::status(&place, shown).await,
        Command::Health(shown) => steer::health(&place, shown).await,
        Command::Link => steer::link(&place).await,
        Command::Network(ask) => network::run(&place, ask).await,
        Command::Pause { reason } => steer::pause(&place, reason).await,
        Command::Resume => steer::resume(&place).await,
        Command::Budget(args) => budget::run(&place, args).await,
        Command::Prices(shown) => budget::prices(&place, shown).await,
        Command::Route(route) => steer::route(&place, route).await,
        Command::Map(map) => map::run(&place, map).await,
        Command::Credential(credential) => credentials::run(&place, credential).await,
        Command::Client(client) => clients::run(&place, client).await,
        Command::Queue(queue) => queue::run(&place, queue).await,
        Command::Incident(command) => incidents::run(&place, command).await,
        Command::Notice(ask) => incidents::notice(&place, ask).await,
        Command::Requests(asked) => requests::list(&place, asked).await,
        Command::Events(shown) => requests::events(&place, shown).await,
        Command::TestRequest(ask) => requests::test(&place, ask).await,
        Command::Compat(ask) => compat::run(&place, ask).await,
        Command::SwitchCost(ask) => switch_cost::run(&place, ask).await,
        Command::Why(shown) => triggers::why(&place, shown).await,
        Command::Quality(given) => triggers::quality(&place, given).await,
        Command::Errors(ask) => causes::errors(&place, ask).await,
        Command::Causes(ask) => causes::causes(&place, ask).await,
        Command::Kill(ask) => overrides::kill(&place, ask).await,
        Command::Unkill(ask) => overrides::unkill(&place, ask).await,
        Command::Breaker(command) => overrides::breaker(&place, command).await,
        Command::Override(command) => overrides::overrides(&place, command).await,
        Command::Ai(command) => overrides::ai(&place, command).await,
        Command::Audit(ask) => audit::run(&place, ask).await,
        Command::Failover(ask) => shifts::failover(&place, ask).await,
        Command::Canary(ask) => shifts::canary(&place, ask).await,
        Command::Failback(ask) => shifts::failback(&place, ask).await,
        Command::Hold(ask) => shifts::hold(&place, ask).await,
        Command::Shift(shift) => shifts::run(&place, shift).await,
        Command::Sim(command) => sim::run(&place, command).await,
        Command::Openapi => {
            output::json(&switchyard_sim::described(switchyard_control::openapi()));
            Ok(ExitCode::SUCCESS)
        }
    }
}

//! The headless router: engine, control server and simulated providers in one process, until a signal.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::json;
use switchyard_control::{Announcement, ControlServer, ControlToken, Options};
use switchyard_domain::Problem;
use switchyard_domain::api::ApplyMap;
use switchyard_engine::log_line::LogLine;
use switchyard_engine::{Router, RouterConfig, busy_port};
use switchyard_sim::demo::{self, DemoFleet};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::command::Place;
use crate::map;
use crate::output::{block, json_line, note};
use crate::typed::port;

/// What is logged unless somebody says otherwise: trouble, and where traffic goes.
const DEFAULT_LOG: &str = "warn,switchyard::routing=info";

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where clients connect, on 127.0.0.1; 0 takes any free port.
    #[arg(long, env = "SWITCHYARD_PORT", default_value_t = 4310, value_parser = port)]
    port: u16,
    /// Where the control API and the window listen, on 127.0.0.1; 0 takes any free port.
    #[arg(long, env = "SWITCHYARD_CONTROL_PORT", default_value_t = 4311, value_parser = port)]
    control_port: u16,
    /// Apply this map at the start, unless it runs already; - reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["demo", "demo_if_empty"])]
    map: Option<String>,
    /// Run the map of the simulated providers: no key, no cost.
    #[arg(long, conflicts_with = "no_sim")]
    demo: bool,
    /// The same, but only while no map has been applied yet.
    #[arg(long, conflicts_with = "no_sim")]
    demo_if_empty: bool,
    /// Offer no simulated providers at all.
    #[arg(long)]
    no_sim: bool,
    /// Leave the OS keychain alone.
    #[arg(long)]
    no_keychain: bool,
    /// Keep credentials in this JSON file of mode 0600 instead of the keychain.
    #[arg(long, value_name = "FILE", env = "SWITCHYARD_CREDENTIALS_FILE")]
    credentials_file: Option<PathBuf>,
    /// Tell failovers through the desktop's notification service.
    #[arg(long)]
    notify_desktop: bool,
    /// Where the database is damaged, move it aside and start with an empty one: no map, no queue, no clients but the
    /// first, whose key stays.
    #[arg(long)]
    start_fresh: bool,
    /// Print one line of JSON once it listens, instead of text.
    #[arg(long)]
    print_json: bool,
    /// Put the default app's key into that line.
    #[arg(long, requires = "print_json")]
    print_key: bool,
    /// How the log on standard error is written; RUST_LOG or SWITCHYARD_LOG say how much
    /// (`warn,switchyard::routing=info`: trouble, and where traffic goes).
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

pub(crate) async fn run(place: &Place, serve: Serve) -> Result<ExitCode, Problem> {
    log(serve.log_format);
    switchyard_engine::process::prepare();
    switchyard_engine::process::hide_memory();
    // A signal during the start is not lost: it ends the router as soon as it runs.
    let stop = stop_signal()?;
    let data_dir = place.data_dir()?;
    let fleet = if serve.no_sim { None } else { Some(simulated_providers().await?) };
    let config = config(&serve, data_dir.clone(), fleet.as_ref());
    let router = Router::start(config).await.map_err(|problem| running_already(&data_dir, problem))?;
    let done = Box::pin(open(&router, &serve, fleet.as_ref(), stop)).await;
    router.shutdown().await;
    if let Some(fleet) = fleet {
        fleet.shutdown().await;
    }
    done.map(|()| ExitCode::SUCCESS)
}

/// Everything between the router's start and its end.
async fn open(
    router: &Router,
    serve: &Serve,
    fleet: Option<&DemoFleet>,
    stop: impl Future<Output = ()>,
) -> Result<(), Problem> {
    let token = ControlToken::fresh()?;
    let server = control(router, serve.control_port, fleet, token.clone()).await?;
    router.set_control_url(server.url());
    first_map(router, serve).await?;
    let announcement = Announcement {
        pid: std::process::id(),
        started_at_ms: router.started_at_ms(),
        proxy_url: format!("http://{}", router.proxy_addr()),
        control_url: server.url(),
    };
    let announced = announcement.clone().leave(router.data_dir(), &token)?;
    if serve.print_json {
        let key = serve.print_key.then(|| router.default_client_key()).flatten();
        json_line(&machine_words(&announcement, router.data_dir(), key));
    } else {
        // A link belongs before a person's eyes, not into a file: there it would outlive its use.
        let link = std::io::stdout().is_terminal().then(|| server.link()).transpose()?;
        block(words(router, &announcement, link.as_deref()));
    }
    stop.await;
    note("Stopping: running requests finish first.");
    drop(announced);
    server.shutdown().await;
    Ok(())
}

fn config(serve: &Serve, data_dir: PathBuf, fleet: Option<&DemoFleet>) -> RouterConfig {
    RouterConfig {
        proxy_addr: SocketAddr::from((Ipv4Addr::LOCALHOST, serve.port)),
        variables: fleet.map(DemoFleet::variables).unwrap_or_default(),
        keychain: !serve.no_keychain && serve.credentials_file.is_none(),
        credentials_file: serve.credentials_file.clone(),
        desktop_notifications: serve.notify_desktop,
        start_fresh: serve.start_fresh,
        ..RouterConfig::new(data_dir)
    }
}

/// Names the router that holds the data directory, where one said that it does.
fn running_already(data_dir: &Path, problem: Problem) -> Problem {
    match Announcement::read(data_dir) {
        Some(other) if problem.code == "database_locked" => Problem::new(
            "data_dir_in_use",
            format!(
                "A router runs for {} already: process {}, at {}. Use it (`switchyard status`), stop it, or choose another --data-dir.",
                data_dir.display(),
                other.pid,
                other.proxy_url
            ),
        ),
        Some(_) | None => problem,
    }
}

/// Three idle listeners: a stored map may need their addresses before it can run, and the window offers them
/// on its first screen.
async fn simulated_providers() -> Result<DemoFleet, Problem> {
    demo::start().await.map_err(|error| {
        let message =
            format!("The simulated providers can't listen on 127.0.0.1: {error}. Do without: --no-sim.");
        Problem::new("listen_failed", message)
    })
}

async fn control(
    router: &Router,
    port: u16,
    fleet: Option<&DemoFleet>,
    token: ControlToken,
) -> Result<ControlServer, Problem> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let failed = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::AddrInUse {
            // The engine names its own port's option; this one has another.
            return Problem::new("port_busy", busy_port(address).replace("`--port`", "`--control-port`"));
        }
        Problem::new("listen_failed", format!("The control API can't listen on {address}: {error}."))
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let options = Options {
        extra: fleet.map(|fleet| switchyard_sim::admin_router(fleet.fleet().clone())),
        described: fleet.map(|_| switchyard_sim::described(switchyard_control::openapi())),
        demo: fleet.map(|_| Arc::new(|| demo::map_json().to_owned()) as _),
    };
    switchyard_control::serve(listener, router.clone(), options, token).map_err(failed)
}

async fn first_map(router: &Router, serve: &Serve) -> Result<(), Problem> {
    let empty = || router.snapshot().router.first_run;
    let (document, source) = if let Some(file) = &serve.map {
        (map::read(file)?, "cli")
    } else if serve.demo || (serve.demo_if_empty && empty()) {
        (demo::map_json().to_owned(), "demo")
    } else {
        return Ok(());
    };
    if router.map_document(None).await.is_ok_and(|running| running.document == document) {
        return Ok(());
    }
    let reason = serve.map.as_ref().map(|file| format!("switchyard serve --map {file}"));
    router.apply_map(ApplyMap { document, base_version: None, reason, source: source.to_owned() }).await?;
    Ok(())
}

fn machine_words(announcement: &Announcement, data_dir: &Path, key: Option<String>) -> serde_json::Value {
    let mut words = json!({
        "proxyUrl": announcement.proxy_url,
        "controlUrl": announcement.control_url,
        "dataDir": data_dir,
        "pid": announcement.pid,
    });
    if let Some(key) = key {
        words["clientKey"] = key.into();
    }
    words
}

fn words(router: &Router, announcement: &Announcement, link: Option<&str>) -> String {
    let snapshot = router.snapshot();
    let mut out = format!("Switchyard {} runs. Ctrl-C stops it.\n", env!("CARGO_PKG_VERSION"));
    let map = match snapshot.map.version {
        0 => "none yet: `switchyard map apply FILE`, or start with --demo-if-empty".to_owned(),
        version => format!("{} v{version}", snapshot.map.name),
    };
    let window = link.map_or_else(
        || format!("{}; `switchyard link` prints a link that opens it", announcement.control_url),
        |link| format!("{link} (works once, for 10 minutes; `switchyard link` prints another)"),
    );
    for (name, value) in [
        ("Proxy", announcement.proxy_url.as_str()),
        ("Window", &window),
        ("Map", &map),
        ("Key", "`switchyard client key` prints the key your apps send"),
        ("Data", &router.data_dir().display().to_string()),
    ] {
        let _ = write!(out, "\n  {name:<8}{value}");
    }
    if !switchyard_control::window_is_built() {
        out.push_str("\n\nThe window is not built into this binary; its page says how to build it.");
    }
    out
}

fn log(format: LogFormat) {
    let asked = std::env::var("SWITCHYARD_LOG").or_else(|_| std::env::var("RUST_LOG"));
    let filter = EnvFilter::new(asked.as_deref().unwrap_or(DEFAULT_LOG));
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    match format {
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal();
            log.with_writer(move || LogLine { colours }).with_ansi(colours).init();
        }
        LogFormat::Json => log.with_writer(std::io::stderr).json().init(),
    }
}

/// Listens for SIGINT, SIGTERM and SIGHUP (the terminal was closed) from now on; resolves at the first.
#[cfg(unix)]
fn stop_signal() -> Result<impl Future<Output = ()>, Problem> {
    use tokio::signal::unix::{SignalKind, signal};
    let deaf = |error: std::io::Error| Problem::new("internal", format!("Signals can't be heard: {error}."));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(deaf)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(deaf)?;
    let mut hangup = hears_hangup().then(|| signal(SignalKind::hangup())).transpose().map_err(deaf)?;
    Ok(async move {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hung_up => {}
        }
    })
}

/// Whether SIGHUP is to be heard: not under `nohup`, which had it ignored before we began.
#[cfg(target_os = "linux")]
fn hears_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The lowest bit is signal 1, SIGHUP (proc_pid_status(5)).
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask & 1 == 0)
}

/// The same, where the system doesn't tell: `nohup` takes the terminal away, and only a terminal is closed.
#[cfg(all(unix, not(target_os = "linux")))]
fn hears_hangup() -> bool {
    std::io::stdout().is_terminal() || std::io::stderr().is_terminal()
}

/// Resolves at Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> Result<impl Future<Output = ()>, Problem> {
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl-C can't be heard");
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_router_is_told_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let locked = || Problem::new("database_locked", "locked");
        assert_eq!(running_already(dir, locked()).code, "database_locked", "nobody said anything");
        let url = "http://127.0.0.1:4310".to_owned();
        let first =
            Announcement { pid: 42, started_at_ms: 1, proxy_url: url.clone(), control_url: url.clone() };
        let announced = first.leave(dir, &ControlToken::fresh().unwrap()).unwrap();
        let told = running_already(dir, locked());
        assert!(told.message.contains("42") && told.message.contains(&url), "{told}");
        assert_eq!(running_already(dir, Problem::new("port_busy", "busy")).code, "port_busy");
        drop(announced);
    }

    #[test]
    fn the_line_for_programs_has_a_key_only_when_asked() {
        let said = Announcement {
            pid: 7,
            started_at_ms: 1,
            proxy_url: "http://p".into(),
            control_url: "http://c".into(),
        };
        let words = machine_words(&said, Path::new("/d"), None).to_string();
        assert_eq!(words, r#"{"proxyUrl":"http://p","controlUrl":"http://c","dataDir":"/d","pid":7}"#);
        let words = machine_words(&said, Path::new("/d"), Some("sy_1".into()));
        assert_eq!(words["clientKey"], "sy_1");
    }
}

//! The two kinds of router a window can stand before, behind one face: ask, watch, close.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use switchyard_control::{
    Announced, Announcement, Control, ControlClient, ControlServer, ControlToken, Options,
};
use switchyard_domain::Problem;
use switchyard_domain::view::Snapshot;
use switchyard_engine::{Router, RouterConfig, SnapshotStream};
use switchyard_sim::demo::{self, DemoFleet};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::settings::Settings;

/// The problem's code when another process holds the data directory.
const DATA_DIR_IN_USE: &str = "database_locked";

/// A router, ours or another's. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Side {
    /// Runs in this process.
    Own(Arc<Own>),
    /// Runs headless and holds the data directory.
    Attached(Arc<ControlClient>),
}

/// A router in this process, with what belongs to it.
#[derive(Debug)]
pub(crate) struct Own {
    router: Router,
    control: Control,
    /// For the CLI and scripts; the window doesn't need it.
    server: Mutex<Option<Served>>,
    demo: DemoFleet,
}

/// The control port, and the note in the data directory that says where it is.
#[derive(Debug)]
struct Served {
    server: ControlServer,
    _announced: Announced,
}

/// Opens a router of our own, or finds the one that holds the data directory.
pub(super) async fn open(settings: &Settings) -> Result<Side, Problem> {
    match open_own(settings).await {
        Ok(own) => Ok(Side::Own(Arc::new(own))),
        // Whoever holds it may also be no router at all; then the first reason is the one to tell.
        Err(problem) if problem.code == DATA_DIR_IN_USE => attach(settings).map_err(|_| problem),
        Err(problem) => Err(problem),
    }
}

async fn open_own(settings: &Settings) -> Result<Own, Problem> {
    let demo = demo::start().await.map_err(|error| {
        Problem::new("sim_not_started", format!("The simulated providers could not start: {error}."))
    })?;
    let router = Router::start(RouterConfig {
        proxy_addr: settings.proxy,
        variables: demo.variables(),
        keychain: settings.keychain,
        desktop_notifications: true,
        ..RouterConfig::new(&settings.data_dir)
    })
    .await?;
    let options = Options {
        extra: Some(switchyard_sim::admin_router(demo.fleet().clone())),
        described: Some(switchyard_sim::described(switchyard_control::openapi())),
        demo: Some(Arc::new(|| demo::map_json().to_owned())),
    };
    let server = serve(&router, &options, settings)
        .await
        .inspect_err(|problem| tracing::warn!("the CLI can't reach this router: {}", problem.message))
        .ok();
    Ok(Own { control: Control::new(router.clone(), options), router, server: Mutex::new(server), demo })
}

/// A window without a control port still works, so a busy one only costs the CLI its usual address.
async fn serve(router: &Router, options: &Options, settings: &Settings) -> Result<Served, Problem> {
    let token = ControlToken::fresh()?;
    let any_port = SocketAddr::new(settings.control.ip(), 0);
    let listener = match TcpListener::bind(settings.control).await {
        Ok(listener) => Ok(listener),
        Err(error) => {
            tracing::warn!(addr = %settings.control, %error, "the control port is busy, another one is taken");
            TcpListener::bind(any_port).await
        }
    };
    let no_port = |error| Problem::new("control_port", format!("The control API has no port: {error}."));
    let server =
        switchyard_control::serve(listener.map_err(no_port)?, router.clone(), options.clone(), token.clone())
            .map_err(no_port)?;
    router.set_control_url(server.url());
    let announcement = Announcement {
        pid: std::process::id(),
        started_at_ms: router.started_at_ms(),
        proxy_url: format!("http://{}", router.proxy_addr()),
        control_url: server.url(),
    };
    Ok(Served { server, _announced: announcement.leave(&settings.data_dir, &token)? })
}

fn attach(settings: &Settings) -> Result<Side, Problem> {
    let client = ControlClient::of(&settings.data_dir, "window")?;
    tracing::info!("attached to the router that holds {}", settings.data_dir.display());
    Ok(Side::Attached(Arc::new(client)))
}

impl Side {
    /// Does what one request to the control API would.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), Problem> {
        match self {
            Self::Own(own) => Ok(own.control.handle(method, path, body).await),
            Self::Attached(client) => client.handle(method, path, body).await,
        }
    }

    /// Its snapshots, the first at once.
    pub(super) async fn snapshots(&self) -> Result<Snapshots, Problem> {
        Ok(match self {
            Self::Own(own) => Snapshots::Own(own.router.watch()),
            Self::Attached(client) => Snapshots::Attached(client.snapshots().await?),
        })
    }

    /// Stops it, if it is ours.
    pub(super) async fn close(&self) {
        match self {
            Self::Own(own) => {
                if let Some(served) = own.server.lock().await.take() {
                    served.server.shutdown().await;
                }
                own.router.shutdown().await;
                // Last: what was under way may have been talking to them.
                own.demo.clone().shutdown().await;
            }
            Self::Attached(_) => {}
        }
    }
}

/// The stream of snapshots of either kind.
pub(super) enum Snapshots {
    /// In this process; never ends.
    Own(SnapshotStream),
    /// Over loopback; ends with the router.
    Attached(switchyard_control::Snapshots),
}

impl Snapshots {
    /// The next one.
    pub(super) async fn next(&mut self) -> Result<Arc<Snapshot>, Problem> {
        match self {
            Self::Own(watch) => Ok(watch.next().await),
            Self::Attached(stream) => stream.next().await.map(Arc::new).ok_or_else(gone),
        }
    }
}

fn gone() -> Problem {
    Problem::new(
        "router_gone",
        "The router this window was attached to has stopped. The window opens its own.",
    )
}

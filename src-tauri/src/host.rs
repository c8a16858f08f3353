//! The router behind the window: our own, or the headless one that holds the data directory.
//!
//! One task opens it, watches it, and opens it again when it is lost; everybody else reads where things stand.

mod side;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use switchyard_domain::Problem;
use switchyard_domain::view::Snapshot;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::settings::Settings;
use side::Side;

/// How long a router that could not be opened is left alone. A busy port may be free by then.
const PAUSE: Duration = Duration::from_secs(3);

/// Where things stand.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    /// The router is being opened.
    Opening,
    /// It runs; this is the newest snapshot.
    Open {
        /// Ours or another's.
        side: Side,
        /// How it stands.
        snapshot: Arc<Snapshot>,
    },
    /// There is none, and why. It is tried again.
    Closed(Problem),
}

/// The router behind the window. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    runtime: Handle,
    standing: watch::Sender<Standing>,
    again: Notify,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl Host {
    /// A host whose router lives on `runtime`. Nothing runs before [`Host::start`].
    pub(crate) fn new(settings: Settings, runtime: Handle) -> Self {
        let (standing, _) = watch::channel(Standing::Opening);
        let (again, keeper) = (Notify::new(), Mutex::new(None));
        Self { inner: Arc::new(Inner { settings, runtime, standing, again, keeper }) }
    }

    /// Opens the router and keeps it open.
    pub(crate) fn start(&self) {
        let host = self.clone();
        let task = self.inner.runtime.spawn(async move { host.keep().await });
        *self.keeper() = Some(task);
    }

    /// The router's runtime.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.inner.runtime
    }

    /// Where things stand, and each change.
    pub(crate) fn watch(&self) -> watch::Receiver<Standing> {
        self.inner.standing.subscribe()
    }

    /// Doesn't wait for the next try.
    pub(crate) fn try_again(&self) {
        self.inner.again.notify_one();
    }

    /// Asks the control API: the status, and the body or null.
    pub(crate) async fn ask(&self, method: String, path: String, body: Option<Value>) -> (u16, Value) {
        let side = match &*self.inner.standing.borrow() {
            Standing::Open { side, .. } => Ok(side.clone()),
            Standing::Opening => {
                Err(Problem::new("router_opening", "The router opens. Try again in a moment."))
            }
            Standing::Closed(problem) => Err(problem.clone()),
        };
        let answer = match side {
            // On the router's own runtime: what it starts there outlives the window.
            Ok(side) => self.inner.runtime.spawn(async move { side.ask(&method, &path, body).await }).await,
            Err(problem) => return refusal(&problem),
        };
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(problem)) => refusal(&problem),
            Err(error) => refusal(&Problem::new("internal", format!("The request broke off: {error}."))),
        }
    }

    /// Stops a router of our own: running requests finish, the log is written. Leaves a headless one alone.
    pub(crate) async fn shutdown(&self) {
        let keeper = self.keeper().take();
        if let Some(keeper) = keeper {
            keeper.abort();
        }
        let last = self
            .inner
            .standing
            .send_replace(Standing::Closed(Problem::new("quitting", "Switchyard is quitting.")));
        if let Standing::Open { side, .. } = last {
            side.close().await;
        }
    }

    fn keeper(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.inner.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep(&self) {
        let mut told = None;
        loop {
            let problem = match side::open(&self.inner.settings).await {
                Ok(side) => self.show(side).await,
                Err(problem) => problem,
            };
            // Each cause once: it is tried again every few seconds.
            if told.as_ref() != Some(&problem) {
                tracing::warn!(code = problem.code, "no router: {}", problem.message);
                told = Some(problem.clone());
            }
            self.inner.standing.send_replace(Standing::Closed(problem));
            tokio::select! {
                () = self.inner.again.notified() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Passes on each snapshot until there are no more.
    async fn show(&self, side: Side) -> Problem {
        let mut snapshots = match side.snapshots().await {
            Ok(snapshots) => snapshots,
            Err(problem) => return problem,
        };
        loop {
            match snapshots.next().await {
                Ok(snapshot) => {
                    self.inner.standing.send_replace(Standing::Open { side: side.clone(), snapshot });
                }
                Err(problem) => return problem,
            }
        }
    }
}

fn refusal(problem: &Problem) -> (u16, Value) {
    (503, serde_json::to_value(problem).unwrap_or_default())
}

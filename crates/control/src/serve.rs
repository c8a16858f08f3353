//! The control API on a loopback port of its own, with the window's files beside it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use hyper_util::service::TowerToHyperService;
use switchyard_domain::Problem;
use switchyard_engine::listener::{Gate, accept};
use switchyard_engine::{Router, clock};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::alerts::{Alerts, budget_secret};
use crate::api::{AppState, Options, assemble};
use crate::discovery::ControlToken;
use crate::guard;
use crate::ui;

/// How long requests under way may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// The running control server. Dropping it stops the accepting; [`ControlServer::shutdown`] waits for what is under way.
#[derive(Debug)]
pub struct ControlServer {
    address: SocketAddr,
    access: Arc<Access>,
    closing: CancellationToken,
    open: TaskTracker,
}

/// Serves the control API and the window on a listener, which must be bound to loopback.
///
/// # Errors
/// If the listener's address can't be read, or the budget secret can't be used.
pub fn serve(
    listener: TcpListener,
    router: Router,
    options: Options,
    token: ControlToken,
) -> std::io::Result<ControlServer> {
    let address = listener.local_addr()?;
    let (closing, open) = (CancellationToken::new(), TaskTracker::new());
    let secret =
        budget_secret(router.data_dir()).map_err(|problem| std::io::Error::other(problem.message))?;
    let hosts = router.clone();
    let alerts = Alerts::new(secret, move |host| hosts.takes_alerts_at(host));
    let access = Arc::new(Access::new(token, url(address), alerts));
    let most = router.control_connections();
    let Options { extra, described, demo } = options;
    let state = AppState { router, demo, access: Some(Arc::clone(&access)), closing: closing.clone() };
    let app = assemble(state, extra, described)
        .fallback(ui::file)
        .layer(from_fn_with_state(Arc::clone(&access), guard::check));
    let gate = Gate {
        name: "control",
        most: Box::new(move || most),
        // The window and its files come to anyone who asks; whoever watches asks again.
        work_gives_way: true,
        stop: closing.clone(),
        open: open.clone(),
    };
    open.spawn(accept(listener, gate, TowerToHyperService::new(app)));
    Ok(ControlServer { address, access, closing, open })
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

impl ControlServer {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as people write it: `http://127.0.0.1:4311`.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.address)
    }

    /// A link that opens the window in a browser, once and for ten minutes.
    ///
    /// # Errors
    /// `no_randomness`: no random bytes can be had.
    pub fn link(&self) -> Result<String, Problem> {
        self.access.link(clock::now().mono_ms)
    }

    /// Stops accepting, ends the event streams, and gives other requests two seconds to finish.
    pub async fn shutdown(self) {
        self.closing.cancel();
        self.open.close();
        if tokio::time::timeout(GRACE, self.open.wait()).await.is_err() {
            tracing::debug!("control requests were cut off at shutdown");
        }
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

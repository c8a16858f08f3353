//! The control API on a loopback port of its own, with the window's files beside it.

use std::net::SocketAddr;
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use axum::serve::ListenerExt;
use switchyard_engine::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::{Options, Panel, assemble};
use crate::guard;
use crate::place::ControlToken;
use crate::ui;

/// How long requests under way may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// The running control server. Dropping it stops it at once; [`ControlServer::shutdown`] lets it finish.
#[derive(Debug)]
pub struct ControlServer {
    address: SocketAddr,
    closing: CancellationToken,
    task: JoinHandle<()>,
}

/// Serves the control API and the window on a listener, which must be bound to loopback.
///
/// # Errors
/// If the listener's address can't be read.
pub fn serve(
    listener: TcpListener,
    router: Router,
    options: Options,
    token: ControlToken,
) -> std::io::Result<ControlServer> {
    let address = listener.local_addr()?;
    let closing = CancellationToken::new();
    let panel = Panel { router, demo: options.demo, closing: closing.clone() };
    let app =
        assemble(panel, options.extra).fallback(ui::file).layer(from_fn_with_state(token, guard::check));
    // Events are small writes: without this, the kernel holds them back for the peer's acknowledgement.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    let stop = closing.clone().cancelled_owned();
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stop).await {
            tracing::error!(%error, "the control server stopped");
        }
    });
    Ok(ControlServer { address, closing, task })
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
        format!("http://{}", self.address)
    }

    /// Stops accepting, ends the event streams, and gives other requests two seconds to finish.
    pub async fn shutdown(mut self) {
        self.closing.cancel();
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            tracing::debug!("control requests were cut off at shutdown");
        }
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.closing.cancel();
        self.task.abort();
    }
}

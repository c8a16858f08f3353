//! The ways to end the program: the menu and the session's signals. Closing the window is not one of them.

use tauri::AppHandle;
use tokio::runtime::Handle;

use crate::window;

/// Ends the event loop; the router then finishes what is under way.
pub(crate) fn quit(app: &AppHandle) {
    // At once, since nothing draws in it any more while the router finishes.
    window::destroy(app);
    app.exit(0);
}

/// Quits on the signals a session or a terminal sends. The second one doesn't wait for running requests.
pub(crate) fn on_signals(app: AppHandle, runtime: &Handle) {
    runtime.spawn(async move {
        for first in [true, false] {
            if let Err(error) = signal().await {
                tracing::warn!(%error, "signals are not heard");
                return;
            }
            if first {
                tracing::info!("stopping; running requests finish first");
                quit(&app);
            }
        }
        std::process::exit(130);
    });
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate, mut hangup) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

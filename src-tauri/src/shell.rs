//! Puts the parts on the screen: plugins, window, tray, and what happens when they go.

use anyhow::Context;
use tauri::{App, AppHandle, RunEvent, WindowEvent};
use tauri_plugin_window_state::StateFlags;
use tokio::runtime::Handle;

use crate::commands::{self, Watches};
use crate::host::Host;
use crate::{quit, tray, window};

/// The argument of the login item: the tray alone, no window.
const HIDDEN: &str = "--hidden";

/// Runs the event loop until the person quits; returns the exit code.
///
/// # Errors
/// If the desktop's toolkit can't be started.
pub(crate) fn run(host: Host, runtime: &Handle) -> anyhow::Result<i32> {
    let runtime = runtime.clone();
    let login_item = tauri_plugin_autostart::Builder::new().app_name("Switchyard").arg(HIDDEN).build();
    let geometry = StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED;
    let app = tauri::Builder::default()
        // First: a second start must end before it begins anything else.
        .plugin(tauri_plugin_single_instance::init(|app, _arguments, _folder| window::open(app)))
        .plugin(login_item)
        .plugin(tauri_plugin_window_state::Builder::new().with_state_flags(geometry).build())
        .manage(host.clone())
        .manage(Watches::default())
        .invoke_handler(tauri::generate_handler![commands::control, commands::watch, commands::open_external])
        .setup(move |app| {
            set_up(app, &host, &runtime);
            Ok(())
        })
        .build(tauri::generate_context!())
        .context("the desktop's toolkit did not start")?;
    Ok(app.run_return(on_event))
}

fn set_up(app: &App, host: &Host, runtime: &Handle) {
    host.start();
    quit::on_signals(app.handle().clone(), runtime);
    let shown = tray::put_up(app, host);
    // Without a tray there is no way to a window that isn't there.
    if !shown || std::env::args().all(|argument| argument != HIDDEN) {
        window::open(app.handle());
    }
}

fn on_event(app: &AppHandle, event: RunEvent) {
    match event {
        // The last window closed: the router runs on. Only `quit` has a code.
        RunEvent::ExitRequested { code: None, api, .. } => api.prevent_exit(),
        RunEvent::WindowEvent { label, event: WindowEvent::Destroyed, .. } => {
            commands::window_gone(app, &label);
        }
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => window::open(app),
        _ => {}
    }
}

//! The one window. Closing it destroys the page and frees its memory; opening it builds it again.

use tauri::{AppHandle, Manager, Url, WebviewWindow, WebviewWindowBuilder};

/// Its name in tauri.conf.json, which has its size and title.
pub(crate) const LABEL: &str = "main";

/// Brings the window to the front, and builds it if there is none. Call it on the main thread or from an async task.
pub(crate) fn open(app: &AppHandle) {
    let opened = match app.get_webview_window(LABEL) {
        Some(window) => show(&window),
        None => build(app),
    };
    if let Err(error) = opened {
        tracing::error!(%error, "the window could not be opened");
    }
}

/// Closes it for good; the router runs on until it is stopped itself.
pub(crate) fn destroy(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(LABEL)
        && let Err(error) = window.destroy()
    {
        tracing::warn!(%error, "the window could not be closed");
    }
}

fn show(window: &WebviewWindow) -> tauri::Result<()> {
    window.unminimize()?;
    window.show()?;
    window.set_focus()
}

fn build(app: &AppHandle) -> tauri::Result<()> {
    let Some(config) = app.config().app.windows.iter().find(|window| window.label == LABEL) else {
        return Err(tauri::Error::WindowNotFound);
    };
    let window = WebviewWindowBuilder::from_config(app, config)?.on_navigation(is_ours).build()?;
    window.set_focus()
}

/// The window never shows anything but its own pages; the rest of the web belongs into a browser.
fn is_ours(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => true,
        "http" | "https" => url.host_str() == Some("tauri.localhost"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_open_in_the_window() {
        for (url, ours) in [
            ("tauri://localhost/index.html", true),
            ("http://tauri.localhost/", true),
            ("https://status.openai.com/", false),
            ("http://127.0.0.1:4311/", false),
            ("file:///etc/hostname", false),
            ("https://tauri.localhost.example.com/", false),
        ] {
            assert_eq!(is_ours(&Url::parse(url).unwrap()), ours, "{url}");
        }
    }
}

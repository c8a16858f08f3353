//! What the page in the window may ask for: three commands, each a thin door to the host.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;
use switchyard_domain::view::Snapshot;
use tauri::ipc::Channel;
use tauri::{AppHandle, Manager, State, Url, WebviewWindow};
use tokio::task::AbortHandle;

use crate::host::{Host, Standing};

/// The answer of the control API. The body is null where there was none.
#[derive(Debug, Serialize)]
pub(crate) struct Reply {
    status: u16,
    body: Value,
}

/// The running watch of each window. A reloaded page starts a new one, a closed window ends it.
#[derive(Debug, Default)]
pub(crate) struct Watches(Mutex<HashMap<String, AbortHandle>>);

impl Watches {
    fn put(&self, window: &str, watch: AbortHandle) {
        let mut watches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = watches.insert(window.to_owned(), watch) {
            earlier.abort();
        }
    }

    fn end(&self, window: &str) {
        if let Some(watch) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(window) {
            watch.abort();
        }
    }
}

/// Ends what served a window that is gone.
pub(crate) fn window_gone(app: &AppHandle, label: &str) {
    app.state::<Watches>().end(label);
}

/// Asks the control API once.
#[tauri::command]
pub(crate) async fn control(
    host: State<'_, Host>,
    method: String,
    path: String,
    body: Option<Value>,
) -> Result<Reply, String> {
    let (status, body) = host.ask(method, path, body).await;
    Ok(Reply { status, body })
}

/// Hands over a snapshot at once and after each change, until the window goes. Fails where no router could be had,
/// with the reason.
#[tauri::command]
pub(crate) async fn watch(
    host: State<'_, Host>,
    watches: State<'_, Watches>,
    window: WebviewWindow,
    channel: Channel<Snapshot>,
) -> Result<(), String> {
    let mut standing = host.watch();
    // While the router opens there is nothing to say yet.
    let known = standing.wait_for(|standing| !matches!(standing, Standing::Opening)).await;
    let closed = match known.as_deref() {
        Ok(Standing::Closed(problem)) => Some(problem.message.clone()),
        Ok(Standing::Opening | Standing::Open { .. }) => None,
        Err(_) => Some("Switchyard is quitting.".to_owned()),
    };
    drop(known);
    if let Some(message) = closed {
        host.try_again();
        return Err(message);
    }
    let forward = host.runtime().spawn(async move {
        loop {
            // A router that is lost is opened again: the window keeps its line to whichever comes next.
            let snapshot = match &*standing.borrow_and_update() {
                Standing::Open { snapshot, .. } => Some(Snapshot::clone(snapshot)),
                Standing::Opening | Standing::Closed(_) => None,
            };
            if snapshot.is_some_and(|snapshot| channel.send(snapshot).is_err())
                || standing.changed().await.is_err()
            {
                return;
            }
        }
    });
    watches.put(window.label(), forward.abort_handle());
    Ok(())
}

/// Opens a page in the person's browser: a provider's status or support page, or the sign-in page of the network, and
/// no other address.
#[tauri::command]
pub(crate) async fn open_external(host: State<'_, Host>, url: String) -> Result<(), String> {
    let listed = match &*host.watch().borrow() {
        Standing::Open { snapshot, .. } => listed_page(snapshot, &url),
        Standing::Opening | Standing::Closed(_) => None,
    };
    let page = listed.ok_or_else(|| format!("{url} is not a page of this routing map or network."))?;
    open::that_detached(page.as_str()).map_err(|error| format!("No browser could be opened: {error}."))
}

/// The address, if the router shows it as a page and a browser can open it.
fn listed_page(snapshot: &Snapshot, url: &str) -> Option<Url> {
    let pages = snapshot.providers.iter().flat_map(|provider| [&provider.status_page, &provider.support]);
    let listed = pages.chain([&snapshot.network.portal_url]).any(|page| page.as_deref() == Some(url));
    Url::parse(url).ok().filter(|page| listed && matches!(page.scheme(), "https" | "http"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tray::face::samples::snapshot;

    #[test]
    fn only_pages_the_router_shows_leave_the_window() {
        let mut seen = snapshot();
        let page = "https://status.openai.com/";
        seen.providers[0].status_page = Some(page.to_owned());
        seen.providers[0].support = Some("https://help.openai.com/".to_owned());
        seen.network.portal_url = Some("http://10.0.0.1/sign-in".to_owned());
        for page in [page, "https://help.openai.com/", "http://10.0.0.1/sign-in"] {
            assert_eq!(listed_page(&seen, page).as_ref().map(Url::as_str), Some(page));
        }
        assert_eq!(listed_page(&seen, "https://example.com/"), None);
        // A map is a document: what it says is not to be opened blindly.
        for page in ["file:///etc/hostname", "javascript:alert(1)"] {
            seen.providers[0].status_page = Some(page.to_owned());
            assert_eq!(listed_page(&seen, page), None);
        }
    }
}

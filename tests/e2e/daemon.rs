//! A notification daemon of our own on the session bus: it takes what the desktop's would take, and remembers it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use zbus::OwnedVariant;

use crate::window::until;

/// One notification, as it came over the bus.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    pub(crate) app: String,
    pub(crate) title: String,
    pub(crate) body: String,
}

type Heard = Arc<Mutex<Vec<Notification>>>;

/// The daemon; it leaves the bus when it is dropped.
pub(crate) struct Daemon {
    heard: Heard,
    _bus: zbus::Connection,
}

impl Daemon {
    pub(crate) async fn start() -> Result<Self> {
        let heard = Heard::default();
        let service = Service { heard: Arc::clone(&heard) };
        let bus = zbus::connection::Builder::session()
            .name("org.freedesktop.Notifications")
            .serve_at("/org/freedesktop/Notifications", service)
            .build()
            .await
            .context("the test needs a session bus of its own: run it under dbus-run-session")?;
        Ok(Self { heard, _bus: bus })
    }

    /// Waits for a notification with this title.
    pub(crate) async fn heard(&self, patience: Duration, title: &str) -> Result<Notification> {
        until(patience, &format!("the notification {title:?} arrives"), async || {
            Ok(self.all().into_iter().find(|notification| notification.title == title))
        })
        .await
    }

    /// Everything so far, oldest first.
    pub(crate) fn all(&self) -> Vec<Notification> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Service {
    heard: Heard,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Service {
    #[expect(clippy::too_many_arguments, reason = "the freedesktop specification's")]
    fn notify(
        &self,
        app_name: String,
        _replaces_id: u32,
        _app_icon: String,
        summary: String,
        body: String,
        _actions: Vec<String>,
        _hints: HashMap<String, OwnedVariant>,
        _expire_timeout: i32,
    ) -> u32 {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(Notification { app: app_name, title: summary, body });
        u32::try_from(heard.len()).unwrap_or(u32::MAX)
    }

    fn get_capabilities(&self) -> Vec<String> {
        vec!["body".to_owned()]
    }

    fn close_notification(&self, _id: u32) {}

    fn get_server_information(&self) -> (String, String, String, String) {
        let own = |text: &str| text.to_owned();
        (own("switchyard-tests"), own("Switchyard"), own(env!("CARGO_PKG_VERSION")), own("1.2"))
    }
}

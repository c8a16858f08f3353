//! The menu's items: made once, then only their texts change.

use std::sync::{Mutex, PoisonError};

use serde_json::json;
use tauri::menu::{CheckMenuItem, IsMenuItem, Menu, MenuItem, PredefinedMenuItem, Submenu};
use tauri::{App, AppHandle, Wry};
use tauri_plugin_autostart::ManagerExt;

use super::face::Face;
use crate::host::{Host, Standing};
use crate::{quit, window};

const OPEN: &str = "open";
const PAUSE: &str = "pause";
const COPY: &str = "copy";
const LOGIN: &str = "login";
const QUIT: &str = "quit";

/// The menu and the items whose texts change.
pub(super) struct Items {
    menu: Menu<Wry>,
    state: MenuItem<Wry>,
    detail: MenuItem<Wry>,
    tiers: [MenuItem<Wry>; 3],
    pause: MenuItem<Wry>,
    copy: MenuItem<Wry>,
    login: CheckMenuItem<Wry>,
}

impl Items {
    pub(super) fn build(app: &App) -> tauri::Result<Self> {
        let line = |text: &str| MenuItem::new(app, text, false, None::<&str>);
        let action = |id: &str, text: &str| MenuItem::with_id(app, id, text, true, None::<&str>);
        let rule = || PredefinedMenuItem::separator(app);
        let starts = app.autolaunch().is_enabled().unwrap_or(false);
        let (state, detail) = (line("Starting")?, line("The router opens.")?);
        let tiers = [line("Hot")?, line("Warm")?, line("Cold")?];
        let pause = action(PAUSE, "Pause new work")?;
        let copy = action(COPY, "Copy endpoint")?;
        let login = CheckMenuItem::with_id(app, LOGIN, "Start at login", true, starts, None::<&str>)?;
        let (open, quit) = (action(OPEN, "Open Switchyard")?, action(QUIT, "Quit Switchyard")?);
        let rules = [rule()?, rule()?, rule()?, rule()?];
        let [hot, warm, cold] = &tiers;
        let items: [&dyn IsMenuItem<Wry>; 14] = [
            &state, &detail, &rules[0], hot, warm, cold, &rules[1], &open, &pause, &copy, &rules[2], &login,
            &rules[3], &quit,
        ];
        let menu = Menu::with_items(app, &items)?;
        Ok(Self { menu, state, detail, tiers, pause, copy, login })
    }

    pub(super) const fn menu(&self) -> &Menu<Wry> {
        &self.menu
    }

    /// Hangs the items into the window, where there is no tray.
    pub(super) fn hang_in_window(&self, app: &App) -> tauri::Result<()> {
        let bar = Submenu::new(app, "Switchyard", true)?;
        for item in self.menu.items()? {
            bar.append(match &item {
                tauri::menu::MenuItemKind::MenuItem(item) => item as &dyn IsMenuItem<Wry>,
                tauri::menu::MenuItemKind::Submenu(item) => item,
                tauri::menu::MenuItemKind::Predefined(item) => item,
                tauri::menu::MenuItemKind::Check(item) => item,
                tauri::menu::MenuItemKind::Icon(item) => item,
            })?;
        }
        app.set_menu(Menu::with_items(app, &[&bar])?).map(drop)
    }

    pub(super) fn draw(&self, face: &Face) -> tauri::Result<()> {
        self.state.set_text(plain(&face.state))?;
        self.detail.set_text(plain(&face.detail))?;
        for (item, text) in self.tiers.iter().zip(&face.tiers) {
            item.set_text(plain(text))?;
        }
        self.pause.set_text(if face.paused { "Resume new work" } else { "Pause new work" })?;
        self.pause.set_enabled(face.endpoint.is_some())?;
        match &face.endpoint {
            Some(endpoint) => self.copy.set_text(format!("Copy {}", plain(endpoint)))?,
            None => self.copy.set_text("Copy endpoint")?,
        }
        self.copy.set_enabled(face.endpoint.is_some())
    }

    /// Does what the items say.
    pub(super) fn on_click(&self, app: &AppHandle, host: &Host) {
        let (host, login) = (host.clone(), self.login.clone());
        let clipboard = Mutex::new(None);
        app.on_menu_event(move |app, event| match event.id().as_ref() {
            OPEN => window::open(app),
            PAUSE => toggle_pause(&host),
            COPY => copy_endpoint(&host, &clipboard),
            LOGIN => toggle_login(app, &login),
            QUIT => quit::quit(app),
            _ => {}
        });
    }
}

/// `&` marks a shortcut's letter in a menu.
fn plain(text: &str) -> String {
    text.replace('&', "&&")
}

fn toggle_pause(host: &Host) {
    let paused = match &*host.watch().borrow() {
        Standing::Open { snapshot, .. } => snapshot.pause.paused,
        Standing::Opening | Standing::Closed(_) => return,
    };
    let host = host.clone();
    host.clone().runtime().spawn(async move {
        let (path, body) = if paused {
            ("/v1/resume", None)
        } else {
            ("/v1/pause", Some(json!({ "reason": "from the tray" })))
        };
        let (status, answer) = host.ask("POST".to_owned(), path.to_owned(), body).await;
        if status >= 300 {
            tracing::warn!(status, %answer, "new work was not paused or resumed");
        }
    });
}

/// Under X11 the text is gone with the clipboard's owner, so the owner is kept.
fn copy_endpoint(host: &Host, clipboard: &Mutex<Option<arboard::Clipboard>>) {
    let Some(endpoint) = Face::of(&host.watch().borrow()).endpoint else { return };
    let mut owner = clipboard.lock().unwrap_or_else(PoisonError::into_inner);
    let copied = match owner.take().map_or_else(arboard::Clipboard::new, Ok) {
        Ok(open) => owner.insert(open).set_text(endpoint),
        Err(error) => Err(error),
    };
    if let Err(error) = copied {
        tracing::warn!(%error, "the endpoint was not copied");
    }
}

fn toggle_login(app: &AppHandle, item: &CheckMenuItem<Wry>) {
    let login = app.autolaunch();
    let starts = login.is_enabled().unwrap_or(false);
    if let Err(error) = if starts { login.disable() } else { login.enable() } {
        tracing::warn!(%error, "the login item was not changed");
    }
    // The desktop has flipped the mark already; it has to say what is so.
    if let Err(error) = item.set_checked(login.is_enabled().unwrap_or(false)) {
        tracing::debug!(%error, "the mark could not be drawn");
    }
}

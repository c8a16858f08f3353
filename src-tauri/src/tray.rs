//! The tray: how things stand at a glance, and the few things a person does without the window.
//!
//! Where no tray can be had, the same menu hangs in the window, so that there is always a way to quit.

pub(crate) mod face;
mod menu;

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use tauri::image::Image;
use tauri::tray::{TrayIcon, TrayIconBuilder};
use tauri::{App, AppHandle};

use crate::host::Host;
use face::{Face, Sign};
use menu::Items;

/// Shows the tray and keeps it true; `false` where the desktop has none. Call it on the main thread.
pub(crate) fn put_up(app: &App, host: &Host) -> bool {
    let items = match Items::build(app) {
        Ok(items) => items,
        Err(error) => {
            tracing::warn!(%error, "no menu could be made, so there is no tray");
            return false;
        }
    };
    let icon = show(app, &items).inspect_err(|reason| {
        tracing::warn!(%reason, "there is no tray icon; its menu is in the window instead");
    });
    if icon.is_err()
        && let Err(error) = items.hang_in_window(app)
    {
        tracing::warn!(%error, "the window has no menu; stop the program with a signal");
    }
    let shown = icon.is_ok();
    follow(app.handle(), host, items, icon.ok());
    shown
}

fn show(app: &App, items: &Items) -> Result<TrayIcon, String> {
    let build = || {
        TrayIconBuilder::with_id("switchyard")
            .menu(items.menu())
            .icon(image(Sign::Clear))
            .tooltip("Switchyard")
            .show_menu_on_left_click(true)
            .build(app)
    };
    // The library that draws the tray is loaded at its first use, and a missing one is a panic there. It is expected
    // here, and told in one line of the log instead of a backtrace.
    let loud = take_hook();
    set_hook(Box::new(|_| {}));
    let built = catch_unwind(AssertUnwindSafe(build));
    set_hook(loud);
    match built {
        Ok(Ok(icon)) => Ok(icon),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("libayatana-appindicator3 is not installed".to_owned()),
    }
}

/// Draws each change, and only changes.
fn follow(app: &AppHandle, host: &Host, items: Items, icon: Option<TrayIcon>) {
    let mut standing = host.watch();
    items.on_click(app, host);
    host.runtime().spawn(async move {
        let mut drawn: Option<Face> = None;
        loop {
            let face = Face::of(&standing.borrow_and_update());
            if drawn.as_ref() != Some(&face) {
                if let Err(error) = draw(&face, drawn.as_ref(), &items, icon.as_ref()) {
                    tracing::debug!(%error, "the tray could not be drawn");
                }
                drawn = Some(face);
            }
            if standing.changed().await.is_err() {
                return;
            }
        }
    });
}

fn draw(face: &Face, drawn: Option<&Face>, items: &Items, icon: Option<&TrayIcon>) -> tauri::Result<()> {
    items.draw(face)?;
    let Some(icon) = icon else { return Ok(()) };
    if drawn.is_none_or(|drawn| drawn.sign != face.sign) {
        icon.set_icon(Some(image(face.sign)))?;
    }
    icon.set_tooltip(Some(format!("Switchyard: {}", face.state)))
}

/// Shapes, not only colours: which line is lit, a bar across it, two bars.
fn image(sign: Sign) -> Image<'static> {
    match sign {
        Sign::Clear => tauri::include_image!("icons/tray/clear.png"),
        Sign::Degraded => tauri::include_image!("icons/tray/degraded.png"),
        Sign::Stop => tauri::include_image!("icons/tray/stop.png"),
        Sign::Paused => tauri::include_image!("icons/tray/paused.png"),
    }
}

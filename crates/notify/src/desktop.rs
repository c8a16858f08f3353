//! The desktop's own notification service: the freedesktop one over D-Bus, macOS's or Windows'.

use notify_rust::{Notification, Timeout};

use crate::notice::{Notice, Urgency};
use crate::sinks::{NotifyError, Sink};

const SERVICE: &str = "desktop notification service";

/// How long a notice stays that nobody has to act on, milliseconds.
const STAYS_MS: u32 = 10_000;

/// Carries notices to the desktop.
#[derive(Clone, Copy, Debug)]
pub struct Desktop;

impl Sink for Desktop {
    fn name(&self) -> &'static str {
        SERVICE
    }

    fn send(&self, notice: &Notice) -> Result<(), NotifyError> {
        send(notice)
    }
}

/// Shows a notice on the desktop. Blocks until the service took it.
///
/// # Errors
/// If there is no service, no session bus, or the service refuses.
pub fn send(notice: &Notice) -> Result<(), NotifyError> {
    let refused = |error: notify_rust::error::Error| NotifyError { sink: SERVICE, cause: error.to_string() };
    let mut notification = Notification::new();
    notification.appname("Switchyard").summary(&notice.title).body(&body(notice)?).timeout(
        match notice.urgency {
            Urgency::Low | Urgency::Normal => Timeout::Milliseconds(STAYS_MS),
            Urgency::Critical => Timeout::Never,
        },
    );
    dress(&mut notification, notice);
    notification.show().map(drop).map_err(refused)
}

/// The freedesktop service may read the body as markup; then its signs have to be spelled out.
#[cfg(all(unix, not(target_os = "macos")))]
fn body(notice: &Notice) -> Result<String, NotifyError> {
    let abilities = notify_rust::get_capabilities()
        .map_err(|error| NotifyError { sink: SERVICE, cause: error.to_string() })?;
    let reads_markup = abilities.iter().any(|ability| ability == "body-markup");
    Ok(if reads_markup { escape(&notice.body) } else { notice.body.clone() })
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the freedesktop service has to be asked first, and may be absent"
)]
fn body(notice: &Notice) -> Result<String, NotifyError> {
    Ok(notice.body.clone())
}

/// What only the freedesktop service knows: icon, category, urgency.
#[cfg(all(unix, not(target_os = "macos")))]
fn dress(notification: &mut Notification, notice: &Notice) {
    use notify_rust::Hint;
    notification
        .icon("switchyard-desktop")
        .hint(Hint::DesktopEntry("Switchyard".to_owned()))
        .hint(Hint::Category("network".to_owned()))
        .urgency(match notice.urgency {
            Urgency::Low => notify_rust::Urgency::Low,
            Urgency::Normal => notify_rust::Urgency::Normal,
            Urgency::Critical => notify_rust::Urgency::Critical,
        });
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn dress(_: &mut Notification, _: &Notice) {}

#[cfg(any(test, all(unix, not(target_os = "macos"))))]
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstreams_words_are_not_read_as_markup() {
        assert_eq!(escape("<b>a & b</b>"), "&lt;b&gt;a &amp; b&lt;/b&gt;");
        assert_eq!(escape("529 overloaded."), "529 overloaded.");
    }
}

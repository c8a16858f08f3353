//! What a desktop session must offer before GTK starts: a display, and a language WebKit can name.

use std::io;
use std::process::Command;

/// Set in the second start, so that there is no third.
const MARKER: &str = "SWITCHYARD_LOCALE_SET";

/// What WebKit is told where the session names no language.
const FALLBACK: &str = "en_US.UTF-8";

pub(crate) const NO_DISPLAY: &str = "there is no display here (DISPLAY and WAYLAND_DISPLAY are not set), so no window can \
     open.\n  Without a window:        switchyard serve\n  On a display in memory:  xvfb-run -a switchyard-desktop";

/// Whether a window can open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It can.
    Ready,
    /// There is nothing to open it on.
    NoDisplay,
    /// It would come up blank: WebKit reports the language of the C locale as "C", which its own `Intl` refuses.
    /// Start again with these variables set, or removed.
    NeedsLocale(Vec<(&'static str, Option<&'static str>)>),
}

/// Looks at the session's variables. Empty ones count as absent.
pub(crate) fn check(variable: impl Fn(&str) -> Option<String>) -> Verdict {
    // Elsewhere neither the display nor the language comes from variables.
    if cfg!(not(target_os = "linux")) {
        return Verdict::Ready;
    }
    if variable("DISPLAY").is_none() && variable("WAYLAND_DISPLAY").is_none() {
        return Verdict::NoDisplay;
    }
    // The first of these that is set decides.
    let language = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(&variable);
    if language.as_deref().is_some_and(names_a_language) || variable(MARKER).is_some() {
        return Verdict::Ready;
    }
    let mut changes = vec![("LANG", Some(FALLBACK)), (MARKER, Some("1"))];
    changes.extend(
        ["LC_ALL", "LC_MESSAGES"]
            .into_iter()
            .filter(|name| variable(name).is_some())
            .map(|name| (name, None)),
    );
    Verdict::NeedsLocale(changes)
}

fn names_a_language(locale: &str) -> bool {
    let language = locale.split(['.', '@', '_']).next().unwrap_or_default();
    language != "C" && language != "POSIX"
}

/// Becomes the same program with other variables; returns only if that failed. A running program's own variables
/// can't be changed safely.
#[cfg(unix)]
pub(crate) fn start_again(changes: &[(&str, Option<&str>)]) -> io::Error {
    use std::os::unix::process::CommandExt;
    match std::env::current_exe() {
        Ok(program) => changed(&mut Command::new(program), changes).args(std::env::args_os().skip(1)).exec(),
        Err(error) => error,
    }
}

#[cfg(not(unix))]
pub(crate) fn start_again(changes: &[(&str, Option<&str>)]) -> io::Error {
    let _ = changed(&mut Command::new(""), changes);
    io::Error::from(io::ErrorKind::Unsupported)
}

fn changed<'a>(command: &'a mut Command, changes: &[(&str, Option<&str>)]) -> &'a mut Command {
    for (name, value) in changes {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn verdict(variables: &[(&str, &str)]) -> Verdict {
        check(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_window_needs_a_display() {
        assert_eq!(verdict(&[("LANG", "en_US.UTF-8")]), Verdict::NoDisplay);
        assert_eq!(verdict(&[("LANG", "pt_PT.UTF-8"), ("WAYLAND_DISPLAY", "wayland-0")]), Verdict::Ready);
    }

    #[test]
    fn a_session_without_a_language_gets_one() {
        for (variables, needs) in [
            (&[("LANG", "de_DE.UTF-8")][..], false),
            (&[("LANG", "C.UTF-8")], true),
            (&[("LANG", "C")], true),
            (&[("LANG", "POSIX")], true),
            (&[], true),
            // A language of its own that merely begins with a C.
            (&[("LANG", "ca_ES.UTF-8")], false),
            (&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")], true),
            (&[("LC_ALL", "fr_FR.UTF-8"), ("LANG", "C")], false),
            (&[("LANG", "C.UTF-8"), (MARKER, "1")], false),
        ] {
            let found = verdict(&[variables, &[("DISPLAY", ":1")]].concat());
            assert_eq!(found != Verdict::Ready, needs, "{variables:?}");
        }
    }

    #[test]
    fn what_would_win_over_the_language_is_taken_away() {
        let found = verdict(&[("DISPLAY", ":1"), ("LC_ALL", "C")]);
        let changes = vec![("LANG", Some(FALLBACK)), (MARKER, Some("1")), ("LC_ALL", None)];
        assert_eq!(found, Verdict::NeedsLocale(changes));
    }
}

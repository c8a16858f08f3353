//! System packages: which ones a build, a window and the tests need, and how the missing ones come.
//! Never removes or upgrades anything.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};

use crate::command::Cmd;
use crate::machine::{Machine, Os, Privilege};
use crate::plan::Plan;

/// To build and show the window: the system's WebKit, and the library the tray is drawn with.
pub(crate) const DESKTOP: &[&str] = &["libwebkit2gtk-4.1-dev", "libayatana-appindicator3-1"];

/// A desktop session without a desktop: a message bus and a keychain for the tests that need real ones.
pub(crate) const SESSION: &[&str] = &["dbus", "dbus-x11", "gnome-keyring", "libsecret-tools"];

/// Network namespaces, for the tests that cut a real network.
pub(crate) const NETWORK: &[&str] = &["iproute2"];

/// To drive the real window: a display, WebKit's driver, a notification daemon, a window manager, fonts.
pub(crate) const WINDOW_TESTS: &[&str] = &[
    "xvfb",
    "xauth",
    "webkit2gtk-driver",
    "openbox",
    "dunst",
    "libnotify-bin",
    "python3-dbusmock",
    "imagemagick",
    "fonts-inter",
    "fonts-noto-core",
];

/// What benchmarks compare with, and what pins processes to cores.
pub(crate) const BENCH: &[&str] = &["nginx-light", "util-linux"];

/// What counts instructions.
pub(crate) const GATE: &[&str] = &["valgrind"];

/// What libFuzzer is compiled with.
pub(crate) const FUZZ: &[&str] = &["g++"];

pub(crate) const NODE: &[&str] = &["nodejs", "npm"];

pub(crate) const PYTHON: &[&str] = &["python3", "python3-venv"];

/// Every package above: what [`installed`] asks for.
pub(crate) const KNOWN: &[&str] = &[
    "libwebkit2gtk-4.1-dev",
    "libayatana-appindicator3-1",
    "dbus",
    "dbus-x11",
    "gnome-keyring",
    "libsecret-tools",
    "xvfb",
    "xauth",
    "webkit2gtk-driver",
    "openbox",
    "dunst",
    "libnotify-bin",
    "python3-dbusmock",
    "imagemagick",
    "fonts-inter",
    "fonts-noto-core",
    "nodejs",
    "npm",
    "python3",
    "python3-venv",
    "nginx-light",
    "valgrind",
    "util-linux",
    "g++",
    "iproute2",
];

/// Those of [`KNOWN`] that dpkg says are installed.
pub(crate) fn installed(dir: &Path) -> BTreeSet<String> {
    let query = Cmd::new(dir, "dpkg-query", ["-W", "-f=${db:Status-Status} ${Package}\\n"])
        .args(KNOWN.iter().copied());
    // dpkg-query fails as soon as one name is unknown to it, and still lists the others.
    parse_installed(&query.answer().unwrap_or_default())
}

fn parse_installed(answer: &str) -> BTreeSet<String> {
    answer.lines().filter_map(|line| line.strip_prefix("installed ")).map(str::to_owned).collect()
}

/// Adds the steps that install what is missing of `wanted`. Where we can't install, says what is needed.
pub(crate) fn install(plan: &mut Plan, machine: &Machine, wanted: &[&str]) -> Result<()> {
    let missing: Vec<&str> =
        wanted.iter().copied().filter(|name| !machine.installed.contains(*name)).collect();
    match machine.os {
        Os::MacOrWindows => return Ok(()),
        Os::OtherLinux if wanted.is_empty() => return Ok(()),
        Os::OtherLinux => {
            plan.note(format!(
                "no apt here, so nothing is installed; these packages (Debian's names) are needed: {}",
                wanted.join(" ")
            ));
            return Ok(());
        }
        Os::Debian if missing.is_empty() => return Ok(()),
        Os::Debian => {}
    }
    let prefix: &[&str] = match machine.privilege {
        Privilege::Root => &[],
        Privilege::Sudo => &["sudo"],
        Privilege::SudoWithoutTerminal => &["sudo", "-n"],
        Privilege::None => {
            let packages = missing.join(" ");
            bail!(
                "these packages are missing and there is no sudo to install them with; as root, run:\n  \
                 apt-get update && apt-get install -y --no-install-recommends {packages}"
            )
        }
    };
    // `env` because sudo drops variables; noninteractive so that no package asks a question.
    let apt = |args: &[&str]| {
        let args =
            std::iter::once("DEBIAN_FRONTEND=noninteractive").chain(["apt-get"]).chain(args.iter().copied());
        Cmd::new(Path::new("."), "env", args).under(prefix)
    };
    plan.run("system packages: refresh the lists", apt(&["update"]));
    let install = apt(&["install", "-y", "--no-install-recommends"]);
    plan.run("system packages: install what is missing", install.args(missing));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(machine: &Machine, wanted: &[&str]) -> String {
        let mut plan = Plan::default();
        install(&mut plan, machine, wanted).unwrap();
        plan.to_string()
    }

    #[test]
    fn only_what_is_missing_is_installed() {
        let mut machine = Machine::bare(Os::Debian);
        machine.installed.insert("xvfb".into());
        let steps = steps(&machine, &["xvfb", "dunst", "openbox"]);
        assert!(steps.contains("apt-get update"), "{steps}");
        assert!(steps.contains("apt-get install -y --no-install-recommends dunst openbox"), "{steps}");
        assert!(!steps.contains("xvfb") && !steps.contains("sudo"), "{steps}");
    }

    #[test]
    fn apt_is_not_called_when_nothing_is_missing() {
        assert_eq!(steps(&Machine::complete(Os::Debian), KNOWN), "");
        assert_eq!(steps(&Machine::bare(Os::MacOrWindows), KNOWN), "");
    }

    #[test]
    fn a_user_goes_through_sudo_and_a_script_never_waits_for_a_password() {
        for (privilege, start) in [
            (Privilege::Sudo, " sudo env DEBIAN_FRONTEND=noninteractive apt-get update"),
            (Privilege::SudoWithoutTerminal, " sudo -n env DEBIAN_FRONTEND=noninteractive apt-get update"),
        ] {
            let steps = steps(&Machine { privilege, ..Machine::bare(Os::Debian) }, &["dunst"]);
            assert!(steps.contains(start), "{steps}");
        }
    }

    #[test]
    fn without_root_or_sudo_the_command_to_type_is_the_error() {
        let machine = Machine { privilege: Privilege::None, ..Machine::bare(Os::Debian) };
        let error = install(&mut Plan::default(), &machine, &["dunst", "xvfb"]).unwrap_err().to_string();
        assert!(error.contains("apt-get install -y --no-install-recommends dunst xvfb"), "{error}");
    }

    #[test]
    fn other_distributions_get_the_list_and_go_on() {
        let steps = steps(&Machine::bare(Os::OtherLinux), &["dunst", "xvfb"]);
        assert!(steps.starts_with("note: ") && steps.contains("dunst xvfb"), "{steps}");
        assert!(!steps.contains("apt-get"), "{steps}");
    }

    #[test]
    fn every_package_a_plan_can_want_is_asked_about() {
        let wanted: BTreeSet<_> = [DESKTOP, SESSION, NETWORK, WINDOW_TESTS, NODE, PYTHON, BENCH, GATE, FUZZ]
            .concat()
            .into_iter()
            .collect();
        assert_eq!(wanted, KNOWN.iter().copied().collect());
    }

    #[test]
    fn a_removed_package_is_not_installed() {
        let answer = "installed dbus\nnot-installed npm\nconfig-files dunst\n";
        assert_eq!(parse_installed(answer), BTreeSet::from(["dbus".to_owned()]));
    }
}

//! What the environment says about the router this window belongs to; the same variables the `switchyard` command
//! reads.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where clients connect.
const PROXY_PORT: u16 = 4310;

/// Where the control API listens.
const CONTROL_PORT: u16 = 4311;

/// Which router, and how to run one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `SWITCHYARD_DATA_DIR`, else the platform's data directory.
    pub(crate) data_dir: PathBuf,
    /// Loopback, `SWITCHYARD_PORT`; 0 takes any free port.
    pub(crate) proxy: SocketAddr,
    /// Loopback, `SWITCHYARD_CONTROL_PORT`; 0 takes any free port.
    pub(crate) control: SocketAddr,
    /// Unless `SWITCHYARD_NO_KEYCHAIN` is set.
    pub(crate) keychain: bool,
}

/// Reads them. Empty variables count as absent.
///
/// # Errors
/// What is wrong with which variable, in a sentence.
pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Settings, String> {
    let port = |name: &str, usual: u16| match variable(name) {
        None => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, usual))),
        Some(text) => match text.parse() {
            Ok(port) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            Err(_) => Err(format!("{name} is {text:?}; it takes a port number from 0 to 65535.")),
        },
    };
    let data_dir = match variable("SWITCHYARD_DATA_DIR") {
        Some(path) => PathBuf::from(path),
        None => switchyard_control::default_data_dir().map_err(|problem| {
            format!(
                "{} Set SWITCHYARD_DATA_DIR to a folder of yours.",
                problem.message.replace(" with --data-dir", "")
            )
        })?,
    };
    Ok(Settings {
        data_dir,
        proxy: port("SWITCHYARD_PORT", PROXY_PORT)?,
        control: port("SWITCHYARD_CONTROL_PORT", CONTROL_PORT)?,
        keychain: variable("SWITCHYARD_NO_KEYCHAIN").is_none_or(|value| value == "0"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, String> {
        read(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_set_is_the_usual_router() {
        let found = settings(&[("SWITCHYARD_DATA_DIR", "data")]).unwrap();
        assert_eq!(found.proxy.to_string(), "127.0.0.1:4310");
        assert_eq!(found.control.to_string(), "127.0.0.1:4311");
        assert!(found.keychain);
    }

    #[test]
    fn each_variable_is_heard() {
        let found = settings(&[
            ("SWITCHYARD_DATA_DIR", "elsewhere"),
            ("SWITCHYARD_PORT", "0"),
            ("SWITCHYARD_CONTROL_PORT", "5311"),
            ("SWITCHYARD_NO_KEYCHAIN", "1"),
        ]);
        let expected = Settings {
            data_dir: "elsewhere".into(),
            proxy: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            control: SocketAddr::from((Ipv4Addr::LOCALHOST, 5311)),
            keychain: false,
        };
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn a_mistake_names_its_variable() {
        for (name, value) in [("SWITCHYARD_PORT", "http"), ("SWITCHYARD_CONTROL_PORT", "70000")] {
            let error = settings(&[("SWITCHYARD_DATA_DIR", "data"), (name, value)]).unwrap_err();
            assert!(error.starts_with(&format!("{name} is {value:?}")), "{error}");
        }
    }
}

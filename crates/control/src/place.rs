//! What a running router leaves in its data directory for those who want to talk to it: where it listens
//! (`router.json`) and the token that opens the control API (`control.token`). Both are for their owner's eyes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use switchyard_domain::{Problem, Secret};

const TOKEN_FILE: &str = "control.token";
const ANNOUNCEMENT_FILE: &str = "router.json";
const TOKEN_BYTES: usize = 32;

/// Where the data lives unless someone says otherwise: `switchyard` in the platform's data directory.
///
/// # Errors
/// `no_home`: the user has no home directory.
pub fn default_data_dir() -> Result<PathBuf, Problem> {
    etcetera::base_strategy::choose_native_strategy().map(|base| base.data_dir().join("switchyard")).map_err(
        |_| {
            Problem::new(
                "no_home",
                "The home directory is not known. Say where the data lives with --data-dir.",
            )
        },
    )
}

/// Opens the control API. Never shown in Debug.
#[derive(Clone, Debug)]
pub struct ControlToken(Secret);

impl ControlToken {
    /// The data directory's token; made at the first call. The directory must exist.
    ///
    /// # Errors
    /// `control_token`: the file can't be read or written, or no random bytes can be had.
    pub fn read_or_create(data_dir: &Path) -> Result<Self, Problem> {
        let path = data_dir.join(TOKEN_FILE);
        if let Some(token) = Self::read_file(&path)? {
            make_private(&path).map_err(|error| unusable(&path, &error))?;
            return Ok(token);
        }
        let mut bytes = [0_u8; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| {
            Problem::new("control_token", format!("No random bytes can be had: {error}."))
        })?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        write_private(&path, text.as_bytes()).map_err(|error| unusable(&path, &error))?;
        Ok(Self(Secret::new(&text)))
    }

    /// The token of a router that was started before; absent where there was none.
    ///
    /// # Errors
    /// `control_token`: the file is there but can't be read.
    pub fn read(data_dir: &Path) -> Result<Option<Self>, Problem> {
        Self::read_file(&data_dir.join(TOKEN_FILE))
    }

    /// A token known from elsewhere: pasted to attach to a router on another machine.
    #[must_use]
    pub fn given(text: &str) -> Self {
        Self(Secret::new(text))
    }

    /// The token itself, for a header or a link to the window.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether `offered` is this token; takes the same time wherever they differ.
    pub(crate) fn opens(&self, offered: &str) -> bool {
        self.0.expose().as_bytes().ct_eq(offered.as_bytes()).into()
    }

    fn read_file(path: &Path) -> Result<Option<Self>, Problem> {
        match fs::read_to_string(path) {
            Ok(text) => {
                let text = text.trim();
                let whole = text.len() == 2 * TOKEN_BYTES && text.bytes().all(|b| b.is_ascii_hexdigit());
                Ok(whole.then(|| Self(Secret::new(text))))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unusable(path, &error)),
        }
    }
}

fn unusable(path: &Path, error: &io::Error) -> Problem {
    Problem::new("control_token", format!("{} can't be used: {error}. Check who owns it.", path.display()))
}

/// Where a running router listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// Its process.
    pub pid: u32,
    /// Where clients point.
    pub proxy_url: String,
    /// Where the control API listens, without the token.
    pub control_url: String,
}

impl Announcement {
    /// What the data directory's router last said; absent after a clean stop. It may have died since.
    #[must_use]
    pub fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(data_dir.join(ANNOUNCEMENT_FILE)).ok()?).ok()
    }

    /// Leaves it in the data directory until the result is dropped.
    ///
    /// # Errors
    /// `router_file`: the file can't be written.
    pub fn leave(self, data_dir: &Path) -> Result<Announced, Problem> {
        let path = data_dir.join(ANNOUNCEMENT_FILE);
        let text = serde_json::to_vec(&self).unwrap_or_default();
        write_private(&path, &text).map_err(|error| {
            Problem::new("router_file", format!("{} can't be written: {error}.", path.display()))
        })?;
        Ok(Announced { path, announcement: self })
    }
}

/// An announcement that is taken back when this is dropped.
#[derive(Debug)]
pub struct Announced {
    path: PathBuf,
    announcement: Announcement,
}

impl Drop for Announced {
    fn drop(&mut self) {
        // Another router may have moved in after this one lost its data directory: leave its word alone.
        let ours =
            fs::read(&self.path).ok().and_then(|text| serde_json::from_slice::<Announcement>(&text).ok());
        if ours.as_ref() == Some(&self.announcement)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the announcement is left behind");
        }
    }
}

/// Replaces a file whole, readable by its owner alone from its first byte.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&fresh).or_else(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(error);
        }
        fs::remove_file(&fresh)?;
        options.open(&fresh)
    });
    written.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))?;
    fs::rename(&fresh, path)
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { fs::set_permissions(path, fs::Permissions::from_mode(0o600)) }
}

#[cfg(not(unix))]
fn make_private(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_stays_the_same_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = ControlToken::read_or_create(dir.path()).unwrap();
        assert_eq!(first.expose().len(), 64);
        assert!(!format!("{first:?}").contains(first.expose()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = dir.path().join(TOKEN_FILE);
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            ControlToken::read_or_create(dir.path()).unwrap();
            assert_eq!(mode(&path), 0o600, "a loosened token is made private again");
        }
        let again = ControlToken::read_or_create(dir.path()).unwrap();
        assert!(again.opens(first.expose()));
        for wrong in ["", "0", &first.expose()[1..], &format!("{}0", first.expose())] {
            assert!(!again.opens(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_damaged_token_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(TOKEN_FILE), "cut off").unwrap();
        assert!(ControlToken::read(dir.path()).unwrap().is_none());
        assert_eq!(ControlToken::read_or_create(dir.path()).unwrap().expose().len(), 64);
    }

    #[test]
    fn an_announcement_lasts_as_long_as_its_router() {
        let dir = tempfile::tempdir().unwrap();
        let of = |pid| Announcement { pid, proxy_url: "http://p".into(), control_url: "http://c".into() };
        let announced = of(1).leave(dir.path()).unwrap();
        assert_eq!(Announcement::read(dir.path()), Some(of(1)));
        let next = of(2).leave(dir.path()).unwrap();
        drop(announced);
        assert_eq!(Announcement::read(dir.path()), Some(of(2)), "a router removes only its own word");
        drop(next);
        assert_eq!(Announcement::read(dir.path()), None);
    }
}

//! What a running router leaves in its data directory for those who want to talk to it, and the proof they ask for
//! before they send it anything.
//!
//! `router.json` says where it listens and holds the token that opens the control API; `control.token` holds the token
//! alone, for programs that want it in a file (Prometheus, scripts). The token is made anew at each start, so a token
//! that got away opens nothing after a restart. Both files are for their owner's eyes.

mod socket;

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use switchyard_domain::{Problem, Secret};
use switchyard_engine::private::{NotPrivate, read_private, write_private};
use switchyard_engine::{check_data_dir, in_use};

const TOKEN_FILE: &str = "control.token";
const ANNOUNCEMENT_FILE: &str = "router.json";
/// 256 random bits.
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

/// Opens the control API until the router ends. Never shown in Debug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlToken(Secret);

impl ControlToken {
    /// A new one, for one start.
    ///
    /// # Errors
    /// `no_randomness`: no random bytes can be had.
    pub fn fresh() -> Result<Self, Problem> {
        let mut bytes = [0_u8; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| {
            Problem::new("no_randomness", format!("The system gives no random numbers: {error}."))
        })?;
        let mut text = String::with_capacity(2 * TOKEN_BYTES);
        for byte in bytes {
            // Writing to a String can't fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(Secret::new(&text)))
    }

    /// A token known from elsewhere.
    #[must_use]
    pub fn given(text: &str) -> Self {
        Self(Secret::new(text))
    }

    /// The token itself, for a header.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether `offered` is this token; takes the same time wherever they differ.
    pub(crate) fn opens(&self, offered: &str) -> bool {
        self.0.expose().as_bytes().ct_eq(offered.as_bytes()).into()
    }
}

/// Where a running router listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// Its process.
    pub pid: u32,
    /// When it started, milliseconds since 1970 UTC.
    pub started_at_ms: i64,
    /// Where clients point.
    pub proxy_url: String,
    /// Where the control API listens, without the token.
    pub control_url: String,
}

/// `router.json` as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    announcement: Announcement,
    token: String,
}

impl Announcement {
    /// What the data directory's router last said; absent after a clean stop. It may have died since.
    #[must_use]
    pub fn read(data_dir: &Path) -> Option<Self> {
        written(data_dir).ok()?.map(|written| written.announcement)
    }

    /// Leaves it in the data directory, with the token, until the result is dropped.
    ///
    /// # Errors
    /// `router_file`: a file can't be written.
    pub fn leave(self, data_dir: &Path, token: &ControlToken) -> Result<Announced, Problem> {
        let write = |path: &Path, bytes: &[u8]| {
            write_private(path, bytes).map_err(|error| {
                Problem::new("router_file", format!("{} can't be written: {error}.", path.display()))
            })
        };
        let data_dir = data_dir.to_owned();
        write(&data_dir.join(TOKEN_FILE), token.expose().as_bytes())?;
        let written = Written { announcement: self, token: token.expose().to_owned() };
        write(&data_dir.join(ANNOUNCEMENT_FILE), &serde_json::to_vec(&written).unwrap_or_default())?;
        Ok(Announced { data_dir, token: token.clone() })
    }
}

/// An announcement that is taken back when this is dropped.
#[derive(Debug)]
pub struct Announced {
    data_dir: PathBuf,
    token: ControlToken,
}

impl Drop for Announced {
    fn drop(&mut self) {
        // Another router may have moved in after this one lost its data directory: leave its word alone.
        let ours = written(&self.data_dir).ok().flatten();
        if !ours.is_some_and(|written| self.token.opens(&written.token)) {
            return;
        }
        for name in [ANNOUNCEMENT_FILE, TOKEN_FILE] {
            let path = self.data_dir.join(name);
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "the announcement is left behind");
            }
        }
    }
}

/// A router that was proven to run: where its control API listens, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    pub(crate) control_url: String,
    pub(crate) token: ControlToken,
}

/// Proves that the data directory's router runs and holds the socket it names, without a word to that socket.
///
/// A token and a provider's key may only go to the router itself, and what lies about after a crash must not pass for
/// one: the port is well known, and any user of this machine may take it. So, in this order: nobody else can write to
/// the data directory; its lock is held; `router.json` is ours alone and names a loopback address; and who listens there
/// is this user (`socket`).
///
/// # Errors
/// `router_not_running` when none runs; otherwise what makes the proof fail.
pub(crate) fn prove(data_dir: &Path) -> Result<Proven, Problem> {
    let absent = || Problem::new("router_not_running", not_running(data_dir));
    if !data_dir.exists() {
        return Err(absent());
    }
    check_data_dir(data_dir).map_err(|error| error.problem())?;
    let held = in_use(data_dir).map_err(|error| {
        let message = format!("Whether a router runs in {} can't be told: {error}.", data_dir.display());
        Problem::new("data_dir_unusable", message)
    })?;
    if !held {
        return Err(absent());
    }
    let path = data_dir.join(ANNOUNCEMENT_FILE);
    let unsafe_file = |why: &str| {
        let message = format!(
            "{} can't be trusted: {why}. Nothing was sent. Stop the router, remove the file, and start it again.",
            path.display()
        );
        Problem::new("router_file_unsafe", message)
    };
    let found = written(data_dir).map_err(|error| unsafe_file(&error.to_string()))?.ok_or_else(absent)?;
    let Announcement { pid, control_url, .. } = found.announcement;
    let address = loopback(&control_url).ok_or_else(|| unsafe_file("it names no loopback address"))?;
    match socket::holder(address, pid) {
        socket::Holder::Ours => Ok(Proven { control_url, token: ControlToken::given(&found.token) }),
        socket::Holder::Nobody => Err(absent()),
        socket::Holder::Another(who) => Err(Problem::new(
            "router_not_proven",
            format!("{address} is held by {who}, not by this data directory's router. Nothing was sent."),
        )),
        socket::Holder::Unknown(why) => Err(Problem::new(
            "router_not_proven",
            format!("Who listens at {address} can't be told: {why}. Nothing was sent."),
        )),
    }
}

pub(crate) fn not_running(data_dir: &Path) -> String {
    format!(
        "No router runs for this data directory ({}). Start it with `switchyard serve`.",
        data_dir.display()
    )
}

fn written(data_dir: &Path) -> Result<Option<Written>, NotPrivate> {
    let Some(bytes) = read_private(&data_dir.join(ANNOUNCEMENT_FILE))? else { return Ok(None) };
    // Something else by that name is no router's word.
    Ok(serde_json::from_slice(&bytes).ok())
}

/// The address of a URL that is `http://`, a loopback address and a port, and nothing else.
fn loopback(url: &str) -> Option<SocketAddr> {
    let address: SocketAddr = url.strip_prefix("http://")?.parse().ok()?;
    address.ip().is_loopback().then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pid: u32, control_url: &str) -> Announcement {
        Announcement { pid, started_at_ms: 1, proxy_url: "http://p".into(), control_url: control_url.into() }
    }

    #[test]
    fn each_start_has_a_token_of_its_own_and_it_never_shows_itself() {
        let first = ControlToken::fresh().unwrap();
        assert_eq!(first.expose().len(), 64);
        assert!(!format!("{first:?}").contains(first.expose()));
        assert_ne!(ControlToken::fresh().unwrap(), first);
        assert!(first.opens(first.expose()));
        for wrong in ["", "0", &first.expose()[1..], &format!("{}0", first.expose())] {
            assert!(!first.opens(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_announcement_lasts_as_long_as_its_router() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (ControlToken::fresh().unwrap(), ControlToken::fresh().unwrap());
        let announced = of(1, "http://c").leave(dir.path(), &first).unwrap();
        assert_eq!(Announcement::read(dir.path()), Some(of(1, "http://c")));
        let next = of(2, "http://c").leave(dir.path(), &second).unwrap();
        let told = fs::read_to_string(dir.path().join(TOKEN_FILE)).unwrap();
        assert!(second.opens(&told), "the file for programs goes with it");
        drop(announced);
        assert_eq!(Announcement::read(dir.path()), Some(of(2, "http://c")), "only its own word is removed");
        drop(next);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "no token outlives its router");
    }

    #[test]
    fn only_a_loopback_address_is_talked_to() {
        for fine in ["http://127.0.0.1:4311", "http://127.0.0.9:1", "http://[::1]:4311"] {
            assert!(loopback(fine).is_some(), "{fine}");
        }
        for wrong in [
            "https://127.0.0.1:4311",
            "http://10.0.0.1:4311",
            "http://evil.example:4311",
            "http://localhost:4311",
            "http://127.0.0.1:4311@evil.example",
            "http://127.0.0.1:4311/x",
            "http://0.0.0.0:4311",
            "http://127.0.0.1",
            "",
        ] {
            assert_eq!(loopback(wrong), None, "{wrong}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_a_dead_router_left_or_another_planted_is_no_router() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let token = ControlToken::fresh().unwrap();
        let code = || prove(dir.path()).unwrap_err().code;
        assert_eq!(code(), "router_not_running", "an empty directory");

        // Its port taken by somebody who listens there: us, in fact, so that nothing but the lock tells.
        let impostor = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", impostor.local_addr().unwrap());
        let left = of(std::process::id(), &url).leave(dir.path(), &token).unwrap();
        assert_eq!(code(), "router_not_running", "nobody holds the lock");

        let lock = fs::File::create(dir.path().join("switchyard.lock")).unwrap();
        lock.lock().unwrap();
        assert_eq!(prove(dir.path()).unwrap(), Proven { control_url: url, token: token.clone() });

        let path = dir.path().join(ANNOUNCEMENT_FILE);
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        mode(&path, 0o644);
        assert_eq!(code(), "router_file_unsafe", "others can read it");
        mode(&path, 0o600);
        mode(dir.path(), 0o777);
        assert_eq!(code(), "data_dir_unsafe", "others can plant files");
        mode(dir.path(), 0o700);
        drop(left);

        let away = of(1, "http://203.0.113.9:4311").leave(dir.path(), &token).unwrap();
        assert_eq!(code(), "router_file_unsafe", "an address elsewhere");
        drop(away);
        drop(impostor);
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let gone = of(std::process::id(), &format!("http://{free}")).leave(dir.path(), &token).unwrap();
        assert_eq!(code(), "router_not_running", "nobody listens");
        drop(gone);
        let aside = dir.path().join("aside");
        fs::write(&aside, "{}").unwrap();
        mode(&aside, 0o600);
        std::os::unix::fs::symlink(&aside, &path).unwrap();
        assert_eq!(code(), "router_file_unsafe", "a link");
    }
}

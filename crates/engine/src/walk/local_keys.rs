//! Local keys: which app is calling. Hashed at rest; the first app's key also lies in a 0600 file of the data
//! directory, so that the person at this machine can copy it again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};
use switchyard_domain::Problem;
use switchyard_store::Store;

use crate::walk::header_names;

/// The app that exists from the start.
pub(crate) const DEFAULT_CLIENT: &str = "default";
/// The headers a caller's key may stand in, where neither `x-switchyard-key` nor `Authorization` carries it.
static PRESENTED: [&HeaderName; 2] = [&header_names::X_API_KEY, &header_names::GOOG_API_KEY];

/// An app that has a local key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct App {
    /// Whose jobs and answers are its own. A name that is removed and given again is another app.
    pub(crate) id: Arc<str>,
    pub(crate) name: Arc<str>,
}

/// Which local keys there are.
#[derive(Debug)]
pub(crate) struct LocalKeys {
    by_hash: ArcSwap<HashMap<[u8; 32], App>>,
    file: PathBuf,
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// An app, by its key.
    Known {
        app: App,
        /// Whether `Authorization`, `x-api-key` or `x-goog-api-key` is left for the upstream.
        own_upstream_key: bool,
    },
    /// No key came.
    Missing,
    /// A key came that no app has.
    Wrong,
}

impl LocalKeys {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { by_hash: ArcSwap::default(), file: data_dir.join("client.key") }
    }

    /// Reads the apps; on the first start it makes one with a fresh key.
    pub(crate) async fn load(&self, store: &Store, now_ms: i64) -> Result<(), Problem> {
        let clients = store.clients().list().await.map_err(|error| error.problem())?;
        if clients.is_empty() {
            let key = match self.key_of_before().filter(|_| store.is_new()) {
                Some(key) => key,
                None => {
                    let key = new_key()?;
                    write_key(&self.file, &key)?;
                    key
                }
            };
            let added = store.clients().add(&new_id()?, DEFAULT_CLIENT, &hex(&hash(&key)), now_ms).await;
            added.map_err(|error| error.problem())?;
        }
        self.reload(store).await
    }

    /// Reads the apps again.
    pub(crate) async fn reload(&self, store: &Store) -> Result<(), Problem> {
        let clients = store.clients().list().await.map_err(|error| error.problem())?;
        let by_hash = clients.iter().filter_map(|row| {
            let app = App { id: Arc::from(row.id.as_str()), name: Arc::from(row.name.as_str()) };
            Some((unhex(&row.key_hash)?, app))
        });
        self.by_hash.store(Arc::new(by_hash.collect()));
        Ok(())
    }

    /// The first app's key, while its file is there.
    pub(crate) fn default_key(&self) -> Option<String> {
        let text = std::fs::read_to_string(&self.file).ok()?;
        Some(text.trim().to_owned()).filter(|key| self.owner(key.as_bytes()).is_some())
    }

    /// The first app's key as its file has it: after a new start with an empty database, apps that use it go on.
    fn key_of_before(&self) -> Option<String> {
        let text = std::fs::read_to_string(&self.file).ok()?;
        let key = text.trim();
        let digits = key.strip_prefix("sy_").filter(|digits| digits.len() == 40)?;
        digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| key.to_owned())
    }

    /// Who is calling. `x-switchyard-key` goes before `Authorization`, which goes before `x-api-key` and
    /// `x-goog-api-key`.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Caller {
        if let Some(own) = headers.get(&header_names::KEY) {
            return self.owner(own.as_bytes()).map_or(Caller::Wrong, |app| {
                let own_upstream_key = headers.contains_key(header::AUTHORIZATION)
                    || PRESENTED.iter().any(|name| headers.contains_key(*name));
                Caller::Known { app, own_upstream_key }
            });
        }
        let bearer = headers.get(header::AUTHORIZATION).map(bearer);
        let plain = PRESENTED.iter().map(|name| headers.get(*name).map(HeaderValue::as_bytes));
        let presented = std::iter::once(bearer).chain(plain);
        let mut seen = false;
        for key in presented.into_iter().flatten().filter(|key| !key.is_empty()) {
            seen = true;
            if let Some(app) = self.owner(key) {
                return Caller::Known { app, own_upstream_key: false };
            }
        }
        if seen { Caller::Wrong } else { Caller::Missing }
    }

    /// Keys are looked up by hash, so the time it takes says nothing about how much of a guess was right.
    fn owner(&self, key: &[u8]) -> Option<App> {
        self.by_hash.load().get(&<[u8; 32]>::from(Sha256::digest(key))).cloned()
    }

    /// Who a caller without a key is, where none is asked for: the first app, as long as it exists.
    pub(crate) fn keyless(&self) -> App {
        let by_hash = self.by_hash.load();
        by_hash
            .values()
            .find(|app| &*app.name == DEFAULT_CLIENT)
            .cloned()
            .unwrap_or_else(|| App { id: Arc::from(DEFAULT_CLIENT), name: Arc::from(DEFAULT_CLIENT) })
    }
}

/// A fresh key: `sy_` and 40 lower-case hexadecimal digits (160 random bits).
pub(crate) fn new_key() -> Result<String, Problem> {
    Ok(format!("sy_{}", random_hex(20)?))
}

/// A fresh id of an app.
pub(crate) fn new_id() -> Result<String, Problem> {
    Ok(format!("app_{}", random_hex(10)?))
}

/// Random bytes as lower-case hexadecimal digits.
pub(crate) fn random_hex(bytes: usize) -> Result<String, Problem> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| {
        Problem::new("no_randomness", format!("The system gives no random numbers: {error}."))
    })?;
    Ok(hex(&random))
}

/// A key's hash, as stored.
pub(crate) fn key_hash(key: &str) -> String {
    hex(&hash(key))
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

fn bearer(value: &HeaderValue) -> &[u8] {
    let bytes = value.as_bytes();
    match bytes.split_at_checked(7) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case(b"bearer ") => key.trim_ascii(),
        Some(_) | None => bytes,
    }
}

fn write_key(path: &Path, key: &str) -> Result<(), Problem> {
    crate::core::private::write_private(path, format!("{key}\n").as_bytes()).map_err(|error| {
        Problem::new(
            "data_dir_unusable",
            format!("The local key can't be written to {}: {error}.", path.display()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> App {
        App { id: Arc::from("app_1"), name: Arc::from("n8n") }
    }

    fn keys() -> LocalKeys {
        let keys = LocalKeys::new(Path::new("/nowhere"));
        keys.by_hash.store(Arc::new(HashMap::from([(hash("sy_good"), app())])));
        keys
    }

    #[test]
    fn the_caller_is_found_in_any_of_the_usual_headers() {
        let known = |own_upstream_key| Caller::Known { app: app(), own_upstream_key };
        let cases: &[(&[(&str, &str)], Caller)] = &[
            (&[("authorization", "Bearer sy_good")], known(false)),
            (&[("authorization", "bearer  sy_good")], known(false)),
            (&[("x-api-key", "sy_good")], known(false)),
            (&[("authorization", "Bearer other"), ("x-api-key", "sy_good")], known(false)),
            (&[("x-switchyard-key", "sy_good")], known(false)),
            (&[("x-switchyard-key", "sy_good"), ("authorization", "Bearer sk-own")], known(true)),
            (&[("x-switchyard-key", "no"), ("authorization", "Bearer sy_good")], Caller::Wrong),
            (&[("authorization", "Bearer sy_bad")], Caller::Wrong),
            (&[("authorization", "Bearer ")], Caller::Missing),
            (&[], Caller::Missing),
        ];
        for (headers, expected) in cases {
            let map: HeaderMap = headers
                .iter()
                .map(|(name, value)| {
                    (name.parse::<http::HeaderName>().unwrap(), HeaderValue::from_static(value))
                })
                .collect();
            assert_eq!(&keys().caller(&map), expected, "{headers:?}");
        }
    }

    #[test]
    fn hashes_survive_the_database() {
        assert_eq!(unhex(&key_hash("sy_good")), Some(hash("sy_good")));
        assert_eq!(unhex("zz"), None);
    }
}

//! Credentials: found once, kept as ready-made headers, read again on a change or after a 401.
//!
//! Values live in the OS keychain (service `switchyard`); a 0600 file is used only when it was asked for, and
//! environment variables are read as they are. Nothing here is ever written to the database, a log or an error.

mod file;
pub(crate) use file::private_file;
mod keychain;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use http::HeaderValue;
use switchyard_domain::map::{CredentialSource, RouteIx, RoutingMap};
use switchyard_domain::view::{CredentialPlace, KeychainView};
use switchyard_domain::{Problem, Secret};
use switchyard_policy::KeyId;

use keychain::Keychain;

/// A key, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// `Bearer VALUE`; marked sensitive.
    pub(crate) bearer: HeaderValue,
    /// `VALUE`; marked sensitive.
    pub(crate) plain: HeaderValue,
    /// Where it was found.
    pub(crate) place: CredentialPlace,
    /// Its last characters.
    pub(crate) hint: String,
}

/// Where credentials are found.
#[derive(Debug)]
pub(crate) struct Vault {
    keychain: Option<Keychain>,
    file: Option<PathBuf>,
    keys: ArcSwap<HashMap<KeyId, Key>>,
    problem: Mutex<Option<String>>,
}

/// Which keys each route has.
pub(crate) type Assigned = Vec<(RouteIx, Vec<KeyId>)>;

impl Vault {
    pub(crate) fn new(keychain: bool, file: Option<PathBuf>) -> Self {
        Self {
            keychain: keychain.then(Keychain::default),
            file,
            keys: ArcSwap::default(),
            problem: Mutex::new(
                (!keychain).then(|| "The keychain is switched off for this router.".to_owned()),
            ),
        }
    }

    /// A key by name.
    pub(crate) fn key(&self, id: &KeyId) -> Option<Key> {
        self.keys.load().get(id).cloned()
    }

    /// Every key that is known, by name.
    pub(crate) fn known(&self) -> Arc<HashMap<KeyId, Key>> {
        self.keys.load_full()
    }

    /// Whether the keychain can be used.
    pub(crate) fn view(&self) -> KeychainView {
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone();
        KeychainView { available: problem.is_none(), problem }
    }

    /// Whether the keychain is to be used at all.
    pub(crate) const fn uses_keychain(&self) -> bool {
        self.keychain.is_some()
    }

    /// Forgets the connection to the keychain, so that the next look-up makes a new one.
    pub(crate) fn reconnect(&self) {
        if let Some(keychain) = &self.keychain {
            keychain.forget();
        }
    }

    /// Looks up everything a map needs. Blocks on the keychain: call it off the runtime's threads.
    pub(crate) fn load(&self, map: &RoutingMap, stored: &[String]) -> Assigned {
        let before = self.keys.load_full();
        let mut keys = HashMap::new();
        let mut assigned = Vec::new();
        let mut problem = None;
        for (index, route) in map.routes.iter().enumerate() {
            let mut ids = Vec::new();
            for name in self.names(&route.credentials, stored) {
                let id = KeyId::from(name.as_str());
                if !keys.contains_key(&id) {
                    match self.find(&name) {
                        Ok(Some((secret, place))) => {
                            if let Some(key) = Key::ready(&secret, place) {
                                keys.insert(id.clone(), key);
                            }
                        }
                        Ok(None) => {}
                        Err(error) => {
                            problem = Some(error.message);
                            // A keychain that locks itself takes no key out of use that was read before.
                            if let Some(key) = before.get(&id) {
                                keys.insert(id.clone(), key.clone());
                            }
                        }
                    }
                }
                if keys.contains_key(&id) && !ids.contains(&id) {
                    ids.push(id);
                }
            }
            if let CredentialSource::Usual { variables, .. } = &route.credentials
                && ids.is_empty()
            {
                ids.extend(variables.iter().find_map(|name| environment(name, &mut keys)));
            }
            assigned.push((RouteIx(index), ids));
        }
        self.keys.store(Arc::new(keys));
        if self.keychain.is_some() {
            *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
        }
        assigned
    }

    /// A value by name, in keychain, file, environment.
    pub(crate) fn find(&self, name: &str) -> Result<Option<(Secret, CredentialPlace)>, Problem> {
        let mut trouble = None;
        if let Some(keychain) = &self.keychain {
            match keychain.get(name) {
                Ok(Some(secret)) => return Ok(Some((secret, CredentialPlace::Keychain))),
                Ok(None) => {}
                Err(problem) => trouble = Some(problem),
            }
        }
        if let Some(path) = &self.file
            && let Some(secret) = file::get(path, name)?
        {
            return Ok(Some((secret, CredentialPlace::File)));
        }
        match std::env::var(name).ok().filter(|value| !value.trim().is_empty()) {
            Some(value) => Ok(Some((Secret::new(&value), CredentialPlace::Environment))),
            None => trouble.map_or(Ok(None), Err),
        }
    }

    /// Stores a value: in the keychain, else in the file that was asked for.
    pub(crate) fn set(&self, name: &str, secret: &Secret) -> Result<CredentialPlace, Problem> {
        match (&self.keychain, &self.file) {
            (Some(keychain), _) => keychain.set(name, secret).map(|()| CredentialPlace::Keychain),
            (None, Some(path)) => file::set(path, name, secret).map(|()| CredentialPlace::File),
            (None, None) => Err(keychain::unavailable("it is switched off for this router")),
        }
    }

    /// Removes a value from wherever it is stored; false when it was nowhere.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, Problem> {
        let mut removed = false;
        if let Some(keychain) = &self.keychain {
            removed |= keychain.remove(name)?;
        }
        if let Some(path) = &self.file {
            removed |= file::remove(path, name)?;
        }
        Ok(removed)
    }

    fn names(&self, source: &CredentialSource, stored: &[String]) -> Vec<String> {
        match source {
            CredentialSource::Named(names) => names.clone(),
            CredentialSource::Usual { provider, .. } => {
                let labelled = format!("{provider}:");
                let mut names = vec![provider.clone()];
                names.extend(stored.iter().filter(|name| name.starts_with(&labelled)).cloned());
                names
            }
            CredentialSource::Nothing => Vec::new(),
        }
    }
}

fn environment(name: &str, keys: &mut HashMap<KeyId, Key>) -> Option<KeyId> {
    let value = std::env::var(name).ok().filter(|value| !value.trim().is_empty())?;
    let id = KeyId::from(name);
    keys.insert(id.clone(), Key::ready(&Secret::new(&value), CredentialPlace::Environment)?);
    Some(id)
}

impl Key {
    /// A key as headers; nothing when it has characters a header can't carry.
    pub(crate) fn ready(secret: &Secret, place: CredentialPlace) -> Option<Self> {
        let sensitive = |text: &str| {
            let mut value = HeaderValue::from_str(text).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        Some(Self {
            bearer: sensitive(&format!("Bearer {}", secret.expose()))?,
            plain: sensitive(secret.expose())?,
            place,
            hint: secret.hint(),
        })
    }
}

/// Checks a credential's name.
pub(crate) fn check_name(name: &str) -> Result<(), Problem> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._:-/".contains(c);
    if !name.is_empty() && name.len() <= 100 && name.chars().all(fine) {
        return Ok(());
    }
    Err(Problem::new(
        "invalid_credential_name",
        "A credential's name has 1 to 100 letters, digits, or . _ : - /. Use the provider's name, for example `openai`.",
    ))
}

/// Checks a credential's value: keys are visible ASCII.
pub(crate) fn check_value(value: &Secret) -> Result<(), Problem> {
    if !value.is_empty() && value.expose().bytes().all(|b| (0x21..0x7f).contains(&b)) {
        return Ok(());
    }
    let message = "The key is empty or has spaces, line breaks or characters no key has. Paste it again.";
    Err(Problem::new("invalid_credential_value", message))
}

/// Runs a call that blocks on the keychain.
pub(crate) async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(act).await.map_err(|error| {
        Problem::new("keychain_unavailable", format!("The keychain call ended badly: {error}."))
    })
}

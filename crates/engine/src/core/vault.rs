//! Credentials: found once, kept ready to be presented, read again on a change or after a 401.
//!
//! Values live in the OS keychain (service `switchyard`); a 0600 file is used only when it was asked for, and
//! environment variables are read as they are. Nothing here is ever written to the database, a log or an error.

mod ambient;
mod aws_profile;
mod file;
mod key;
mod keychain;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use switchyard_domain::map::{self, CredentialSource, RouteIx, RoutingMap};
use switchyard_domain::view::{CredentialPlace, KeychainView};
use switchyard_domain::{Problem, Secret};
use switchyard_policy::KeyId;

pub(crate) use aws_profile::Source as ProfileSource;
use file::KeyFile;
pub(crate) use key::{AwsProfile, Fingerprint, Key, Material};
use keychain::Keychain;

/// Where credentials are found.
#[derive(Debug)]
pub(crate) struct Vault {
    keychain: Option<Keychain>,
    file: Option<KeyFile>,
    keys: ArcSwap<HashMap<KeyId, Arc<Key>>>,
    problem: Mutex<Option<String>>,
}

/// Which keys each route has.
pub(crate) type Assigned = Vec<(RouteIx, Vec<KeyId>)>;

impl Vault {
    pub(crate) fn new(keychain: bool, file: Option<PathBuf>) -> Self {
        Self {
            keychain: keychain.then(Keychain::default),
            file: file.map(KeyFile::new),
            keys: ArcSwap::default(),
            problem: Mutex::new((!keychain).then(switched_off)),
        }
    }

    /// Returns what keeps the credentials file from being used, where one is used.
    pub(crate) fn file_problem(&self) -> Option<Problem> {
        self.file.as_ref().and_then(KeyFile::problem)
    }

    /// A key by name.
    pub(crate) fn key(&self, id: &KeyId) -> Option<Arc<Key>> {
        self.keys.load().get(id).cloned()
    }

    /// Every key that is known, by name.
    pub(crate) fn known(&self) -> Arc<HashMap<KeyId, Arc<Key>>> {
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
                            keys.insert(id.clone(), Arc::new(Key::of(secret, place)));
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
            if let CredentialSource::Usual { provider, variables } = &route.credentials
                && ids.is_empty()
            {
                let found = ambient::first(route, provider, &environment)
                    .or_else(|| variables.iter().find_map(|name| from_environment(name)))
                    .or_else(|| ambient::last(route, provider, &environment));
                if let Some((id, key)) = found {
                    keys.insert(id.clone(), Arc::new(key));
                    ids.push(id);
                }
            }
            assigned.push((RouteIx(index), ids));
        }
        self.keys.store(Arc::new(keys));
        // Also where no route wants a key from it now: the next one will.
        let problem = problem.or_else(|| self.file_problem().map(|problem| problem.message));
        let off = || self.keychain.is_none().then(switched_off);
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem.or_else(off);
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
        if let Some(file) = &self.file
            && let Some(secret) = file.get(name)?
        {
            return Ok(Some((secret, CredentialPlace::File)));
        }
        match environment(name) {
            Some(value) => Ok(Some((Secret::new(&value), CredentialPlace::Environment))),
            None => trouble.map_or(Ok(None), Err),
        }
    }

    /// Stores a value: in the keychain, else in the file that was asked for.
    pub(crate) fn set(&self, name: &str, secret: &Secret) -> Result<CredentialPlace, Problem> {
        match (&self.keychain, &self.file) {
            (Some(keychain), _) => keychain.set(name, secret).map(|()| CredentialPlace::Keychain),
            (None, Some(file)) => file.set(name, secret).map(|()| CredentialPlace::File),
            (None, None) => Err(keychain::unavailable("it is switched off for this router")),
        }
    }

    /// Removes a value from wherever it is stored; false when it was nowhere.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, Problem> {
        let mut removed = false;
        if let Some(keychain) = &self.keychain {
            removed |= keychain.remove(name)?;
        }
        if let Some(file) = &self.file {
            removed |= file.remove(name)?;
        }
        Ok(removed)
    }

    fn names(&self, source: &CredentialSource, stored: &[String]) -> Vec<String> {
        match source {
            CredentialSource::Named(names) => names.clone(),
            CredentialSource::Usual { provider, .. } => {
                let mut names = Vec::new();
                for own in map::names_of(provider) {
                    let labelled = format!("{own}:");
                    names.push(own.to_owned());
                    names.extend(stored.iter().filter(|name| name.starts_with(&labelled)).cloned());
                }
                names
            }
            CredentialSource::Nothing => Vec::new(),
        }
    }
}

fn switched_off() -> String {
    "The keychain is switched off for this router.".to_owned()
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn from_environment(name: &str) -> Option<(KeyId, Key)> {
    let value = environment(name)?;
    Some((KeyId::from(name), Key::of(Secret::new(&value), CredentialPlace::Environment)))
}

/// Whether a text is the id of an AWS access key (`AKIA...`, temporary `ASIA...`), not a key by itself.
pub(crate) fn is_access_key_id(text: &str) -> bool {
    (4..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
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

/// Checks a credential's value: keys are visible ASCII, documents are JSON objects.
pub(crate) fn check_value(value: &Secret) -> Result<(), Problem> {
    let text = value.expose();
    if text.starts_with('{') {
        if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok() {
            return Ok(());
        }
        // The parser's message could quote a value, so it is not passed on.
        let message = "The value begins like JSON but isn't a JSON object. Give the whole file, for example with `< key.json`.";
        return Err(Problem::new("invalid_credential_value", message));
    }
    if !value.is_empty() && text.bytes().all(|b| (0x21..0x7f).contains(&b)) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_documents_are_taken_and_scraps_are_not() {
        let cases = [
            ("sk-live-1", true),
            ("AKIAIOSFODNN7EXAMPLE:secret/+key:token==", true),
            ("{\n  \"type\": \"service_account\"\n}", true),
            ("{\"type\": ", false),
            ("[1]\n[2]", false),
            ("two words", false),
            ("", false),
        ];
        for (value, fine) in cases {
            assert_eq!(check_value(&Secret::new(value)).is_ok(), fine, "{value}");
        }
    }

    #[test]
    fn a_document_survives_the_credentials_file() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(false, Some(folder.path().join("credentials.json")));
        let document = "{\n  \"private_key\": \"-----BEGIN\\nabc\\n\"\n}";
        vault.set("vertex", &Secret::new(document)).unwrap();
        let (found, _) = vault.find("vertex").unwrap().unwrap();
        assert_eq!(found.expose(), document);
    }
}

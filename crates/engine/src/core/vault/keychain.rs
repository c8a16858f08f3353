//! The OS keychain, through the `keyring` crates. Every call blocks.

use std::sync::{Arc, Mutex, PoisonError};

use keyring_core::{CredentialStore, Error};
use switchyard_domain::{Problem, Secret};

const SERVICE: &str = "switchyard";

/// A connection to the keychain, made on first use and again after trouble.
#[derive(Debug, Default)]
pub(super) struct Keychain {
    store: Mutex<Option<Arc<CredentialStore>>>,
}

impl Keychain {
    pub(super) fn forget(&self) {
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Secret>, Problem> {
        self.entry(name, |entry| match entry.get_password() {
            Ok(value) => Ok(Some(Secret::new(&value))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    pub(super) fn set(&self, name: &str, secret: &Secret) -> Result<(), Problem> {
        self.entry(name, |entry| entry.set_password(secret.expose()))
    }

    pub(super) fn remove(&self, name: &str) -> Result<bool, Problem> {
        self.entry(name, |entry| match entry.delete_credential() {
            Ok(()) => Ok(true),
            Err(Error::NoEntry) => Ok(false),
            Err(error) => Err(error),
        })
    }

    fn entry<T>(
        &self,
        name: &str,
        act: impl FnOnce(&keyring_core::Entry) -> keyring_core::Result<T>,
    ) -> Result<T, Problem> {
        let done = self.connect().and_then(|store| act(&store.build(SERVICE, name, None)?));
        done.map_err(|error| {
            self.forget();
            unavailable(&reason(&error))
        })
    }

    fn connect(&self) -> keyring_core::Result<Arc<CredentialStore>> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = store.as_ref() {
            return Ok(Arc::clone(store));
        }
        let fresh = platform_store()?;
        *store = Some(Arc::clone(&fresh));
        Ok(fresh)
    }
}

#[cfg(target_os = "linux")]
fn platform_store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn platform_store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(target_os = "windows")]
fn platform_store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

pub(super) fn unavailable(why: &str) -> Problem {
    Problem::new(
        "keychain_unavailable",
        format!(
            "The keychain can't be used: {why}. Unlock or start it and try again; or set the provider's usual variable \
             (for example OPENAI_API_KEY) in the router's environment; or start the router with `--credentials-file FILE`."
        ),
    )
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's enum; its own words fit the rest")]
fn reason(error: &Error) -> String {
    match error {
        Error::NoStorageAccess(_) => "it is locked, or has no collection to store in".to_owned(),
        Error::PlatformFailure(_) => "no keychain service answers on this machine".to_owned(),
        other => other.to_string(),
    }
}

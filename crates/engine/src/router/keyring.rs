//! Credentials without a running router: what `switchyard credential` uses while none runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use switchyard_domain::api::CredentialList;
use switchyard_domain::view::{CredentialPlace, CredentialView};
use switchyard_domain::{Problem, Secret};
use switchyard_store::{Options, Store};

use crate::core::clock;
use crate::core::vault::{Vault, blocking, check_name, check_value};

/// The credentials of a data directory, while it is open nobody else can use it.
#[derive(Debug)]
pub struct Keyring {
    store: Store,
    vault: Arc<Vault>,
}

impl Keyring {
    /// Opens a data directory; `file` is the 0600 credentials file, where one is used instead of the keychain.
    ///
    /// # Errors
    /// The store's, `database_locked` among them while a router runs.
    pub async fn open(data_dir: &Path, file: Option<PathBuf>) -> Result<Self, Problem> {
        let store = Store::open(data_dir, &Options::default()).await.map_err(|error| error.problem())?;
        Ok(Self { store, vault: Arc::new(Vault::new(file.is_none(), file)) })
    }

    /// Stores a key for the next start.
    ///
    /// # Errors
    /// `invalid_credential_name`, `invalid_credential_value`, `keychain_unavailable`.
    pub async fn set(&self, name: &str, value: Secret) -> Result<(), Problem> {
        set(&self.store, &self.vault, name, value).await
    }

    /// Removes a stored key.
    ///
    /// # Errors
    /// `not_found_credential`, `keychain_unavailable`.
    pub async fn remove(&self, name: &str) -> Result<(), Problem> {
        remove(&self.store, &self.vault, name).await
    }

    /// The stored keys, without values.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn list(&self) -> Result<CredentialList, Problem> {
        let stored = self.store.credentials().list().await.map_err(|error| error.problem())?;
        let names: Vec<(String, CredentialPlace)> =
            stored.into_iter().map(|row| (row.name, row.place)).collect();
        let vault = Arc::clone(&self.vault);
        let found = blocking(move || {
            let find = |(name, place): (String, CredentialPlace)| (vault.find(&name), name, place);
            names.into_iter().map(find).collect::<Vec<_>>()
        });
        let mut keychain = self.vault.view();
        if let Some(problem) = self.vault.file_problem() {
            (keychain.available, keychain.problem) = (false, Some(problem.message));
        }
        let mut credentials = Vec::new();
        for (value, name, place) in found.await? {
            let (found_in, hint) = match value {
                Ok(Some((secret, place))) => (place, Some(secret.hint())),
                Ok(None) => (CredentialPlace::Missing, None),
                Err(problem) => {
                    (keychain.available, keychain.problem) = (false, Some(problem.message));
                    (place, None)
                }
            };
            credentials.push(CredentialView { name, found_in, hint, condemned: None });
        }
        Ok(CredentialList { keychain, credentials })
    }
}

/// Stores a value and notes its name.
pub(crate) async fn set(store: &Store, vault: &Arc<Vault>, name: &str, value: Secret) -> Result<(), Problem> {
    check_name(name)?;
    check_value(&value)?;
    let (vault, owned) = (Arc::clone(vault), name.to_owned());
    let place = blocking(move || vault.set(&owned, &value)).await??;
    store.credentials().note(name, place, clock::now().wall_ms).await.map_err(|error| error.problem())
}

/// Removes a value and forgets its name.
pub(crate) async fn remove(store: &Store, vault: &Arc<Vault>, name: &str) -> Result<(), Problem> {
    check_name(name)?;
    let (vault, owned) = (Arc::clone(vault), name.to_owned());
    let removed = blocking(move || vault.remove(&owned)).await??;
    let mut known = false;
    for place in [CredentialPlace::Keychain, CredentialPlace::File] {
        known |= store.credentials().forget(name, place).await.map_err(|error| error.problem())?;
    }
    if removed || known {
        return Ok(());
    }
    let message = format!("No key is stored as {name}. `switchyard credential list` shows what there is.");
    Err(Problem::new("not_found_credential", message))
}

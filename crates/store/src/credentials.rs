//! The names of stored credentials. A keychain can't be listed portably, so the names are kept here, the values never.

use switchyard_domain::view::CredentialPlace;

use crate::{Result, Store, named};

/// The credential names of one store.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    pub(crate) store: &'a Store,
}

/// One stored credential, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialName {
    /// The name it is stored under.
    pub name: String,
    /// Where its value is.
    pub place: CredentialPlace,
    /// When it was first stored there, UTC epoch milliseconds.
    pub created_at_ms: i64,
}

impl Credentials<'_> {
    /// Notes that a credential was stored; one already noted in the same place keeps its first date. Durable when it
    /// returns.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn note(&self, name: &str, place: CredentialPlace, created_at_ms: i64) -> Result<()> {
        let turn = self.store.durable().await;
        sqlx::query(
            "INSERT INTO credential_names (name, place, created_at_ms) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name, place) DO NOTHING",
        )
        .bind(name)
        .bind(place_name(place))
        .bind(created_at_ms)
        .execute(turn.pool)
        .await
        .map_err(|error| self.store.fault(error))?;
        Ok(())
    }

    /// Forgets a name in one place; false when it was not noted there. Durable when it returns.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn forget(&self, name: &str, place: CredentialPlace) -> Result<bool> {
        let turn = self.store.durable().await;
        let done = sqlx::query("DELETE FROM credential_names WHERE name = ?1 AND place = ?2")
            .bind(name)
            .bind(place_name(place))
            .execute(turn.pool)
            .await
            .map_err(|error| self.store.fault(error))?;
        Ok(done.rows_affected() > 0)
    }

    /// Every noted credential, by name.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn list(&self) -> Result<Vec<CredentialName>> {
        let rows: Vec<(String, String, i64)> =
            sqlx::query_as("SELECT name, place, created_at_ms FROM credential_names ORDER BY name, place")
                .fetch_all(self.store.read())
                .await
                .map_err(|error| self.store.fault(error))?;
        rows.into_iter()
            .map(|(name, place, created_at_ms)| {
                let place = named(&place)
                    .map_err(|error| self.store.damaged(format!("credential {name}: {error}")))?;
                Ok(CredentialName { name, place, created_at_ms })
            })
            .collect()
    }
}

const fn place_name(place: CredentialPlace) -> &'static str {
    match place {
        CredentialPlace::Keychain => "keychain",
        CredentialPlace::Environment => "environment",
        CredentialPlace::File => "file",
        CredentialPlace::Missing => "missing",
    }
}

#[cfg(test)]
mod tests {
    use super::CredentialPlace::{Environment, File, Keychain, Missing};
    use crate::{Options, Store};

    #[tokio::test]
    async fn a_name_is_known_per_place_until_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).await.unwrap();
        let credentials = store.credentials();
        for (at_ms, place) in [(1, Keychain), (2, File), (3, Environment), (4, Missing), (5, Keychain)] {
            credentials.note("ANTHROPIC_API_KEY", place, at_ms).await.unwrap();
        }
        assert!(credentials.forget("ANTHROPIC_API_KEY", File).await.unwrap());
        assert!(!credentials.forget("ANTHROPIC_API_KEY", File).await.unwrap());
        let known: Vec<_> =
            credentials.list().await.unwrap().into_iter().map(|c| (c.place, c.created_at_ms)).collect();
        assert_eq!(known, [(Environment, 3), (Keychain, 1), (Missing, 4)]);
    }
}

//! Apps with a local key of their own. Only a hash of the key is kept, so a stolen database opens nothing.

use crate::from_row::from_row;
use crate::{Result, Store};

/// The apps of one store.
#[derive(Clone, Copy, Debug)]
pub struct Clients<'a> {
    pub(crate) store: &'a Store,
}

/// An app with a local key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// Its id: a name that is removed and given again is another app.
    pub id: String,
    /// The app's name, unique.
    pub name: String,
    /// SHA-256 of its key, lower-case hex.
    pub key_hash: String,
    /// UTC epoch milliseconds.
    pub created_at_ms: i64,
    /// When a request last came with its key, UTC epoch milliseconds. May lag behind after a crash.
    pub last_used_at_ms: Option<i64>,
}

from_row!(ClientRow { id, name, key_hash, created_at_ms, last_used_at_ms });

impl Clients<'_> {
    /// Adds an app; false when the name is taken. Durable when it returns.
    ///
    /// # Errors
    /// When it could not be committed, or when another app has the same key.
    pub async fn add(&self, id: &str, name: &str, key_hash: &str, created_at_ms: i64) -> Result<bool> {
        let turn = self.store.durable().await;
        let done = sqlx::query(
            "INSERT INTO clients (name, key_hash, created_at_ms, id) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(name)
        .bind(key_hash)
        .bind(created_at_ms)
        .bind(id)
        .execute(turn.pool)
        .await
        .map_err(|error| self.store.fault(error))?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes an app, whose key then opens nothing; false when there is none of that name. Durable when it returns.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn remove(&self, name: &str) -> Result<bool> {
        let turn = self.store.durable().await;
        let done = sqlx::query("DELETE FROM clients WHERE name = ?1")
            .bind(name)
            .execute(turn.pool)
            .await
            .map_err(|error| self.store.fault(error))?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes that an app called. Not durable: its loss in a power cut harms nobody.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn used(&self, name: &str, at_ms: i64) -> Result<()> {
        let turn = self.store.batch().await;
        sqlx::query("UPDATE clients SET last_used_at_ms = ?2 WHERE name = ?1")
            .bind(name)
            .bind(at_ms)
            .execute(turn.pool)
            .await
            .map_err(|error| self.store.fault(error))?;
        Ok(())
    }

    /// Every app, by name.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn list(&self) -> Result<Vec<ClientRow>> {
        sqlx::query_as("SELECT * FROM clients ORDER BY name")
            .fetch_all(self.store.read())
            .await
            .map_err(|error| self.store.fault(error))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Options, Store};

    #[tokio::test]
    async fn a_name_is_taken_until_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).await.unwrap();
        let clients = store.clients();
        assert!(clients.add("app_1", "editor", "aa", 1).await.unwrap());
        assert!(!clients.add("app_2", "editor", "bb", 2).await.unwrap());
        clients.used("editor", 3).await.unwrap();
        let row = clients.list().await.unwrap().remove(0);
        assert_eq!(row.id, "app_1");
        assert_eq!((row.key_hash.as_str(), row.created_at_ms, row.last_used_at_ms), ("aa", 1, Some(3)));
        assert!(clients.remove("editor").await.unwrap());
        assert!(!clients.remove("editor").await.unwrap());
        assert!(clients.add("app_3", "editor", "bb", 4).await.unwrap());
    }
}

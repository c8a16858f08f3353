//! Small states that outlive a restart, as JSON by key: `pause`, `route/<route id>`. What a key means is its owner's
//! business.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Result, Store, StoreError};

/// The settings of one store.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    pub(crate) store: &'a Store,
}

impl Settings<'_> {
    /// One value; none when it was never set.
    ///
    /// # Errors
    /// When the database can't be read, or holds something else under this key.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let value: Option<String> = sqlx::query_scalar("SELECT value FROM settings WHERE key = ?1")
            .bind(key)
            .fetch_optional(self.store.read())
            .await
            .map_err(|error| self.store.fault(error))?;
        value.map(|value| self.parse(key, &value)).transpose()
    }

    /// Every key that starts with `prefix`, with its value, by key.
    ///
    /// # Errors
    /// When the database can't be read, or holds something else under one of them.
    pub async fn with_prefix<T: DeserializeOwned>(&self, prefix: &str) -> Result<Vec<(String, T)>> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT key, value FROM settings WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
        )
        .bind(prefix)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        rows.into_iter()
            .map(|(key, value)| {
                let value = self.parse(&key, &value)?;
                Ok((key, value))
            })
            .collect()
    }

    /// Sets one value. Durable when it returns.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn set<T: Serialize + Sync>(&self, key: &str, value: &T, at_ms: i64) -> Result<()> {
        let value = serde_json::to_string(value).map_err(|error| StoreError::Refused {
            path: self.store.path().to_owned(),
            detail: format!("setting {key}: {error}"),
        })?;
        let turn = self.store.durable().await;
        sqlx::query(
            "INSERT INTO settings (key, value, at_ms) VALUES (?1, ?2, ?3) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, at_ms = excluded.at_ms",
        )
        .bind(key)
        .bind(value)
        .bind(at_ms)
        .execute(turn.pool)
        .await
        .map_err(|error| self.store.fault(error))?;
        Ok(())
    }

    /// Removes one value; false when it was not set. Durable when it returns.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn remove(&self, key: &str) -> Result<bool> {
        let turn = self.store.durable().await;
        let done = sqlx::query("DELETE FROM settings WHERE key = ?1")
            .bind(key)
            .execute(turn.pool)
            .await
            .map_err(|error| self.store.fault(error))?;
        Ok(done.rows_affected() > 0)
    }

    /// Puts a value that can't be read out of the way, under `damaged/KEY`, where a person can look at it. Durable when it
    /// returns.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn set_aside(&self, key: &str) -> Result<()> {
        let turn = self.store.durable().await;
        sqlx::query("UPDATE OR REPLACE settings SET key = 'damaged/' || key WHERE key = ?1")
            .bind(key)
            .execute(turn.pool)
            .await
            .map_err(|error| self.store.fault(error))?;
        Ok(())
    }

    fn parse<T: DeserializeOwned>(&self, key: &str, value: &str) -> Result<T> {
        serde_json::from_str(value).map_err(|error| self.store.damaged(format!("setting {key}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Options, Store, StoreError};

    #[tokio::test]
    async fn values_outlive_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).await.unwrap();
        let settings = store.settings();
        assert_eq!(settings.get::<bool>("pause").await.unwrap(), None);
        settings.set("pause", &"lunch", 1).await.unwrap();
        settings.set("pause", &"holiday", 2).await.unwrap();
        settings.set("route/a%b", &false, 3).await.unwrap();
        settings.set("route/a_b", &true, 4).await.unwrap();
        settings.set("routes", &7, 5).await.unwrap();
        drop(store);
        let store = Store::open(dir.path(), &Options::default()).await.unwrap();
        let settings = store.settings();
        assert_eq!(settings.get::<String>("pause").await.unwrap().as_deref(), Some("holiday"));
        let routes = settings.with_prefix::<bool>("route/").await.unwrap();
        assert_eq!(routes, [("route/a%b".to_owned(), false), ("route/a_b".to_owned(), true)]);
        assert!(settings.remove("pause").await.unwrap());
        assert!(!settings.remove("pause").await.unwrap());
        let wrong = settings.get::<String>("routes").await.unwrap_err();
        assert!(
            matches!(wrong, StoreError::Damaged { ref detail, .. } if detail.contains("routes")),
            "{wrong}"
        );
        settings.set_aside("routes").await.unwrap();
        assert_eq!(settings.get::<String>("routes").await.unwrap(), None);
        assert_eq!(settings.get::<u32>("damaged/routes").await.unwrap(), Some(7), "it is kept for a person");
    }
}

//! Apps and their local keys.

use switchyard_domain::Problem;
use switchyard_domain::api::{ClientRecord, NewClient};

use super::Router;
use crate::core::clock;
use crate::walk::local_keys::{key_hash, new_id, new_key};

impl Router {
    /// Every app with a local key.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn clients(&self) -> Result<Vec<ClientRecord>, Problem> {
        let rows = self.state.core.store.clients().list().await.map_err(|error| error.problem())?;
        let record = |row: switchyard_store::ClientRow| ClientRecord {
            name: row.name,
            created_at_ms: row.created_at_ms,
            last_used_at_ms: row.last_used_at_ms,
        };
        Ok(rows.into_iter().map(record).collect())
    }

    /// Adds an app. Its key is shown this once.
    ///
    /// # Errors
    /// `invalid_client_name`, `conflict_client`.
    pub async fn add_client(&self, name: &str, actor: &str) -> Result<NewClient, Problem> {
        let name = name.trim();
        let fine = |c: char| c.is_alphanumeric() || " ._-".contains(c);
        if name.is_empty() || name.chars().count() > 60 || !name.chars().all(fine) {
            let message = "A client's name has 1 to 60 letters, digits, spaces, or . _ -.";
            return Err(Problem::new("invalid_client_name", message));
        }
        let key = new_key()?;
        let (id, now) = (new_id()?, clock::now());
        let added = self.state.core.store.clients().add(&id, name, &key_hash(&key), now.wall_ms).await;
        if !added.map_err(|error| error.problem())? {
            let message =
                format!("There is a client {name} already. Remove it first, or choose another name.");
            return Err(Problem::new("conflict_client", message));
        }
        self.state.walk.local_keys.reload(&self.state.core.store).await?;
        self.note(actor, "client.add", name, None).await;
        Ok(NewClient { name: name.to_owned(), key })
    }

    /// Removes an app; its key is refused from the next request on.
    ///
    /// # Errors
    /// `not_found_client`.
    pub async fn remove_client(&self, name: &str, actor: &str) -> Result<(), Problem> {
        let removed = self.state.core.store.clients().remove(name).await.map_err(|error| error.problem())?;
        if !removed {
            return Err(Problem::new("not_found_client", format!("There is no client {name}.")));
        }
        self.state.walk.local_keys.reload(&self.state.core.store).await?;
        self.note(actor, "client.remove", name, None).await;
        Ok(())
    }

    /// The first app's key, while its 0600 file is in the data directory.
    #[must_use]
    pub fn default_client_key(&self) -> Option<String> {
        self.state.walk.local_keys.default_key()
    }
}

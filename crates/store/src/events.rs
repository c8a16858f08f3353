//! The event log. Events are numbered by whoever creates them, because they are shown before they are stored; the
//! [`Writer`](crate::Writer) stores them.

use switchyard_domain::event::Event;

use crate::{Result, Store};

/// The event log of one store.
#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    pub(crate) store: &'a Store,
}

impl Events<'_> {
    /// The newest `limit` events, newest first; with `before`, only those with a smaller id.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn recent(&self, before: Option<i64>, limit: u32) -> Result<Vec<Event>> {
        let rows: Vec<(i64, i64, String)> =
            sqlx::query_as("SELECT id, at_ms, body FROM events WHERE id < ?1 ORDER BY id DESC LIMIT ?2")
                .bind(before.unwrap_or(i64::MAX))
                .bind(limit)
                .fetch_all(self.store.read())
                .await
                .map_err(|error| self.store.fault(error))?;
        rows.into_iter().map(|row| self.event(row)).collect()
    }

    /// The events after an id, oldest first, at most so many.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn after(&self, id: i64, limit: u32) -> Result<Vec<Event>> {
        let rows: Vec<(i64, i64, String)> =
            sqlx::query_as("SELECT id, at_ms, body FROM events WHERE id > ?1 ORDER BY id LIMIT ?2")
                .bind(id)
                .bind(limit)
                .fetch_all(self.store.read())
                .await
                .map_err(|error| self.store.fault(error))?;
        rows.into_iter().map(|row| self.event(row)).collect()
    }

    fn event(&self, (id, at_ms, body): (i64, i64, String)) -> Result<Event> {
        let what = serde_json::from_str(&body)
            .map_err(|error| self.store.damaged(format!("event {id}: {error}")))?;
        Ok(Event { id, at_ms, what })
    }

    pub(crate) async fn last_id(self) -> Result<i64> {
        // Not max(id): pruned ids are not used again either.
        let last: Option<i64> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
            .fetch_optional(self.store.read())
            .await
            .map_err(|error| self.store.fault(error))?;
        Ok(last.unwrap_or_default())
    }
}

//! Incidents with their timelines and notes, and the log of external incidents. Kept for good.

#[cfg(test)]
mod tests;

use switchyard_domain::event::StatusLevel;
use switchyard_domain::incident::{
    ExternalIncident, Incident, IncidentBrief, IncidentId, IncidentNote, TimelineEntry,
};

use crate::from_row::from_row;
use crate::{Result, Store, StoreError, named};

/// The incidents of one store.
#[derive(Clone, Copy, Debug)]
pub struct Incidents<'a> {
    pub(crate) store: &'a Store,
}

struct TimelineSql {
    at_ms: i64,
    lamp: String,
    title: String,
    detail: Option<String>,
    event: Option<i64>,
}

from_row!(TimelineSql { at_ms, lamp, title, detail, event });

impl Incidents<'_> {
    /// Keeps a new incident under the next number, which is returned; its own is not looked at. Durable when it
    /// returns, timeline included.
    ///
    /// # Errors
    /// When it could not be committed: the provider has an incident that is not closed, or the disk is full.
    pub async fn open(&self, incident: &Incident) -> Result<IncidentId> {
        let fault = |error| self.store.fault(error);
        let turn = self.store.durable().await;
        let mut tx = turn.begin().await.map_err(fault)?;
        let next: i64 = sqlx::query_scalar(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'incidents'), 0) + 1",
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(fault)?;
        let id = IncidentId(next);
        let body = self
            .body(&Incident { brief: IncidentBrief { id, ..incident.brief.clone() }, ..incident.clone() })?;
        sqlx::query(
            "INSERT INTO incidents (id, provider, state, opened_at_ms, closed_at_ms, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(next)
        .bind(&incident.brief.provider)
        .bind(incident.brief.state.as_str())
        .bind(incident.brief.opened_at_ms)
        .bind(incident.brief.closed_at_ms)
        .bind(body)
        .execute(&mut *tx)
        .await
        .map_err(fault)?;
        tx.commit().await.map_err(fault)?;
        drop(turn);
        self.append(id, &incident.timeline).await?;
        Ok(id)
    }

    /// Keeps an incident as it stands now; its timeline and notes are kept by [`Self::append`] and [`Self::note`].
    /// Durable when it returns.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn save(&self, incident: &Incident) -> Result<()> {
        let body = self.body(incident)?;
        let turn = self.store.durable().await;
        sqlx::query("UPDATE incidents SET state = ?2, closed_at_ms = ?3, body = ?4 WHERE id = ?1")
            .bind(incident.brief.id.0)
            .bind(incident.brief.state.as_str())
            .bind(incident.brief.closed_at_ms)
            .bind(body)
            .execute(turn.pool)
            .await
            .map_err(|error| self.store.fault(error))?;
        Ok(())
    }

    /// Adds to an incident's timeline. An entry of an event that is there already is left out. Durable when it
    /// returns.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn append(&self, id: IncidentId, entries: &[TimelineEntry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let refused = |error: serde_json::Error| StoreError::Refused {
            path: self.store.path().to_owned(),
            detail: format!("the timeline of incident {id}: {error}"),
        };
        let rows = serde_json::to_string(entries).map_err(refused)?;
        let turn = self.store.durable().await;
        sqlx::query(
            "INSERT OR IGNORE INTO incident_timeline (incident, at_ms, lamp, title, detail, event) \
             SELECT ?1, value->>'atMs', value->>'lamp', value->>'title', value->>'detail', value->>'event' \
             FROM json_each(?2) ORDER BY key",
        )
        .bind(id.0)
        .bind(rows)
        .execute(turn.pool)
        .await
        .map_err(|error| self.store.fault(error))?;
        Ok(())
    }

    /// The newest event on any timeline.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn last_heard(&self) -> Result<Option<i64>> {
        sqlx::query_scalar("SELECT max(event) FROM incident_timeline")
            .fetch_one(self.store.read())
            .await
            .map_err(|error| self.store.fault(error))
    }

    /// Adds a note. Durable when it returns.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn note(&self, id: IncidentId, note: &IncidentNote) -> Result<()> {
        let turn = self.store.durable().await;
        sqlx::query("INSERT INTO incident_notes (incident, at_ms, actor, text) VALUES (?1, ?2, ?3, ?4)")
            .bind(id.0)
            .bind(note.at_ms)
            .bind(&note.actor)
            .bind(&note.text)
            .execute(turn.pool)
            .await
            .map_err(|error| self.store.fault(error))?;
        Ok(())
    }

    /// One incident, whole.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn get(&self, id: IncidentId) -> Result<Option<Incident>> {
        let body: Option<String> = sqlx::query_scalar("SELECT body FROM incidents WHERE id = ?1")
            .bind(id.0)
            .fetch_optional(self.store.read())
            .await
            .map_err(|error| self.store.fault(error))?;
        match body {
            Some(body) => Ok(Some(self.whole(self.parse(&body)?).await?)),
            None => Ok(None),
        }
    }

    /// The incidents opened in a time (UTC epoch milliseconds, the end excluded), newest first and at most so many,
    /// without timelines and notes.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn opened(&self, from_ms: i64, to_ms: i64, limit: u32) -> Result<Vec<Incident>> {
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM incidents WHERE opened_at_ms >= ?1 AND opened_at_ms < ?2 ORDER BY id DESC LIMIT ?3",
        )
        .bind(from_ms)
        .bind(to_ms)
        .bind(limit)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        bodies.iter().map(|body| self.parse(body)).collect()
    }

    /// Every incident that is not closed, and those closed since a moment (UTC epoch milliseconds), oldest first,
    /// without timelines and notes.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn unclosed(&self, or_closed_since_ms: i64) -> Result<Vec<Incident>> {
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM incidents WHERE state <> 'closed' OR closed_at_ms >= ?1 ORDER BY id",
        )
        .bind(or_closed_since_ms)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        bodies.iter().map(|body| self.parse(body)).collect()
    }

    /// Keeps an external incident under the next number, which is returned; its own is not looked at. Durable when it
    /// returns.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn add_external(&self, incident: &ExternalIncident) -> Result<i64> {
        let turn = self.store.durable().await;
        let done = sqlx::query(
            "INSERT INTO external_incidents (at_ms, provider, text, url) VALUES (?1, ?2, ?3, ?4)",
        )
        .bind(incident.at_ms)
        .bind(&incident.provider)
        .bind(&incident.text)
        .bind(&incident.url)
        .execute(turn.pool)
        .await
        .map_err(|error| self.store.fault(error))?;
        Ok(done.last_insert_rowid())
    }

    /// The external incidents since a moment (UTC epoch milliseconds), newest first and at most so many.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn external(&self, since_ms: i64, limit: u32) -> Result<Vec<ExternalIncident>> {
        let rows: Vec<(i64, i64, String, String, Option<String>)> = sqlx::query_as(
            "SELECT id, at_ms, provider, text, url FROM external_incidents WHERE at_ms >= ?1 \
             ORDER BY at_ms DESC, id DESC LIMIT ?2",
        )
        .bind(since_ms)
        .bind(limit)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        let row = |(id, at_ms, provider, text, url)| ExternalIncident { id, at_ms, provider, text, url };
        Ok(rows.into_iter().map(row).collect())
    }

    async fn whole(&self, mut incident: Incident) -> Result<Incident> {
        let fault = |error| self.store.fault(error);
        let rows: Vec<TimelineSql> = sqlx::query_as(
            "SELECT at_ms, lamp, title, detail, event FROM incident_timeline WHERE incident = ?1 \
             ORDER BY at_ms, seq",
        )
        .bind(incident.brief.id.0)
        .fetch_all(self.store.read())
        .await
        .map_err(fault)?;
        incident.timeline = rows.into_iter().map(|row| self.entry(row)).collect::<Result<_>>()?;
        let notes: Vec<(i64, String, String)> =
            sqlx::query_as("SELECT at_ms, actor, text FROM incident_notes WHERE incident = ?1 ORDER BY seq")
                .bind(incident.brief.id.0)
                .fetch_all(self.store.read())
                .await
                .map_err(fault)?;
        let note = |(at_ms, actor, text)| IncidentNote { at_ms, actor, text };
        incident.notes = notes.into_iter().map(note).collect();
        Ok(incident)
    }

    fn entry(&self, row: TimelineSql) -> Result<TimelineEntry> {
        let TimelineSql { at_ms, lamp, title, detail, event } = row;
        let lamp: StatusLevel =
            named(&lamp).map_err(|error| self.store.damaged(format!("an incident's timeline: {error}")))?;
        Ok(TimelineEntry { at_ms, lamp, title, detail, event })
    }

    fn body(&self, incident: &Incident) -> Result<String> {
        let without = Incident { timeline: Vec::new(), notes: Vec::new(), ..incident.clone() };
        serde_json::to_string(&without).map_err(|error| StoreError::Refused {
            path: self.store.path().to_owned(),
            detail: format!("incident {}: {error}", incident.brief.id),
        })
    }

    fn parse(&self, body: &str) -> Result<Incident> {
        serde_json::from_str(body).map_err(|error| self.store.damaged(format!("an incident: {error}")))
    }
}

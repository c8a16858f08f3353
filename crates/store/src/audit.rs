//! Who changed what by hand, and why. Appended, never changed.

use serde_json::Value;

use crate::from_row::from_row;
use crate::{Result, Store};

/// The audit trail of one store.
#[derive(Clone, Copy, Debug)]
pub struct Audit<'a> {
    pub(crate) store: &'a Store,
}

/// One change. Never a secret: `before` and `after` say what is set, not its value.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// UTC epoch milliseconds.
    pub at_ms: i64,
    /// Who: `window`, `cli`, `api`.
    pub actor: String,
    /// What was done: `map.apply`, `route.off`, `job.replay`.
    pub action: String,
    /// To what.
    pub target: String,
    /// Why, where the actor said.
    pub reason: Option<String>,
    /// The state before, where there was one.
    pub before: Option<Value>,
    /// The state after, where there is one.
    pub after: Option<Value>,
}

/// One change with its place in the trail.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    /// Grows by one per entry.
    pub seq: i64,
    /// The change.
    pub entry: AuditEntry,
}

struct AuditSql {
    seq: i64,
    at_ms: i64,
    actor: String,
    action: String,
    target: String,
    reason: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

from_row!(AuditSql { seq, at_ms, actor, action, target, reason, before, after });

impl Audit<'_> {
    /// Appends one change. Durable when it returns.
    ///
    /// # Errors
    /// When it could not be committed.
    pub async fn append(&self, entry: &AuditEntry) -> Result<()> {
        let turn = self.store.durable().await;
        sqlx::query(
            "INSERT INTO audit (at_ms, actor, action, target, reason, before, after) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(entry.at_ms)
        .bind(&entry.actor)
        .bind(&entry.action)
        .bind(&entry.target)
        .bind(&entry.reason)
        .bind(entry.before.as_ref().map(Value::to_string))
        .bind(entry.after.as_ref().map(Value::to_string))
        .execute(turn.pool)
        .await
        .map_err(|error| self.store.fault(error))?;
        Ok(())
    }

    /// The newest `limit` changes, newest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn list(&self, limit: u32) -> Result<Vec<AuditRow>> {
        let rows: Vec<AuditSql> = sqlx::query_as("SELECT * FROM audit ORDER BY seq DESC LIMIT ?1")
            .bind(limit)
            .fetch_all(self.store.read())
            .await
            .map_err(|error| self.store.fault(error))?;
        rows.into_iter().map(|row| self.row(row)).collect()
    }

    /// One change; none when there is no such entry.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn get(&self, seq: i64) -> Result<Option<AuditRow>> {
        let row: Option<AuditSql> = sqlx::query_as("SELECT * FROM audit WHERE seq = ?1")
            .bind(seq)
            .fetch_optional(self.store.read())
            .await
            .map_err(|error| self.store.fault(error))?;
        row.map(|row| self.row(row)).transpose()
    }

    fn row(&self, row: AuditSql) -> Result<AuditRow> {
        let state = |json: Option<String>| {
            json.map(|json| serde_json::from_str(&json))
                .transpose()
                .map_err(|error| self.store.damaged(format!("audit entry {}: {error}", row.seq)))
        };
        let (before, after) = (state(row.before)?, state(row.after)?);
        let entry = AuditEntry {
            at_ms: row.at_ms,
            actor: row.actor,
            action: row.action,
            target: row.target,
            reason: row.reason,
            before,
            after,
        };
        Ok(AuditRow { seq: row.seq, entry })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::AuditEntry;
    use crate::{Options, Store};

    #[tokio::test]
    async fn changes_come_back_newest_first_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).await.unwrap();
        let entry = |action: &str, before, after| AuditEntry {
            at_ms: 5,
            actor: "cli".into(),
            action: action.into(),
            target: "anthropic/sonnet-4.6".into(),
            reason: Some("it answers nonsense".into()),
            before,
            after,
        };
        let off = entry("route.off", Some(json!({"inService": true})), Some(json!({"inService": false})));
        let on = entry("route.on", None, None);
        store.audit().append(&off).await.unwrap();
        store.audit().append(&on).await.unwrap();
        let entries: Vec<_> =
            store.audit().list(10).await.unwrap().into_iter().map(|row| row.entry).collect();
        assert_eq!(entries, [on, off]);
        let newest = store.audit().list(1).await.unwrap().remove(0);
        assert_eq!(store.audit().get(newest.seq).await.unwrap(), Some(newest));
        assert_eq!(store.audit().get(99).await.unwrap(), None);
    }
}

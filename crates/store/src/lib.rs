//! What outlives the process, in one SQLite file: the request log, the cold queue, map versions, events, the audit
//! trail, compatibility checks, incidents, clients, settings and the names (never the values) of credentials.
//!
//! All SQL of the product lives here, behind plain functions per concern, so that another database can take its
//! place. This room reads no clock (times are parameters), holds no secret, and decides nothing about routing.
//!
//! Two connections write. The durable one commits with `synchronous=FULL`: what it confirmed survives a power cut.
//! The batch one ([`Writer`]) commits with `synchronous=NORMAL`: its last moments may be lost, never its
//! consistency. Writers take turns in a fair queue, so a durable write waits for one batch at most. Readers have
//! their own connections and wait for nobody.

mod audit;
mod clients;
mod compat;
mod credentials;
mod data_dir;
mod error;
mod events;
mod from_row;
mod incidents;
mod ledger;
mod maps;
mod migrations;
mod open;
mod place;
mod queue;
mod requests;
mod settings;
mod writer;

use std::path::Path;
use std::sync::Arc;

use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{Mutex, MutexGuard};

pub use audit::{Audit, AuditEntry, AuditRow};
pub use clients::{ClientRow, Clients};
pub use compat::Compat;
pub use credentials::{CredentialName, Credentials};
pub use data_dir::{check_data_dir, in_use};
pub use error::StoreError;
pub use events::Events;
pub use incidents::Incidents;
pub use ledger::{BUCKET_MS, Ledger, LedgerKey, LedgerRow, LedgerSum, SpendKind};
pub use maps::{MapHeader, MapVersion, Maps, NewMap};
pub use open::Options;
pub use queue::{
    Answer, AnsweredJob, DueJob, Enqueued, JobRow, NewJob, OpenJob, Order, Queue, QueueCounts, Transition,
};
pub use requests::{CourseRow, RequestFilter, Requests, Try, TryCount, TypicalUsage};
pub use settings::Settings;
pub use writer::{Retention, Writer, WriterHandle};

/// The result of every operation here.
pub type Result<T> = std::result::Result<T, StoreError>;

/// An open database. Cheap to clone; the data directory stays locked until the last clone is gone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: std::path::PathBuf,
    is_new: bool,
    /// Which file the path named when it was opened.
    file: Option<place::FileId>,
    durable: SqlitePool,
    batch: SqlitePool,
    read: SqlitePool,
    /// SQLite lets one connection write at a time and others poll; this queue is fair and does not poll.
    turn: Mutex<()>,
    /// Held, never read: two routers on one data directory would both run its queue.
    _instance: open::InstanceLock,
}

impl Store {
    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Whether there was no database here before.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.inner.is_new
    }

    /// The request log.
    #[must_use]
    pub const fn requests(&self) -> Requests<'_> {
        Requests { store: self }
    }

    /// The event log.
    #[must_use]
    pub const fn events(&self) -> Events<'_> {
        Events { store: self }
    }

    /// The id of the newest event ever written, 0 before the first; the next event's id is one more.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn last_event_id(&self) -> Result<i64> {
        self.events().last_id().await
    }

    /// The cold queue.
    #[must_use]
    pub const fn queue(&self) -> Queue<'_> {
        Queue { store: self }
    }

    /// The applied maps.
    #[must_use]
    pub const fn maps(&self) -> Maps<'_> {
        Maps { store: self }
    }

    /// The audit trail.
    #[must_use]
    pub const fn audit(&self) -> Audit<'_> {
        Audit { store: self }
    }

    /// Apps with a local key.
    #[must_use]
    pub const fn clients(&self) -> Clients<'_> {
        Clients { store: self }
    }

    /// Small states that outlive a restart: the pause, the kill switches.
    #[must_use]
    pub const fn settings(&self) -> Settings<'_> {
        Settings { store: self }
    }

    /// The compatibility checks.
    #[must_use]
    pub const fn compat(&self) -> Compat<'_> {
        Compat { store: self }
    }

    /// What was spent.
    #[must_use]
    pub const fn ledger(&self) -> Ledger<'_> {
        Ledger { store: self }
    }

    /// The incidents.
    #[must_use]
    pub const fn incidents(&self) -> Incidents<'_> {
        Incidents { store: self }
    }

    /// The names of stored credentials.
    #[must_use]
    pub const fn credentials(&self) -> Credentials<'_> {
        Credentials { store: self }
    }

    /// Closes every connection and folds the write-ahead log into the database file. Later calls fail.
    pub async fn close(&self) {
        self.inner.read.close().await;
        self.inner.batch.close().await;
        // The log holds what was deleted since; it must not outlive the router.
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.inner.durable).await
        {
            tracing::warn!(%error, "the write-ahead log is not folded into the database file; the next start does it");
        }
        self.inner.durable.close().await;
    }

    fn read(&self) -> &SqlitePool {
        &self.inner.read
    }

    /// A turn for one durable statement, which commits by itself.
    async fn durable(&self) -> WriteLock<'_> {
        WriteLock { pool: &self.inner.durable, _turn: self.inner.turn.lock().await }
    }

    /// A turn for one statement that may be lost with the last moments before a power cut.
    async fn batch(&self) -> WriteLock<'_> {
        WriteLock { pool: &self.inner.batch, _turn: self.inner.turn.lock().await }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
    fn fault(&self, error: sqlx::Error) -> StoreError {
        StoreError::from_sqlx(&self.inner.path, &error)
    }

    fn damaged(&self, detail: impl Into<String>) -> StoreError {
        StoreError::Damaged { path: self.inner.path.clone(), detail: detail.into() }
    }
}

/// The right to write, until dropped.
struct WriteLock<'a> {
    pool: &'a SqlitePool,
    _turn: MutexGuard<'a, ()>,
}

impl WriteLock<'_> {
    /// Starts a transaction that already holds the write lock, so that what it reads stays true until it commits.
    async fn begin(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }
}

/// Reads a name the domain writes with `as_str` (`warm`, `openai-chat`).
fn named<T: serde::de::DeserializeOwned>(text: &str) -> std::result::Result<T, String> {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};
    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(text).map_err(|error| error.to_string())
}

/// A count as SQLite can hold it.
fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

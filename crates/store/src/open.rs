//! Opening the database: the directory, the instance lock, the connections, the migrations.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Mutex;

use crate::data_dir::{LOCK_FILE, check_data_dir};
use crate::migrations::MIGRATIONS;
use crate::place::FileId;
use crate::{Inner, Result, Store, StoreError};

/// How to open the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a statement waits for another program that holds the database.
    pub busy_timeout: Duration,
    /// Whether a damaged database is moved aside, for an empty one.
    pub start_fresh: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(5), start_fresh: false }
    }
}

/// The lock on `switchyard.lock`; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct InstanceLock {
    _file: File,
}

impl Store {
    /// Opens the database in `data_dir`, creating both (readable by their owner only) and applying migrations.
    ///
    /// # Errors
    /// [`StoreError`] says which file stands in the way, and what to do about it.
    pub async fn open(data_dir: &Path, options: &Options) -> Result<Self> {
        let unusable = |source| StoreError::DataDir { path: data_dir.to_owned(), source };
        create_private_dir(data_dir).map_err(unusable)?;
        let path = data_dir.join("switchyard.db");
        check_data_dir(data_dir)?;
        let instance = match lock_instance(&data_dir.join(LOCK_FILE)).await {
            Ok(Some(lock)) => lock,
            Ok(None) => return Err(StoreError::Locked { path }),
            Err(source) => return Err(unusable(source)),
        };
        if options.start_fresh && is_damaged(&path, options).await {
            let aside = set_aside(&path).map_err(unusable)?;
            tracing::warn!(path = %path.display(), aside = %aside.display(), "a damaged database is moved aside");
        }
        ensure_private_file(&path).map_err(|source| cannot_create(&path, &source))?;

        let file = FileId::of(&path);
        let connect = connect_options(&path, options);
        let durable = one_connection()
            .connect_with(connect.clone().synchronous(SqliteSynchronous::Full))
            .await
            .map_err(|error| StoreError::from_sqlx(&path, &error))?;
        let is_new = migrate(&path, &durable).await?;

        let batch =
            one_connection().connect_lazy_with(connect.clone().synchronous(SqliteSynchronous::Normal));
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .idle_timeout(Duration::from_secs(60))
            .test_before_acquire(false)
            .connect_lazy_with(connect.pragma("query_only", "ON").pragma("cache_size", "-500"));
        Ok(Self {
            inner: Arc::new(Inner {
                path,
                is_new,
                file,
                durable,
                batch,
                read,
                turn: Mutex::new(()),
                _instance: instance,
            }),
        })
    }
}

/// Whether SQLite finds the file damaged, or no database at all. Reads all of it.
async fn is_damaged(path: &Path, options: &Options) -> bool {
    if !path.is_file() {
        return false;
    }
    let check = async {
        let mut connection = connect_options(path, options).connect().await?;
        let found: Vec<String> =
            sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_all(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(found)
    };
    match check.await {
        Ok(found) => found != ["ok"],
        Err(error) => matches!(StoreError::from_sqlx(path, &error), StoreError::Damaged { .. }),
    }
}

/// Renames a database and its logs; the name it has now.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let named = |ending: &str, n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{n}{ending}"));
        PathBuf::from(name)
    };
    let n = (1..).find(|n| !named("", *n).exists()).unwrap_or_default();
    for ending in ["-wal", "-shm", ""] {
        let mut from = path.as_os_str().to_owned();
        from.push(ending);
        match std::fs::rename(&from, named(ending, n)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(named("", n))
}

/// A pool of one, for its reconnecting; it lets its connection go only where that may not be clean. After some errors
/// (disk full, input/output) SQLite has rolled back by itself and sqlx does not know: each further `BEGIN` on that
/// connection would be refused.
fn one_connection() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

fn connect_options(path: &Path, options: &Options) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(options.busy_timeout)
        .foreign_keys(true)
        .statement_cache_capacity(64)
        // Kibibytes, as a negative number. The router's memory is part of its promise.
        .pragma("cache_size", "-2000")
        .pragma("mmap_size", "0")
        // A long reader lets the log grow; this shrinks it again at the next checkpoint.
        .pragma("journal_size_limit", "16777216")
        // What is deleted (a prompt, once it is answered) is overwritten, not only forgotten.
        .pragma("secure_delete", "ON")
        .disable_statement_logging()
}

/// Brings the schema up to date; says whether there was none.
async fn migrate(path: &Path, durable: &SqlitePool) -> Result<bool> {
    let before = schema(durable).await;
    MIGRATIONS.run(durable).await.map_err(|error| refusal(path, &error))?;
    if before.is_some_and(|schema| schema < FIRST_OVERWRITING)
        && let Err(error) = sqlx::query("VACUUM").execute(durable).await
    {
        tracing::warn!(%error, "what an older version deleted may still lie in the database file");
    }
    // A file that can be read but not written opens without complaint; the first queued job must not find out.
    let attempt = async { durable.begin_with("BEGIN IMMEDIATE").await?.rollback().await };
    attempt.await.map_err(|error| StoreError::from_sqlx(path, &error))?;
    Ok(before.is_none())
}

/// Before this schema, deleted rows were only forgotten: their bytes stayed in the file.
const FIRST_OVERWRITING: i64 = 5;

/// The schema of the file; none in a new one.
async fn schema(durable: &SqlitePool) -> Option<i64> {
    let sql = "SELECT max(version) FROM _sqlx_migrations";
    sqlx::query_scalar::<_, Option<i64>>(sql).fetch_one(durable).await.ok().flatten()
}

fn refusal(path: &Path, error: &MigrateError) -> StoreError {
    let path = path.to_owned();
    if let MigrateError::VersionMissing(found) = *error {
        let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
        return StoreError::Newer { path, found, known };
    }
    if let MigrateError::VersionMismatch(version) = *error {
        return StoreError::Foreign { path, version };
    }
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return StoreError::from_sqlx(&path, error);
    }
    StoreError::Refused { path, detail: error.to_string() }
}

fn cannot_create(path: &Path, error: &io::Error) -> StoreError {
    let path = path.to_owned();
    if error.kind() == io::ErrorKind::StorageFull {
        StoreError::DiskFull { path }
    } else if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        StoreError::ReadOnly { path }
    } else {
        StoreError::Unreadable { path, detail: error.to_string() }
    }
}

/// How often a held lock is tried again, and after how long: a command that looks whether a router runs holds it for
/// a moment ([`crate::in_use`]).
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

async fn lock_instance(path: &Path) -> io::Result<Option<InstanceLock>> {
    ensure_private_file(path)?;
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut locked = file.try_lock();
    for _ in 1..LOCK_TRIES {
        if !matches!(locked, Err(TryLockError::WouldBlock)) {
            break;
        }
        tokio::time::sleep(LOCK_PAUSE).await;
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => Ok(Some(InstanceLock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            tracing::warn!(path = %path.display(), "this disk has no file locks; a second router would go unnoticed");
            Ok(Some(InstanceLock { _file: file }))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes sure of a file that only its owner can read; SQLite gives its log files the same permissions. An existing
/// file is not opened: closing it again would release the locks SQLite holds on it in this process.
fn ensure_private_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_created) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => tighten(path),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn tighten(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & 0o700))
}

#[cfg(not(unix))]
fn tighten(_path: &Path) -> io::Result<()> {
    // The profile directory's access list already keeps other users out.
    Ok(())
}

#[cfg(test)]
mod tests;

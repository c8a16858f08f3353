use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::Options;
use crate::{Store, StoreError};

/// What another program would use to open the file.
async fn stranger(dir: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(dir.join("switchyard.db")).connect().await.unwrap()
}

async fn created() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path(), &Options::default()).await.unwrap().close().await;
    dir
}

async fn refusal(dir: &Path) -> StoreError {
    let options = Options { busy_timeout: Duration::from_millis(20), ..Options::default() };
    Store::open(dir, &options).await.unwrap_err()
}

#[tokio::test]
async fn an_existing_database_opens_again() {
    let dir = created().await;
    let store = Store::open(dir.path(), &Options::default()).await.unwrap();
    assert_eq!(store.last_event_id().await.unwrap(), 0);
    assert!(store.maps().latest().await.unwrap().is_none());
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let dir = created().await;
    let mut stranger = stranger(dir.path()).await;
    sqlx::query("INSERT INTO _sqlx_migrations VALUES (9, 'budgets', '', 1, x'00', 1)")
        .execute(&mut stranger)
        .await
        .unwrap();
    let error = refusal(dir.path()).await;
    let newest = crate::migrations::MIGRATIONS.iter().map(|migration| migration.version).max().unwrap();
    assert!(matches!(error, StoreError::Newer { found: 9, known, .. } if known == newest), "{error}");
    assert_eq!(error.problem().code, "database_newer");
    assert!(error.to_string().contains("newer Switchyard"), "{error}");
    let versions: i64 =
        sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(&mut stranger).await.unwrap();
    assert_eq!(versions, newest + 1);
}

#[tokio::test]
async fn a_schema_of_another_build_is_refused() {
    let dir = created().await;
    let mut stranger = stranger(dir.path()).await;
    sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00'").execute(&mut stranger).await.unwrap();
    let error = refusal(dir.path()).await;
    assert!(matches!(error, StoreError::Foreign { version: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_second_router_on_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path(), &Options::default()).await.unwrap();
    let error = refusal(dir.path()).await;
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("switchyard.db"), "{error}");
    drop(first);
    Store::open(dir.path(), &Options::default()).await.unwrap();
}

#[tokio::test]
async fn a_database_another_program_holds_is_refused() {
    let dir = created().await;
    let mut stranger = stranger(dir.path()).await;
    let held = stranger.begin_with("BEGIN EXCLUSIVE").await.unwrap();
    let error = refusal(dir.path()).await;
    assert_eq!(error.problem().code, "database_locked", "{error}");
    held.rollback().await.unwrap();
    Store::open(dir.path(), &Options::default()).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("switchyard.db");
    std::fs::write(&file, "a shopping list, and not a short one: ".repeat(300)).unwrap();
    let error = refusal(dir.path()).await;
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("a shopping list"), "the file was changed");
}

#[tokio::test]
async fn a_damaged_database_is_moved_aside_only_when_that_is_asked_for() {
    let fresh = Options { start_fresh: true, ..Options::default() };
    let dir = created().await;
    let file = dir.path().join("switchyard.db");
    let store = Store::open(dir.path(), &fresh).await.unwrap();
    store.settings().set("pause", &true, 1).await.unwrap();
    store.close().await;
    drop(store);
    // A sound one stays, whatever was asked for.
    let store = Store::open(dir.path(), &fresh).await.unwrap();
    assert_eq!(store.settings().get("pause").await.unwrap(), Some(true));
    store.close().await;
    drop(store);
    let mut bytes = std::fs::read(&file).unwrap();
    for page in bytes.chunks_mut(4096).skip(1) {
        page.fill(0x5a);
    }
    std::fs::write(&file, &bytes).unwrap();
    let error = refusal(dir.path()).await;
    assert!(error.to_string().contains("--start-fresh"), "{error}");
    let store = Store::open(dir.path(), &fresh).await.unwrap();
    assert_eq!(store.settings().get::<bool>("pause").await.unwrap(), None);
    let aside = std::fs::read(dir.path().join("switchyard.db.damaged-1")).unwrap();
    assert_eq!(aside, bytes, "nothing of it is lost");
}

#[tokio::test]
async fn a_data_directory_that_is_a_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("data");
    std::fs::write(&file, "").unwrap();
    let error = refusal(&file).await;
    assert_eq!(error.problem().code, "data_dir_unusable", "{error}");
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_what_is_stored() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep").join("data");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let store = Store::open(&data, &Options::default()).await.unwrap();
    store.settings().set("pause", &true, 1).await.unwrap();
    assert_eq!(mode(&data), 0o700);
    for file in ["switchyard.db", "switchyard.db-wal", "switchyard.lock"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    drop(store);
    std::fs::set_permissions(data.join("switchyard.db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let _store = Store::open(&data, &Options::default()).await.unwrap();
    assert_eq!(mode(&data.join("switchyard.db")), 0o600);
}

#[tokio::test]
async fn writes_reach_the_disk_as_promised() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &Options::default()).await.unwrap();
    let pragma = async |pool: &sqlx::SqlitePool, sql: &'static str| -> i64 {
        sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
    };
    assert_eq!(pragma(&store.inner.durable, "PRAGMA synchronous").await, 2, "FULL");
    assert_eq!(pragma(&store.inner.batch, "PRAGMA synchronous").await, 1, "NORMAL");
    assert_eq!(pragma(&store.inner.durable, "PRAGMA foreign_keys").await, 1);
    let write = sqlx::query("DELETE FROM settings").execute(&store.inner.read).await;
    assert!(write.is_err(), "a reader could write");
}

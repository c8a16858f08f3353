use std::path::Path;
use std::time::Duration;

use sqlx::{ConnectOptions, Connection, SqlitePool};
use switchyard_domain::event::{Event, EventKind};
use switchyard_domain::map::{Format, Priority};
use switchyard_domain::{Dialect, Operation, RequestId, RouteId};

use crate::{Answer, NewJob, NewMap, Options, Retention, Store, StoreError, Writer};

fn job(id: &str, body: Vec<u8>) -> NewJob {
    NewJob {
        id: id.to_owned(),
        at_ms: 0,
        due_at_ms: 0,
        most_open: u32::MAX,
        most_bytes: u64::MAX,
        expires_at_ms: 1_000,
        client: "editor".to_owned(),
        client_id: "app_1".to_owned(),
        priority: Priority::Normal,
        job: "default".to_owned(),
        dialect: Dialect::OpenAiChat,
        operation: Operation::Complete,
        request_id: RequestId::from("req_1"),
        idempotency_key: None,
        fingerprint: "f".to_owned(),
        model: "auto".to_owned(),
        headers_json: "[]".to_owned(),
        body,
        stream: false,
        reason: None,
    }
}

fn answer(body: &str) -> Answer {
    Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        body: body.as_bytes().to_vec(),
        route: RouteId::from("openai/gpt-5"),
        attempts: 1,
        input_tokens: None,
        output_tokens: None,
        lost: Vec::new(),
    }
}

fn map(document: &str) -> NewMap<'_> {
    let (name, source) = ("m", "test");
    NewMap { document, format: Format::Json, name, source, reason: None, at_ms: 1, base_version: None }
}

async fn open(dir: &Path) -> Store {
    Store::open(dir, &Options { busy_timeout: Duration::from_millis(50), ..Options::default() })
        .await
        .unwrap()
}

/// Lets a connection fill a few pages more than there are; SQLite then says that the disk is full.
async fn fill_after(pool: &SqlitePool, more_pages: i64) {
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(pool).await.unwrap();
    let sql = format!("PRAGMA max_page_count = {}", pages + more_pages);
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

/// As when somebody has made room.
async fn make_room(store: &Store) {
    for pool in [&store.inner.durable, &store.inner.batch] {
        sqlx::query("PRAGMA max_page_count = 1073741823").execute(pool).await.unwrap();
    }
}

/// Everything that is written in a transaction of its own works.
async fn works(store: &Store, round: &str) {
    let id = format!("job-{round}");
    store.queue().enqueue(&job(&id, vec![b'x'; 40_000])).await.unwrap();
    store.maps().append(&map("{}")).await.unwrap();
    let writer = Writer::spawn(store, Retention::default());
    let paused = EventKind::Paused { reason: "lunch".to_owned() };
    let event_id = store.last_event_id().await.unwrap() + 1;
    writer.event(Event { id: event_id, at_ms: 1, what: paused });
    writer.flush().await;
    assert_eq!((writer.dropped(), store.last_event_id().await.unwrap()), (0, event_id), "the log is written");
}

#[tokio::test]
async fn a_full_database_refuses_and_takes_again_once_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    works(&store, "before").await;
    for round in 0..3 {
        // The queue and the maps write by one connection, the log by the other.
        fill_after(&store.inner.durable, 8).await;
        fill_after(&store.inner.batch, 0).await;
        let full = store.queue().enqueue(&job("big", vec![b'x'; 400_000])).await.unwrap_err();
        assert_eq!(full.code(), "disk_full", "{full}");
        let writer = Writer::spawn(&store, Retention::default());
        let text = "x".repeat(400_000);
        writer.event(Event { id: 1_000_000, at_ms: 1, what: EventKind::Paused { reason: text } });
        writer.flush().await;
        assert_eq!(writer.dropped(), 1);
        make_room(&store).await;
        works(&store, &format!("after-{round}")).await;
        fill_after(&store.inner.durable, 4).await;
        store.maps().append(&map(&"x".repeat(400_000))).await.unwrap_err();
        make_room(&store).await;
        works(&store, &format!("and-after-{round}")).await;
    }
}

#[tokio::test]
async fn a_locked_file_refuses_and_takes_again_once_it_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut other = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(dir.path().join("switchyard.db"))
        .connect()
        .await
        .unwrap();
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let locked = store.queue().enqueue(&job("a", Vec::new())).await.unwrap_err();
    assert_eq!(locked.code(), "database_locked", "{locked}");
    held.rollback().await.unwrap();
    works(&store, "after").await;
}

/// A real disk of a few megabytes that can grow; none where this user may not mount one.
#[cfg(target_os = "linux")]
struct SmallDisk(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .stderr(std::process::Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(dir))
    }

    fn grow(&self, size: &str) {
        let grown = std::process::Command::new("mount")
            .args(["-o", &format!("remount,size={size}")])
            .arg(self.0.path())
            .status();
        assert!(grown.unwrap().success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_keeps_what_was_accepted_and_takes_more_once_there_is_room() {
    let Some(disk) = SmallDisk::mount("6m") else {
        eprintln!("skipped: this user may not mount a small disk");
        return;
    };
    let store = open(&disk.0.path().join("data")).await;
    let mut accepted = 0;
    let refused = loop {
        match store.queue().enqueue(&job(&format!("{accepted}"), vec![b'x'; 40_000])).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(accepted > 10, "{accepted}");
    assert_eq!(refused.code(), "disk_nearly_full", "{refused}");
    // The rest of the room is for what is accepted already; a file fills even that.
    std::fs::write(disk.0.path().join("filler"), vec![0; 4 * 1024 * 1024]).unwrap_err();
    let mut failed = 0;
    for _ in 0..200 {
        failed += u32::from(store.maps().append(&map(&"x".repeat(40_000))).await.is_err());
    }
    assert!(failed > 0, "the disk is full");
    disk.grow("64m");
    works(&store, "after").await;
    let claimed = store.queue().claim_due(0, 1_000).await.unwrap();
    assert_eq!(claimed.len(), accepted + 1, "what was accepted is there");
    for job in claimed {
        assert!(store.queue().finish(&job.row.id, &answer("{}"), 1).await.unwrap());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_promised_into_a_file_that_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.queue().enqueue(&job("a", Vec::new())).await.unwrap();
    assert!(store.is_in_place());
    let path = dir.path().join("switchyard.db");
    std::fs::rename(&path, dir.path().join("elsewhere.db")).unwrap();
    let gone = store.queue().enqueue(&job("b", Vec::new())).await.unwrap_err();
    assert!(matches!(gone, StoreError::Gone { .. }) && !store.is_in_place(), "{gone}");
    std::fs::write(&path, "another file").unwrap();
    assert!(!store.is_in_place(), "another file in its place is not it");
    std::fs::rename(dir.path().join("elsewhere.db"), &path).unwrap();
    assert!(store.is_in_place());
    store.queue().enqueue(&job("b", Vec::new())).await.unwrap();
}

/// How often a text occurs in the files of a directory.
fn hits(dir: &Path, text: &str) -> usize {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .map(|bytes| bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count())
        .sum()
}

#[tokio::test]
async fn of_an_answered_or_discarded_request_nothing_is_left_on_the_disk() {
    const MARK: &str = "PLANTED-PROMPT-7f3a";
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let queue = store.queue();
    let sizes = [1, 3, 10, 40, 150, 700, 3_000, 12_000];
    let ids: Vec<String> = (0..80).map(|n| format!("job-{n}")).collect();
    for (n, id) in ids.iter().enumerate() {
        let headers_json = format!("[[\"x-note\",\"{MARK}\"]]");
        let body = MARK.repeat(sizes[n % sizes.len()]).into_bytes();
        queue.enqueue(&NewJob { headers_json, ..job(id, body) }).await.unwrap();
    }
    assert!(hits(dir.path(), MARK) > 1_000, "it was there");
    for (n, id) in ids.iter().enumerate() {
        if n % 4 == 0 {
            assert!(queue.discard(id, 1).await.unwrap());
        }
    }
    while let Some(due) = queue.claim_due(9, 7).await.unwrap().pop() {
        assert!(queue.finish(&due.row.id, &answer("{}"), 2).await.unwrap());
        queue.recover(&[], 2).await.unwrap();
    }
    assert_eq!(queue.counts().await.unwrap().done, 60);
    store.close().await;
    assert_eq!(hits(dir.path(), MARK), 0);
}

#[tokio::test]
async fn requests_that_an_older_version_queued_move_over_and_its_leftovers_go() {
    const MARK: &str = "PLANTED-PROMPT-91bc";
    let dir = tempfile::tempdir().unwrap();
    let mut old = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(dir.path().join("switchyard.db"))
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    crate::migrations::MIGRATIONS.run_direct(Some(4), &mut old, false).await.unwrap();
    let insert = "INSERT INTO queue (id, at_ms, expires_at_ms, client, job, dialect, request_id, model, stream, headers, \
                                     body, state_at_ms, state_note, next_at_ms) \
                  VALUES (?1, 0, 1000, ?2, 'default', 'openai-chat', 'req_1', 'auto', 0, '[]', ?3, 0, 'queued', 0)";
    sqlx::query("INSERT INTO clients (name, key_hash, created_at_ms) VALUES ('editor', 'aa', 1)")
        .execute(&mut old)
        .await
        .unwrap();
    for (id, client) in [("kept", "editor"), ("gone", "editor"), ("orphan", "nobody")] {
        sqlx::query(insert)
            .bind(id)
            .bind(client)
            .bind(format!("{id} {}", MARK.repeat(500)).into_bytes())
            .execute(&mut old)
            .await
            .unwrap();
    }
    sqlx::query("UPDATE queue SET state = 'discarded', next_at_ms = NULL, body = x'' WHERE id = 'gone'")
        .execute(&mut old)
        .await
        .unwrap();
    old.close().await.unwrap();

    let store = open(dir.path()).await;
    let app = store.clients().list().await.unwrap().remove(0);
    let due = store.queue().claim_due(0, 9).await.unwrap();
    let seen: Vec<(&str, &str)> =
        due.iter().map(|due| (due.row.id.as_str(), due.row.client_id.as_str())).collect();
    assert_eq!(seen, [("kept", app.id.as_str()), ("orphan", "nobody")]);
    assert!(due[0].body.starts_with(b"kept PLANTED"));
    for due in due {
        store.queue().finish(&due.row.id, &answer("{}"), 1).await.unwrap();
    }
    store.close().await;
    assert_eq!(hits(dir.path(), MARK), 0, "what the older version forgot is overwritten, too");
}

-- The whole schema of the first release. Times are UTC epoch milliseconds; booleans are 0 and 1.

-- The request log. `seq` is given by the one writer, so rows are appended, never inserted between others. There
-- is no index on `id`: ids are random, so an index would dirty a page per row; a look-up by id reads the log, which
-- is capped.
CREATE TABLE requests (
    seq            INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL,
    at_ms          INTEGER NOT NULL,
    client         TEXT    NOT NULL,
    job            TEXT    NOT NULL,
    dialect        TEXT    NOT NULL,
    model          TEXT    NOT NULL,
    stream         INTEGER NOT NULL,
    outcome        TEXT    NOT NULL,
    status         INTEGER NOT NULL,
    route          TEXT,
    tier           TEXT,
    degraded       INTEGER NOT NULL,
    duration_ms    INTEGER NOT NULL,
    first_token_ms INTEGER,
    input_tokens   INTEGER,
    output_tokens  INTEGER
) STRICT;

CREATE TABLE attempts (
    request        INTEGER NOT NULL REFERENCES requests (seq) ON DELETE CASCADE,
    seq            INTEGER NOT NULL,
    route          TEXT    NOT NULL,
    tier           TEXT    NOT NULL,
    start_ms       INTEGER NOT NULL,
    duration_ms    INTEGER NOT NULL,
    failure_kind   TEXT,
    failure_status INTEGER,
    failure_code   TEXT,
    failure_text   TEXT,
    retry_after_ms INTEGER,
    PRIMARY KEY (request, seq)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT keeps the highest id after pruning, so ids are never used twice.
CREATE TABLE events (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    type  TEXT    NOT NULL,
    body  TEXT    NOT NULL
) STRICT;

-- The cold queue.
CREATE TABLE queue (
    id                  TEXT    PRIMARY KEY NOT NULL,
    at_ms               INTEGER NOT NULL,
    expires_at_ms       INTEGER NOT NULL,
    client              TEXT    NOT NULL,
    job                 TEXT    NOT NULL,
    dialect             TEXT    NOT NULL,
    request_id          TEXT    NOT NULL,
    idempotency_key     TEXT,
    model               TEXT    NOT NULL,
    stream              INTEGER NOT NULL,
    headers             TEXT    NOT NULL,
    body                BLOB    NOT NULL,
    reason              TEXT,
    state               TEXT    NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'running', 'done', 'dead', 'expired', 'discarded')),
    -- When the state was entered, and why; both are copied into job_transitions.
    state_at_ms         INTEGER NOT NULL,
    state_note          TEXT    NOT NULL,
    attempts            INTEGER NOT NULL DEFAULT 0,
    -- Exactly the waiting jobs have a next attempt.
    next_at_ms          INTEGER CHECK ((next_at_ms IS NOT NULL) = (state = 'waiting')),
    last_failure        TEXT,
    -- Exactly the done jobs have an answer.
    answer_status       INTEGER CHECK ((answer_status IS NOT NULL) = (state = 'done')),
    answer_content_type TEXT,
    answer_body         BLOB,
    answer_route        TEXT,
    input_tokens        INTEGER,
    output_tokens       INTEGER
) STRICT;

CREATE INDEX queue_due ON queue (next_at_ms) WHERE state = 'waiting';
CREATE INDEX queue_state ON queue (state, at_ms);
-- The same key buys one answer: while its job is open, and while its answer can be fetched.
CREATE UNIQUE INDEX queue_idempotency ON queue (client, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND state IN ('waiting', 'running', 'done');

-- Every state a job entered. Written by triggers, in the transaction of the change, so no change can go unrecorded.
CREATE TABLE job_transitions (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    job        TEXT    NOT NULL REFERENCES queue (id) ON DELETE CASCADE,
    at_ms      INTEGER NOT NULL,
    from_state TEXT,
    to_state   TEXT    NOT NULL,
    note       TEXT    NOT NULL
) STRICT;

CREATE INDEX job_transitions_job ON job_transitions (job, seq);

CREATE TRIGGER queue_entered AFTER INSERT ON queue
BEGIN
    INSERT INTO job_transitions (job, at_ms, from_state, to_state, note)
    VALUES (new.id, new.state_at_ms, NULL, new.state, new.state_note);
END;

CREATE TRIGGER queue_moved AFTER UPDATE OF state ON queue WHEN old.state <> new.state
BEGIN
    INSERT INTO job_transitions (job, at_ms, from_state, to_state, note)
    VALUES (new.id, new.state_at_ms, old.state, new.state, new.state_note);
END;

-- Every applied map, byte for byte as it was given.
CREATE TABLE map_versions (
    version  INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    format   TEXT    NOT NULL,
    source   TEXT    NOT NULL,
    reason   TEXT,
    document TEXT    NOT NULL
) STRICT;

-- Who changed what by hand, and why.
CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms  INTEGER NOT NULL,
    actor  TEXT    NOT NULL,
    action TEXT    NOT NULL,
    target TEXT    NOT NULL,
    reason TEXT,
    before TEXT,
    after  TEXT
) STRICT;

-- Apps with a local key. Only the key's hash is kept.
CREATE TABLE clients (
    name            TEXT    PRIMARY KEY NOT NULL,
    key_hash        TEXT    NOT NULL UNIQUE,
    created_at_ms   INTEGER NOT NULL,
    last_used_at_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
    key   TEXT    PRIMARY KEY NOT NULL,
    value TEXT    NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which credentials exist and where. A keychain can't be listed portably, so the names are kept here; values never.
CREATE TABLE credential_names (
    name          TEXT    NOT NULL,
    place         TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (name, place)
) STRICT, WITHOUT ROWID;

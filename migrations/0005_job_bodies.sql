-- The requests of queued jobs, apart from the jobs: a move of a job rewrites its row, and these may be large.
CREATE TABLE job_bodies (
    job     TEXT PRIMARY KEY NOT NULL REFERENCES queue (id) ON DELETE CASCADE,
    headers TEXT NOT NULL,
    body    BLOB NOT NULL
) STRICT;

INSERT INTO job_bodies (job, headers, body)
SELECT id, headers, body FROM queue WHERE state NOT IN ('done', 'discarded');

-- What the job takes in job_bodies, so that the whole can be summed without reading it.
ALTER TABLE queue ADD COLUMN body_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE queue SET body_bytes = length(CAST(headers AS BLOB)) + length(body) WHERE state NOT IN ('done', 'discarded');
UPDATE queue SET headers = '{}', body = x'' WHERE headers <> '{}' OR body <> x'';
CREATE INDEX queue_bytes ON queue (body_bytes) WHERE body_bytes > 0;

-- Neither an answered nor a discarded job keeps its request.
CREATE TRIGGER job_body_goes AFTER UPDATE OF state ON queue WHEN new.state IN ('done', 'discarded')
BEGIN
    DELETE FROM job_bodies WHERE job = new.id;
END;

-- A hash of operation, dialect and body: the same key with another request is not the same request.
ALTER TABLE queue ADD COLUMN fingerprint TEXT;
-- How much it matters when not everything can be served; absent where it was queued by an older version.
ALTER TABLE queue ADD COLUMN priority TEXT CHECK (priority IN ('low', 'normal', 'high'));
-- What the answer lost in translation, a JSON list of texts, `code field`.
ALTER TABLE queue ADD COLUMN answer_lost TEXT NOT NULL DEFAULT '[]';

-- An app that is removed and added again under its name is another app, and its jobs are its own.
ALTER TABLE clients ADD COLUMN id TEXT;
UPDATE clients SET id = 'app_' || lower(hex(randomblob(10)));
CREATE UNIQUE INDEX clients_id ON clients (id);

ALTER TABLE queue ADD COLUMN client_id TEXT;
UPDATE queue SET client_id = coalesce((SELECT clients.id FROM clients WHERE clients.name = queue.client), client);
DROP INDEX queue_idempotency;
CREATE UNIQUE INDEX queue_idempotency ON queue (client_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND state IN ('waiting', 'running', 'done');

-- The log is read by arrival, and written in the order of settling.
CREATE INDEX requests_arrival ON requests (at_ms, seq);

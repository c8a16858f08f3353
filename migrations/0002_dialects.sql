-- What a request's answer lost between dialects, how often its stream was continued elsewhere, and what queued jobs ask for.

-- A JSON list of texts, `code field`.
ALTER TABLE requests ADD COLUMN degradations TEXT NOT NULL DEFAULT '[]';
ALTER TABLE requests ADD COLUMN rescues INTEGER NOT NULL DEFAULT 0;

ALTER TABLE queue ADD COLUMN operation TEXT NOT NULL DEFAULT 'complete';

-- Compatibility checks of routes, and what a request read from its provider's prompt cache.

CREATE TABLE compat_runs (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    route  TEXT    NOT NULL,
    at_ms  INTEGER NOT NULL,
    -- Endpoint, model and dialect: a run says nothing of another target.
    target TEXT    NOT NULL,
    passed INTEGER NOT NULL,
    body   TEXT    NOT NULL
) STRICT;

CREATE INDEX compat_runs_route ON compat_runs (route, seq);

ALTER TABLE requests ADD COLUMN cached_tokens INTEGER;

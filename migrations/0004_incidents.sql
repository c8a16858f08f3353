-- Incidents, their timelines and notes, and what providers said of themselves. Kept for good: they are few, and the
-- review looks far back.

CREATE TABLE incidents (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    provider     TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('open', 'recovering', 'closed')),
    opened_at_ms INTEGER NOT NULL,
    closed_at_ms INTEGER CHECK ((closed_at_ms IS NOT NULL) = (state = 'closed')),
    -- The incident without its timeline and notes, as JSON.
    body         TEXT    NOT NULL
) STRICT;

-- A provider has one incident at a time.
CREATE UNIQUE INDEX incidents_unclosed ON incidents (provider) WHERE state <> 'closed';
CREATE INDEX incidents_opened ON incidents (opened_at_ms);

CREATE TABLE incident_timeline (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    incident INTEGER NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    at_ms    INTEGER NOT NULL,
    lamp     TEXT    NOT NULL,
    title    TEXT    NOT NULL,
    detail   TEXT,
    event    INTEGER
) STRICT;

CREATE INDEX incident_timeline_incident ON incident_timeline (incident, at_ms, seq);
-- An event that is read twice, after a lag or a restart, is told once.
CREATE UNIQUE INDEX incident_timeline_event ON incident_timeline (event, incident) WHERE event IS NOT NULL;

CREATE TABLE incident_notes (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    incident INTEGER NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    at_ms    INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    text     TEXT    NOT NULL
) STRICT;

CREATE INDEX incident_notes_incident ON incident_notes (incident, seq);

CREATE TABLE external_incidents (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms    INTEGER NOT NULL,
    provider TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    url      TEXT
) STRICT;

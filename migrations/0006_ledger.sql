-- What was spent, in quarter hours (UTC): exact, and apart from the request log, which may drop rows and forgets sooner.
CREATE TABLE ledger (
    bucket_ms          INTEGER NOT NULL,
    provider           TEXT NOT NULL,
    model              TEXT NOT NULL,
    route              TEXT NOT NULL,
    job                TEXT NOT NULL,
    client             TEXT NOT NULL,
    kind               TEXT NOT NULL CHECK (kind IN ('traffic', 'cold', 'check', 'drill')),
    attempts           INTEGER NOT NULL,
    input_tokens       INTEGER NOT NULL,
    cached_tokens      INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    reasoning_tokens   INTEGER NOT NULL,
    nano_usd           INTEGER NOT NULL,
    -- Parts of nano_usd.
    estimated_nano_usd INTEGER NOT NULL,
    assumed_nano_usd   INTEGER NOT NULL,
    PRIMARY KEY (bucket_ms, provider, model, route, job, client, kind)
) STRICT, WITHOUT ROWID;

-- What is leased and settled of each capped budget in each window. Amounts in nano-dollars or tokens.
CREATE TABLE budgets (
    id          TEXT NOT NULL,
    from_ms     INTEGER NOT NULL,
    until_ms    INTEGER NOT NULL,
    leased      INTEGER NOT NULL,
    settled     INTEGER NOT NULL,
    allowance   INTEGER NOT NULL,
    mark_passed INTEGER NOT NULL,
    PRIMARY KEY (id, from_ms)
) STRICT, WITHOUT ROWID;

-- What each try cost, and how that is known; absent where nothing was billed or an older version wrote the row.
ALTER TABLE attempts ADD COLUMN nano_usd INTEGER;
ALTER TABLE attempts ADD COLUMN cost_basis TEXT;
ALTER TABLE requests ADD COLUMN nano_usd INTEGER;

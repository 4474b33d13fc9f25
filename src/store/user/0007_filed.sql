-- A call is filed some time after it has ended: only then it enters the indexes by which lists are read, and the sums below. So a
-- call in progress touches few pages, and what is put off is done for many calls at once (src/store/filing.rs).
--
-- The table is built anew: its unique key of the caller had an entry for every call that has no such key.
CREATE TABLE filed_requests (
    id BLOB PRIMARY KEY CHECK (length(id) = 32),
    user BLOB NOT NULL CHECK (length(user) = 20),
    provider BLOB NOT NULL CHECK (length(provider) = 20),
    service TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'sent', 'done', 'disputed', 'unconfirmed', 'failed')),
    input_units INTEGER NOT NULL DEFAULT 0,
    output_units INTEGER NOT NULL DEFAULT 0,
    input_fee BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(input_fee) = 16),
    output_fee BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(output_fee) = 16),
    -- both together, to sort by
    fee BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(fee) = 16),
    max_fee BLOB NOT NULL CHECK (length(max_fee) = 16),
    -- the prices it is charged at
    price_version INTEGER NOT NULL,
    input_price BLOB NOT NULL CHECK (length(input_price) = 16),
    output_price BLOB NOT NULL CHECK (length(output_price) = 16),
    body_hash BLOB NOT NULL CHECK (length(body_hash) = 32),
    response_hash BLOB CHECK (length(response_hash) = 32),
    -- what the provider asked for beyond our own count
    disputed BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(disputed) = 16),
    receipt BLOB,
    error TEXT,
    idempotency_key TEXT,
    -- when a person accepted a receipt that differs from our own count; the call is done then, and paid as the receipt says
    accepted_at INTEGER,
    filed INTEGER NOT NULL DEFAULT 0 CHECK (filed IN (0, 1))
) STRICT;
INSERT INTO filed_requests (rowid, id, user, provider, service, created_at, finished_at, state, input_units, output_units,
    input_fee, output_fee, fee, max_fee, price_version, input_price, output_price, body_hash, response_hash, disputed, receipt,
    error, idempotency_key, accepted_at, filed)
SELECT rowid, id, user, provider, service, created_at, finished_at, state, input_units, output_units,
    input_fee, output_fee, fee, max_fee, price_version, input_price, output_price, body_hash, response_hash, disputed, receipt,
    error, idempotency_key, accepted_at, state IN ('done', 'disputed', 'failed')
FROM requests ORDER BY rowid;
-- Nothing secret was in it: its pages need not be overwritten.
PRAGMA secure_delete = FAST;
DROP TABLE requests;
PRAGMA secure_delete = ON;
ALTER TABLE filed_requests RENAME TO requests;
CREATE UNIQUE INDEX requests_by_key ON requests (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX requests_unfiled ON requests (filed) WHERE filed = 0;
CREATE INDEX requests_by_time ON requests (created_at, id) WHERE filed = 1;
CREATE INDEX requests_by_provider ON requests (provider, created_at, id) WHERE filed = 1;
CREATE INDEX requests_by_service ON requests (service, created_at, id) WHERE filed = 1;
CREATE INDEX requests_by_state ON requests (state, created_at, id) WHERE filed = 1;
CREATE INDEX requests_by_fee ON requests (fee, id) WHERE filed = 1;

-- Sums of the filed calls of each account, service and state. They stood for all calls before.
DELETE FROM request_totals WHERE count = 0 OR state NOT IN ('done', 'disputed', 'failed');

-- The same of all accounts together, and for each UTC day (days since 1970) on which calls were made.
CREATE TABLE service_totals (
    service TEXT NOT NULL,
    state TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 0),
    input_fee BLOB NOT NULL CHECK (length(input_fee) = 16),
    output_fee BLOB NOT NULL CHECK (length(output_fee) = 16),
    PRIMARY KEY (service, state)
) STRICT, WITHOUT ROWID;
INSERT INTO service_totals
SELECT service, state, sum(count), total_of(input_fee), total_of(output_fee) FROM request_totals GROUP BY service, state;
CREATE TABLE service_days (
    day INTEGER NOT NULL,
    service TEXT NOT NULL,
    state TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 0),
    input_fee BLOB NOT NULL CHECK (length(input_fee) = 16),
    output_fee BLOB NOT NULL CHECK (length(output_fee) = 16),
    PRIMARY KEY (day, service, state)
) STRICT, WITHOUT ROWID;
INSERT INTO service_days
SELECT max(created_at, 0) / 86400000000 AS day, service, state, count(*), total_of(input_fee), total_of(output_fee)
FROM requests WHERE filed = 1 GROUP BY day, service, state;

-- Filed calls of each UTC day, user, provider and service. What a day cost with a provider is in here; it had a table of its own.
CREATE TABLE filed_days (
    day INTEGER NOT NULL,
    user BLOB NOT NULL CHECK (length(user) = 20),
    provider BLOB NOT NULL CHECK (length(provider) = 20),
    service TEXT NOT NULL,
    -- done or disputed; units, fees and what is disputed are theirs
    answered INTEGER NOT NULL CHECK (answered >= 0),
    failed INTEGER NOT NULL CHECK (failed >= 0),
    input_units INTEGER NOT NULL,
    output_units INTEGER NOT NULL,
    input_fee BLOB NOT NULL CHECK (length(input_fee) = 16),
    output_fee BLOB NOT NULL CHECK (length(output_fee) = 16),
    disputed BLOB NOT NULL CHECK (length(disputed) = 16),
    PRIMARY KEY (day, user, provider, service)
) STRICT, WITHOUT ROWID;
INSERT INTO filed_days
SELECT day, user, provider, service, answered, failed, input_units, output_units, input_fee, output_fee, disputed
FROM request_days WHERE answered + failed > 0 ORDER BY day, user, provider, service;
DROP TABLE request_days;
ALTER TABLE filed_days RENAME TO request_days;
DROP TABLE spend_days;

-- Fees of calls that were deleted because they were old (src/store/pruning.rs). They stay owed and paid.
ALTER TABLE accounts ADD COLUMN pruned BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(pruned) = 16);
-- What request_days holds of them.
CREATE TABLE pruned_days (
    day INTEGER NOT NULL,
    user BLOB NOT NULL CHECK (length(user) = 20),
    provider BLOB NOT NULL CHECK (length(provider) = 20),
    service TEXT NOT NULL,
    answered INTEGER NOT NULL CHECK (answered >= 0),
    failed INTEGER NOT NULL CHECK (failed >= 0),
    input_units INTEGER NOT NULL,
    output_units INTEGER NOT NULL,
    input_fee BLOB NOT NULL CHECK (length(input_fee) = 16),
    output_fee BLOB NOT NULL CHECK (length(output_fee) = 16),
    disputed BLOB NOT NULL CHECK (length(disputed) = 16),
    PRIMARY KEY (day, user, provider, service)
) STRICT, WITHOUT ROWID;

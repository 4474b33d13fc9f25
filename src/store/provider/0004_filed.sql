-- A call is filed some time after it has ended: only then it enters the indexes by which lists are read, and the sums below. So a
-- call in progress touches few pages, and what is put off is done for many calls at once (src/store/filing.rs).
ALTER TABLE requests ADD COLUMN filed INTEGER NOT NULL DEFAULT 0 CHECK (filed IN (0, 1));
DROP INDEX requests_by_time;
DROP INDEX requests_by_user;
DROP INDEX requests_by_fee;
DROP INDEX requests_by_debt;
DROP INDEX requests_open;
UPDATE requests SET filed = 1 WHERE state <> 'admitted';
CREATE INDEX requests_unfiled ON requests (filed) WHERE filed = 0;
CREATE INDEX requests_by_time ON requests (created_at, id) WHERE filed = 1;
CREATE INDEX requests_by_user ON requests (user, created_at, id) WHERE filed = 1;
CREATE INDEX requests_by_service ON requests (service, created_at, id) WHERE filed = 1;
CREATE INDEX requests_by_state ON requests (state, created_at, id) WHERE filed = 1;
CREATE INDEX requests_by_fee ON requests (fee, id) WHERE filed = 1;
CREATE INDEX requests_by_debt ON requests (user, provider, owed_after) WHERE filed = 1 AND state = 'charged';

-- Sums of the filed calls of each account, service and state. They stood for all calls before.
DELETE FROM request_totals WHERE count = 0 OR state = 'admitted';

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

-- Fees of calls that were deleted because they were old (src/store/pruning.rs). They stay owed and paid.
ALTER TABLE accounts ADD COLUMN pruned BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(pruned) = 16);

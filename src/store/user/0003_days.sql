-- Calls of each UTC day (days since 1970, by when they were made), provider and service; kept by every write to requests.
CREATE TABLE request_days (
    user BLOB NOT NULL CHECK (length(user) = 20),
    day INTEGER NOT NULL,
    provider BLOB NOT NULL CHECK (length(provider) = 20),
    service TEXT NOT NULL,
    -- all that were made, whatever became of them
    requests INTEGER NOT NULL CHECK (requests >= 0),
    -- done or disputed; units, fees and what is disputed are theirs
    answered INTEGER NOT NULL CHECK (answered >= 0),
    failed INTEGER NOT NULL CHECK (failed >= 0),
    input_units INTEGER NOT NULL,
    output_units INTEGER NOT NULL,
    input_fee BLOB NOT NULL CHECK (length(input_fee) = 16),
    output_fee BLOB NOT NULL CHECK (length(output_fee) = 16),
    disputed BLOB NOT NULL CHECK (length(disputed) = 16),
    PRIMARY KEY (user, day, provider, service)
) STRICT, WITHOUT ROWID;

-- The calls so far. Amounts have 128 bits and integers 64, so each is added up in four parts of 32 bits, first the
-- parts, then what they carry.
CREATE TEMP TABLE backfill AS
SELECT user, max(created_at, 0) / 86400000000 AS day, provider, service,
    count(*) AS requests,
    sum(state IN ('done', 'disputed')) AS answered,
    sum(state = 'failed') AS failed,
    sum(CASE WHEN state IN ('done', 'disputed') THEN input_units ELSE 0 END) AS input_units,
    sum(CASE WHEN state IN ('done', 'disputed') THEN output_units ELSE 0 END) AS output_units,
    sum(('[0x' || substr(hex(input_fee), 1, 8) || ']') ->> 0) AS input_1,
    sum(('[0x' || substr(hex(input_fee), 9, 8) || ']') ->> 0) AS input_2,
    sum(('[0x' || substr(hex(input_fee), 17, 8) || ']') ->> 0) AS input_3,
    sum(('[0x' || substr(hex(input_fee), 25, 8) || ']') ->> 0) AS input_4,
    sum(('[0x' || substr(hex(output_fee), 1, 8) || ']') ->> 0) AS output_1,
    sum(('[0x' || substr(hex(output_fee), 9, 8) || ']') ->> 0) AS output_2,
    sum(('[0x' || substr(hex(output_fee), 17, 8) || ']') ->> 0) AS output_3,
    sum(('[0x' || substr(hex(output_fee), 25, 8) || ']') ->> 0) AS output_4,
    sum(('[0x' || substr(hex(disputed), 1, 8) || ']') ->> 0) AS disputed_1,
    sum(('[0x' || substr(hex(disputed), 9, 8) || ']') ->> 0) AS disputed_2,
    sum(('[0x' || substr(hex(disputed), 17, 8) || ']') ->> 0) AS disputed_3,
    sum(('[0x' || substr(hex(disputed), 25, 8) || ']') ->> 0) AS disputed_4
FROM requests GROUP BY user, day, provider, service;

UPDATE backfill SET
    input_3 = input_3 + (input_4 >> 32), input_4 = input_4 & 4294967295,
    output_3 = output_3 + (output_4 >> 32), output_4 = output_4 & 4294967295,
    disputed_3 = disputed_3 + (disputed_4 >> 32), disputed_4 = disputed_4 & 4294967295;
UPDATE backfill SET
    input_2 = input_2 + (input_3 >> 32), input_3 = input_3 & 4294967295,
    output_2 = output_2 + (output_3 >> 32), output_3 = output_3 & 4294967295,
    disputed_2 = disputed_2 + (disputed_3 >> 32), disputed_3 = disputed_3 & 4294967295;
UPDATE backfill SET
    input_1 = input_1 + (input_2 >> 32), input_2 = input_2 & 4294967295,
    output_1 = output_1 + (output_2 >> 32), output_2 = output_2 & 4294967295,
    disputed_1 = disputed_1 + (disputed_2 >> 32), disputed_2 = disputed_2 & 4294967295;

INSERT INTO request_days
SELECT user, day, provider, service, requests, answered, failed, input_units, output_units,
    unhex(printf('%08X%08X%08X%08X', input_1, input_2, input_3, input_4)),
    unhex(printf('%08X%08X%08X%08X', output_1, output_2, output_3, output_4)),
    unhex(printf('%08X%08X%08X%08X', disputed_1, disputed_2, disputed_3, disputed_4))
FROM backfill;
DROP TABLE backfill;

-- What may be asked of a service by all users together; null: not limited.
ALTER TABLE services ADD COLUMN max_in_flight INTEGER CHECK (max_in_flight > 0);
ALTER TABLE services ADD COLUMN requests_per_minute INTEGER CHECK (requests_per_minute > 0);

-- Services that take no new requests for now. Apart from the rest, which a change on its way to the chain may put back
-- as it was.
CREATE TABLE paused (
    service TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

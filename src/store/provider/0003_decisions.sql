-- Decisions of the settlement engine: a run of equal ones is a row. What was decided and why is in the body, as JSON.
CREATE TABLE decisions (
    at INTEGER PRIMARY KEY,
    until INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

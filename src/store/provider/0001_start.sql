-- The provider broker's database. Amounts are 16-byte big-endian BLOBs, moments microseconds since 1970.

CREATE TABLE network (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    chain_id INTEGER NOT NULL,
    contract BLOB NOT NULL CHECK (length(contract) = 20)
) STRICT;

-- What this broker offers. The chain is made to agree: 'pending' is to be put there, 'removing' to be taken away.
CREATE TABLE services (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    -- where the service itself answers
    target TEXT NOT NULL,
    model TEXT NOT NULL,
    meter TEXT NOT NULL,
    input_price BLOB NOT NULL CHECK (length(input_price) = 16),
    output_price BLOB NOT NULL CHECK (length(output_price) = 16),
    -- headers for the service itself, as JSON; they may hold its access key
    headers TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'listed', 'removing')),
    -- the chain's version of it, once listed
    version INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every version of a service's prices that the chain ever listed.
CREATE TABLE prices (
    service TEXT NOT NULL,
    version INTEGER NOT NULL,
    input_price BLOB NOT NULL CHECK (length(input_price) = 16),
    output_price BLOB NOT NULL CHECK (length(output_price) = 16),
    PRIMARY KEY (service, version)
) STRICT, WITHOUT ROWID;

-- One row for each user that was seen, on the chain or in a request.
CREATE TABLE accounts (
    user BLOB NOT NULL CHECK (length(user) = 20),
    provider BLOB NOT NULL CHECK (length(provider) = 20),
    -- the chain's view, null while the chain has no such account
    balance BLOB CHECK (length(balance) = 16),
    settled BLOB CHECK (length(settled) = 16),
    epoch INTEGER,
    delegate BLOB CHECK (length(delegate) = 20),
    rotation_delegate BLOB CHECK (length(rotation_delegate) = 20),
    rotation_at INTEGER,
    refund_index INTEGER,
    refund_amount BLOB CHECK (length(refund_amount) = 16),
    refund_created_at INTEGER,
    refund_unlock_at INTEGER,
    block INTEGER,
    -- our own books
    owed BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(owed) = 16),
    -- of it not from calls: what the chain had paid for calls that were in books now lost
    carried BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(carried) = 16),
    voucher_epoch INTEGER,
    voucher_cumulative BLOB CHECK (length(voucher_cumulative) = 16),
    voucher_signature BLOB CHECK (length(voucher_signature) = 65),
    PRIMARY KEY (user, provider)
) STRICT, WITHOUT ROWID;

-- Calls that were let through.
CREATE TABLE requests (
    id BLOB PRIMARY KEY CHECK (length(id) = 32),
    user BLOB NOT NULL CHECK (length(user) = 20),
    provider BLOB NOT NULL CHECK (length(provider) = 20),
    service TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    state TEXT NOT NULL CHECK (state IN ('admitted', 'charged', 'failed', 'lost')),
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
    -- how the answer ended, as receipts say it
    status INTEGER,
    -- the sum of the account's fees up to this one
    owed_after BLOB CHECK (length(owed_after) = 16)
) STRICT;
CREATE INDEX requests_by_time ON requests (created_at, id);
CREATE INDEX requests_by_user ON requests (user, created_at, id);
CREATE INDEX requests_by_fee ON requests (fee, id);
CREATE INDEX requests_by_debt ON requests (user, provider, owed_after) WHERE state = 'charged';
CREATE INDEX requests_open ON requests (state) WHERE state = 'admitted';

-- Running totals; kept by every write to requests.
CREATE TABLE request_totals (
    user BLOB NOT NULL,
    provider BLOB NOT NULL,
    service TEXT NOT NULL,
    state TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 0),
    input_fee BLOB NOT NULL CHECK (length(input_fee) = 16),
    output_fee BLOB NOT NULL CHECK (length(output_fee) = 16),
    PRIMARY KEY (user, provider, service, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE operations (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    params TEXT NOT NULL,
    idempotency_key TEXT UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('prepared', 'sent', 'mined', 'reverted', 'unknown', 'refused')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    hash BLOB CHECK (length(hash) = 32),
    block INTEGER,
    block_hash BLOB CHECK (length(block_hash) = 32),
    gas_used INTEGER NOT NULL DEFAULT 0,
    gas_price BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(gas_price) = 16),
    contract BLOB CHECK (length(contract) = 20),
    error TEXT
) STRICT;
CREATE INDEX operations_by_time ON operations (created_at, id);
CREATE INDEX operations_open ON operations (state) WHERE state IN ('prepared', 'sent', 'unknown');

-- Every transaction ever signed. Without an operation: it only fills a gap between nonces.
CREATE TABLE attempts (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    op BLOB REFERENCES operations (id),
    sender BLOB NOT NULL CHECK (length(sender) = 20),
    nonce INTEGER NOT NULL,
    raw BLOB NOT NULL,
    max_fee BLOB NOT NULL CHECK (length(max_fee) = 16),
    priority BLOB NOT NULL CHECK (length(priority) = 16),
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_by_operation ON attempts (op);
CREATE INDEX attempts_by_nonce ON attempts (sender, nonce);

-- One line for each user of each settlement.
CREATE TABLE settlement_rows (
    op BLOB NOT NULL REFERENCES operations (id),
    user BLOB NOT NULL CHECK (length(user) = 20),
    provider BLOB NOT NULL CHECK (length(provider) = 20),
    epoch INTEGER NOT NULL,
    cumulative BLOB NOT NULL CHECK (length(cumulative) = 16),
    -- what was asked for in all, and what was paid by it
    claim BLOB NOT NULL CHECK (length(claim) = 16),
    paid BLOB CHECK (length(paid) = 16),
    PRIMARY KEY (op, user, provider)
) STRICT, WITHOUT ROWID;
CREATE INDEX settlement_rows_by_user ON settlement_rows (user, provider);

-- The last blocks whose events were taken in.
CREATE TABLE cursor (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    call BLOB NOT NULL CHECK (length(call) = 32),
    answer BLOB,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_time ON idempotency (created_at);

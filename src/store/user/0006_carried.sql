-- What of `owed` comes from evidence (our own voucher, the chain's settled sum) instead of from calls in these books: they
-- were lost and begun anew. In databases in which that happened before, it is not known.
ALTER TABLE accounts ADD COLUMN carried BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(carried) = 16);

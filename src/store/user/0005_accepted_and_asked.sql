-- When a person accepted a receipt that differs from our own count. The call is done then, and paid as the receipt says.
ALTER TABLE requests ADD COLUMN accepted_at INTEGER;

-- Whether the draft is a prompt that was on its way, of whose answer nothing was kept.
ALTER TABLE conversations ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;

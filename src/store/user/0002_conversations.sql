-- Conversations of the terminal, and small values that its screens keep. Nobody owes anything because of these rows:
-- the books are in 0001, and stay when a conversation is deleted.

CREATE TABLE conversations (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    title TEXT NOT NULL,
    -- 1 once a person gave the title, which is then never derived again
    named INTEGER NOT NULL CHECK (named IN (0, 1)),
    system TEXT,
    -- JSON
    parameters TEXT NOT NULL,
    provider BLOB CHECK (length(provider) = 20),
    service TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- may name one that was deleted since
    forked_from BLOB CHECK (length(forked_from) = 16),
    -- kept by every write to messages; the fee is that of the messages that are not inherited
    messages INTEGER NOT NULL DEFAULT 0 CHECK (messages >= 0),
    fee BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(fee) = 16),
    draft TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX conversations_by_time ON conversations (updated_at, number);

CREATE TABLE messages (
    -- the conversation's number << 20 | the place in it from 0: one conversation lies together and in order, and a
    -- match of the index below says whose it is without a look at the row
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
    at INTEGER NOT NULL,
    provider BLOB CHECK (length(provider) = 20),
    service TEXT,
    model TEXT NOT NULL,
    request BLOB CHECK (length(request) = 32),
    state TEXT NOT NULL CHECK (state IN ('unfinished', 'complete', 'stopped', 'cut', 'failed')),
    -- why it failed
    reason TEXT,
    input_units INTEGER NOT NULL DEFAULT 0,
    output_units INTEGER NOT NULL DEFAULT 0,
    fee BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(fee) = 16),
    disputed BLOB NOT NULL DEFAULT x'00000000000000000000000000000000' CHECK (length(disputed) = 16),
    -- copied by a fork; its cost counts where it was written
    inherited INTEGER NOT NULL CHECK (inherited IN (0, 1)),
    first_word_ms INTEGER,
    duration_ms INTEGER,
    text TEXT NOT NULL,
    reasoning TEXT NOT NULL
) STRICT;
CREATE INDEX messages_by_request ON messages (request) WHERE request IS NOT NULL;
-- no cost counts twice
CREATE UNIQUE INDEX messages_by_own_request ON messages (request) WHERE request IS NOT NULL AND inherited = 0;
CREATE INDEX prompts_by_time ON messages (at, number) WHERE role = 'user' AND inherited = 0;
CREATE INDEX answers_by_time ON messages (at, fee) WHERE request IS NOT NULL AND inherited = 0;

-- What is searched of a message: its beginning, so that a pasted text does not hold up the writes of the books. No
-- index of prefixes: a search for one letter takes a fifth of a second in 100,000 messages without it, the file half
-- as much again with it.
CREATE VIEW message_texts AS SELECT number, substr(text, 1, 100000) AS text FROM messages;
CREATE VIRTUAL TABLE message_words USING fts5 (
    text, content = 'message_texts', content_rowid = 'number', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER message_added AFTER INSERT ON messages BEGIN
    INSERT INTO message_words (rowid, text) VALUES (new.number, substr(new.text, 1, 100000));
END;
CREATE TRIGGER message_removed AFTER DELETE ON messages BEGIN
    INSERT INTO message_words (message_words, rowid, text)
    VALUES ('delete', old.number, substr(old.text, 1, 100000));
END;
CREATE TRIGGER message_changed AFTER UPDATE OF text ON messages WHEN new.text <> old.text BEGIN
    INSERT INTO message_words (message_words, rowid, text)
    VALUES ('delete', old.number, substr(old.text, 1, 100000));
    INSERT INTO message_words (rowid, text) VALUES (new.number, substr(new.text, 1, 100000));
END;

CREATE VIRTUAL TABLE title_words USING fts5 (
    title, content = 'conversations', content_rowid = 'number', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER conversation_added AFTER INSERT ON conversations BEGIN
    INSERT INTO title_words (rowid, title) VALUES (new.number, new.title);
END;
CREATE TRIGGER conversation_removed AFTER DELETE ON conversations BEGIN
    INSERT INTO title_words (title_words, rowid, title) VALUES ('delete', old.number, old.title);
END;
CREATE TRIGGER conversation_renamed AFTER UPDATE OF title ON conversations WHEN new.title <> old.title BEGIN
    INSERT INTO title_words (title_words, rowid, title) VALUES ('delete', old.number, old.title);
    INSERT INTO title_words (rowid, title) VALUES (new.number, new.title);
END;

-- State of screens that outlives a restart, as JSON.
CREATE TABLE preferences (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Names that the user gave to providers.
CREATE TABLE aliases (
    provider BLOB PRIMARY KEY CHECK (length(provider) = 20),
    alias TEXT NOT NULL,
    -- in lower case, so that no two look alike
    folded TEXT NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

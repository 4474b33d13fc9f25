-- An answer that grows is saved about once a second. With each save the index of words took the whole text out and the
-- longer one in, tens of milliseconds for a long answer, and the books' own writes waited behind it. A message that
-- grows is not in the index; it enters when it has ended, or, where the program ended first, with the next start
-- (src/store/user/conversations/growing.rs). What there is now does not grow: no program has the file open.
ALTER TABLE messages ADD COLUMN growing INTEGER NOT NULL DEFAULT 0 CHECK (growing IN (0, 1));
CREATE INDEX messages_growing ON messages (number) WHERE growing = 1;

DROP TRIGGER message_added;
DROP TRIGGER message_removed;
DROP TRIGGER message_changed;
DROP VIEW message_texts;
CREATE VIEW message_texts AS SELECT number, substr(text, 1, 100000) AS text FROM messages WHERE growing = 0;
CREATE TRIGGER message_added AFTER INSERT ON messages WHEN new.growing = 0 BEGIN
    INSERT INTO message_words (rowid, text) VALUES (new.number, substr(new.text, 1, 100000));
END;
CREATE TRIGGER message_removed AFTER DELETE ON messages WHEN old.growing = 0 BEGIN
    INSERT INTO message_words (message_words, rowid, text)
    VALUES ('delete', old.number, substr(old.text, 1, 100000));
END;
CREATE TRIGGER message_changed AFTER UPDATE OF text, growing ON messages
WHEN (new.text <> old.text OR new.growing <> old.growing) AND NOT (old.growing = 1 AND new.growing = 1) BEGIN
    INSERT INTO message_words (message_words, rowid, text)
    SELECT 'delete', old.number, substr(old.text, 1, 100000) WHERE old.growing = 0;
    INSERT INTO message_words (rowid, text)
    SELECT new.number, substr(new.text, 1, 100000) WHERE new.growing = 0;
END;

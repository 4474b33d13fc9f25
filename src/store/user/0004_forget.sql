-- The indexes of words forget a word with the message that had it. Without this they keep it, marked as gone, until
-- pages happen to be merged.
INSERT INTO message_words (message_words, rank) VALUES ('secure-delete', 1);
INSERT INTO title_words (title_words, rank) VALUES ('secure-delete', 1);

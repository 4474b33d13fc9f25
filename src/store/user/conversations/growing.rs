//! Answers that grow, which are not in the index of words, and those that a program left when it ended in their middle.

use rusqlite::Connection;

use crate::store::StoreError;

/// Messages that one write has enter the index: writes of the books wait behind it.
const AT_ONCE: u32 = 8;

/// Whether an answer of a former run waits to enter the index.
pub(super) fn is_left(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM messages INDEXED BY messages_growing WHERE growing = 1")?
        .exists([])?)
}

/// Has messages enter the index as they are. One that does grow leaves it again with its next change. Returns whether
/// there may be more.
pub(super) fn index(connection: &Connection) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE messages SET growing = 0 WHERE number IN (
                SELECT number FROM messages INDEXED BY messages_growing WHERE growing = 1 ORDER BY number LIMIT ?1
             )",
        )?
        .execute([AT_ONCE])?;
    Ok(changed == AT_ONCE as usize)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

    use rusqlite::OpenFlags;

    use super::super::{Answer, Appended, LibraryStore, MessageState, NewConversation, NewMessage};
    use crate::domain::{Address, ConversationId, MessageId, Timestamp};
    use crate::store::{Db, Role, db::connect, migrate::migrate};

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_700_000_000)
    }

    /// A conversation with the beginning of an answer.
    async fn begun(store: &LibraryStore) -> (ConversationId, MessageId) {
        let id = ConversationId::random();
        store.create(id, NewConversation::default(), now()).await.unwrap();
        let service = (Address::ZERO, "llama7b".parse().unwrap());
        let answer = NewMessage::answer(service, "m", now());
        let Appended::Message(message) = store.append(id, answer, None).await.unwrap() else {
            panic!("not appended")
        };
        (id, message.id)
    }

    async fn grow(store: &LibraryStore, id: MessageId, text: &str, state: MessageState) {
        let answer = Answer { text: text.to_owned(), state, ..Answer::default() };
        assert!(store.update(id, answer, now()).await.unwrap());
    }

    async fn found(store: &LibraryStore, word: &str) -> u64 {
        store.search(word.to_owned(), 10).await.unwrap().total
    }

    /// How many messages the index of words has; it compares itself with the texts it is of.
    async fn indexed(store: &LibraryStore) -> i64 {
        store
            .db
            .write(|connection| {
                let check = "INSERT INTO message_words (message_words, rank) VALUES ('integrity-check', 1)";
                connection.execute_batch(check)?;
                let sql = "SELECT count(*) FROM message_words_docsize";
                Ok(connection.query_row(sql, [], |row| row.get(0))?)
            })
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn an_answer_enters_the_index_of_words_when_it_has_ended() {
        let store = LibraryStore::new(Db::temporary(Role::User).unwrap());
        for end in [MessageState::Complete, MessageState::Stopped, MessageState::Failed("so".into())] {
            let (conversation, answer) = begun(&store).await;
            for text in ["one", "one two", "one two three"] {
                grow(&store, answer, text, MessageState::Unfinished).await;
                assert_eq!((indexed(&store).await, found(&store, "one").await), (0, 0));
            }
            grow(&store, answer, "one two three", end).await;
            assert_eq!((indexed(&store).await, found(&store, "three").await), (1, 1));
            grow(&store, answer, "one four", MessageState::Complete).await;
            assert_eq!((found(&store, "three").await, found(&store, "four").await), (0, 1));
            // Somebody goes on with it after all.
            grow(&store, answer, "one five", MessageState::Unfinished).await;
            assert_eq!(indexed(&store).await, 0);
            assert!(store.delete(conversation).await.unwrap());
            assert_eq!(indexed(&store).await, 0);
        }
        // A branch has what there was, and grows no more.
        let (conversation, answer) = begun(&store).await;
        grow(&store, answer, "half", MessageState::Unfinished).await;
        store.fork(conversation, Some(answer), ConversationId::random(), now()).await.unwrap().unwrap();
        assert_eq!((indexed(&store).await, found(&store, "half").await), (1, 1));
    }

    #[tokio::test]
    async fn what_a_run_left_of_answers_is_found_after_the_next_start() {
        let store = LibraryStore::new(Db::temporary(Role::User).unwrap());
        let mut left = Vec::new();
        for _ in 0..20 {
            let (_, answer) = begun(&store).await;
            grow(&store, answer, "half", MessageState::Unfinished).await;
            left.push(answer);
        }
        store.index_what_was_left().await.unwrap();
        assert_eq!((indexed(&store).await, found(&store, "half").await), (20, 20));
        let writes = store.db.stats().jobs;
        store.index_what_was_left().await.unwrap();
        assert_eq!(store.db.stats().jobs, writes, "nothing is left, and nobody is held up");
        // One that grew all the while is out again until it ends.
        grow(&store, left[0], "half and", MessageState::Unfinished).await;
        assert_eq!((indexed(&store).await, found(&store, "and").await), (19, 0));
        grow(&store, left[0], "half and whole", MessageState::Complete).await;
        assert_eq!((indexed(&store).await, found(&store, "whole").await), (20, 1));
    }

    #[tokio::test]
    async fn an_unfinished_answer_of_the_version_before_stays_found_and_in_step() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("user.db");
        let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut old = connect(&path, create).unwrap();
        migrate(&mut old, Role::User, &Role::User.migrations()[..7]).unwrap();
        old.execute_batch(
            "INSERT INTO conversations (number, id, title, named, parameters, created_at, updated_at, messages)
             VALUES (1, zeroblob(16), '', 0, '{}', 0, 0, 2);
             INSERT INTO messages (number, id, role, at, model, state, inherited, text, reasoning)
             VALUES (1 << 20, x'00000000000000000000000000000001', 'user', 0, '', 'complete', 0, 'question', ''),
                ((1 << 20) + 1, x'00000000000000000000000000000002', 'assistant', 0, '', 'unfinished', 0, 'half', '')",
        )
        .unwrap();
        old.close().unwrap();
        let store = LibraryStore::new(Db::open(&path, Role::User).unwrap());
        assert_eq!((indexed(&store).await, found(&store, "half").await), (2, 1));
        let mut last = [0; 16];
        last[15] = 2;
        let answer = MessageId::new(last);
        grow(&store, answer, "half and", MessageState::Unfinished).await;
        assert_eq!((indexed(&store).await, found(&store, "half").await), (1, 0));
        grow(&store, answer, "half and whole", MessageState::Complete).await;
        assert_eq!((indexed(&store).await, found(&store, "whole").await), (2, 1));
        assert_eq!(store.db.audit().await.unwrap(), Vec::<String>::new());
    }
}

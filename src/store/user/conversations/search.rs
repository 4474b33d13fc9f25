//! Search in all conversations by SQLite's index of words (FTS5).
//!
//! What a person types is never the index's own language: each word is quoted, so that operators, quotes and brackets
//! are just characters. A match is told by its number alone (it names its conversation); texts are only read for the
//! few matches that are shown.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};

use super::{Found, Hit, SnippetPart, number, places, rows};
use crate::{
    domain::{ConversationId, MessageId, clean::clean},
    store::StoreError,
};

/// The most conversations that a search names.
pub const MOST_FOUND: u32 = 200;

/// Words and characters of a search that are looked at.
const MOST_WORDS: usize = 16;
const LONGEST_WORD: usize = 64;

/// Around what was found, in the index's answer. Noncharacters: no text is meant to have them, and where one does, it
/// only looks marked.
const BEGIN: char = '\u{fdd0}';
const END: char = '\u{fdd1}';

/// Characters of a snippet at most; its sixteen words may be long ones.
const LONGEST_SNIPPET: usize = 400;

/// What a person typed in the language of the index: every word quoted, and the beginning of a longer one.
/// `None` when there is no word in it.
fn query(text: &str) -> Option<String> {
    let words: Vec<String> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(MOST_WORDS)
        .map(|word| {
            let word: String = word.chars().take(LONGEST_WORD).collect();
            format!("\"{}\"*", word.replace('"', "\"\""))
        })
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

pub(super) fn search(connection: &Connection, text: &str, limit: u32) -> Result<Found, StoreError> {
    let Some(query) = query(text) else { return Ok(Found::default()) };
    // Of each conversation: how many messages match, and the last of them.
    let mut matched: HashMap<i64, (u64, i64)> = HashMap::new();
    let mut statement = connection
        .prepare_cached("SELECT rowid FROM message_words WHERE message_words MATCH ?1 ORDER BY rowid")?;
    let mut found = statement.query([&query])?;
    while let Some(row) = found.next()? {
        let message: i64 = row.get(0)?;
        let (count, last) = matched.entry(message >> 20).or_default();
        *count += 1;
        *last = message;
    }
    let mut statement =
        connection.prepare_cached("SELECT rowid FROM title_words WHERE title_words MATCH ?1")?;
    let mut found = statement.query([&query])?;
    while let Some(row) = found.next()? {
        matched.entry(row.get(0)?).or_default();
    }
    let total = matched.len() as u64;

    let mut shown = Vec::new();
    let mut statement = connection
        .prepare_cached("SELECT number FROM conversations ORDER BY updated_at DESC, number DESC")?;
    let mut newest = statement.query([])?;
    while shown.len() < limit as usize
        && shown.len() < matched.len()
        && let Some(row) = newest.next()?
    {
        let number: i64 = row.get(0)?;
        if let Some((count, last)) = matched.get(&number) {
            shown.push((number, *count, *last));
        }
    }

    let in_texts = snippets(connection, Texts::Messages, &query, shown.iter().map(|(_, _, last)| *last))?;
    let in_titles = snippets(
        connection,
        Texts::Titles,
        &query,
        shown.iter().filter(|(_, count, _)| *count == 0).map(|(number, _, _)| *number),
    )?;
    let mut hits = Vec::with_capacity(shown.len());
    for (number, messages, last) in shown {
        let conversation = connection
            .prepare_cached("SELECT * FROM conversations WHERE number = ?1")?
            .query_row([number], rows::conversation)?;
        let (message, snippet) = if messages == 0 {
            (None, in_titles.get(&number))
        } else {
            let id: MessageId = connection
                .prepare_cached("SELECT id FROM messages WHERE number = ?1")?
                .query_row([last], |row| row.get(0))?;
            (Some(id), in_texts.get(&last))
        };
        let snippet = snippet.map(|text| parts(text)).unwrap_or_default();
        hits.push(Hit { conversation, message, messages, snippet });
    }
    Ok(Found { hits, total })
}

pub(super) fn matches(
    connection: &Connection,
    id: ConversationId,
    text: &str,
) -> Result<Vec<MessageId>, StoreError> {
    let (Some(query), Some(number)) = (query(text), number(connection, id)?) else { return Ok(Vec::new()) };
    let (first, last) = places(number);
    let mut statement = connection.prepare_cached(
        "SELECT id FROM messages WHERE number IN (
            SELECT rowid FROM message_words WHERE message_words MATCH ?1 AND rowid BETWEEN ?2 AND ?3
         ) ORDER BY number",
    )?;
    let ids = statement.query_map(params![query, first, last], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Which index is asked.
#[derive(Clone, Copy)]
enum Texts {
    Messages,
    Titles,
}

/// The text around what was found, in one pass over the matches, whatever their number.
fn snippets(
    connection: &Connection,
    texts: Texts,
    query: &str,
    wanted: impl Iterator<Item = i64>,
) -> Result<BTreeMap<i64, String>, StoreError> {
    let wanted: Vec<i64> = wanted.collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    // With the plus the index is not asked once for each wanted row, which for a common beginning takes seconds.
    let sql = match texts {
        Texts::Messages => {
            "SELECT rowid, snippet(message_words, 0, ?3, ?4, '…', 16) FROM message_words
             WHERE message_words MATCH ?1 AND +rowid IN (SELECT value FROM json_each(?2))"
        }
        Texts::Titles => {
            "SELECT rowid, snippet(title_words, 0, ?3, ?4, '…', 16) FROM title_words
             WHERE title_words MATCH ?1 AND +rowid IN (SELECT value FROM json_each(?2))"
        }
    };
    let wanted = serde_json::to_string(&wanted).map_err(StoreError::other)?;
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(params![query, wanted, BEGIN.to_string(), END.to_string()], |row| {
        // A text that is cut in the middle of a character would not be UTF-8.
        Ok((row.get(0)?, String::from_utf8_lossy(row.get_ref(1)?.as_bytes()?).into_owned()))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Takes a marked text apart, on one line and cleaned.
fn parts(marked: &str) -> Vec<SnippetPart> {
    let mut parts: Vec<SnippetPart> = Vec::new();
    let mut left = LONGEST_SNIPPET;
    let mut found = false;
    for piece in marked.split_inclusive([BEGIN, END]) {
        let next = match piece.chars().next_back() {
            Some(BEGIN) => true,
            Some(END) => false,
            _ => found,
        };
        let line: String = piece
            .chars()
            .filter(|c| !matches!(*c, BEGIN | END))
            .map(|c| if c.is_whitespace() { ' ' } else { c })
            .collect();
        if !line.is_empty() && left > 0 {
            let text = clean(&line, left).into_owned();
            left = left.saturating_sub(text.chars().count());
            parts.push(SnippetPart { text, found });
        }
        found = next;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_quoted() {
        assert_eq!(query("two  words").as_deref(), Some("\"two\"* \"words\"*"));
        assert_eq!(query("a\"b OR\0NEAR(").as_deref(), Some("\"a\"\"b\"* \"OR\"* \"NEAR(\"*"));
        for nothing in ["", "  ", "\"", "* - ()", "\0"] {
            assert_eq!(query(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_snippet_is_one_cleaned_line_in_parts() {
        let found = parts("one\n\u{fdd0}t\u{1b}wo\u{fdd1} three");
        let texts: Vec<_> = found.iter().map(|part| (part.text.as_str(), part.found)).collect();
        assert_eq!(texts, [("one ", false), ("t\u{fffd}wo", true), (" three", false)]);
        assert!(parts("").is_empty());
    }
}

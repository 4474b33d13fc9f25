//! The rows of conversations and messages, and the sums that go with them.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Answer, Appended, Conversation, ConversationChange, Conversations, MOST_MESSAGES, Message, MessageRole,
    MessageState, NewConversation, NewMessage, ServiceOf, number, places,
};
use crate::{
    domain::{Address, ConversationId, MessageId, Neuron, RequestId, Timestamp},
    store::{
        StoreError,
        amount::{Count, add},
        columns::bytes,
    },
};

/// Prompts longer than this many bytes are pastes; nobody looks for them by typing.
const LONGEST_RECALLED: usize = 16 << 10;

/// How many prompts are looked at for distinct ones.
const MOST_RECALLED: usize = 20_000;

pub(super) fn create(
    connection: &Connection,
    id: ConversationId,
    new: &NewConversation,
    at: Timestamp,
) -> Result<Conversation, StoreError> {
    let conversation = Conversation {
        id,
        title: new.title.clone().unwrap_or_default(),
        named: new.title.is_some(),
        system: new.system.clone(),
        parameters: new.parameters.clone(),
        service: new.service.clone(),
        created_at: at,
        updated_at: at,
        forked_from: None,
        messages: 0,
        fee: Neuron::ZERO,
        draft: String::new(),
        asked: false,
    };
    insert(connection, &conversation)?;
    Ok(conversation)
}

/// Writes a new conversation and returns its number.
fn insert(connection: &Connection, new: &Conversation) -> Result<i64, StoreError> {
    let number: i64 = connection
        .prepare_cached("SELECT COALESCE(MAX(number), 0) + 1 FROM conversations")?
        .query_row([], |row| row.get(0))?;
    connection
        .prepare_cached(
            "INSERT INTO conversations (number, id, title, named, system, parameters, provider, service, created_at,
                updated_at, forked_from)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            number,
            new.id,
            new.title,
            new.named,
            new.system,
            serde_json::to_string(&new.parameters).map_err(StoreError::other)?,
            new.service.as_ref().map(|(provider, _)| bytes(provider)),
            new.service.as_ref().map(|(_, service)| service),
            new.created_at,
            new.updated_at,
            new.forked_from,
        ])?;
    Ok(number)
}

pub(super) fn get(connection: &Connection, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT * FROM conversations WHERE id = ?1")?
        .query_row([id], conversation)
        .optional()?)
}

pub(super) fn list(connection: &Connection, limit: u32) -> Result<Conversations, StoreError> {
    let total: Count =
        connection.prepare_cached("SELECT COUNT(*) FROM conversations")?.query_row([], |row| row.get(0))?;
    let mut statement = connection
        .prepare_cached("SELECT * FROM conversations ORDER BY updated_at DESC, number DESC LIMIT ?1")?;
    let items = statement.query_map([limit], conversation)?.collect::<Result<_, _>>()?;
    Ok(Conversations { items, total: total.0 })
}

pub(super) fn change(
    connection: &Connection,
    id: ConversationId,
    change: &ConversationChange,
) -> Result<bool, StoreError> {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> Result<usize, StoreError> {
        Ok(connection.prepare_cached(sql)?.execute(values)?)
    };
    let changed = match change {
        ConversationChange::Title { title, named } => {
            run("UPDATE conversations SET title = ?2, named = ?3 WHERE id = ?1", &[&id, title, named])
        }
        ConversationChange::System(system) => {
            run("UPDATE conversations SET system = ?2 WHERE id = ?1", &[&id, system])
        }
        ConversationChange::Parameters(parameters) => {
            let json = serde_json::to_string(parameters).map_err(StoreError::other)?;
            run("UPDATE conversations SET parameters = ?2 WHERE id = ?1", &[&id, &json])
        }
        ConversationChange::Service(service) => {
            let provider = service.as_ref().map(|(provider, _)| bytes(provider));
            let name = service.as_ref().map(|(_, name)| name);
            let sql = "UPDATE conversations SET provider = ?2, service = ?3 WHERE id = ?1";
            run(sql, &[&id, &provider, &name])
        }
        ConversationChange::Draft(draft) => {
            run("UPDATE conversations SET draft = ?2, asked = 0 WHERE id = ?1", &[&id, draft])
        }
        ConversationChange::Asked(draft) => {
            run("UPDATE conversations SET draft = ?2, asked = 1 WHERE id = ?1", &[&id, draft])
        }
    };
    Ok(changed? == 1)
}

/// How far a conversation is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deleted {
    /// There is none of that name.
    Nothing,
    /// Its last messages; more are left.
    Part,
    Whole,
}

/// Deletes the last messages of a conversation, at most `most`, and with the first one itself. A part that is left is
/// a shorter conversation with its right sums.
pub(super) fn delete(connection: &Connection, id: ConversationId, most: u32) -> Result<Deleted, StoreError> {
    let Some(number) = number(connection, id)? else { return Ok(Deleted::Nothing) };
    let Some(conversation) = get(connection, id)? else { return Ok(Deleted::Nothing) };
    let (first, end) = places(number);
    let mut statement = connection.prepare_cached(
        "SELECT number, fee, inherited FROM messages WHERE number BETWEEN ?1 AND ?2 ORDER BY number DESC LIMIT ?3",
    )?;
    let mut rows = statement.query(params![first, end, most])?;
    let (mut from, mut count, mut fee) = (end, 0, Neuron::ZERO);
    while let Some(row) = rows.next()? {
        from = row.get("number")?;
        count += 1;
        if !row.get::<_, bool>("inherited")? {
            fee = add(fee, row.get("fee")?)?;
        }
    }
    drop(rows);
    connection.prepare_cached("DELETE FROM messages WHERE number BETWEEN ?1 AND ?2")?.execute([from, end])?;
    if count < most {
        connection.prepare_cached("DELETE FROM conversations WHERE number = ?1")?.execute([number])?;
        return Ok(Deleted::Whole);
    }
    connection
        .prepare_cached("UPDATE conversations SET messages = messages - ?2, fee = ?3 WHERE number = ?1")?
        .execute(params![number, count, conversation.fee.above(fee)])?;
    Ok(Deleted::Part)
}

pub(super) fn fork(
    connection: &Connection,
    id: ConversationId,
    through: Option<MessageId>,
    new: ConversationId,
    at: Timestamp,
) -> Result<Option<Conversation>, StoreError> {
    let (Some(original), Some(from)) = (get(connection, id)?, number(connection, id)?) else {
        return Ok(None);
    };
    let (first, end) = places(from);
    let last = match through {
        None => None,
        Some(message) => {
            let found: Option<i64> = connection
                .prepare_cached("SELECT number FROM messages WHERE id = ?1 AND number BETWEEN ?2 AND ?3")?
                .query_row(params![message, first, end], |row| row.get(0))
                .optional()?;
            let Some(found) = found else { return Ok(None) };
            Some(found)
        }
    };
    // Without a prompt to derive it from, a title that nobody gave begins anew.
    let title = if last.is_some() || original.named { original.title } else { String::new() };
    let branch = Conversation {
        id: new,
        title,
        forked_from: Some(id),
        created_at: at,
        updated_at: at,
        messages: 0,
        fee: Neuron::ZERO,
        draft: String::new(),
        asked: false,
        ..original
    };
    let number = insert(connection, &branch)?;
    let (begin, _) = places(number);
    if let Some(last) = last {
        // What will never grow here is not unfinished.
        let mut copy = connection.prepare_cached(
            "INSERT INTO messages (number, id, role, at, provider, service, model, request, state, reason, input_units,
                output_units, fee, disputed, inherited, first_word_ms, duration_ms, text, reasoning)
             SELECT number - ?1 + ?2, ?3, role, at, provider, service, model, request,
                CASE state WHEN 'unfinished' THEN 'stopped' ELSE state END, reason, input_units, output_units, fee,
                disputed, 1, first_word_ms, duration_ms, text, reasoning
             FROM messages WHERE number = ?4",
        )?;
        let mut copied = 0u64;
        for source in first..=last {
            copied += copy.execute(params![first, begin, MessageId::random(), source])? as u64;
        }
        connection
            .prepare_cached("UPDATE conversations SET messages = ?2 WHERE number = ?1")?
            .execute(params![number, Count(copied)])?;
    }
    get(connection, new)
}

pub(super) fn messages(
    connection: &Connection,
    id: ConversationId,
) -> Result<Option<Vec<Message>>, StoreError> {
    let Some(number) = number(connection, id)? else { return Ok(None) };
    let (first, last) = places(number);
    let mut statement =
        connection.prepare_cached("SELECT * FROM messages WHERE number BETWEEN ?1 AND ?2 ORDER BY number")?;
    let rows = statement.query_map([first, last], |row| message(row, id))?;
    Ok(Some(rows.collect::<Result<_, _>>()?))
}

pub(super) fn append(
    connection: &Connection,
    id: ConversationId,
    new: &NewMessage,
    title: Option<&str>,
) -> Result<Appended, StoreError> {
    let (Some(conversation), Some(number)) = (get(connection, id)?, number(connection, id)?) else {
        return Ok(Appended::NoConversation);
    };
    if conversation.messages >= MOST_MESSAGES {
        return Ok(Appended::Full);
    }
    let place = i64::try_from(conversation.messages).map_err(StoreError::other)?;
    let answer = &new.answer;
    connection
        .prepare_cached(
            "INSERT INTO messages (number, id, role, at, provider, service, model, request, state, reason, inherited,
                first_word_ms, duration_ms, text, reasoning, growing)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            places(number).0.saturating_add(place),
            new.id,
            new.role.as_str(),
            new.at,
            answer.service.as_ref().map(|(provider, _)| bytes(provider)),
            answer.service.as_ref().map(|(_, service)| service),
            answer.model,
            answer.request,
            answer.state.as_str(),
            answer.state.reason(),
            answer.first_word_ms.map(Count),
            answer.duration_ms.map(Count),
            answer.text,
            answer.reasoning,
            answer.state == MessageState::Unfinished,
        ])?;
    let prompt = new.role == MessageRole::User;
    let title = title.filter(|_| prompt && !conversation.named && conversation.title.is_empty());
    connection
        .prepare_cached(
            "UPDATE conversations SET messages = messages + 1, updated_at = MAX(updated_at, ?2),
                title = COALESCE(?3, title), draft = CASE WHEN ?4 THEN '' ELSE draft END,
                asked = CASE WHEN ?4 THEN 0 ELSE asked END
             WHERE number = ?1",
        )?
        .execute(params![number, new.at, title, prompt])?;
    Ok(Appended::Message(Box::new(Message {
        id: new.id,
        conversation: id,
        role: new.role,
        text: answer.text.clone(),
        reasoning: answer.reasoning.clone(),
        at: new.at,
        service: answer.service.clone(),
        model: answer.model.clone(),
        request: answer.request,
        state: answer.state.clone(),
        input: Default::default(),
        output: Default::default(),
        fee: Neuron::ZERO,
        disputed: Neuron::ZERO,
        inherited: false,
        first_word_ms: answer.first_word_ms,
        duration_ms: answer.duration_ms,
    })))
}

pub(super) fn update(
    connection: &Connection,
    id: MessageId,
    answer: &Answer,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let found: Option<(i64, Option<RequestId>)> = connection
        .prepare_cached("SELECT number, request FROM messages WHERE id = ?1 AND inherited = 0")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((number, request)) = found else { return Ok(false) };
    if request.is_some() && answer.request.is_some() && request != answer.request {
        return Err(StoreError::invalid("a message belongs to one request; another one is another message"));
    }
    connection
        .prepare_cached(
            "UPDATE messages SET provider = ?2, service = ?3, model = ?4, request = ?5, state = ?6, reason = ?7,
                first_word_ms = ?8, duration_ms = ?9, text = ?10, reasoning = ?11, growing = ?12
             WHERE number = ?1",
        )?
        .execute(params![
            number,
            answer.service.as_ref().map(|(provider, _)| bytes(provider)),
            answer.service.as_ref().map(|(_, service)| service),
            answer.model,
            request.or(answer.request),
            answer.state.as_str(),
            answer.state.reason(),
            answer.first_word_ms.map(Count),
            answer.duration_ms.map(Count),
            answer.text,
            answer.reasoning,
            answer.state == MessageState::Unfinished,
        ])?;
    connection
        .prepare_cached("UPDATE conversations SET updated_at = MAX(updated_at, ?2) WHERE number = ?1 >> 20")?
        .execute(params![number, at])?;
    Ok(true)
}

pub(super) fn prompts(connection: &Connection, limit: usize) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT text FROM messages
         WHERE role = 'user' AND inherited = 0 AND octet_length(text) <= ?1
         ORDER BY at DESC, number DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![Count(LONGEST_RECALLED as u64), Count(MOST_RECALLED as u64)])?;
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let text: String = row.get(0)?;
        if !text.trim().is_empty() && seen.insert(text.clone()) {
            found.push(text);
        }
    }
    Ok(found)
}

pub(super) fn first_prompt(
    connection: &Connection,
    id: ConversationId,
) -> Result<Option<String>, StoreError> {
    let Some(number) = number(connection, id)? else { return Ok(None) };
    let (first, last) = places(number);
    Ok(connection
        .prepare_cached(
            "SELECT text FROM messages WHERE number BETWEEN ?1 AND ?2 AND role = 'user' ORDER BY number LIMIT 1",
        )?
        .query_row([first, last], |row| row.get(0))
        .optional()?)
}

pub(super) fn spent(connection: &Connection, from: Timestamp, to: Timestamp) -> Result<Neuron, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT fee FROM messages WHERE request IS NOT NULL AND inherited = 0 AND at >= ?1 AND at < ?2",
    )?;
    let mut rows = statement.query([from, to])?;
    let mut sum = Neuron::ZERO;
    while let Some(row) = rows.next()? {
        sum = add(sum, row.get(0)?)?;
    }
    Ok(sum)
}

/// Recomputes the sums of all conversations from their messages; says what does not fit.
pub(in crate::store) fn audit(connection: &Connection, wrong: &mut Vec<String>) -> Result<(), StoreError> {
    let mut sums = std::collections::BTreeMap::<i64, (u64, Neuron)>::new();
    let mut statement = connection.prepare("SELECT number >> 20, fee, inherited FROM messages")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (count, fee) = sums.entry(row.get(0)?).or_default();
        *count += 1;
        if !row.get::<_, bool>(2)? {
            *fee = add(*fee, row.get(1)?)?;
        }
    }
    let mut statement = connection.prepare("SELECT number, messages, fee FROM conversations")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let kept = (row.get::<_, Count>(1)?.0, row.get::<_, Neuron>(2)?);
        let number: i64 = row.get(0)?;
        if kept != sums.remove(&number).unwrap_or_default() {
            wrong.push(format!("conversation {number}: its sums differ from its messages"));
        }
    }
    if !sums.is_empty() {
        wrong.push("there are messages of conversations that are missing".to_owned());
    }
    Ok(())
}

pub(super) fn conversation(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        id: row.get("id")?,
        title: row.get("title")?,
        named: row.get("named")?,
        system: row.get("system")?,
        // What another version wrote is not worth losing the conversation for.
        parameters: serde_json::from_str(row.get_ref("parameters")?.as_str()?).unwrap_or_default(),
        service: service(row)?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        forked_from: row.get("forked_from")?,
        messages: row.get::<_, Count>("messages")?.0,
        fee: row.get("fee")?,
        draft: row.get("draft")?,
        asked: row.get("asked")?,
    })
}

fn message(row: &Row<'_>, conversation: ConversationId) -> rusqlite::Result<Message> {
    let role: String = row.get("role")?;
    let state: String = row.get("state")?;
    Ok(Message {
        id: row.get("id")?,
        conversation,
        role: role.parse().unwrap_or(MessageRole::System),
        text: row.get("text")?,
        reasoning: row.get("reasoning")?,
        at: row.get("at")?,
        service: service(row)?,
        model: row.get("model")?,
        request: row.get("request")?,
        state: MessageState::of(&state, row.get("reason")?),
        input: row.get("input_units")?,
        output: row.get("output_units")?,
        fee: row.get("fee")?,
        disputed: row.get("disputed")?,
        inherited: row.get("inherited")?,
        first_word_ms: row.get::<_, Option<Count>>("first_word_ms")?.map(|count| count.0),
        duration_ms: row.get::<_, Option<Count>>("duration_ms")?.map(|count| count.0),
    })
}

fn service(row: &Row<'_>) -> rusqlite::Result<Option<ServiceOf>> {
    let provider = row.get::<_, Option<[u8; 20]>>("provider")?.map(Address::from);
    Ok(provider.zip(row.get("service")?))
}

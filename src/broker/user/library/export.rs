//! A conversation as a file: Markdown for people, JSON for programs.
//!
//! Amounts are exact: neuron, with A0GI beside it for people. An inherited answer says that its cost counts elsewhere,
//! so that nobody adds it up twice.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Conversation, LibraryError, Message, MessageRole, MessageState, ServiceOf};
use crate::domain::{Neuron, clean::clean, clean::clean_lines};

/// Characters of a name or a reason, which are on one line.
const LONGEST_LINE: usize = 500;

pub(super) fn markdown(conversation: &Conversation, messages: &[Message], alias: Option<&str>) -> String {
    let mut text = String::new();
    let title = if conversation.title.is_empty() { "Conversation" } else { &conversation.title };
    line(&mut text, format_args!("# {}\n", clean(title, LONGEST_LINE)));
    line(&mut text, format_args!("- conversation: {}", conversation.id));
    if let Some((provider, service)) = &conversation.service {
        line(&mut text, format_args!("- service: {service}"));
        match alias {
            Some(alias) => {
                line(&mut text, format_args!("- provider: {provider} ({})", clean(alias, LONGEST_LINE)))
            }
            None => line(&mut text, format_args!("- provider: {provider}")),
        }
    }
    if let Some(model) = messages.iter().rev().map(|message| &message.model).find(|model| !model.is_empty()) {
        line(&mut text, format_args!("- model: {}", clean(model, LONGEST_LINE)));
    }
    line(&mut text, format_args!("- begun: {}", conversation.created_at));
    line(&mut text, format_args!("- last message: {}", conversation.updated_at));
    if let Some(original) = conversation.forked_from {
        line(&mut text, format_args!("- branch of: {original}"));
    }
    line(&mut text, format_args!("- messages: {}", messages.len()));
    line(&mut text, format_args!("- cost: {}", amount(conversation.fee)));
    let disputed = disputed(messages);
    if !disputed.is_zero() {
        line(&mut text, format_args!("- disputed, not paid: {}", amount(disputed)));
    }
    if let Some(system) = conversation.system.as_deref().filter(|system| !system.trim().is_empty()) {
        line(&mut text, format_args!("\n## System\n\n{}", body(system)));
    }
    for message in messages {
        let speaker = match message.role {
            MessageRole::System => "System",
            MessageRole::User => "You",
            MessageRole::Assistant => "Answer",
        };
        line(&mut text, format_args!("\n## {speaker}, {}\n", message.at));
        if !message.reasoning.trim().is_empty() {
            for thought in body(&message.reasoning).lines() {
                line(&mut text, format_args!("> {thought}"));
            }
            text.push('\n');
        }
        line(&mut text, format_args!("{}", body(&message.text)));
        if message.role == MessageRole::Assistant {
            line(&mut text, format_args!("\n{}", footer(message)));
        }
    }
    text
}

/// What an answer says of itself below its text.
fn footer(message: &Message) -> String {
    let mut parts = Vec::new();
    match &message.state {
        MessageState::Complete => {}
        MessageState::Unfinished => parts.push("unfinished".to_owned()),
        MessageState::Stopped => parts.push("stopped".to_owned()),
        MessageState::Cut => parts.push("cut".to_owned()),
        MessageState::Failed(reason) => parts.push(format!("failed: {}", clean(reason, LONGEST_LINE))),
    }
    if let Some((provider, service)) = &message.service {
        parts.push(format!("{service} @ {provider}"));
    }
    if !message.model.is_empty() {
        parts.push(clean(&message.model, LONGEST_LINE).into_owned());
    }
    match message.request {
        Some(request) => {
            parts.push(format!("{} in, {} out", message.input.0, message.output.0));
            parts.push(amount(message.fee));
            if !message.disputed.is_zero() {
                parts.push(format!("disputed {}", amount(message.disputed)));
            }
            if message.inherited {
                parts.push("counted in the original".to_owned());
            }
            parts.push(format!("request {request}"));
        }
        None => parts.push("no request".to_owned()),
    }
    format!("*{}*", parts.join(" · "))
}

pub(super) fn json(
    conversation: &Conversation,
    messages: &[Message],
    alias: Option<&str>,
) -> Result<String, LibraryError> {
    let document = json!({
        "id": conversation.id,
        "title": conversation.title,
        "service": service(conversation.service.as_ref()),
        "alias": alias,
        "system": conversation.system,
        "parameters": conversation.parameters,
        "createdAt": conversation.created_at,
        "updatedAt": conversation.updated_at,
        "forkedFrom": conversation.forked_from,
        "fee": conversation.fee.to_string(),
        "disputed": disputed(messages).to_string(),
        "messages": messages.iter().map(one).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&document)?)
}

fn one(message: &Message) -> Value {
    json!({
        "id": message.id,
        "role": message.role,
        "text": message.text,
        "reasoning": message.reasoning,
        "at": message.at,
        "service": service(message.service.as_ref()),
        "model": message.model,
        "request": message.request,
        "state": message.state.as_str(),
        "reason": message.state.reason(),
        "inputUnits": message.input,
        "outputUnits": message.output,
        "fee": message.fee.to_string(),
        "disputed": message.disputed.to_string(),
        "inherited": message.inherited,
        "firstWordMs": message.first_word_ms,
        "durationMs": message.duration_ms,
    })
}

fn service(service: Option<&ServiceOf>) -> Value {
    service.map_or(Value::Null, |(provider, name)| json!({"provider": provider.to_string(), "name": name}))
}

/// What providers asked for beyond our count, in the messages whose cost counts here.
fn disputed(messages: &[Message]) -> Neuron {
    let own = messages.iter().filter(|message| !message.inherited);
    own.fold(Neuron::ZERO, |sum, message| sum.saturating_add(message.disputed))
}

fn amount(neuron: Neuron) -> String {
    neuron.in_full()
}

/// A text of several lines, cleaned; the line ends of other systems are line ends.
fn body(text: &str) -> String {
    clean_lines(&text.replace("\r\n", "\n"), usize::MAX)
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(words);
    text.push('\n');
}

//! `keys`: what can be pressed in the screens, by the names that the settings' `terminal.keys` takes.

use anyhow::Result;
use serde_json::{Value, json};

use super::settings::settings;
use crate::cli::{Column, Exit, Global, Json, Output, Role};
use crate::config::{ProviderConfig, UserConfig};
use crate::tui::{Settings, console, user};

const COLUMNS: &[Column] = &[
    Column::text("In", "In"),
    Column::text("Where", "Where"),
    Column::text("Name", "Name"),
    Column::text("Keys", "Keys"),
    Column::text("What it does", "What"),
];

pub fn run(role: Role, json: Json, global: &Global) -> Result<Exit> {
    let terminal = match role {
        Role::User => settings::<UserConfig>(global)?.shell.terminal,
        Role::Provider => settings::<ProviderConfig>(global)?.shell.terminal,
    };
    let all = actions(&terminal)?;
    if json.json {
        Output.json(&Value::Array(all));
        return Ok(Exit::Ok);
    }
    let text = |mut one: Value| {
        let keys = one["Keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
        one["Keys"] = keys.collect::<Vec<_>>().join(" ").into();
        one
    };
    let all: Vec<Value> = all.into_iter().map(text).collect();
    if Output.table(&all, COLUMNS) {
        let file = if role == Role::User { "user" } else { "provider" };
        Output.note(&format!(
            "To change keys, write terminal.keys into the settings file ({file}), by these names."
        ));
    }
    Ok(Exit::Ok)
}

/// Every action of both programs, in the order of help.
fn actions(terminal: &Settings) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for (program, tables) in [("screens", user::TABLES), ("console", console::TABLES)] {
        let keymap = terminal.keymap(tables)?;
        all.extend(keymap.all().iter().map(|bound| {
            json!({
                "In": program,
                "Where": bound.binding.place.name(),
                "Name": bound.binding.name,
                "Keys": bound.keys.iter().map(|key| key.name()).collect::<Vec<_>>(),
                "What": bound.binding.what,
                "Writes": bound.binding.writes,
            })
        }));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn what_is_listed_can_be_written_into_the_settings() {
        let keys: serde_json::Map<String, Value> = actions(&Settings::default())
            .unwrap()
            .into_iter()
            .filter(|one| one["In"] == "screens")
            .map(|one| (one["Name"].as_str().unwrap().to_owned(), one["Keys"].clone()))
            .collect();
        assert!(keys.len() > 60, "{}", keys.len());
        assert_eq!(keys["page-down"], json!(["pagedown", "ctrl+d", "ctrl+f"]));
        // A whole map written out and read again changes nothing.
        let written: Settings = serde_json::from_value(json!({ "keys": keys })).unwrap();
        let (one, two) = (Settings::default(), written);
        let names = |settings: &Settings| -> Vec<_> {
            settings
                .keymap(user::TABLES)
                .unwrap()
                .all()
                .iter()
                .map(|b| (b.binding.name, b.keys.clone()))
                .collect()
        };
        assert_eq!(names(&one), names(&two));
    }
}

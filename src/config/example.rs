//! The example files: every key at its default, with what it is for.

use std::fmt::Write;

use serde_json::Value;

use super::about::About;
use super::role::RoleConfig;
use super::tree::Tree;

/// Lines are wrapped at this column.
const WIDTH: usize = 110;

/// The example file of a role, as `user/config.example.yaml` and `provider/config.example.yaml` have it.
pub fn example<C: RoleConfig>() -> String {
    let mut text = format!(
        "# Settings of the {name} broker. Every key is here at its default; keep the ones you change.\n\
         # Copy to {name}/config.local.yaml. Also read: ZGSERVE_… variables (chain.rpcUrl is ZGSERVE_CHAIN__RPC_URL) and flags.\n\
         # Amounts are whole neuron in quotes (1 A0GI = 10^18 neuron), times seconds, sizes bytes.\n",
        name = C::NAME,
    );
    write_tree(&mut text, &C::defaults(), &C::about(), "", 0);
    text
}

fn write_tree(text: &mut String, tree: &Tree, about: &[About], prefix: &str, depth: usize) {
    let indent = "  ".repeat(depth);
    for (key, value) in tree {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if depth == 0 {
            text.push('\n');
        }
        if let Some(about) = about.iter().find(|about| about.key == path) {
            for line in wrap(about.text, WIDTH - indent.len() - 2) {
                // Writing into a String cannot fail.
                let _ = writeln!(text, "{indent}# {line}");
            }
        }
        match value {
            Value::Object(branch) if !branch.is_empty() => {
                let _ = writeln!(text, "{indent}{key}:");
                write_tree(text, branch, about, &path, depth + 1);
            }
            Value::Null => {
                let _ = writeln!(text, "{indent}{key}:");
            }
            // JSON is YAML.
            value => {
                let _ = writeln!(text, "{indent}{key}: {value}");
            }
        }
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        if lines.last().is_some_and(|line| !line.is_empty() && line.len() + 1 + word.len() > width) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

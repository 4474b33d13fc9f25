//! Objects of an answer as text for people: tables, and the fields of one object. Amounts and counts have their digits in
//! groups, times end with the second. Programs take `--json`, which has none of this.

use serde_json::Value;

use crate::domain::amount::grouped;
use crate::domain::{Neuron, Timestamp, clean};

/// Fields of answers that hold neuron.
pub const AMOUNTS: &[&str] = &[
    "Amount",
    "Available",
    "Balance",
    "Brings",
    "Claim",
    "Claimable",
    "Costs",
    "CreditLimit",
    "Cumulative",
    "Disputed",
    "Earned",
    "Expected",
    "ExpectedCost",
    "Fee",
    "GasCost",
    "GasPrice",
    "GasSpent",
    "InputFee",
    "InputPrice",
    "MaxFee",
    "OutputFee",
    "OutputPrice",
    "Owed",
    "Paid",
    "PendingRefund",
    "Promised",
    "Reserved",
    "Settled",
    "Unsettled",
    "Voucher",
    "Wallet",
    "WorthFrom",
];
/// Longest text in a cell.
const LONGEST: usize = 200;
/// Objects in objects are told this deep.
const DEEPEST: usize = 3;

/// A column of a table: its title, and the key of the objects that it shows.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    key: &'static str,
    figures: bool,
}

impl Column {
    pub const fn text(title: &'static str, key: &'static str) -> Column {
        Column { title, key, figures: false }
    }

    /// A column of amounts or counts, with their ends in a line.
    pub const fn figures(title: &'static str, key: &'static str) -> Column {
        Column { title, key, figures: true }
    }

    fn cell(self, item: &Value) -> String {
        let value = &item[self.key];
        if self.figures { figure(value).unwrap_or_else(|| cell(value)) } else { cell(value) }
    }
}

/// The lines of a table, titles first.
pub fn table(items: &[Value], columns: &[Column]) -> Vec<String> {
    let titles = columns.iter().map(|column| column.title.to_owned()).collect();
    let rows = items.iter().map(|item| columns.iter().map(|column| column.cell(item)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(titles).chain(rows).collect();
    let width = |index: usize| rows.iter().filter_map(|row| row.get(index)).map(|cell| length(cell)).max();
    let widths: Vec<usize> = (0..columns.len()).map(|index| width(index).unwrap_or(0)).collect();
    rows.iter().map(|row| aligned(row, columns, &widths)).collect()
}

fn aligned(row: &[String], columns: &[Column], widths: &[usize]) -> String {
    let mut line = String::new();
    for ((cell, column), width) in row.iter().zip(columns).zip(widths) {
        let room = std::iter::repeat_n(' ', width.saturating_sub(length(cell)));
        if column.figures {
            line.extend(room);
            line.push_str(cell);
        } else {
            line.push_str(cell);
            line.extend(room);
        }
        line.push_str("  ");
    }
    line.trim_end().to_owned()
}

/// The fields of an object, one a line; those of objects in it by both names.
pub fn fields(item: &Value) -> Vec<String> {
    let mut all = Vec::new();
    flatten("", item, DEEPEST, &mut all);
    let width = all.iter().map(|(name, _)| length(name)).max().unwrap_or(0);
    all.iter().map(|(name, text)| format!("{name:<width$}  {text}").trim_end().to_owned()).collect()
}

fn flatten(above: &str, item: &Value, deep: usize, all: &mut Vec<(String, String)>) {
    let Some(fields) = item.as_object() else {
        return all.push((above.to_owned(), cell(item)));
    };
    for (key, value) in fields {
        let key = clean::clean(key, 60);
        let name = if above.is_empty() { key.into_owned() } else { format!("{above}.{key}") };
        let last = name.rsplit('.').next().unwrap_or_default();
        match value {
            Value::Object(inner) if !inner.is_empty() && deep > 0 => flatten(&name, value, deep - 1, all),
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) && deep > 0 => {
                for (number, item) in (1..).zip(items) {
                    flatten(&format!("{name}.{number}"), item, deep - 1, all);
                }
            }
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_string) => {
                let items: Vec<String> = items.iter().map(cell).collect();
                all.push((name, items.join(", ")));
            }
            value => {
                let text = match amount(value) {
                    Some(amount) if AMOUNTS.contains(&last) => amount.in_full(),
                    _ if last.ends_with("Units") => figure(value).unwrap_or_else(|| cell(value)),
                    _ => cell(value),
                };
                all.push((name, text));
            }
        }
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn amount(value: &Value) -> Option<Neuron> {
    value.as_str()?.parse().ok()
}

fn figure(value: &Value) -> Option<String> {
    let count = || value.as_u64().map(|count| grouped(count.into()));
    amount(value).map(Neuron::grouped).or_else(count)
}

/// A value in one clean line.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(time) => time.second().to_string(),
            Err(_) => clean::clean(text, LONGEST).into_owned(),
        },
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        value => clean::clean(&value.to_string(), LONGEST).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::{attacks, found};
    use serde_json::json;

    #[test]
    fn cells_hold_one_clean_line() {
        for attack in attacks() {
            for value in [json!(attack.text), json!([attack.text]), json!({ attack.text.clone(): 1 })] {
                let cell = cell(&value);
                assert_eq!(found(&cell).or(cell.contains('\n').then(String::new)), None, "{}", attack.name);
                let item = json!({ attack.text.clone(): value, "Inner": {attack.text.clone(): value} });
                for line in fields(&item) {
                    assert_eq!(
                        found(&line).or(line.contains('\n').then(String::new)),
                        None,
                        "{}",
                        attack.name
                    );
                }
            }
        }
    }

    #[test]
    fn cells_are_plain_text() {
        assert_eq!(cell(&json!(null)), "-");
        assert_eq!(cell(&json!("")), "-");
        assert_eq!(cell(&json!("a\u{1b}[2Jb")), "a\u{fffd}[2Jb");
        assert_eq!(cell(&json!(7)), "7");
        assert_eq!(cell(&json!("2026-11-23T01:20:11.6168Z")), "2026-11-23T01:20:11Z");
        assert_eq!(cell(&json!("2026-11-23T01:20:11Z")), "2026-11-23T01:20:11Z");
    }

    #[test]
    fn figures_are_grouped_and_end_in_a_line() {
        let columns =
            [Column::text("NAME", "Name"), Column::figures("FEE", "Fee"), Column::figures("IN", "In")];
        let items = [
            json!({"Name": "a", "Fee": "9500000", "In": 1200}),
            json!({"Name": "bcdef", "Fee": null, "In": 7}),
        ];
        let lines = table(&items, &columns);
        assert_eq!(lines, ["NAME         FEE     IN", "a      9,500,000  1,200", "bcdef          -      7"]);
    }

    #[test]
    fn an_object_is_told_field_by_field_with_amounts_in_both_units() {
        let item = json!({
            "ChainID": 31337, "Balance": "1500000000000000000", "Name": "1234567", "Paused": false,
            "Health": {"State": "ok", "Since": "2026-11-23T01:20:11.6168Z"}, "Differs": ["URL", "Model"],
            "Refunds": [{"Index": 0, "Amount": "5"}], "InputUnits": 12000, "None": [],
        });
        let lines = fields(&item).join("\n");
        for line in [
            "ChainID           31337",
            "Balance           1,500,000,000,000,000,000 neuron = 1.5 A0GI",
            "Name              1234567",
            "Paused            no",
            "Health.Since      2026-11-23T01:20:11Z",
            "Differs           URL, Model",
            "Refunds.1.Amount  5 neuron = 0.000000000000000005 A0GI",
            "InputUnits        12,000",
            "None              -",
        ] {
            assert!(lines.contains(line), "{line}\n{lines}");
        }
    }
}

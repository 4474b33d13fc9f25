//! Terms about one field: `type:chatbot`, `price<100000`.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::words::fold;
use crate::domain::Neuron;
use crate::tui::texts;

/// Something that a row can be asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// In small letters.
    pub name: &'static str,
    pub kind: FieldKind,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    Text,
    Number,
    Amount,
    /// A length of time.
    Wait,
}

/// What a row has in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue<'a> {
    Text(Cow<'a, str>),
    Number(u128),
    Amount(Neuron),
    /// In milliseconds.
    Wait(u64),
}

impl Field {
    pub const fn text(name: &'static str) -> Field {
        Field { name, kind: FieldKind::Text }
    }

    pub const fn number(name: &'static str) -> Field {
        Field { name, kind: FieldKind::Number }
    }

    pub const fn amount(name: &'static str) -> Field {
        Field { name, kind: FieldKind::Amount }
    }

    pub const fn wait(name: &'static str) -> Field {
        Field { name, kind: FieldKind::Wait }
    }
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// `:`, which is "has it" for texts and "is it" for numbers.
    Has,
    Is,
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// Longest first, so that `<=` is not read as `<`.
const RELATIONS: &[(&str, Relation)] = &[
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("<", Relation::Below),
    (">", Relation::Above),
    ("=", Relation::Is),
    (":", Relation::Has),
];

/// A comparison with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    field: Field,
    relation: Relation,
    wanted: Wanted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Text(String),
    /// Neuron, milliseconds, or a count, as the field has.
    Number(u128),
}

/// Reads a term about a field. `None`: it is a word. `Ok(None)`: its value is still to come.
pub fn read(term: &str, fields: &[Field]) -> Option<Result<Option<Test>, String>> {
    let at = term.find([':', '<', '>', '='])?;
    let (name, rest) = term.split_at(at);
    // Times of day, addresses of the web and the like are words.
    let is_name = name.chars().next().is_some_and(char::is_alphabetic)
        && name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'));
    if fields.is_empty() || !is_name || rest.starts_with("://") {
        return None;
    }
    let (sign, relation) = RELATIONS.iter().find(|(sign, _)| rest.starts_with(sign))?;
    let wanted = rest.strip_prefix(sign).unwrap_or_default();
    let Some(field) = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)) else {
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        return Some(Err(texts::kit::no_column(name, names.join(", "))));
    };
    if wanted.is_empty() {
        return Some(Ok(None));
    }
    let name = field.name;
    let wanted = match field.kind {
        FieldKind::Text if matches!(relation, Relation::Has | Relation::Is) => {
            Ok(Wanted::Text(fold(wanted.to_owned())))
        }
        FieldKind::Text => Err(texts::kit::is_a_text(name)),
        FieldKind::Number => {
            number(wanted).map(Wanted::Number).ok_or_else(|| texts::kit::no_whole_number(wanted, name, sign))
        }
        FieldKind::Amount => Neuron::parse_with_unit(&plain(wanted))
            .map(|amount| Wanted::Number(amount.get()))
            .map_err(|_| texts::kit::no_amount(wanted, name, sign)),
        FieldKind::Wait => {
            wait(wanted).map(Wanted::Number).ok_or_else(|| texts::kit::no_time(wanted, name, sign))
        }
    };
    Some(wanted.map(|wanted| Some(Test { field: *field, relation: *relation, wanted })))
}

/// Without what people put between digits.
fn plain(text: &str) -> String {
    text.replace(['_', ','], "")
}

fn number(text: &str) -> Option<u128> {
    let text = plain(text);
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Milliseconds of `200`, `200ms`, `1.5s`, `2m`, `3h`.
fn wait(text: &str) -> Option<u128> {
    let text = plain(text).to_ascii_lowercase();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (figure, unit) = text.split_at(end);
    let unit: u128 = match unit {
        "" | "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let (whole, fraction) = figure.split_once('.').unwrap_or((figure, "0"));
    if fraction.is_empty() || fraction.len() > 3 {
        return None;
    }
    let thousandths = number(&format!("{fraction:0<3}"))?.checked_mul(unit)?;
    number(whole)?.checked_mul(unit)?.checked_add(thousandths / 1000)
}

impl Test {
    pub fn name(&self) -> &'static str {
        self.field.name
    }

    /// Whether it holds for what a row has. Of what is unknown nothing holds.
    pub fn holds(&self, value: Option<FieldValue<'_>>) -> bool {
        let number = match value {
            None => return false,
            Some(FieldValue::Text(text)) => {
                let Wanted::Text(wanted) = &self.wanted else { return false };
                let text = fold(text.into_owned());
                return if self.relation == Relation::Is { text == *wanted } else { text.contains(wanted) };
            }
            Some(FieldValue::Number(number)) => number,
            Some(FieldValue::Amount(amount)) => amount.get(),
            Some(FieldValue::Wait(milliseconds)) => milliseconds.into(),
        };
        let Wanted::Number(wanted) = &self.wanted else { return false };
        let order = number.cmp(wanted);
        match self.relation {
            Relation::Has | Relation::Is => order == Ordering::Equal,
            Relation::Below => order == Ordering::Less,
            Relation::AtMost => order != Ordering::Greater,
            Relation::Above => order == Ordering::Greater,
            Relation::AtLeast => order != Ordering::Less,
        }
    }

    /// Whether what passes this one passes the other one too.
    pub fn narrows(&self, other: &Test) -> bool {
        if self.field != other.field || self.relation != other.relation {
            return false;
        }
        match (&self.wanted, &other.wanted) {
            (Wanted::Text(new), Wanted::Text(old)) => self.relation == Relation::Has && new.contains(old),
            (Wanted::Number(new), Wanted::Number(old)) => match self.relation {
                Relation::Below | Relation::AtMost => new <= old,
                Relation::Above | Relation::AtLeast => new >= old,
                Relation::Has | Relation::Is => new == old,
            },
            _ => false,
        }
    }
}

//! The form of what goes along with each prompt: instructions, what steers the model, caps for one answer.

use super::{Chat, Head};
use crate::broker::user::library::ChatParameters;
use crate::broker::user::{Caps, Decimal};
use crate::domain::Neuron;
use crate::tui::kit::form::{Field, Form, Kind};
use crate::tui::texts;

const SYSTEM: &str = "system";
const MOST: &str = "max_tokens";
const TEMPERATURE: &str = "temperature";
const TOP_P: &str = "top_p";
const SEED: &str = "seed";
const STOP: &str = "stop";
const CAP: &str = "cap";
/// Between two texts at which an answer ends.
const BETWEEN: &str = " | ";
/// Texts at which an answer ends; services take no more.
const STOPS: usize = 4;

/// The form, and the instructions where they have several lines.
#[derive(Debug)]
pub struct Parameters {
    pub form: Form,
    /// The instructions, where they do not fit into a field.
    long: Option<String>,
}

/// What was filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    pub system: Option<String>,
    pub parameters: ChatParameters,
    pub caps: Caps,
}

impl Parameters {
    pub fn new(head: &Head, caps: Caps) -> Parameters {
        let own = &head.parameters;
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let fields = vec![
            Field::new(SYSTEM, texts::chat::SYSTEM_PROMPT, Kind::Text, texts::chat::SYSTEM_PROMPT_HINT),
            Field::new(MOST, texts::chat::LONGEST_ANSWER, Kind::Text, texts::chat::LONGEST_ANSWER_HINT)
                .with(number(own.max_tokens)),
            Field::new(TEMPERATURE, texts::labels::TEMPERATURE, Kind::Text, texts::chat::TEMPERATURE_HINT)
                .with(text(&own.temperature)),
            Field::new(TOP_P, texts::chat::TOP_P, Kind::Text, texts::chat::TOP_P_HINT).with(text(&own.top_p)),
            Field::new(SEED, texts::labels::SEED, Kind::Text, texts::chat::SEED_HINT)
                .with(own.seed.map(|seed| seed.to_string()).unwrap_or_default()),
            Field::new(STOP, texts::chat::ENDS_AT, Kind::Text, texts::chat::ENDS_AT_HINT)
                .with(own.stop.join(BETWEEN)),
            Field::new(CAP, texts::chat::ANSWER_CAP, Kind::Text, texts::chat::ANSWER_CAP_HINT)
                .with(caps.per_request.map(|cap| cap.to_string()).unwrap_or_default()),
        ];
        let mut all = Parameters { form: Form::new(texts::chat::PARAMETERS_TITLE, fields), long: None };
        all.set_system(head.system.as_deref().unwrap_or_default());
        all
    }

    fn system_field(&mut self) -> Option<&mut Field> {
        self.form.fields.iter_mut().find(|field| field.key == SYSTEM)
    }

    /// Puts instructions in; long ones are shown as how long they are.
    pub fn set_system(&mut self, text: &str) {
        let long = text.trim().contains('\n') || text.len() > 1000;
        self.long = long.then(|| text.to_owned());
        let shown = if long {
            texts::chat::lines_and_characters(text.lines().count(), text.chars().count())
        } else {
            text.trim().to_owned()
        };
        if let Some(field) = self.system_field() {
            let kind = if long { Kind::Fixed } else { Kind::Text };
            let hint = texts::chat::SYSTEM_PROMPT_HINT;
            *field = Field::new(SYSTEM, texts::chat::SYSTEM_PROMPT, kind, hint).with(shown);
        }
    }

    pub fn system(&self) -> String {
        self.long.clone().unwrap_or_else(|| self.form.value(SYSTEM).to_owned())
    }

    /// What is filled in; a complaint stands under its field otherwise.
    pub fn filled(&mut self) -> Option<Filled> {
        let value = |key: &str| Some(self.form.value(key).to_owned()).filter(|text| !text.is_empty());
        let decimal = |key: &'static str| match value(key).map(|text| text.parse::<Decimal>()) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number.to_string())),
            Some(Err(error)) => Err((key, error.to_string())),
        };
        let read = || -> Result<Filled, (&'static str, String)> {
            let max_tokens = match value(MOST).map(|text| text.replace([',', ' '], "").parse::<u64>()) {
                None => None,
                Some(Ok(number)) if number > 0 => Some(number),
                Some(_) => return Err((MOST, texts::chat::NUMBER_ABOVE_ZERO.to_owned())),
            };
            let (temperature, top_p) = (decimal(TEMPERATURE)?, decimal(TOP_P)?);
            let seed = match value(SEED).map(|text| text.parse::<i64>()) {
                None => None,
                Some(Ok(seed)) => Some(seed),
                Some(Err(_)) => return Err((SEED, texts::chat::WHOLE_NUMBER.to_owned())),
            };
            let stop: Vec<String> = value(STOP)
                .map(|text| {
                    text.split('|').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
                })
                .unwrap_or_default();
            if stop.len() > STOPS {
                return Err((STOP, texts::chat::at_most_texts(STOPS)));
            }
            let per_request = match value(CAP).map(|text| Neuron::parse_with_unit(&text)) {
                None => None,
                Some(Ok(cap)) => Some(cap),
                Some(Err(error)) => return Err((CAP, error.to_string())),
            };
            Ok(Filled {
                system: Some(self.system()).filter(|text| !text.trim().is_empty()),
                parameters: ChatParameters { max_tokens, temperature, top_p, seed, stop },
                caps: Caps { per_request, ..Caps::default() },
            })
        };
        match read() {
            Ok(filled) => Some(filled),
            Err((key, reason)) => {
                self.form.complain(Some(key), reason);
                None
            }
        }
    }
}

impl Chat {
    pub(super) fn parameters_form(&self) -> Parameters {
        Parameters::new(&self.head, self.caps)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn set(all: &mut Parameters, key: &str, value: &str) {
        let field = all.form.fields.iter_mut().find(|field| field.key == key).unwrap();
        field.value = value.to_owned();
    }

    #[test]
    fn what_is_filled_in_comes_back() {
        let mut all = Parameters::new(&Head::default(), Caps::default());
        assert_eq!(all.filled().unwrap().parameters, ChatParameters::default());
        for (key, value) in
            [(MOST, "1,000"), (TEMPERATURE, "0.70"), (SEED, "-3"), (STOP, "END | a b"), (CAP, "0.001 A0GI")]
        {
            set(&mut all, key, value);
        }
        all.set_system("one\ntwo");
        let filled = all.filled().unwrap();
        assert_eq!(filled.parameters.max_tokens, Some(1000));
        assert_eq!(filled.parameters.temperature.as_deref(), Some("0.70"), "digit by digit");
        assert_eq!(filled.parameters.seed, Some(-3));
        assert_eq!(filled.parameters.stop, ["END", "a b"]);
        assert_eq!(filled.caps.per_request, Some(Neuron::new(1_000_000_000_000_000)));
        assert_eq!(filled.system.as_deref(), Some("one\ntwo"));
    }

    #[test]
    fn complaints_stand_under_their_field() {
        for (key, value) in
            [(MOST, "0"), (TEMPERATURE, "1e3"), (SEED, "x"), (STOP, "a|b|c|d|e"), (CAP, "1.5")]
        {
            let mut all = Parameters::new(&Head::default(), Caps::default());
            set(&mut all, key, value);
            assert_eq!(all.filled(), None, "{key} {value}");
            assert_eq!(all.form.fields[all.form.focus].key, key);
        }
    }
}

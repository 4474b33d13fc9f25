//! How the person in front wants figures to look; every view reads it, only `update` changes it.

use std::borrow::Cow;

use ratatui::style::Style;

use super::amount::{self, Unit};
use super::{moment, privacy};
use crate::domain::{Address, Neuron, RequestId, Timestamp};
use crate::tui::texts;
use crate::tui::theme::{Theme, Tone};

/// What hides a figure from whoever looks over the shoulder.
pub const MASK: &str = "•••••";

#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub theme: Theme,
    pub unit: Unit,
    /// Prices of a million units instead of one.
    pub million: bool,
    /// Clock times instead of ages.
    pub clock: bool,
    /// Amounts and addresses are hidden.
    pub masked: bool,
    pub now: Timestamp,
}

impl Look {
    pub fn style(&self, tone: Tone) -> Style {
        self.theme.style(tone)
    }

    /// With its unit.
    pub fn amount(&self, amount: Neuron) -> String {
        if self.masked { MASK.to_owned() } else { amount::with_unit(amount, self.unit) }
    }

    /// A part, and with its unit the whole that it is of.
    pub fn part_of(&self, part: Neuron, whole: Neuron) -> (String, String) {
        if self.masked {
            return (MASK.to_owned(), MASK.to_owned());
        }
        let (texts, unit) = amount::beside(&[part, whole], self.unit);
        let [part, whole] = texts.try_into().unwrap_or_default();
        (part, format!("{whole} {unit}"))
    }

    /// Amounts in one unit, and its name.
    pub fn beside(&self, amounts: &[Neuron]) -> (Vec<String>, &'static str) {
        let (texts, unit) = amount::beside(amounts, self.unit);
        (if self.masked { vec![MASK.to_owned(); amounts.len()] } else { texts }, unit)
    }

    /// Every digit in both units.
    pub fn in_full(&self, amount: Neuron) -> String {
        if self.masked { MASK.to_owned() } else { amount::in_full(amount) }
    }

    /// `0x59c8…b1d2`.
    pub fn short(&self, address: Address) -> String {
        if self.masked { MASK.to_owned() } else { shorten(&address.to_string(), 6, 4) }
    }

    /// What a request, and its receipt, is called wherever it is named: the end of its id. The beginning is the moment of
    /// it, which those of one minute share.
    pub fn request(&self, id: RequestId) -> String {
        if self.masked { MASK.to_owned() } else { shorten(&id.to_string(), 0, 8) }
    }

    pub fn address(&self, address: Address) -> String {
        if self.masked { MASK.to_owned() } else { address.to_string() }
    }

    /// A sentence that was made elsewhere or earlier, without the figures in it where those are hidden.
    pub fn said<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.masked { Cow::Owned(privacy::hidden(text)) } else { Cow::Borrowed(text) }
    }

    /// An age or a clock time.
    pub fn time(&self, then: Timestamp) -> String {
        if self.clock { moment::clock(self.now, then) } else { moment::ago(self.now, then) }
    }

    pub fn until(&self, then: Timestamp) -> String {
        moment::until(self.now, then)
    }

    /// Day, time and age together.
    pub fn time_in_full(&self, then: Timestamp) -> String {
        let ago = moment::ago(self.now, then);
        let ago = if ago == "now" { texts::kit::JUST_NOW.to_owned() } else { texts::kit::ago(&ago) };
        format!("{}  ({ago})", moment::in_full(then))
    }
}

/// The head and the tail of something long.
pub fn shorten(text: &str, head: usize, tail: usize) -> String {
    let length = text.chars().count();
    if length <= head + tail + 1 {
        return text.to_owned();
    }
    let (first, last): (String, String) =
        (text.chars().take(head).collect(), text.chars().skip(length - tail).collect());
    format!("{first}…{last}")
}

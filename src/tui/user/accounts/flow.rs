//! Where the money is, as one picture: from the wallet into the accounts, and what it is there.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::row::at_risk;
use crate::broker::user::{AccountView, Snapshot};
use crate::domain::Neuron;
use crate::tui::kit::draw;
use crate::tui::kit::look::{Look, MASK};
use crate::tui::texts;
use crate::tui::theme::Tone;

/// Fewer rows get the short picture.
pub const TALL: u16 = 26;
pub const SHORT_ROWS: u16 = 4;
pub const TALL_ROWS: u16 = 9;

/// Sums over all accounts. The four parts together are what is in the accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    pub wallet: Option<Neuron>,
    pub accounts: Neuron,
    pub count: usize,
    /// Owed and not yet taken on the chain.
    pub unsettled: Neuron,
    /// Highest fees of requests under way.
    pub held: Neuron,
    /// Asked back and still there.
    pub locked: Neuron,
    pub spendable: Neuron,
    /// Promised and not yet taken.
    pub promised: Neuron,
    /// Promised beyond what is owed.
    pub at_risk: Neuron,
}

/// The parts of one account's balance: unsettled, held, locked, spendable.
pub fn parts(account: &AccountView) -> [Neuron; 4] {
    let locked = account.pending_refund.min(account.balance);
    let rest = account.balance.above(locked);
    let unsettled = account.owed.above(account.settled).min(rest);
    let rest = rest.above(unsettled);
    // What was taken ahead pays for what comes next.
    let held = account.reserved.above(account.settled.above(account.owed)).min(rest);
    [unsettled, held, locked, rest.above(held)]
}

impl Flow {
    pub fn of(snapshot: &Snapshot) -> Flow {
        let mut flow = Flow { wallet: snapshot.wallet, count: snapshot.accounts.len(), ..Flow::default() };
        for account in &snapshot.accounts {
            let [unsettled, held, locked, spendable] = parts(account);
            let add = |sum: &mut Neuron, part: Neuron| *sum = sum.saturating_add(part);
            add(&mut flow.accounts, account.balance);
            add(&mut flow.unsettled, unsettled);
            add(&mut flow.held, held);
            add(&mut flow.locked, locked);
            add(&mut flow.spendable, spendable);
            add(&mut flow.promised, account.promised.above(account.settled));
            add(&mut flow.at_risk, at_risk(account));
        }
        flow
    }

    fn rows(&self) -> [(&'static str, char, Neuron, Tone, &'static str); 4] {
        [
            ("unsettled", '█', self.unsettled, Tone::Accent, texts::accounts::FLOW_OWED),
            ("reserved", '▓', self.held, Tone::Pending, texts::accounts::FLOW_RESERVED),
            ("locked", '▒', self.locked, Tone::Warn, texts::accounts::FLOW_LOCKED),
            ("spendable", '░', self.spendable, Tone::Good, texts::accounts::FLOW_SPENDABLE),
        ]
    }

    /// Draws it; a tall area gets a row for each part.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, tall: bool, look: &Look) {
        if tall { self.tall(buffer, area, look) } else { self.short(buffer, area, look) }
    }

    fn short(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let wallet = self.wallet.map_or("-".to_owned(), |wallet| look.amount(wallet));
        let accounts = look.amount(self.accounts);
        let count = texts::numbers::accounts(self.count);
        draw::line(
            buffer,
            area,
            0,
            0,
            &[
                ("wallet ", Tone::Dim),
                (&wallet, Tone::Title),
                (" ─▶ ", Tone::Dim),
                (&count, Tone::Dim),
                (" ", Tone::Dim),
                (&accounts, Tone::Title),
            ],
            look,
        );
        self.bar(buffer, area, 1, look);
        // One unit for all, so that there is room for each.
        let scale = look.unit.scale(self.accounts);
        let write = |amount: Neuron| {
            if look.masked { MASK.to_owned() } else { scale.write(amount).trim_end().to_owned() }
        };
        let (mut x, mut y) = (0, 2);
        let risk = (texts::shared::AT_RISK, ' ', self.at_risk, Tone::Warn, "");
        for (index, (label, sign, amount, tone, _)) in self.rows().into_iter().chain([risk]).enumerate() {
            let text = write(amount);
            let width = draw::width(label) + draw::width(&text) + if sign == ' ' { 1 } else { 3 };
            if x > 0 && x + width > area.width {
                (x, y) = (0, y + 1);
            }
            // What is at risk is part of the others; it is left out first.
            if y > 3 && index == 4 {
                return;
            }
            let shown = match (amount.is_zero(), index) {
                (true, _) => Tone::Dim,
                (false, 4) => Tone::Warn,
                (false, _) => Tone::Plain,
            };
            let sign = if sign == ' ' { String::new() } else { format!("{sign} ") };
            let pieces = [(sign.as_str(), tone), (label, Tone::Dim), (" ", Tone::Dim), (&text, shown)];
            x = draw::line(buffer, area, x, y, &pieces, look) + 2;
        }
        let unit = texts::accounts::in_unit(scale.name());
        if x + draw::width(&unit) <= area.width && !look.masked {
            draw::put_right(buffer, area, y, &unit, look.style(Tone::Dim));
        }
    }

    fn bar(&self, buffer: &mut Buffer, area: Rect, y: u16, look: &Look) {
        if look.masked {
            draw::put(buffer, area, 0, y, MASK, look.style(Tone::Dim));
            return;
        }
        let parts: Vec<(u128, char, Tone)> =
            self.rows().iter().map(|(_, sign, amount, tone, _)| (amount.get(), *sign, *tone)).collect();
        draw::bar(buffer, area, y, &parts, look);
    }

    fn tall(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let wallet = self.wallet.map_or("-".to_owned(), |wallet| look.amount(wallet));
        let mut say = |y: u16, pieces: &[(&str, Tone)]| draw::line(buffer, area, 0, y, pieces, look);
        say(0, &[("wallet      ", Tone::Dim), (&wallet, Tone::Title)]);
        let accounts = look.amount(self.accounts);
        let count = format!("  {}", texts::numbers::accounts(self.count));
        say(
            1,
            &[
                ("   │ ", Tone::Dim),
                ("D", Tone::Accent),
                (" deposit   ", Tone::Dim),
                ("▲ refund ", Tone::Dim),
                ("W", Tone::Accent),
            ],
        );
        say(2, &[("   ▼", Tone::Dim)]);
        say(3, &[("accounts    ", Tone::Dim), (&accounts, Tone::Title), (&count, Tone::Dim)]);
        // Amounts of one picture stand above each other and are written alike.
        let peak = self.rows().iter().map(|(_, _, amount, ..)| *amount).max().unwrap_or_default();
        let scale = look.unit.scale(peak);
        let write = |amount: Neuron| {
            if look.masked {
                MASK.to_owned()
            } else {
                format!("{} {}", scale.write(amount).trim_end(), scale.name())
            }
        };
        let wide =
            self.rows().iter().map(|(_, _, amount, ..)| draw::width(&write(*amount))).max().unwrap_or(0);
        let last = self.rows().len() - 1;
        for (index, (label, sign, amount, tone, says)) in self.rows().into_iter().enumerate() {
            let Ok(y) = u16::try_from(index + 4) else { return };
            let branch = if index == last { "   └─ " } else { "   ├─ " };
            let x = draw::line(buffer, area, 0, y, &[(branch, Tone::Dim), (label, Tone::Plain)], look);
            let room = Rect { width: (18 + wide).min(area.width), ..area };
            let shown = if amount.is_zero() { Tone::Dim } else { Tone::Title };
            draw::put_right(
                buffer,
                Rect { x: room.x + x, width: room.width.saturating_sub(x), ..room },
                y,
                &write(amount),
                look.style(shown),
            );
            let left = area.width.saturating_sub(room.width + 2);
            let says_width = draw::width(says) + 2;
            let with_words = left > says_width + 12;
            let bar = Rect {
                x: room.right() + 2,
                width: if with_words { left - says_width } else { left },
                ..area
            };
            if bar.width >= 4 && !look.masked {
                let rest = self.accounts.above(amount).get();
                draw::bar(buffer, bar, y, &[(amount.get(), sign, tone), (rest, ' ', Tone::Dim)], look);
            }
            if with_words {
                draw::put_right(buffer, area, y, says, look.style(Tone::Dim));
            }
        }
        let risk = look.amount(self.at_risk);
        let promised = look.amount(self.promised);
        let tone = if self.at_risk.is_zero() { Tone::Dim } else { Tone::Warn };
        draw::line(
            buffer,
            area,
            0,
            8,
            &[
                ("promised ", Tone::Dim),
                (&promised, Tone::Plain),
                (texts::accounts::OF_IT_AT_RISK, Tone::Dim),
                (&risk, tone),
            ],
            look,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Address;
    use proptest::prelude::*;

    proptest! {
        /// The picture shows each neuron once.
        #[test]
        fn parts_are_the_balance(
            balance in 0u128..1000, refund in 0u128..1000, owed in 0u128..1000, reserved in 0u128..1000,
            promised in 0u128..1000, settled in 0u128..1000,
        ) {
            let n = Neuron::new;
            let pending = n(refund.min(balance));
            let coverage = n(settled).saturating_add(n(balance).above(pending));
            let account = AccountView {
                provider: Address::repeat_byte(1), balance: n(balance), pending_refund: pending, owed: n(owed),
                reserved: n(reserved), promised: n(promised),
                available: coverage.above(n(owed).saturating_add(n(reserved))), settled: n(settled),
                delegate: None, can_sign: true, refund: None,
            };
            let [unsettled, held, locked, spendable] = parts(&account);
            let sum = [unsettled, held, locked, spendable].into_iter().fold(Neuron::ZERO, Neuron::saturating_add);
            prop_assert_eq!(sum, account.balance);
            // What the broker calls available, unless a provider took its pay ahead.
            prop_assert_eq!(spendable, account.available.min(n(balance).above(pending)));
        }
    }
}

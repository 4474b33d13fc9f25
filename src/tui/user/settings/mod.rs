//! Settings: what is in force, and where it came from.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::part::{Cx, Part, is_money, is_of_lists};
use super::runner::{At, Reply};
use super::shared::{Link, Shared};
use crate::domain::Neuron;
use crate::tui::keymap::{Action, Place, named};
use crate::tui::kit::facts::{self, Fact, is};
use crate::tui::kit::moment;
use crate::tui::kit::qr::Qr;
use crate::tui::texts;
use crate::tui::theme::Tone;

/// Cells that facts need beside a QR code.
const TEXT: u16 = 60;

#[derive(Debug)]
pub enum Ask {}

#[derive(Debug)]
pub enum Answer {}

#[derive(Debug, Default)]
pub struct Settings {
    top: u16,
}

impl Settings {
    fn scroll(&mut self, rows: i16) {
        self.top = self.top.saturating_add_signed(rows);
    }
}

impl Part for Settings {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[Place::Lists]
    }

    fn takes(&self, action: Action, _shared: &Shared) -> bool {
        !(is_money(action) || is_of_lists(action) || action == Action::Zoom)
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_, Ask>) {
        let page = i16::try_from(cx.shared.size.1 / 2).unwrap_or(10);
        match action {
            Action::Up => self.scroll(-1),
            Action::Down => self.scroll(1),
            Action::PageUp => self.scroll(-page),
            Action::PageDown => self.scroll(page),
            Action::First => self.top = 0,
            Action::Last => self.scroll(i16::MAX),
            Action::Copy if cx.shared.link == Link::Ready => {
                cx.copy(cx.shared.snapshot.user.to_string(), texts::shared::YOUR_ADDRESS);
            }
            Action::CopyAll => {
                let all = all(cx.shared);
                cx.copy(facts::text(&all), texts::settings::ALL_SETTINGS);
            }
            _ => {}
        }
    }

    fn wheel(&mut self, rows: i16, _cx: &mut Cx<'_, Ask>) {
        self.scroll(rows);
    }

    fn answer(&mut self, answer: Answer, _cx: &mut Cx<'_, Ask>) {
        match answer {}
    }

    fn settle(&mut self, area: Rect, shared: &Shared) {
        self.top = self.top.min(facts::furthest(&all(shared), text_area(area, shared)));
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        let room = text_area(area, shared);
        facts::draw(buffer, room, &all(shared), self.top, &shared.look);
        if let Some(code) = code(shared)
            && room.width < area.width
        {
            let right = Rect { x: room.right() + 2, width: area.width - room.width - 2, ..area };
            // It was measured before the room was parted.
            let _ = code.draw(buffer, right, shared.look.theme);
        }
        None
    }

    fn hints(&self, _shared: &Shared) -> Vec<(Action, &'static str)> {
        vec![
            (Action::Copy, texts::settings::COPY_ADDRESS),
            (Action::CopyAll, texts::shared::COPY_ALL),
            (Action::Unit, texts::hints::UNIT),
            (Action::Mask, texts::hints::PRIVACY),
        ]
    }
}

/// The wallet's address for a phone; none while addresses are hidden or not known.
fn code(shared: &Shared) -> Option<Qr> {
    let known = shared.link == Link::Ready && shared.snapshot.can_send && !shared.look.masked;
    known.then(|| Qr::new(&shared.snapshot.user.to_string()).ok()).flatten()
}

/// The room of the facts: all of it, or what a QR code leaves.
fn text_area(area: Rect, shared: &Shared) -> Rect {
    let fits = code(shared).is_some_and(|code| {
        let (width, height) = code.size();
        area.width >= TEXT + 2 + width && area.height >= height
    });
    if fits {
        let (width, _) = code(shared).map(|code| code.size()).unwrap_or_default();
        Rect { width: area.width - width - 2, ..area }
    } else {
        area
    }
}

fn all(shared: &Shared) -> Vec<Fact> {
    let (look, snapshot, start) = (&shared.look, &shared.snapshot, &shared.start);
    let mut facts =
        vec![Fact::Head(texts::labels::CHAIN.to_owned()), is(texts::labels::NETWORK, start.network.clone())];
    facts.push(match &shared.link {
        Link::Ready => match &snapshot.stale {
            None => Fact::Is(texts::labels::STATE, texts::settings::CHAIN_IS_READ.to_owned(), Tone::Good),
            Some(why) => Fact::Is(texts::labels::STATE, texts::settings::chain_not_read(why), Tone::Bad),
        },
        Link::Starting { what } => Fact::Is(texts::labels::STATE, format!("… {what}"), Tone::Pending),
        Link::Waiting { why, .. } => {
            Fact::Is(texts::labels::STATE, texts::settings::tried_again(why), Tone::Bad)
        }
        Link::Failed { why } => Fact::Is(texts::labels::STATE, format!("✗ {why}"), Tone::Bad),
    });
    if let Some(chain) = shared.chain {
        facts.extend([
            is(texts::settings::CHAIN_ID, chain.id.to_string()),
            is(texts::labels::CONTRACT, look.address(chain.contract)),
            is(texts::labels::REFUNDS, texts::settings::locked_for(moment::length(chain.lock_time))),
        ]);
    }
    if let Some(head) = snapshot.head {
        facts.push(is(texts::labels::BLOCK, format!("#{}", head.number)));
    }
    facts.extend([Fact::Gap, Fact::Head(texts::labels::WALLET.to_owned())]);
    if shared.link == Link::Ready {
        facts.push(is(texts::labels::ADDRESS, look.address(snapshot.user)));
        let holds = snapshot.wallet.map_or("-".to_owned(), |wallet| look.in_full(wallet));
        facts.push(is(texts::labels::HOLDS, holds));
    }
    facts.push(match shared.hindrance() {
        None => is(texts::labels::RIGHTS, texts::settings::MAY_SPEND),
        Some(why) => Fact::Is(texts::labels::RIGHTS, format!("! {why}"), Tone::Warn),
    });
    let cap = |cap: Option<Neuron>| cap.map_or("none".to_owned(), |cap| look.in_full(cap));
    facts.extend([
        Fact::Gap,
        Fact::Head(texts::labels::CAPS.to_owned()),
        is(texts::shared::CAP_REQUEST, cap(snapshot.caps.per_request)),
        is(texts::shared::CAP_DAY, cap(snapshot.caps.per_day)),
        is(texts::shared::CAP_PROVIDER, cap(snapshot.caps.per_provider)),
        is(texts::shared::IN_ALL, cap(snapshot.caps.total)),
        Fact::Note(texts::settings::WHERE_CAPS_ARE_SET.to_owned(), Tone::Dim),
        Fact::Gap,
        Fact::Head(texts::labels::API.to_owned()),
    ]);
    facts.push(match &start.serving {
        Some(url) => is(texts::settings::OPEN_AT, texts::settings::open_at_url(url)),
        None => is(texts::settings::OPEN_AT, texts::settings::API_CLOSED),
    });
    facts.extend([
        Fact::Gap,
        Fact::Head(texts::labels::SCREENS.to_owned()),
        is(texts::settings::UNIT, look.unit.name()),
        is(
            texts::settings::TIMES,
            if look.clock { texts::settings::TIMES_BY_CLOCK } else { texts::settings::TIMES_AS_AGES },
        ),
        is(texts::settings::PRIVACY, if look.masked { texts::settings::PRIVACY_HIDDEN } else { "off" }),
        is(
            texts::settings::MOUSE,
            texts::settings::mouse(shared.mouse, &shared.keymap.first_key(Action::Mouse, &[])),
        ),
        is(texts::labels::COLOURS, look.theme.name()),
        is(texts::labels::EXPORTS, start.directory.display().to_string()),
        is(texts::labels::VERSION, start.version),
    ]);
    if let Some(given) = &start.given {
        facts.extend([Fact::Gap, Fact::Head(texts::settings::GIVEN.to_owned())]);
        if given.is_empty() {
            facts.push(Fact::Note(texts::settings::NOTHING_GIVEN.to_owned(), Tone::Dim));
        }
    }
    facts.extend(start.given.iter().flatten().map(|given| {
        // Caps and addresses stand there as people wrote them.
        let value = if look.masked { texts::settings::VALUE_HIDDEN } else { &given.value };
        Fact::Note(texts::settings::given(&given.key, value, &given.source), Tone::Plain)
    }));
    let changed = shared.keymap.all().iter().filter(|bound| bound.keys != bound.binding.keys);
    let mut changed = changed.peekable();
    if changed.peek().is_some() {
        facts.extend([Fact::Gap, Fact::Head(texts::settings::OWN_KEYS.to_owned())]);
        facts.extend(changed.map(|bound| {
            let keys =
                if bound.keys.is_empty() { texts::settings::NO_KEY.to_owned() } else { named(&bound.keys) };
            is(bound.binding.name, texts::settings::delivered_as(&keys, named(bound.binding.keys)))
        }));
    }
    if !shared.aliases.is_empty() {
        facts.extend([Fact::Gap, Fact::Head(texts::settings::NAMES_GIVEN.to_owned())]);
        facts.extend(shared.aliases.iter().map(|(provider, alias)| {
            Fact::Note(format!("@{alias}  {}", look.address(*provider)), Tone::Plain)
        }));
    }
    facts
}

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, _at: &At, _reply: Reply<Answer>) {
    match ask {}
}

#[cfg(test)]
mod tests {
    use crate::tui::pictures::letter;
    use crate::tui::shell::ScreenOrder;
    use crate::tui::theme::Shade;
    use crate::tui::user::tests::scene::{fresh, full, provider, snap};

    #[test]
    fn the_address_is_copied() {
        let mut model = full(Shade::Dark);
        letter(&mut model, '0');
        let screen = letter(&mut model, 'y').screen;
        let own = provider(9).to_string();
        assert!(matches!(&screen[..], [ScreenOrder::Copy { text, .. }] if *text == own));
    }

    #[test]
    fn pictures() {
        snap("settings", full, |model| {
            letter(model, '0');
        });
        snap("settings_end", full, |model| {
            letter(model, '0');
            letter(model, 'G');
        });
        snap("settings_fresh", fresh, |model| {
            letter(model, '0');
        });
        snap("settings_private", full, |model| {
            letter(model, '0');
            letter(model, 'x');
        });
    }
}

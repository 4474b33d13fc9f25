//! What Home says: first what needs somebody, then the money, what is under way, the last answers.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Home;
use crate::broker::user::Cap;
use crate::domain::{Neuron, UserRequestState};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::facts::{self, Fact};
use crate::tui::kit::{gauge, moment};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::{Link, Shared};

/// From this width on there are two columns.
const TWO: u16 = 116;
/// A block that is older makes somebody wonder, in seconds.
const OLD_BLOCK: u64 = 120;
/// A cap of which so many percent are used is told.
const NEARLY: u64 = 80;
/// A refund that opens within so many seconds is told.
const SOON: u64 = 3600;

/// Something that somebody should know of.
pub struct Trouble {
    pub text: String,
    pub tone: Tone,
    /// Worth a sign on the tab.
    pub urgent: bool,
}

pub fn troubles(home: &Home, shared: &Shared) -> Vec<Trouble> {
    let (look, snapshot) = (&shared.look, &shared.snapshot);
    let mut found = Vec::new();
    let mut tell = |urgent: bool, tone: Tone, text: String| found.push(Trouble { text, tone, urgent });
    match &shared.link {
        Link::Ready => {}
        Link::Starting { what } => tell(false, Tone::Pending, format!("… {what}")),
        Link::Waiting { why, again } => {
            let wait = again.seconds_since(shared.now());
            tell(true, Tone::Bad, texts::home::starting_failed(why, wait));
        }
        Link::Failed { why } => tell(true, Tone::Bad, format!("✗ {why}")),
    }
    if let Some(why) = &snapshot.stale {
        let block = snapshot.head.map_or(texts::home::FIGURES_AS_THEY_WERE.to_owned(), |head| {
            texts::home::figures_of_block(grouped(head.number.into()))
        });
        tell(true, Tone::Bad, texts::home::chain_cannot_be_read(why, &block));
    } else if let Some(at) =
        shared.block_at.filter(|at| shared.now().seconds_since(*at) >= OLD_BLOCK && !shared.start.demo)
    {
        tell(false, Tone::Warn, texts::home::no_new_block(moment::length(shared.now().seconds_since(at))));
    }
    if shared.start.read_only {
        tell(false, Tone::Warn, texts::home::READ_ONLY.to_owned());
    } else if shared.link == Link::Ready && !snapshot.can_send {
        tell(true, Tone::Warn, texts::home::NO_WALLET.to_owned());
    } else if snapshot.wallet.is_some_and(Neuron::is_zero) {
        tell(true, Tone::Warn, texts::home::EMPTY_WALLET.to_owned());
    }
    for account in &snapshot.accounts {
        // Written only where there is something to tell: there may be many accounts.
        let whom = || shared.provider(account.provider);
        if !account.can_sign && snapshot.can_send {
            tell(true, Tone::Warn, texts::home::cannot_sign(whom()));
        }
        if let Some(refund) = account.refund {
            if refund.unlock_at <= shared.now() {
                tell(true, Tone::Good, texts::home::refund_due(look.amount(refund.amount), whom()));
            } else if refund.unlock_at.seconds_since(shared.now()) <= SOON {
                let wait = look.until(refund.unlock_at);
                tell(false, Tone::Plain, texts::home::refund_soon(look.amount(refund.amount), whom(), &wait));
            }
        }
    }
    for cap in home.figures.iter().flat_map(|figures| &figures.caps) {
        let (used, limit) = shrink(cap.used, cap.limit);
        if let Some(percent) = gauge::percent(used, limit).filter(|percent| *percent >= NEARLY) {
            let of =
                cap.provider.map(|one| texts::shared::with_whom(shared.provider(one))).unwrap_or_default();
            let tone = if percent >= 95 { Tone::Bad } else { Tone::Warn };
            tell(percent >= 95, tone, texts::home::cap_nearly_used(percent, cap.cap.for_screen(), &of));
        }
    }
    for operation in &snapshot.operations {
        let whom =
            operation.provider.map(|one| texts::shared::with_whom(shared.provider(one))).unwrap_or_default();
        let kind = operation.kind.as_str().replace('_', " ");
        let age = moment::length(shared.now().seconds_since(operation.created_at));
        let again = match operation.attempts {
            0 | 1 => String::new(),
            attempts => texts::home::replaced(attempts.saturating_sub(1)),
        };
        tell(
            false,
            Tone::Pending,
            texts::home::operation_for(&kind, &whom, operation.state.as_str(), &age, &again),
        );
    }
    found
}

/// Two amounts as numbers of the same proportion that fit a gauge.
fn shrink(part: Neuron, whole: Neuron) -> (u64, u64) {
    let bits = 128 - whole.get().max(part.get()).leading_zeros();
    let shift = bits.saturating_sub(63);
    let fit = |amount: Neuron| u64::try_from(amount.get() >> shift).unwrap_or(u64::MAX);
    (fit(part), fit(whole).max(1))
}

fn needs(home: &Home, shared: &Shared) -> Vec<Fact> {
    let mut facts = vec![Fact::Head(texts::shared::NEEDS_YOU.to_owned())];
    let troubles = troubles(home, shared);
    if troubles.is_empty() {
        facts.push(Fact::Note(texts::shared::ALL_IS_WELL.to_owned(), Tone::Good));
    }
    facts.extend(troubles.into_iter().map(|trouble| Fact::Note(trouble.text, trouble.tone)));
    facts
}

fn money(home: &Home, shared: &Shared) -> Vec<Fact> {
    let (look, snapshot) = (&shared.look, &shared.snapshot);
    let mut facts = vec![Fact::Gap, Fact::Head(texts::labels::MONEY.to_owned())];
    if shared.link != Link::Ready {
        facts.push(Fact::Note(texts::shared::NOT_KNOWN_YET.to_owned(), Tone::Dim));
        return facts;
    }
    let plain = |label, text| Fact::Is(label, text, Tone::Plain);
    facts.push(plain(texts::terms::SPENDABLE, look.amount(shared.spendable())));
    let today = match snapshot.caps.per_day {
        Some(cap) => {
            let (used, limit) = shrink(snapshot.spent_today, cap);
            let percent = gauge::percent(used, limit).unwrap_or(0);
            texts::home::spent_of_cap(look.part_of(snapshot.spent_today, cap), percent)
        }
        None => texts::home::spent_without_cap(look.amount(snapshot.spent_today)),
    };
    facts.push(plain(texts::terms::TODAY, today));
    if !snapshot.reserved.is_zero() {
        facts.push(plain(
            texts::terms::RESERVED,
            texts::home::reserved_for_requests(look.amount(snapshot.reserved)),
        ));
    }
    if let Some(figures) = &home.figures {
        let runway = &figures.runway;
        let text = match (runway.days, runway.answers) {
            (Some(days), Some(answers)) => texts::home::lasts_days_and_answers(moment::days(days), answers),
            (Some(days), None) => texts::home::lasts_days(moment::days(days)),
            (None, Some(answers)) => texts::home::lasts_answers(answers),
            (None, None) => texts::shared::LASTS_UNKNOWN.to_owned(),
        };
        facts.push(plain(texts::terms::LASTS, text));
        for cap in figures.caps.iter().filter(|cap| cap.cap != Cap::Request && cap.cap != Cap::Day) {
            let of =
                cap.provider.map(|one| texts::shared::with_whom(shared.provider(one))).unwrap_or_default();
            facts.push(plain(
                texts::terms::CAP,
                texts::home::cap_used(cap.cap.for_screen(), &of, look.part_of(cap.used, cap.limit)),
            ));
        }
    }
    let wallet = snapshot.wallet.map_or("-".to_owned(), |wallet| look.amount(wallet));
    facts.push(plain(texts::terms::WALLET, texts::home::outside_the_accounts(&wallet)));
    facts
}

fn first_steps(shared: &Shared) -> Vec<Fact> {
    if !shared.snapshot.accounts.is_empty() || shared.link != Link::Ready {
        return Vec::new();
    }
    let step = |text: &str| Fact::Note(text.to_owned(), Tone::Plain);
    vec![
        Fact::Gap,
        Fact::Head(texts::home::FIRST_STEPS.to_owned()),
        step(texts::home::STEP_CHOOSE),
        step(texts::home::STEP_OPEN),
        step(texts::home::STEP_CHAT),
        step(texts::home::STEP_REFUND),
    ]
}

fn last(home: &Home, shared: &Shared) -> Vec<Fact> {
    let look = &shared.look;
    let mut facts = vec![Fact::Gap, Fact::Head(texts::home::LAST_ANSWERS.to_owned())];
    let last = home.figures.iter().flat_map(|figures| &figures.last);
    facts.extend(last.map(|request| {
        let (sign, tone) = match request.state {
            UserRequestState::Done => ("✓", Tone::Plain),
            UserRequestState::Disputed => ("!", Tone::Warn),
            UserRequestState::Failed => ("✗", Tone::Bad),
            UserRequestState::Unconfirmed => ("?", Tone::Pending),
            UserRequestState::Reserved | UserRequestState::Sent => ("…", Tone::Pending),
        };
        let cost = match request.state {
            UserRequestState::Done | UserRequestState::Disputed => look.amount(request.fee.total()),
            UserRequestState::Failed => texts::home::COST_NOTHING.to_owned(),
            _ => texts::shared::at_most(look.amount(request.max_fee)),
        };
        let age = look.time(request.created_at);
        let of = shared.service_of(request.provider, &request.service);
        Fact::Note(format!("{sign} {age:>6}  {of}  {cost}"), tone)
    }));
    if facts.len() == 2 {
        facts.push(Fact::Note(texts::shared::NONE_YET.to_owned(), Tone::Dim));
    }
    facts
}

/// The columns: one, or two where there is room.
fn columns(home: &Home, area: Rect, shared: &Shared) -> Vec<(Rect, Vec<Fact>)> {
    let mut left = needs(home, shared);
    left.extend(first_steps(shared));
    if area.width < TWO {
        left.extend(money(home, shared));
        left.extend(last(home, shared));
        return vec![(area, left)];
    }
    let wide = area.width / 2 - 2;
    let mut right = money(home, shared);
    right.remove(0);
    left.extend(last(home, shared));
    let beside = Rect { x: area.x + wide + 4, width: area.width - wide - 4, ..area };
    vec![(Rect { width: wide, ..area }, left), (beside, right)]
}

pub fn furthest(home: &Home, area: Rect, shared: &Shared) -> u16 {
    let columns = columns(home, area, shared);
    columns.iter().map(|(area, facts)| facts::furthest(facts, *area)).max().unwrap_or(0)
}

pub fn draw(home: &Home, buffer: &mut Buffer, area: Rect, shared: &Shared) {
    for (area, facts) in columns(home, area, shared) {
        facts::draw(buffer, area, &facts, home.top, &shared.look);
    }
}

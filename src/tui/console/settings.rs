//! Settings: what this screen is connected to, and what is in force.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::detail::{self, Fact, is};
use super::model::{Link, Model, Start};
use crate::tui::keymap::Action;
use crate::tui::kit::amount::grouped;
use crate::tui::kit::moment;
use crate::tui::texts;
use crate::tui::theme::Tone;

pub fn facts(model: &Model) -> Vec<Fact> {
    let (look, start) = (&model.look, &model.start);
    let link = match &model.link {
        Link::Connecting => ("connecting …".to_owned(), Tone::Pending),
        Link::Up => (texts::console::IT_ANSWERS.to_owned(), Tone::Good),
        Link::Down { since, reason, .. } => {
            (texts::console::silent_since(moment::clock(look.now, *since), reason), Tone::Bad)
        }
    };
    let events = match model.events {
        Some(true) => texts::console::TELLS_CHANGES,
        Some(false) => texts::console::TELLS_NONE,
        None => texts::shared::NOT_KNOWN_YET,
    };
    let mut facts = vec![
        Fact::Head(texts::labels::CONNECTION.to_owned()),
        is(texts::labels::BROKER, start.url.clone()),
        is(texts::console::FOUND_BY, start.found.clone()),
        token(start),
        Fact::Is(texts::labels::LINK, link.0, link.1),
        is(texts::labels::CHANGES, events),
        is(texts::console::THIS_CONSOLE, start.version),
    ];
    if let Some(overview) = &model.overview {
        facts.extend([
            is(texts::console::BROKERS_VERSION, overview.version.clone()),
            Fact::Gap,
            Fact::Head(texts::labels::PROVIDER.to_owned()),
            is(texts::labels::ADDRESS, look.address(overview.provider)),
            is(texts::labels::CONTRACT, look.address(overview.contract)),
            is(texts::labels::CHAIN, overview.chain_id.to_string()),
            is(
                texts::labels::BLOCK,
                overview.block.map_or(texts::shared::NONE_YET.to_owned(), |block| grouped(block.into())),
            ),
            is(texts::console::LOCK_OF_REFUNDS, moment::length(overview.lock_time)),
            is(texts::console::CREDIT_LIMIT, look.in_full(overview.credit_limit)),
            is(
                texts::labels::SETTLES,
                if overview.automatic {
                    texts::console::SETTLES_BY_ITSELF
                } else {
                    texts::console::SETTLES_WHEN_ASKED
                },
            ),
        ]);
    }
    facts.extend([
        Fact::Gap,
        Fact::Head(texts::console::THIS_SCREEN.to_owned()),
        is(texts::settings::UNIT, look.unit.name()),
        is(
            texts::settings::TIMES,
            if look.clock { texts::settings::TIMES_BY_CLOCK } else { texts::settings::TIMES_AS_AGES },
        ),
        is(texts::settings::PRIVACY, if look.masked { texts::settings::PRIVACY_HIDDEN } else { "off" }),
        is(
            texts::settings::MOUSE,
            texts::settings::mouse(model.mouse, &model.keymap.first_key(Action::Mouse, &[])),
        ),
        is(texts::labels::COLOURS, look.theme.name()),
        is(
            texts::labels::RIGHTS,
            if start.read_only { texts::console::READ_ONLY } else { texts::console::MAY_CHANGE },
        ),
    ]);
    facts
}

/// Whether a token is sent, and whether others on the way can read it.
fn token(start: &Start) -> Fact {
    let here = |host: &str| {
        let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    };
    let open = url::Url::parse(&start.url)
        .is_ok_and(|url| url.scheme() == "http" && !url.host_str().is_some_and(here));
    match (start.token, open) {
        (false, _) => is(texts::labels::TOKEN, "none"),
        (true, false) => is(texts::labels::TOKEN, "sent"),
        (true, true) => {
            let text = texts::console::TOKEN_READABLE;
            Fact::Is(texts::labels::TOKEN, text.to_owned(), Tone::Warn)
        }
    }
}

pub fn draw(model: &Model, buffer: &mut Buffer, area: Rect) {
    detail::draw(buffer, area, &facts(model), model.pane.top(), &model.look);
}

//! Settings: what this screen is connected to, and what is in force.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::detail::{self, Fact, is};
use super::model::{Link, Model, Start};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::moment;
use crate::tui::theme::Tone;

pub fn facts(model: &Model) -> Vec<Fact> {
    let (look, start) = (&model.look, &model.start);
    let link = match &model.link {
        Link::Connecting => ("connecting …".to_owned(), Tone::Pending),
        Link::Up => ("✓ it answers".to_owned(), Tone::Good),
        Link::Down { since, reason, .. } => {
            (format!("✗ silent since {} UTC: {reason}", moment::clock(look.now, *since)), Tone::Bad)
        }
    };
    let events = match model.events {
        Some(true) => "the broker tells changes (GET /v1/events)",
        Some(false) => "it tells none; what is in sight is asked for every second",
        None => "not known yet",
    };
    let mut facts = vec![
        Fact::Head("Connection".to_owned()),
        is("Broker", start.url.clone()),
        is("Found by", start.found.clone()),
        token(start),
        Fact::Is("Link", link.0, link.1),
        is("Changes", events),
        is("This console", start.version),
    ];
    if let Some(overview) = &model.overview {
        facts.extend([
            is("Broker's version", overview.version.clone()),
            Fact::Gap,
            Fact::Head("Provider".to_owned()),
            is("Address", look.address(overview.provider)),
            is("Contract", look.address(overview.contract)),
            is("Chain", overview.chain_id.to_string()),
            is("Block", overview.block.map_or("none yet".to_owned(), |block| grouped(block.into()))),
            is("Lock of refunds", moment::length(overview.lock_time)),
            is("Credit limit", look.in_full(overview.credit_limit)),
            is("Settles", if overview.automatic { "by itself, and when asked" } else { "only when asked" }),
        ]);
    }
    facts.extend([
        Fact::Gap,
        Fact::Head("This screen".to_owned()),
        is("Unit (u)", look.unit.name()),
        is("Times (t)", if look.clock { "by the clock, UTC" } else { "as ages; clock times are UTC" }),
        is("Privacy (x)", if look.masked { "amounts and addresses are hidden" } else { "off" }),
        is(
            "Mouse (m)",
            if model.mouse { "taken; m leaves it to the terminal" } else { "left to the terminal" },
        ),
        is("Colours", look.theme.name()),
        is(
            "Rights",
            if start.read_only { "read-only: nothing can be changed from here" } else { "may change things" },
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
        (false, _) => is("Token", "none"),
        (true, false) => is("Token", "sent"),
        (true, true) => {
            let text =
                "! sent readable for everybody on the way; use https, or an SSH tunnel to a local port";
            Fact::Is("Token", text.to_owned(), Tone::Warn)
        }
    }
}

pub fn draw(model: &Model, buffer: &mut Buffer, area: Rect) {
    detail::draw(buffer, area, &facts(model), model.detail_top, &model.look);
}

//! Whatever a provider, a node or a file says, no screen of the user's frame shows it by its own effect.

use crossterm::event::KeyCode;

use super::super::home;
use super::super::message::Message;
use super::super::model::Model;
use super::super::shared::Standing;
use super::super::spend;
use super::scene::{full, now, painted, provider, service, snapshot};
use crate::attacks::{found, short_attacks};
use crate::broker::user::Event;
use crate::domain::{Neuron, OperationState, RequestId, ServiceKind, UserRequestState};
use crate::tui::pictures::{harmless, letter, press, resize};
use crate::tui::shell::{Program, ScreenOrder};
use crate::tui::theme::Shade;

/// Every text that does not come from this program, set to this.
fn poisoned(evil: &str) -> Model {
    let mut model = full(Shade::Dark);
    model.shared.start.network = evil.to_owned();
    let mut snapshot = (*snapshot()).clone();
    snapshot.stale = Some(evil.to_owned());
    for operation in &mut snapshot.operations {
        (operation.state, operation.reason) = (OperationState::Reverted, Some(evil.to_owned()));
    }
    model.update(Message::Snapshot(snapshot.into()));
    let mut bad = service(provider(5), "evil", ServiceKind::Chatbot, (1, 2));
    (bad.model, bad.url) = (evil.to_owned(), evil.to_owned());
    let mut files = service(provider(1), "files", ServiceKind::ZgStorage, (1, 2));
    (files.model, files.url) = (evil.to_owned(), evil.to_owned());
    model.update(Message::Services([bad, files].into()));
    let aliases = [1, 2, 5].map(|n| (provider(n), evil.to_owned())).to_vec();
    model.update(Message::Kept { aliases, screens: serde_json::json!({ "sort": evil, "filter": [evil] }) });
    model.update(Message::Home(home::Answer::Figures(Err(evil.to_owned()))));
    model.update(Message::Spend(spend::Answer::Figures(Err(evil.to_owned()))));
    model.update(Message::Spend(spend::Answer::CapsSet(Err(evil.to_owned()))));
    model.update(Message::Named(Err(evil.to_owned())));
    model.update(Message::Event(Event::RequestEnded {
        request: RequestId::new([7; 32]),
        provider: provider(5),
        service: "evil".parse().unwrap(),
        state: UserRequestState::Failed,
        fee: Neuron::ZERO,
        note: Some(evil.to_owned()),
    }));
    model
}

#[test]
fn no_screen_shows_what_strangers_wrote_by_its_own_effect() {
    for attack in short_attacks() {
        let mut model = poisoned(&attack.text);
        for (width, height) in [(60, 16), (120, 40), (200, 50)] {
            resize(&mut model, width, height);
            for screen in "1234567890".chars() {
                letter(&mut model, screen);
                harmless(&painted(&model), attack.name);
                press(&mut model, KeyCode::Enter);
                harmless(&painted(&model), attack.name);
                press(&mut model, KeyCode::Esc);
                press(&mut model, KeyCode::Esc);
            }
            letter(&mut model, '1');
            letter(&mut model, ':');
            harmless(&painted(&model), attack.name);
            press(&mut model, KeyCode::Esc);
        }
    }
}

#[test]
fn what_a_node_says_while_the_broker_starts_steers_nothing() {
    for attack in short_attacks() {
        for standing in [
            Standing::Starting { what: attack.text.clone() },
            Standing::Waiting { why: attack.text.clone(), again: now().plus_seconds(3) },
            Standing::Failed { why: attack.text.clone() },
        ] {
            let mut model = full(Shade::Dark);
            model.update(Message::Standing(standing, None));
            harmless(&painted(&model), attack.name);
        }
    }
}

/// What is copied goes into other programs, and what is told goes to the terminal as a notice.
#[test]
fn what_leaves_the_screens_is_clean_too() {
    for attack in short_attacks() {
        let mut model = poisoned(&attack.text);
        let mut orders = Vec::new();
        for screen in "1234567890".chars() {
            orders.extend(letter(&mut model, screen).screen);
            for key in ['y', 'Y'] {
                orders.extend(letter(&mut model, key).screen);
                orders.extend(press(&mut model, KeyCode::Enter).screen);
                orders.extend(press(&mut model, KeyCode::Esc).screen);
            }
        }
        for order in orders {
            if let ScreenOrder::Copy { text, what } = order {
                assert_eq!((found(&text.replace('\t', " ")), found(&what)), (None, None), "{}", attack.name);
            }
        }
    }
}

//! What is asked before a file moves: which one, and whether at this price.

use ratatui::layout::Rect;

use super::transfer::{Order, Way};
use crate::domain::{Neuron, Service};
use crate::tui::kit::amount::{grouped, in_full};
use crate::tui::kit::dialog::{Fact, Money};
use crate::tui::kit::form::{Field, Form, Kind};
use crate::tui::texts;
use crate::tui::user::shared::Shared;

/// Most of a download that is paid for unless somebody says otherwise.
const MEGABYTES: &str = "64";

/// What is open over the list.
#[derive(Debug)]
pub enum Question {
    File {
        way: Way,
        form: Form,
        /// Names that the path could go on with.
        names: Vec<String>,
        /// The broker is asked about what was typed.
        looking: bool,
    },
    Sure(Box<Sure>),
}

/// The cost, before anything is paid.
#[derive(Debug)]
pub struct Sure {
    pub order: Order,
    pub money: Money,
}

/// What is missing for it to go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    pub amount: Neuron,
    /// There is no account yet.
    pub opens: bool,
}

impl Sure {
    pub fn new(order: Order, shared: &Shared) -> Sure {
        let (title, yes) = titled(&order, missing(&order, shared));
        let money = Money::new(title, facts(&order, shared), yes, shared.pressed);
        Sure { order, money }
    }

    /// Takes in what the account has by now, and the room that it is drawn in.
    pub fn settle(&mut self, place: Rect, shared: &Shared) {
        let (title, yes) = titled(&self.order, missing(&self.order, shared));
        (self.money.title, self.money.yes) = (title.to_owned(), yes);
        self.money.facts = facts(&self.order, shared);
        self.money.settle(place);
    }
}

fn titled(order: &Order, missing: Option<Missing>) -> (&'static str, &'static str) {
    match (order.way, missing) {
        (Way::Up, None) => (texts::labels::UPLOAD_ASKED, texts::labels::UPLOAD),
        (Way::Down, None) => (texts::labels::DOWNLOAD_ASKED, texts::labels::DOWNLOAD),
        (Way::Up, Some(_)) => (texts::storage::SHORT_TO_UPLOAD, texts::storage::ADD_IT),
        (Way::Down, Some(_)) => (texts::storage::SHORT_TO_DOWNLOAD, texts::storage::ADD_IT),
    }
}

/// What it will cost, and what is there for it.
fn facts(order: &Order, shared: &Shared) -> Vec<Fact> {
    let account = shared.snapshot.accounts.iter().find(|account| account.provider == order.provider);
    let available = account.map(|account| account.available);
    let mut facts = vec![Fact::Text(texts::labels::FILE, order.file.clone())];
    if order.way == Way::Down {
        facts.push(Fact::Text(texts::labels::CONTENT, order.id.clone()));
    }
    facts.push(Fact::Text(texts::labels::SERVICE, shared.service_of(order.provider, &order.service)));
    let bytes = |price: Neuron| texts::storage::bytes_times(order.bytes, grouped(price.get()));
    match order.way {
        Way::Up => facts.extend([
            Fact::Text(texts::labels::SIZE, bytes(order.prices.input)),
            Fact::Amount(texts::labels::UPLOAD, Some(order.input_fee())),
            Fact::Text(texts::shared::AT_MOST, texts::storage::answer_included(in_full(order.at_most()))),
        ]),
        Way::Down => facts.extend([
            Fact::Text(texts::shared::AT_MOST, bytes(order.prices.output)),
            Fact::Text(texts::labels::COST, texts::shared::at_most(in_full(order.at_most()))),
        ]),
    }
    facts.push(match available {
        Some(available) => Fact::Amount(texts::labels::SPENDABLE, Some(available)),
        None => Fact::Text(texts::labels::SPENDABLE, texts::storage::NO_ACCOUNT_WITH_PROVIDER.to_owned()),
    });
    facts.push(match missing(order, shared) {
        Some(missing) => Fact::Amount(texts::labels::MISSING, Some(missing.amount)),
        None => {
            let left = available.unwrap_or(Neuron::ZERO).above(order.at_most());
            Fact::Text(texts::storage::THEN_LEFT, texts::storage::at_least(in_full(left)))
        }
    });
    facts
}

/// What an order lacks, as far as the last snapshot tells; the broker decides in the end. A download goes on with what
/// there is, as long as there is something.
pub fn missing(order: &Order, shared: &Shared) -> Option<Missing> {
    let account = shared.snapshot.accounts.iter().find(|account| account.provider == order.provider);
    let needed = order.at_most();
    match account {
        None => Some(Missing { amount: needed.max(Neuron::new(1)), opens: true }),
        Some(account) => {
            let short = needed.above(account.available);
            let enough = short.is_zero() || (order.way == Way::Down && !account.available.is_zero());
            (!enough).then_some(Missing { amount: short, opens: false })
        }
    }
}

pub fn upload() -> Form {
    let hint = texts::storage::UPLOAD_HINT;
    Form::new(texts::storage::UPLOAD_TITLE, vec![Field::new("file", texts::labels::FILE, Kind::Text, hint)])
}

pub fn download(id: &str, file: &str) -> Form {
    Form::new(
        texts::storage::DOWNLOAD_TITLE,
        vec![
            Field::new("id", texts::labels::ID, Kind::Text, texts::storage::CONTENT_HINT).with(id),
            Field::new("file", texts::storage::SAVE_AS, Kind::Text, texts::storage::SAVE_AS_HINT).with(file),
            Field::new("most", texts::storage::MOST_MB, Kind::Text, texts::storage::MOST_MB_HINT)
                .with(MEGABYTES),
        ],
    )
}

/// Reads the form. `Err` names the field and what is wrong with it.
pub fn read(way: Way, form: &Form, service: &Service, size: u64) -> Result<Order, (&'static str, String)> {
    let bytes = match way {
        Way::Up => size,
        Way::Down => {
            let typed = form.value("most").replace([',', '_'], "");
            let megabytes: u64 =
                typed.parse().map_err(|_| ("most", texts::storage::WHOLE_NUMBER.to_owned()))?;
            let bytes = megabytes.checked_mul(1_000_000).filter(|bytes| *bytes > 0);
            bytes.ok_or(("most", texts::storage::AT_LEAST_ONE_MB.to_owned()))?
        }
    };
    if form.value("file").is_empty() {
        return Err(("file", texts::shared::NAME_A_FILE.to_owned()));
    }
    let id = if way == Way::Down { form.value("id") } else { "" };
    if way == Way::Down && id.trim_matches('/').is_empty() {
        return Err(("id", texts::storage::WHICH_CONTENT.to_owned()));
    }
    Ok(Order {
        way,
        provider: service.provider,
        service: service.name.clone(),
        prices: service.prices,
        file: form.value("file").to_owned(),
        id: id.to_owned(),
        bytes,
    })
}

/// `1,234,567 bytes`, with the size in larger units where it is large.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => texts::numbers::bytes(bytes),
        10_000..=9_999_999 => format!("{} kB", grouped((bytes / 1_000).into())),
        _ => format!("{} MB", grouped((bytes / 1_000_000).into())),
    }
}

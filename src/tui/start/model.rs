//! Everything of the guide that is drawn.

use std::path::PathBuf;

use super::deeds::{ChainSeen, Choice, KeyOrder, OwnKey};
use crate::domain::address::parse_address;
use crate::domain::{Address, Neuron, Timestamp};
use crate::keys::Secret;
use crate::tui::Settings;
use crate::tui::clipboard::Way;
use crate::tui::kit::amount::Unit;
use crate::tui::kit::dialog::Buttons;
use crate::tui::kit::form::{Field, Form, Kind};
use crate::tui::kit::look::Look;
use crate::tui::texts;
use crate::tui::theme::Theme;

const URL: &str = texts::start::URL_HINT;
const CONTRACT: &str = texts::start::CONTRACT_HINT;
const KEY: &str = texts::start::KEY_HINT;
const FILE: &str = texts::start::KEY_FILE_HINT;
const FILE_PASSPHRASE: &str = texts::start::KEY_FILE_PASSPHRASE_HINT;
const PASSPHRASE: &str = texts::start::PASSPHRASE_HINT;
const AGAIN: &str = texts::start::AGAIN_HINT;
const KEEP: &str = texts::start::KEYRING_HINT;
const OPEN: &str = texts::start::UNLOCK_HINT;

/// Whether the keyring keeps a passphrase: not unless somebody says so.
const KEPT: [&str; 2] = ["no", "yes"];

/// Why the guide opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Nothing is set up.
    First,
    /// The chain is; which key signs is open.
    Key,
    /// A key file is to be unlocked.
    Unlock(Address),
}

/// What the guide starts from.
#[derive(Clone)]
pub struct Setup {
    pub version: &'static str,
    pub opening: Opening,
    /// As the settings have them.
    pub rpc_url: String,
    pub contract: Address,
    /// Keys that are in the key directory.
    pub keys: Vec<Address>,
    /// Where settings would be written, for people.
    pub settings_file: PathBuf,
    pub settings: Settings,
    /// This session has a keyring.
    pub keyring: bool,
}

impl std::fmt::Debug for Setup {
    /// Without the node's URL, whose path may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup")
            .field("opening", &self.opening)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// How it ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    Leave,
    Demo,
    /// With a chain that was chosen here, unless it was known before; without a key to look around.
    Begin {
        choice: Option<Choice>,
        key: Option<OwnKey>,
    },
}

/// Where somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Welcome,
    Chain,
    Wallet,
    Create,
    Import,
    ImportFile,
    Unlock(Address),
    Fund,
}

/// What an entry of the wallet menu does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Use(Address),
    Create,
    Import,
    ImportFile,
    Later,
}

/// What is known of the chain that the form names.
#[derive(Debug, Default)]
pub struct Check {
    /// The number of the look that is under way.
    pub asked: Option<u64>,
    pub numbers: u64,
    /// What was found, and for which URL and contract.
    pub seen: Option<((String, String), ChainSeen)>,
    /// Something was typed since the last beat.
    pub typing: bool,
    /// Somebody wants to go on as soon as it is found good.
    pub go_on: bool,
}

/// What is known of the money of an address.
#[derive(Debug, Default)]
pub struct Funds {
    pub asked: Option<Timestamp>,
    pub busy: bool,
    pub balance: Option<Neuron>,
    /// More than at the first look.
    pub arrived: bool,
    pub trouble: Option<String>,
    pub copied: Option<Way>,
}

/// A settings file that exists, and whether it is to be replaced.
#[derive(Clone, Debug)]
pub struct Replace {
    pub path: PathBuf,
    pub buttons: Buttons,
}

#[derive(Debug)]
pub struct Model {
    pub setup: Setup,
    pub look: Look,
    pub size: (u16, u16),
    /// Where somebody came by, the present place last; never empty.
    pub path: Vec<Place>,
    pub welcome: usize,
    /// A chain without a key was asked for.
    pub only_look: bool,
    pub chain: Form,
    pub check: Check,
    pub wallet: usize,
    pub create: Form,
    pub import: Form,
    pub import_file: Form,
    pub unlock: Form,
    /// A key is being made or opened.
    pub working: bool,
    /// Settings are being written.
    pub saving: bool,
    /// What was written last, so that going back and on again replaces our own file only.
    pub saved: Option<(Choice, PathBuf)>,
    pub replace: Option<Replace>,
    pub key: Option<OwnKey>,
    pub funds: Funds,
    /// What went wrong where no field is to blame.
    pub complaint: Option<String>,
    pub outcome: Option<Outcome>,
    /// When the last key came.
    pub pressed: Timestamp,
}

/// The entries of the first question: name, and what it means.
pub const WELCOME: [(&str, &str); 3] = [
    (texts::labels::DEMO, texts::start::DEMO_MEANS),
    (texts::start::USE_A_CHAIN, texts::start::USE_A_CHAIN_MEANS),
    (texts::start::LOOK_AROUND, texts::start::LOOK_AROUND_MEANS),
];

impl Model {
    pub fn new(setup: Setup, theme: Theme, now: Timestamp) -> Model {
        let look = Look { theme, unit: Unit::default(), million: false, clock: false, masked: false, now };
        let first = match setup.opening {
            Opening::First => Place::Welcome,
            Opening::Key => Place::Wallet,
            Opening::Unlock(address) => Place::Unlock(address),
        };
        let secret = |key, label, hint| Field::new(key, label, Kind::Secret, hint);
        let keep = setup
            .keyring
            .then(|| Field::new("keep", texts::labels::KEYRING, Kind::Choice(&KEPT), KEEP).with(KEPT[0]));
        let locked = || {
            let twice = [
                secret("passphrase", texts::labels::PASSPHRASE, PASSPHRASE),
                secret("again", texts::labels::AGAIN, AGAIN),
            ];
            twice.into_iter().chain(keep.clone())
        };
        let unlock =
            [secret("passphrase", texts::labels::PASSPHRASE, OPEN)].into_iter().chain(keep.clone()).collect();
        let chain = vec![
            Field::new("rpcUrl", texts::start::URL, Kind::Text, URL).with(&setup.rpc_url),
            Field::new("contract", texts::labels::CONTRACT, Kind::Text, CONTRACT)
                .with(setup.contract.to_string()),
        ];
        let import = [secret("key", texts::start::PRIVATE_KEY, KEY)].into_iter().chain(locked()).collect();
        let file = [
            Field::new("file", texts::start::KEY_FILE, Kind::Text, FILE),
            secret("filePassphrase", texts::start::KEY_FILE_PASSPHRASE, FILE_PASSPHRASE),
        ];
        let import_file = file.into_iter().chain(locked()).collect();
        Model {
            look,
            size: (80, 24),
            path: vec![first],
            welcome: 0,
            only_look: false,
            chain: Form::new("", chain),
            check: Check::default(),
            wallet: 0,
            create: Form::new("", locked().collect()),
            import: Form::new("", import),
            import_file: Form::new("", import_file),
            unlock: Form::new("", unlock),
            working: false,
            saving: false,
            saved: None,
            replace: None,
            key: None,
            funds: Funds::default(),
            complaint: None,
            pressed: now,
            outcome: None,
            setup,
        }
    }

    pub fn place(&self) -> Place {
        self.path.last().copied().unwrap_or(Place::Welcome)
    }

    /// The entries of the wallet menu.
    pub fn entries(&self) -> Vec<Entry> {
        let known = self.setup.keys.iter().map(|address| Entry::Use(*address));
        known.chain([Entry::Create, Entry::Import, Entry::ImportFile, Entry::Later]).collect()
    }

    /// The form of the place, if it has one.
    pub fn form(&mut self) -> Option<&mut Form> {
        match self.place() {
            Place::Chain => Some(&mut self.chain),
            Place::Create => Some(&mut self.create),
            Place::Import => Some(&mut self.import),
            Place::ImportFile => Some(&mut self.import_file),
            Place::Unlock(_) => Some(&mut self.unlock),
            Place::Welcome | Place::Wallet | Place::Fund => None,
        }
    }

    /// Whether the keyring is to keep the passphrase of the form.
    pub fn keeps(&mut self) -> bool {
        self.setup.keyring && self.form().is_some_and(|form| form.value("keep") == KEPT[1])
    }

    /// The chain as it is typed.
    pub fn typed(&self) -> (String, String) {
        (self.chain.value("rpcUrl").to_owned(), self.chain.value("contract").to_owned())
    }

    /// What was found for what is typed now.
    pub fn seen(&self) -> Option<&ChainSeen> {
        self.check.seen.as_ref().filter(|(typed, _)| *typed == self.typed()).map(|(_, seen)| seen)
    }

    /// What is to be written down, once a chain was found good.
    pub fn choice(&self) -> Option<Choice> {
        let seen = self.seen()?;
        let (Ok(node), Some(Ok(_))) = (&seen.node, &seen.contract) else { return None };
        let contract = parse_address(self.chain.value("contract")).ok()?;
        let wallet = self.key.as_ref().map(OwnKey::address).filter(|_| !self.only_look);
        Some(Choice { rpc_url: self.typed().0, contract, chain_id: node.chain_id, wallet })
    }

    /// Where the balance is asked for.
    pub fn rpc_url(&self) -> String {
        if self.setup.opening == Opening::First { self.typed().0 } else { self.setup.rpc_url.clone() }
    }

    /// Checks the form of a key. Gives the order, or puts complaints under the fields.
    pub fn order(&mut self) -> Option<KeyOrder> {
        let place = self.place();
        let form = self.form()?;
        for field in &mut form.fields {
            field.complaint = None;
        }
        let mut wrong: Vec<(&'static str, &'static str)> = Vec::new();
        for (key, text) in [
            ("key", texts::start::KEY_EMPTY),
            ("file", texts::start::KEY_FILE_EMPTY),
            ("passphrase", texts::shared::IT_IS_EMPTY),
        ] {
            if form.fields.iter().any(|field| field.key == key && field.value.is_empty()) {
                wrong.push((key, text));
            }
        }
        // As typed: blanks belong to a passphrase.
        let exact = |key: &str| {
            form.fields.iter().find(|field| field.key == key).map_or("", |field| field.value.as_str())
        };
        let twice = form.fields.iter().any(|field| field.key == "again");
        if twice && exact("passphrase") != exact("again") {
            wrong.push(("again", texts::start::THE_TWO_DIFFER));
        }
        // Every copy is in something that wipes it.
        let secret = |key: &str| Secret::new(exact(key).to_owned());
        let passphrase = secret("passphrase");
        let order = match place {
            Place::Create => KeyOrder::Create { passphrase },
            Place::Import => KeyOrder::Import { key: secret("key"), passphrase },
            Place::ImportFile => KeyOrder::ImportFile {
                file: PathBuf::from(form.value("file")),
                file_passphrase: secret("filePassphrase"),
                passphrase,
            },
            Place::Unlock(address) => KeyOrder::Unlock { address, passphrase },
            Place::Welcome | Place::Chain | Place::Wallet | Place::Fund => return None,
        };
        // The first complaint gets the focus.
        for (key, text) in wrong.iter().rev() {
            form.complain(Some(key), (*text).to_owned());
        }
        wrong.is_empty().then_some(order)
    }

    /// Empties every secret field.
    pub fn wipe(&mut self) {
        for form in [&mut self.create, &mut self.import, &mut self.import_file, &mut self.unlock] {
            for field in form.fields.iter_mut().filter(|field| field.kind == Kind::Secret) {
                field.empty();
            }
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.wipe();
    }
}

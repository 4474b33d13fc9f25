//! Screens with as many rows as somebody wants, for benches: no broker, no terminal.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::message::Message;
use super::model::Model;
use super::requests::{self, PAGE, Page};
use super::shared::{Link, Start};
use super::view;
use crate::broker::user::RequestView;
use crate::domain::{
    Address, Fee, Neuron, Prices, RequestId, Service, ServiceKind, ServiceName, Timestamp, Units,
    UserRequestState,
};
use crate::tui::input::Input;
use crate::tui::keymap::KeymapError;
use crate::tui::shell::Program;
use crate::tui::theme::{Shade, Theme};

/// 2024-08-22 14:38:52 UTC.
const NOW: u64 = 1_724_337_532;

/// The user's screens at work.
#[derive(Debug)]
pub struct Screens {
    model: Model,
}

impl Screens {
    /// With so many services and requests, in a terminal of `width` by `height`.
    pub fn new(rows: u64, width: u16, height: u16) -> Result<Screens, KeymapError> {
        let start = Start {
            version: "0",
            read_only: false,
            demo: false,
            network: "bench".to_owned(),
            serving: None,
            console: None,
            settings: Default::default(),
            given: None,
            directory: Default::default(),
            log: Default::default(),
        };
        let now = Timestamp::from_seconds(NOW);
        let mut model = Model::new(start, Theme::new(Shade::Dark, true), now)?;
        model.shared.link = Link::Ready;
        let mut screens = Screens { model };
        screens.tell(Message::Input(Input::Size { width, height }, now));
        screens.tell(Message::Services((0..rows).filter_map(service).collect::<Vec<_>>().into()));
        screens.key('5');
        let shown = u64::from(PAGE).min(rows);
        let page = Page {
            items: (0..shown).filter_map(request).collect(),
            next: (shown < rows).then(|| "more".to_owned()),
            total: rows,
            fee: Neuron::new(117_200_000),
            live: Vec::new(),
        };
        screens.tell(Message::Requests(requests::Answer::Requests { generation: 1, page: Ok(page) }));
        Ok(screens)
    }

    /// Presses a key that prints.
    pub fn key(&mut self, key: char) {
        let key = Input::Key(KeyEvent::from(KeyCode::Char(key)));
        self.tell(Message::Input(key, Timestamp::from_seconds(NOW)));
    }

    /// Draws a frame.
    pub fn draw(&self, buffer: &mut Buffer) {
        let (width, height) = self.model.shared.size;
        view::paint(&self.model, buffer, Rect::new(0, 0, width, height));
    }

    fn tell(&mut self, message: Message) {
        drop(self.model.update(message));
    }
}

fn provider(number: u64) -> Address {
    let mut bytes = [0x11; 20];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Address::from(bytes)
}

fn name(number: u64) -> Option<ServiceName> {
    format!("llama{}b", number % 90).parse().ok()
}

fn service(number: u64) -> Option<Service> {
    let name = name(number)?;
    Some(Service {
        provider: provider(number),
        url: format!("http://{name}.example:3080"),
        name,
        kind: ServiceKind::Chatbot,
        model: format!("org/Model-{}-chat", number % 1000),
        prices: Prices { input: Neuron::new(u128::from(number % 977)), output: Neuron::new(200_000) },
        version: 1,
    })
}

fn request(number: u64) -> Option<RequestView> {
    let mut id = [0xab; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let at = NOW.saturating_sub(number.saturating_mul(61));
    Some(RequestView {
        request: RequestId::new(id),
        provider: provider(number % 7),
        service: name(number)?,
        created_at: Timestamp::from_seconds(at),
        finished_at: Some(Timestamp::from_seconds(at)),
        state: UserRequestState::Done,
        input: Units(412),
        output: Units(380),
        fee: Fee { input: Neuron::new(41_200_000), output: Neuron::new(76_000_000) },
        max_fee: Neuron::new(300_000_000),
        disputed: Neuron::ZERO,
        note: None,
        accepted_at: None,
    })
}

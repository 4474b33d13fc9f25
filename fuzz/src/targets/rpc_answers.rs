//! What a node answers is untrusted (S22): any bytes give a value or a typed error, never a panic, an endless loop or an
//! absurd amount of memory; and no text of a stranger comes out uncleaned.
//!
//! The input is a question and a list of answers. An answer is a kind, a length and bytes: JSON of a result, bytes of a
//! result in hexadecimal (what the contract returns), a JSON-RPC error, a whole response as JSON, or a lost connection.
//! Behind the last answer every connection is lost. The runtime's clock stands still, so waiting costs nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use alloy::rpc::json_rpc::{
    ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest,
};
use alloy::transports::{BoxTransport, TransportError, TransportErrorKind, TransportFut};
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tower::Service;
use zgserve_tui::chain::{Chain, ChainError, ChainEvent, ChainSettings, Endpoint, EventFilter, EventKind};
use zgserve_tui::domain::{AccountId, Address, Service as Offer, ServiceName};

use super::input::Input;
use super::text::must_be_clean;

const USER: Address = Address::repeat_byte(0x11);
const PROVIDER: Address = Address::repeat_byte(0x22);
const CONTRACT: Address = Address::repeat_byte(0x33);
/// Answers of one input.
const MOST: usize = 12;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let question = input.byte();
    let (from, to) = (edge(input.byte()), edge(input.byte()));
    let mut answers = VecDeque::new();
    while !input.is_empty() && answers.len() < MOST {
        let kind = input.byte();
        answers.push_back((kind % 8, input.piece().to_vec()));
    }
    let node = Node(Arc::new(Mutex::new(answers)));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    if let Err(error) = runtime.block_on(ask(question, from, to, node)) {
        let told = error.to_string();
        must_be_clean(&told);
        assert!(told.len() < 4_000, "{} bytes of an error", told.len());
    }
}

/// Heights of blocks where sums overflow.
fn edge(choice: u8) -> u64 {
    match choice {
        0..=199 => u64::from(choice) * 700,
        200..=219 => u64::MAX,
        220..=239 => u64::MAX - 1,
        _ => u64::from(u32::MAX),
    }
}

async fn ask(question: u8, from: u64, to: u64, node: Node) -> Result<(), ChainError> {
    let settings = ChainSettings::new(Endpoint::InProcess(BoxTransport::new(node)), CONTRACT);
    let filter = EventFilter { user: (question & 64 != 0).then_some(USER), provider: Some(PROVIDER) };
    if question.is_multiple_of(16) {
        return Chain::open(settings).await.map(|_| ());
    }
    let chain = Chain::open_bare(settings).await?;
    let id = AccountId { user: USER, provider: PROVIDER };
    match question % 16 {
        1 => {
            let account = chain.account(id, None).await?;
            assert!(account.is_none_or(|account| account.id == id));
        }
        2 => assert!(chain.accounts_of_user(USER, None).await?.iter().all(|account| account.id.user == USER)),
        3 => {
            let accounts = chain.accounts_of_provider(PROVIDER, None).await?;
            assert!(accounts.iter().all(|account| account.id.provider == PROVIDER));
        }
        4 => {
            let name: ServiceName = "llama7b".parse().unwrap();
            let service = chain.service(PROVIDER, &name, None).await?;
            assert!(
                service.as_ref().is_none_or(|service| service.name == name && service.provider == PROVIDER)
            );
            service.iter().for_each(clean_service);
        }
        5 => chain.services(None).await?.services.iter().for_each(clean_service),
        6 => {
            let list = chain.services_of(PROVIDER, None).await?;
            assert!(list.services.iter().all(|service| service.provider == PROVIDER));
            list.services.iter().for_each(clean_service);
        }
        7 => drop(chain.native_balance(USER).await?),
        8 => drop(chain.gas_price().await?),
        9 => events(&chain.events(from, to, filter).await?, from, to),
        10 => {
            let head = chain.head().await?;
            events(&chain.events_of_block(head, filter).await?, 0, u64::MAX);
        }
        11 => drop(chain.block(from).await?.map(|block| assert_eq!(block.number, from))),
        12 => events(&chain.service_events(PROVIDER, (from, to), 8, 100).await?.events, from, to),
        13 => {
            let head = chain.head().await?;
            let account = chain.account(id, Some(head)).await?;
            assert!(account.is_none_or(|account| account.id == id));
        }
        14 => drop(chain.at_contract(CONTRACT).await?),
        _ => drop(chain.head().await?),
    }
    Ok(())
}

fn clean_service(service: &Offer) {
    must_be_clean(&service.url);
    must_be_clean(&service.model);
    must_be_clean(service.name.as_str());
    assert!(service.url.chars().count() <= 512 && service.model.chars().count() <= 128);
}

fn events(events: &[ChainEvent], from: u64, to: u64) {
    assert!(events.iter().all(|event| (from..=to).contains(&event.block)), "an event of another block");
    assert!(events.is_sorted_by_key(|event| (event.block, event.index)));
    for event in events {
        match &event.kind {
            EventKind::ServiceUpdated(service) => clean_service(service),
            EventKind::UnreadableService { reason, .. } => must_be_clean(reason),
            EventKind::ServiceRemoved { name, .. } => must_be_clean(name),
            _ => {}
        }
    }
}

/// A node that says what the input holds.
#[derive(Clone)]
struct Node(Arc<Mutex<Answers>>);

/// Kinds and bytes of what is still to be said.
type Answers = VecDeque<(u8, Vec<u8>)>;

impl Node {
    fn answer(&self, request: &SerializedRequest) -> Result<ResponsePacket, TransportError> {
        let lost = || TransportErrorKind::custom_str("connection reset");
        // The first question of all is the chain's id, and asking it leads nowhere.
        if request.method() == "eth_chainId" {
            return Ok(packet(request, ResponsePayload::Success(raw("\"0x40da\"".to_owned()))));
        }
        let Some((kind, bytes)) = self.0.lock().pop_front() else { return Err(lost()) };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let payload = match kind {
            0 | 1 => match RawValue::from_string(text) {
                Ok(value) => ResponsePayload::Success(value),
                Err(error) => return Err(TransportError::deser_err(error, String::from_utf8_lossy(&bytes))),
            },
            2 | 3 => ResponsePayload::Success(raw(format!("\"0x{}\"", hex()))),
            4 => {
                let (code, rest) = bytes.split_at(bytes.len().min(2));
                let code = i64::from(i16::from_be_bytes([
                    code.first().copied().unwrap_or(0),
                    code.get(1).copied().unwrap_or(0),
                ]));
                let message = String::from_utf8_lossy(rest).into_owned().into();
                ResponsePayload::Failure(ErrorPayload { code, message, data: None })
            }
            5 => {
                let data = Some(raw(format!("\"0x{}\"", hex())));
                ResponsePayload::Failure(ErrorPayload { code: 3, message: "execution reverted".into(), data })
            }
            // As the HTTP transport reads what comes.
            6 => {
                return serde_json::from_slice(&bytes)
                    .map_err(|error| TransportError::deser_err(error, String::from_utf8_lossy(&bytes)));
            }
            _ => return Err(lost()),
        };
        Ok(packet(request, payload))
    }
}

fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).unwrap()
}

fn packet(request: &SerializedRequest, payload: ResponsePayload) -> ResponsePacket {
    ResponsePacket::Single(Response { id: request.id().clone(), payload })
}

impl Service<RequestPacket> for Node {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let answer = match &packet {
            RequestPacket::Single(request) => self.answer(request),
            RequestPacket::Batch(_) => Err(TransportErrorKind::custom_str("one question at a time")),
        };
        Box::pin(std::future::ready(answer))
    }
}

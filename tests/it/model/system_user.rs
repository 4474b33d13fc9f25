//! What the honest user's applications do, and what each request must come to by what they asked and got.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use zgserve_tui::broker::user::REQUEST_ID_HEADER;
use zgserve_tui::domain::RequestId;

use super::super::world::{Ends, Got, Reply, finish, read};
use super::system_line::{Fate, Lie};
use super::system_rules::Due;
use super::system_town::{BYTE, TOKENS, Town};

pub const WORDS: [&str; 12] = [
    "One ", "two ", "three ", "four ", "five ", "six ", "seven ", "eight ", "nine ", "ten ", "eleven ",
    "twelve.",
];
const ASKED: &str = "What do you say to that?";

pub fn words(number: usize) -> Vec<&'static str> {
    WORDS.iter().cycle().take(number).copied().collect()
}

/// What was said, as the application got it.
fn said(got: &Got, stream: bool) -> String {
    let text = got.text();
    if !stream {
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        return body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned();
    }
    let events = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    let parsed = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    parsed.filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())).collect()
}

/// The request that an answer is to.
fn request_of(got: &Got) -> RequestId {
    got.header(REQUEST_ID_HEADER.as_str()).expect("every paid answer names its request").parse().unwrap()
}

/// Sends and reads; a connection that breaks before the head of the answer is status 0.
async fn attempt(request: reqwest::RequestBuilder) -> Got {
    match request.send().await {
        Ok(answer) => read(answer).await,
        Err(_) => Got { status: 0, headers: HeaderMap::new(), body: Bytes::new(), whole: false },
    }
}

impl Town {
    pub fn chat_request(&self, asked: &str, stream: bool) -> reqwest::RequestBuilder {
        let body = json!({
            "messages": [{"role": "user", "content": asked}], "max_tokens": TOKENS, "stream": stream,
        });
        let path = self.world.paid("llama7b", "/chat/completions");
        let request = self.world.api().request(Method::POST, &path);
        request.header("content-type", "application/json").body(body.to_string())
    }

    /// Whether a refusal is one that the rules allow in this state.
    async fn may_refuse(&mut self, got: &Got, least: u128, fate: Fate) {
        let code = got.code();
        let available = self.available().await;
        let committed = self.page.spent + self.page.open.values().map(|due| due.most).sum::<u128>();
        let allowed = match (got.status, code.as_str()) {
            (402, "insufficient_balance") => available < least || self.page.at_odds,
            (403, "cap_reached") => {
                // What was promised counts as spent, and nothing is promised that the cap does not cover.
                self.cap.is_some_and(|cap| committed + least > cap || self.page.may_sign > cap)
            }
            // Of what was booked some receipts have not come, so it cannot be paid yet.
            (409, "provider_disagrees") => {
                self.page.at_odds
                    || matches!(fate, Fate::Claims(_))
                    || (self.line.withholds() && !self.page.open.is_empty())
            }
            (409, "price_changed") => std::mem::take(&mut self.rose),
            (503, "delegate_changes") => self.debt_now(self.world.user_address()).await.void_soon,
            _ => false,
        };
        assert!(allowed, "refused with {available} available, {committed} committed: {}", got.text());
        self.saw("refused");
    }

    /// One chat; what the network and the provider do to it is `fate`.
    pub async fn ask(&mut self, number: usize, stream: bool, fate: Fate) {
        let texts = words(number);
        self.world.upstream.say(if stream { Reply::events(&texts) } else { Reply::chat(&texts.concat()) });
        self.line.fate(fate);
        let before = self.known().await;
        let got = attempt(self.chat_request(ASKED, stream)).await;
        if got.status == 409 && self.rose && got.code() == "price_changed" {
            self.may_refuse(&got, 0, fate).await;
            return Box::pin(self.ask(number, stream, fate)).await;
        }
        let input = Self::input_fee(ASKED);
        let full = self.chat_fee(ASKED, &texts.concat());
        let mut cut = false;
        let due = match fate {
            // No byte came back, so the input at most is paid.
            Fate::LosesAnswer if [0, 200, 502].contains(&got.status) => Due::exactly(input),
            Fate::CutsAfter(_) if [0, 200, 502].contains(&got.status) => Due::between(input, full),
            _ if got.status != 200 => Due::NOTHING,
            // It is paid at most what was counted, and less where the provider asks for less.
            Fate::Lies(Lie::Earlier) => Due::between(0, full),
            _ => {
                assert!(got.whole, "{got:?}");
                let own = self.chat_fee(ASKED, &said(&got, stream));
                // Only an event stream is cut where the highest fee is reached.
                assert!(own == full || (stream && own < full), "I8: {own} of {full}");
                cut = own < full;
                Due::exactly(own)
            }
        };
        let served = got.status == 200 || due != Due::NOTHING;
        if served && matches!(fate, Fate::LosesAnswer | Fate::CutsAfter(_) | Fate::Lies(Lie::Earlier)) {
            self.page.at_odds = true;
        }
        let was_at_odds = self.page.at_odds;
        self.page.at_odds |= matches!(fate, Fate::Claims(_));
        self.expect(&before, due).await;
        self.page.at_odds = was_at_odds;
        if cut {
            let rows = self.requests().await;
            let row = rows.iter().max_by_key(|row| row.created_at).expect("it was served");
            let room = row.max_fee.get().saturating_sub(due.most);
            assert!(room < 3 * self.output_price, "I8: cut with {room} to spare: {row:?}");
            self.saw("cut at its highest fee");
        }
        if served {
            self.saw("served");
        } else {
            self.may_refuse(&got, input + self.output_price, fate).await;
        }
    }

    /// The application leaves an event stream after so many words; the service says no more until then.
    pub async fn leave(&mut self, after: usize) {
        let before = self.known().await;
        let (_gate, answer) = match self.begin(after).await {
            Ok(began) => began,
            Err(got) => return self.not_begun(&before, got).await,
        };
        drop(answer);
        let due = Due::exactly(self.chat_fee(ASKED, &words(after).concat()));
        self.expect(&before, due).await;
        self.saw("left");
    }

    async fn not_begun(&mut self, before: &BTreeSet<RequestId>, got: Got) {
        self.expect(before, Due::NOTHING).await;
        self.may_refuse(&got, Self::input_fee(ASKED) + self.output_price, Fate::None).await;
    }

    /// Reads an event stream up to so many words, and holds it there.
    async fn begin(&mut self, after: usize) -> Result<(Arc<Semaphore>, reqwest::Response), Got> {
        let gate = Arc::new(Semaphore::new(after));
        self.world.upstream.say(Reply::events(&WORDS).gated(&gate));
        let mut answer = self.chat_request(ASKED, true).send().await.unwrap();
        if answer.status() != 200 {
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            return Err(Got { status, headers, body: answer.bytes().await.unwrap(), whole: true });
        }
        let mut seen = String::new();
        while seen.matches("data: ").count() < after {
            seen += std::str::from_utf8(&answer.chunk().await.unwrap().expect("more to come")).unwrap();
        }
        Ok((gate, answer))
    }

    /// One side dies in the middle of an answer, and comes back.
    pub async fn crash_in_answer(&mut self, user: bool, after: usize) {
        let before = self.known().await;
        let (_gate, mut answer) = match self.begin(after).await {
            Ok(began) => began,
            Err(got) => return self.not_begun(&before, got).await,
        };
        // The highest fee and its voucher are on disk by now, so what is due can be written down.
        let due = if user {
            // The provider booked what it had delivered when nobody was there any more.
            Due::exactly(self.chat_fee(ASKED, &words(after).concat()))
        } else {
            Due::NOTHING
        };
        self.expect(&before, due).await;
        self.patient = true;
        if user {
            self.world.crash_user().await;
            drop(answer);
            self.world.start_user().await;
            self.saw("user crashed in an answer");
        } else {
            self.world.cut_provider_off().await;
            while let Ok(Some(_)) = answer.chunk().await {}
            self.world.start_provider().await;
            self.saw("provider crashed in an answer");
        }
        self.restarted();
    }

    /// The service behind the provider breaks off.
    pub async fn breaks(&mut self, number: usize, after: usize, stream: bool) {
        let texts = words(number);
        let reply = if stream { Reply::events(&texts).first(after) } else { Reply::chat(&texts.concat()) };
        self.world.upstream.say(reply.ends(Ends::Breaks));
        let before = self.known().await;
        let got = attempt(self.chat_request(ASKED, stream)).await;
        assert!(!got.whole || got.status != 200, "{got:?}");
        let due = match (stream, got.status, after) {
            // A stream is paid as far as it came; a whole answer that never was one is not.
            (true, 0 | 200, 1..) => Due::exactly(self.chat_fee(ASKED, &texts[..after].concat())),
            (true, _, 0) => Due::between(0, Self::input_fee(ASKED)),
            _ => Due::NOTHING,
        };
        self.expect(&before, due).await;
        if ![0, 200, 502].contains(&got.status) {
            self.may_refuse(&got, Self::input_fee(ASKED) + self.output_price, Fate::None).await;
        }
        self.saw("broken");
    }

    /// Bytes up and bytes down; in pieces, so that the receipt comes afterwards.
    pub async fn store(&mut self, up: usize, down: usize, pieces: bool) {
        let mut reply = Reply::whole(200, "application/octet-stream", vec![7; down]);
        if pieces {
            reply = reply.every(Duration::from_millis(1));
            reply.pieces = vec![7; down].chunks(700).map(Bytes::copy_from_slice).collect();
        }
        self.world.upstream.say(reply);
        let price = |bytes: usize| bytes as u128 * BYTE;
        let path = self.world.paid("files", "/things");
        let request = self.world.api().request(Method::POST, &path).body(vec![1; up]);
        let before = self.known().await;
        let got = finish(request.header("zg-max-fee", price(up + 4_000).to_string())).await;
        if got.status != 200 {
            self.expect(&before, Due::NOTHING).await;
            return self.may_refuse(&got, price(up + 1), Fate::None).await;
        }
        // With little left the highest fee is lower, and the answer ends there.
        assert!(got.body.len() <= down);
        let due = Due::exactly(price(up + got.body.len()));
        if got.body.len() < down {
            assert!(self.available().await < price(up + 4_000), "{} of {down} bytes came", got.body.len());
        }
        self.expect(&before, due).await;
        self.saw("stored");
    }

    /// Requests at the same time.
    pub async fn many(&mut self, requests: usize, stream: bool) {
        let texts = words(6);
        let reply = if stream { Reply::events(&texts) } else { Reply::chat(&texts.concat()) };
        self.world.upstream.say(reply.after(Duration::from_millis(5)));
        let before = self.known().await;
        let got = join_all((0..requests).map(|_| finish(self.chat_request(ASKED, stream)))).await;
        let served: Vec<&Got> = got.iter().filter(|got| got.status == 200).collect();
        // The one that has the last of the money may be cut short, so each is held to what it said itself.
        let due = |got: &Got| Due::exactly(self.chat_fee(ASKED, &said(got, stream)));
        let dues = served.iter().map(|got| (request_of(got), due(got))).collect();
        self.expect_each(&before, dues).await;
        let refused: Vec<Got> = got.into_iter().filter(|got| got.status != 200).collect();
        for got in &refused {
            if got.code() == "price_changed" && self.rose {
                continue;
            }
            self.may_refuse(got, Self::input_fee(ASKED) + self.output_price, Fate::None).await;
        }
        self.rose &= refused.is_empty();
        self.saw("many at once");
    }
}

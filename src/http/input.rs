//! Request bodies and queries, read strictly but not pedantically.
//!
//! Keys match in any case (`inputPrice`, `InputPrice`, `inputprice`), as in the usage procedure. A key that no route
//! knows is an error that names the nearest known one: a misspelt `amount` must not become "no amount". Every error
//! names its field.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Number, Value};
use tokio::time::Instant;

use super::field::Field;
use super::{Problem, limits};
use crate::domain::{Address, Neuron, address::parse_address};

/// The JSON object of a request body. Needs `Content-Type: application/json` (a form in a web page cannot send it).
#[derive(Debug)]
pub struct JsonBody(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read_body(body, limits::API_BODY, limits::API_BODY_TIME).await?;
        if bytes.is_empty() {
            return Err(bad_body("the body is empty; send a JSON object"));
        }
        need_json(&parts.headers)?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(map)) => Ok(JsonBody(map)),
            Ok(_) => Err(bad_body("the body is JSON, but not an object in braces")),
            Err(error) => Err(bad_body(&format!("the body is not JSON: {error}"))),
        }
    }
}

/// Refuses a body that is not said to be JSON.
pub fn need_json(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(is_json) {
        return Ok(());
    }
    Err(bad_body("send the body with Content-Type: application/json").with("field", "Content-Type"))
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn bad_body(message: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_input", message)
}

/// Reads a body of at most `limit` bytes within `time`.
pub async fn read_body(body: Body, limit: usize, time: Duration) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("the body is larger than {limit} bytes"),
        )
        .with("limit", limit)
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let reading = async {
        let mut stream = body.into_data_stream();
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| bad_body("the body ended before it was complete"))?;
            if bytes.len() + chunk.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout(time, reading)
        .await
        .unwrap_or_else(|_| Err(bad_body("the body took too long to arrive")))
}

/// Layer for routes that take no body: what comes all the same is read to its proper end, and refused unless it says
/// nothing, so that no request is acted on whose end is in doubt.
pub async fn without_body(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match read_body(body, limits::API_BODY, limits::API_BODY_TIME).await {
        Ok(bytes) if matches!(bytes.trim_ascii(), b"" | b"{}" | b"null") => {
            next.run(Request::from_parts(parts, Body::empty())).await
        }
        Ok(_) => bad_body("nothing is taken here; send no body").into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// A body as a stream of pieces, ended with an error when it stops for too long, or comes so slowly that no program that
/// works sends it.
pub fn body_stream(body: Body) -> BoxStream<'static, Result<Bytes, BodyStreamError>> {
    let arriving = Arriving::new(body);
    let pieces = stream::unfold(Some(arriving), |arriving| async move {
        let mut arriving = arriving?;
        match tokio::time::timeout(arriving.patience(), arriving.pieces.next()).await {
            Ok(Some(Ok(piece))) => {
                arriving.took(piece.len() as u64);
                Some((Ok(piece), Some(arriving)))
            }
            Ok(Some(Err(error))) => Some((Err(BodyStreamError::from(error)), None)),
            Ok(None) => None,
            Err(_) => Some((Err("the body stopped arriving, or came too slowly".into()), None)),
        }
    });
    Box::pin(pieces)
}

/// A body on its way in.
struct Arriving {
    pieces: BodyDataStream,
    began: Instant,
    bytes: u64,
    /// Until when it may take, by the time that its bytes have bought.
    until: Instant,
}

impl Arriving {
    fn new(body: Body) -> Arriving {
        let began = Instant::now();
        let until = began + limits::BODY_PIECE_TIME;
        Arriving { pieces: body.into_data_stream(), began, bytes: 0, until }
    }

    /// Each byte that arrives buys time, up to an hour ahead.
    fn took(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        let ahead = Instant::now() + limits::BODY_TIME_AHEAD;
        self.until = (self.until + limits::bought_by(bytes)).min(ahead);
    }

    /// How long the next piece may take.
    fn patience(&self) -> Duration {
        let long = Duration::from_secs(self.bytes / limits::LONG_BODY_BYTES_A_SECOND);
        let in_all = self.began + limits::BODY_TIME_AHEAD + long;
        let left = self.until.min(in_all).saturating_duration_since(Instant::now());
        left.min(limits::BODY_PIECE_TIME)
    }
}

pub type BodyStreamError = Box<dyn std::error::Error + Send + Sync>;

/// Named values of a body or a query, keys in any case.
#[derive(Debug)]
pub struct Fields {
    known: &'static [Field],
    values: Vec<(&'static str, Value)>,
}

impl Fields {
    /// Reads an object whose keys may be those of `known`, the table that the documents tell of too, plus keys that answers carry and requests may repeat
    /// without effect.
    pub fn of_body(
        body: JsonBody,
        known: &'static [Field],
        without_effect: &[&str],
    ) -> Result<Fields, Problem> {
        let mut fields = Fields { known, values: Vec::new() };
        for (key, value) in body.0 {
            if without_effect.iter().any(|name| name.eq_ignore_ascii_case(&key)) {
                continue;
            }
            fields.take(&key, value)?;
        }
        Ok(fields)
    }

    /// Reads a query string.
    pub fn of_query(query: Option<&str>, known: &'static [Field]) -> Result<Fields, Problem> {
        let mut fields = Fields { known, values: Vec::new() };
        for (key, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            fields.take(&key, Value::String(value.into_owned()))?;
        }
        Ok(fields)
    }

    fn take(&mut self, key: &str, value: Value) -> Result<(), Problem> {
        let Some(name) = self.names().find(|name| name.eq_ignore_ascii_case(key)) else {
            let shown: String = crate::domain::clean::clean(key, 60).into_owned();
            return Err(Problem::field(&shown, self.unknown(&shown)));
        };
        if self.values.iter().any(|(taken, _)| *taken == name) {
            return Err(Problem::field(name, "it is given twice"));
        }
        self.values.push((name, value));
        Ok(())
    }

    fn unknown(&self, key: &str) -> String {
        let key = key.to_ascii_lowercase();
        let near = self
            .names()
            .map(|name| (strsim::damerau_levenshtein(&name.to_ascii_lowercase(), &key), name))
            .filter(|(distance, name)| *distance <= 1 + name.len() / 3)
            .min();
        match near {
            Some((_, name)) => format!("there is no such field; did you mean {name}?"),
            None if self.known.is_empty() => "there is no such field; nothing is taken here".to_owned(),
            None => {
                let names: Vec<&str> = self.names().collect();
                format!("there is no such field; known are {}", names.join(", "))
            }
        }
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.known.iter().map(|field| field.name)
    }

    /// The value of a field, unless absent or null.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(taken, _)| *taken == name).map(|(_, value)| value).filter(|v| !v.is_null())
    }

    /// Whether a field is given as null.
    pub fn is_null(&self, name: &str) -> bool {
        self.values.iter().any(|(taken, value)| *taken == name && value.is_null())
    }

    fn need(&self, name: &str) -> Result<&Value, Problem> {
        self.get(name).ok_or_else(|| Problem::field(name, "it is missing"))
    }

    pub fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::field(name, "it must be text")),
        }
    }

    pub fn need_text(&self, name: &str) -> Result<&str, Problem> {
        self.need(name)?;
        self.text(name).map(Option::unwrap_or_default)
    }

    /// A field whose text some type reads.
    pub fn parse<T>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        self.text(name)?.map(str::parse).transpose().map_err(|error| Problem::field(name, error))
    }

    pub fn need_parse<T>(&self, name: &str) -> Result<T, Problem>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        self.need_text(name)?.parse().map_err(|error| Problem::field(name, error))
    }

    pub fn address(&self, name: &str) -> Result<Option<Address>, Problem> {
        self.text(name)?.map(parse_address).transpose().map_err(|error| Problem::field(name, error))
    }

    pub fn need_address(&self, name: &str) -> Result<Address, Problem> {
        parse_address(self.need_text(name)?).map_err(|error| Problem::field(name, error))
    }

    /// An amount of neuron, as text or whole number.
    pub fn amount(&self, name: &str) -> Result<Option<Neuron>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        if let Some(whole) = value.as_number().and_then(whole) {
            return Ok(Some(Neuron::new(whole.into())));
        }
        serde_json::from_value(value.clone()).map(Some).map_err(|error| Problem::field(name, error))
    }

    pub fn need_amount(&self, name: &str) -> Result<Neuron, Problem> {
        self.need(name)?;
        self.amount(name).map(Option::unwrap_or_default)
    }

    /// A truth value: `true` and `false`, in a query also `1` and `0`.
    pub fn truth(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            Some(Value::String(text)) if text == "true" || text == "1" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" || text == "0" => Ok(Some(false)),
            Some(_) => Err(Problem::field(name, "it must be true or false")),
        }
    }

    /// A whole number within bounds.
    pub fn number(&self, name: &str, bounds: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, Problem> {
        let wrong = || Problem::field(name, format!("it must be {} to {}", bounds.start(), bounds.end()));
        let number = match self.get(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => whole(number),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        number.filter(|number| bounds.contains(number)).map(Some).ok_or_else(wrong)
    }

    /// One of a few words.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| *value);
        found.map(Some).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Problem::field(name, format!("it must be one of {}", words.join(", ")))
        })
    }
}

/// A number that is whole: to JSON, 1.0 is 1. Beyond 2^53 a number with a point may have been another one before it was read.
fn whole(number: &Number) -> Option<u64> {
    const EXACT: u64 = 1 << 53;
    number.as_u64().or_else(|| {
        let whole = number.to_string().strip_suffix(".0")?.parse().ok();
        whole.filter(|whole| *whole <= EXACT)
    })
}

/// An address in a path.
pub fn path_address(name: &str, text: &str) -> Result<Address, Problem> {
    parse_address(text).map_err(|error| Problem::field(name, error))
}

/// Anything that a type reads, in a path.
pub fn path_value<T>(name: &str, text: &str) -> Result<T, Problem>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| Problem::field(name, error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::http::field::{AMOUNT, Kind, optional, required};

    const KNOWN: &[Field] = &[
        required("provider", Kind::Address, ""),
        required("balance", AMOUNT, ""),
        required("inputPrice", AMOUNT, ""),
        required("URL", Kind::Url, ""),
    ];
    const QUERY: &[Field] =
        &[optional("limit", Kind::Count(1, 100), ""), optional("processed", Kind::Truth, "")];

    fn fields(json: &str) -> Result<Fields, Problem> {
        let Value::Object(map) = serde_json::from_str(json).unwrap() else { unreachable!() };
        Fields::of_body(JsonBody(map), KNOWN, &["UpdatedAt"])
    }

    #[test]
    fn keys_match_in_any_case() {
        for key in ["inputPrice", "InputPrice", "INPUTPRICE", "inputprice"] {
            let fields = fields(&format!("{{\"{key}\": 100000}}")).unwrap();
            assert_eq!(fields.need_amount("inputPrice").unwrap(), Neuron::new(100_000), "{key}");
        }
        assert!(fields(r#"{"updatedat": 1}"#).is_ok());
        let twice = fields(r#"{"url": "a", "URL": "b"}"#).unwrap_err();
        assert!(twice.message().contains("twice"));
    }

    #[test]
    fn unknown_keys_name_the_nearest_known_one() {
        let error = fields(r#"{"ballance": "1"}"#).unwrap_err();
        assert_eq!(error.message(), "ballance: there is no such field; did you mean balance?");
        let error = fields(r#"{"whatever": "1"}"#).unwrap_err();
        assert!(error.message().contains("known are provider, balance"));
    }

    #[test]
    fn every_error_names_its_field() {
        let input = fields(r#"{"provider": "0x12", "balance": -1, "url": 7, "inputPrice": null}"#).unwrap();
        assert!(input.need_address("provider").unwrap_err().message().starts_with("provider: "));
        assert!(input.need_amount("balance").unwrap_err().message().starts_with("balance: "));
        assert!(input.text("URL").unwrap_err().message().starts_with("URL: "));
        assert_eq!(input.need_amount("inputPrice").unwrap_err().message(), "inputPrice: it is missing");
        for amount in ["\"10000000\"", "10000000"] {
            let input = fields(&format!("{{\"balance\": {amount}}}")).unwrap();
            assert_eq!(input.need_amount("balance").unwrap(), Neuron::new(10_000_000));
        }
    }

    #[test]
    fn queries_are_as_strict() {
        let query = Fields::of_query(Some("limit=5&processed=true"), QUERY).unwrap();
        assert_eq!(query.number("limit", 1..=100).unwrap(), Some(5));
        assert_eq!(query.truth("processed").unwrap(), Some(true));
        assert!(query.number("limit", 1..=4).is_err());
        assert!(Fields::of_query(Some("limt=5"), QUERY).is_err());
        assert!(Fields::of_query(None, &[]).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_ended() {
        // A byte each 20 s: never silent for long, and never done.
        let drips = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
        });
        let pieces: Vec<_> = body_stream(Body::from_stream(drips)).collect().await;
        assert!(pieces.len() < 5 && pieces.last().unwrap().is_err(), "{}", pieces.len());
        // One that is slow, but not that slow, arrives whole.
        let slow = stream::unfold(0, |sent| async move {
            tokio::time::sleep(Duration::from_secs(20)).await;
            (sent < 30).then(|| (Ok::<_, std::io::Error>(Bytes::from(vec![0; 64 << 10])), sent + 1))
        });
        let pieces: Vec<_> = body_stream(Body::from_stream(slow)).collect().await;
        assert!(pieces.len() == 30 && pieces.iter().all(Result::is_ok));
        // One that stops altogether does not.
        let stops = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![0; 64 << 20]))]);
        let stops = stops.chain(stream::pending());
        assert!(body_stream(Body::from_stream(stops)).collect::<Vec<_>>().await.last().unwrap().is_err());
    }

    /// Time that was bought with a quick beginning would else keep an upload open, and its bytes on disk, for weeks.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_began_quickly_is_not_waited_for_without_end() {
        let drips = |first: usize, then: usize| {
            let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![0; first]))]);
            first.chain(stream::repeat(then).then(|then| async move {
                tokio::time::sleep(Duration::from_secs(50)).await;
                Ok(Bytes::from(vec![0; then]))
            }))
        };
        // 64 MiB buy 18 hours, of which one counts.
        let began = Instant::now();
        let body = Body::from_stream(drips(64 << 20, 1));
        let pieces: Vec<_> = body_stream(body).take(1_000).collect().await;
        assert!(pieces.last().unwrap().is_err(), "{}", pieces.len());
        assert!(began.elapsed() <= Duration::from_secs(3_700), "{:?}", began.elapsed());
        // Fast enough to buy all the time that it takes, too slow to go on like this for longer than an hour.
        let began = Instant::now();
        let body = Body::from_stream(drips(1, 64 << 10));
        let pieces: Vec<_> = body_stream(body).take(1_000).collect().await;
        assert!(pieces.last().unwrap().is_err(), "{}", pieces.len());
        let took = began.elapsed();
        assert!(Duration::from_secs(3_600) <= took && took <= Duration::from_secs(3_800), "{took:?}");
        // A large one at a fair pace has the time that it needs: 8 MiB a minute are more than 64 KiB a second.
        let fair = stream::repeat(()).take(300).then(|()| async {
            tokio::time::sleep(Duration::from_secs(50)).await;
            Ok::<_, std::io::Error>(Bytes::from(vec![0; 4 << 20]))
        });
        let whole: Vec<_> =
            body_stream(Body::from_stream(fair)).map(|piece| piece.map(|p| p.len())).collect().await;
        assert!(whole.len() == 300 && whole.iter().all(Result::is_ok));
    }

    #[test]
    fn content_types_that_are_json() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/x+json"] {
            assert!(is_json(good), "{good}");
        }
        for bad in ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}

//! What a field of a request or an answer holds, said once: `input` takes the fields that stand in these tables, the
//! documents tell of them, and a test feeds each route what its table allows and what it does not.

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Address,
    /// Neuron, at least so much and of so many digits at most; text, or a whole number in a body.
    Amount(u64, usize),
    /// So many hexadecimal digits.
    Id(usize),
    /// 32 bytes as `0x…`.
    Hash,
    /// Any bytes as `0x…`.
    Hex,
    /// The name of a service.
    Name,
    /// A whole number, from and to.
    Count(u64, u64),
    /// RFC 3339.
    Moment,
    /// One of these words.
    Words(&'static [&'static str]),
    Truth,
    /// An http or https address.
    Url,
    /// What a list gave as `Metadata.Next`.
    Cursor,
    /// One line of at most so many bytes; may be empty.
    Line(usize),
    /// Text of at least so many characters.
    Text(usize),
    /// A signed voucher: 125 bytes in unpadded base64url.
    Voucher,
    /// A key against doing it twice.
    Key,
    /// Names and values of headers.
    Headers,
    Object(&'static Shape),
    List(&'static Kind),
    /// Any object.
    Free,
}

/// An amount that may be zero, and one that may not. A few digits below 2^112 - 1, where reading ends.
pub const AMOUNT: Kind = Kind::Amount(0, 33);
pub const SUM: Kind = Kind::Amount(1, 33);
/// Neuron for one unit.
pub const PRICE: Kind = Kind::Amount(0, 27);
/// A number that has no bound of its own.
pub const COUNT: Kind = Kind::Count(0, u64::MAX);
pub const TEXT: Kind = Kind::Text(0);

/// When a field is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Always,
    /// Always there in an answer, but null where there is nothing to say.
    OrNull,
    /// A request may leave it out or give null; an answer leaves it out where there is nothing to say.
    OrAbsent,
    /// Taken, but not told of: another spelling, or what the path says already.
    Untold,
}

/// A field of a body, a query, a head or an answer.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub about: &'static str,
    pub presence: Presence,
}

impl Field {
    pub fn is_required(&self) -> bool {
        self.presence == Presence::Always
    }
}

/// An object that answers hold. Its fields come in groups, so that objects can share them.
#[derive(Debug)]
pub struct Shape {
    pub name: &'static str,
    pub about: &'static str,
    pub fields: &'static [&'static [Field]],
}

impl Shape {
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().copied().flatten()
    }
}

pub(super) const fn required(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about, presence: Presence::Always }
}

pub(super) const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about, presence: Presence::OrAbsent }
}

pub(super) const fn nullable(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about, presence: Presence::OrNull }
}

pub(super) const fn untold(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, about: "", presence: Presence::Untold }
}

/// What an answer carries.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    Nothing,
    Json(&'static Shape),
    /// Nothing, or this where it is not over yet. The OpenAPI document tells of it in words: what is made from the
    /// document would look for a body in every such answer.
    Perhaps(&'static Shape),
    /// An object of which nothing more is said here.
    Object,
    /// Server-sent events of these names, each with an object in JSON as its data.
    Events(&'static [(&'static str, &'static Shape)]),
    /// Text of one of these types.
    Text(&'static [&'static str]),
    /// An object, or server-sent events where the request asks for a stream.
    Streamed,
    /// Whatever the service answers.
    Passed,
}

/// A status code of success with what it carries.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub status: u16,
    pub about: &'static str,
    pub content: Content,
}

pub(super) const fn answer(status: u16, content: Content, about: &'static str) -> Answer {
    Answer { status, about, content }
}

/// A status code of 400 or above with the code that its body names.
pub type Refusal = (u16, &'static str);

/// Values at the edges of a kind, as a body gives them.
#[cfg(test)]
pub(crate) mod edges {
    use serde_json::{Value, json};

    use super::Kind;

    pub(crate) struct Edges;

    impl Edges {
        /// What is taken, and what is refused.
        pub(crate) fn of(kind: Kind) -> (Vec<Value>, Vec<Value>) {
            let address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
            match kind {
                Kind::Address => (
                    vec![json!(address), json!(address.to_lowercase())],
                    vec![
                        json!(address[2..]),
                        json!(format!("{address}0")),
                        json!(format!("0x{}", "0".repeat(40))),
                        json!("0"),
                        json!(7),
                    ],
                ),
                Kind::Amount(least, digits) => (
                    vec![
                        json!(least.to_string()),
                        json!("9".repeat(digits)),
                        json!(least),
                        json!(7.0),
                        json!(9_007_199_254_740_992.0),
                        json!("007"),
                    ],
                    vec![
                        json!(""),
                        json!("-1"),
                        json!("1.5"),
                        json!(1.5),
                        json!(-1),
                        json!("1e3"),
                        json!("9".repeat(40)),
                        json!({}),
                        json!(true),
                    ],
                ),
                Kind::Id(digits) => (
                    vec![json!("a".repeat(digits))],
                    vec![
                        json!("a".repeat(digits - 1)),
                        json!("a".repeat(digits + 1)),
                        json!("g".repeat(digits)),
                    ],
                ),
                Kind::Name => (
                    vec![json!("a"), json!("z-Z_0.9"), json!("x".repeat(64))],
                    vec![json!(""), json!(".a"), json!("x".repeat(65)), json!("a/b"), json!("ä"), json!(1)],
                ),
                Kind::Count(from, to) => (
                    vec![json!(from), json!(to), json!(7.0)],
                    vec![json!(-1), json!(1.5), json!("x"), json!(""), json!({})]
                        .into_iter()
                        .chain(from.checked_sub(1).map(|below| json!(below)))
                        .chain(to.checked_add(1).map(|above| json!(above)))
                        .collect(),
                ),
                Kind::Moment => (
                    vec![json!("2024-08-22T14:38:52Z"), json!("2024-08-22T14:38:52.5+08:00")],
                    vec![
                        json!("2024-08-22"),
                        json!("yesterday"),
                        json!(""),
                        json!("2024-13-01T00:00:00Z"),
                        json!(1),
                    ],
                ),
                Kind::Words(words) => (
                    words.iter().map(|word| json!(word)).collect(),
                    vec![json!(""), json!("no-such-word"), json!(1), json!(true)],
                ),
                Kind::Truth => {
                    (vec![json!(true), json!(false)], vec![json!("maybe"), json!(""), json!(2), json!([])])
                }
                Kind::Url => (
                    vec![json!("http://127.0.0.1:9/v1"), json!("https://api.example.org/v1?x=1")],
                    vec![json!("ftp://host"), json!("host:80"), json!(""), json!("http://"), json!(1)],
                ),
                // Which cursors there are, only the list knows.
                Kind::Cursor => (vec![], vec![json!("")]),
                Kind::Line(most) => (
                    vec![json!(""), json!("x".repeat(most)), json!("größer")],
                    vec![json!("x".repeat(most + 1)), json!("a\nb"), json!("a\u{1b}"), json!(1)],
                ),
                Kind::Text(_) => (vec![json!("x")], vec![json!({})]),
                Kind::Key => (
                    vec![json!("k"), json!("k".repeat(255)), json!("a b")],
                    vec![json!(""), json!("k".repeat(256)), json!("ä")],
                ),
                // Of what has the shape, only who knows the key can tell what is taken.
                Kind::Voucher => (vec![], vec![json!(""), json!("none"), json!("A".repeat(166)), json!(1)]),
                Kind::Headers => (
                    vec![json!({}), json!({"X-Api-Key": "a b"})],
                    vec![json!({"X": 1}), json!({"a b": "c"}), json!({"X": "a\nb"}), json!("X: y"), json!(1)],
                ),
                Kind::Hash | Kind::Hex | Kind::Object(_) | Kind::List(_) | Kind::Free => (vec![], vec![]),
            }
        }
    }
}

//! The names of encodings in headers.

use super::EncodingError;

/// An encoding that can be metered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    /// Both readings of the word are understood: with zlib's frame, as the standard says, and without.
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        }
    }

    fn from_name(name: &str) -> Option<Coding> {
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "deflate" => Some(Coding::Deflate),
            "br" => Some(Coding::Brotli),
            "zstd" => Some(Coding::Zstd),
            _ => None,
        }
    }
}

/// The encodings of a `Content-Encoding` header, in the order in which they were applied; at most two.
///
/// Several headers are joined by commas first, as HTTP says. `identity` and an absent header are no encoding.
pub fn codings(header: Option<&str>) -> Result<Vec<Coding>, EncodingError> {
    let mut codings = Vec::new();
    let names = header.unwrap_or_default().split(',').map(str::trim);
    for name in names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity")) {
        let coding =
            Coding::from_name(name).ok_or_else(|| EncodingError::Unknown(name.chars().take(32).collect()))?;
        codings.push(coding);
    }
    if codings.len() > 2 { Err(EncodingError::TooMany) } else { Ok(codings) }
}

/// What of an `Accept-Encoding` header can be metered, weights kept; `identity` when nothing is left.
///
/// `*` is dropped: it would invite what we cannot read. A refusal of `identity` is dropped too.
pub fn negotiate(accept: &str) -> String {
    let known = |entry: &&str| {
        let name = entry.split(';').next().unwrap_or_default().trim();
        let refused = name.eq_ignore_ascii_case("identity")
            && entry.split(';').skip(1).any(|weight| {
                let weight = weight.trim().trim_start_matches(['q', 'Q']).trim_start_matches([' ', '=']);
                !weight.is_empty() && weight.bytes().all(|byte| matches!(byte, b'0' | b'.'))
            });
        Coding::from_name(name).is_some() || (name.eq_ignore_ascii_case("identity") && !refused)
    };
    let kept: Vec<&str> = accept.split(',').map(str::trim).filter(known).collect();
    if kept.is_empty() { "identity".to_owned() } else { kept.join(", ") }
}

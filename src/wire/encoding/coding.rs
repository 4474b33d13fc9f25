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
    for name in names.filter(|name| !name.is_empty() && !is_identity(name)) {
        let coding =
            Coding::from_name(name).ok_or_else(|| EncodingError::Unknown(name.chars().take(32).collect()))?;
        codings.push(coding);
    }
    if codings.len() > 2 { Err(EncodingError::TooMany) } else { Ok(codings) }
}

/// Whether a `Content-Encoding` header, values joined, names no encoding at all.
pub fn is_plain(header: Option<&str>) -> bool {
    header.unwrap_or_default().split(',').map(str::trim).all(|name| name.is_empty() || is_identity(name))
}

fn is_identity(name: &str) -> bool {
    name.eq_ignore_ascii_case("identity")
}

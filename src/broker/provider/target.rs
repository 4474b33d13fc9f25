//! Where a service really is: the URL that an operator registers, checked once and joined with each suffix.

use url::{Host, Url};

/// Why a text cannot be the address of a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("it is not the URL of a server; write it like http://127.0.0.1:8000/v1")]
    Shape,
    #[error("only http and https URLs can be served")]
    Scheme,
    #[error("it carries a user name or password; send credentials as upstream headers instead")]
    Credentials,
    #[error("a URL with a fragment (#…) names no address")]
    Fragment,
    #[error("it is longer than {most} bytes")]
    Length { most: usize },
}

/// The longest URL that the contract stores.
pub const LONGEST_PUBLIC: usize = 512;
const LONGEST_TARGET: usize = 2048;

/// Reads the public base URL of a broker.
pub fn parse_public(text: &str) -> Result<Url, TargetError> {
    parse(text, LONGEST_PUBLIC)
}

/// Reads the address of a service behind the broker. It may be a root or one full endpoint, with a query.
pub fn parse_target(text: &str) -> Result<Url, TargetError> {
    parse(text, LONGEST_TARGET)
}

fn parse(text: &str, most: usize) -> Result<Url, TargetError> {
    if text.len() > most {
        return Err(TargetError::Length { most });
    }
    let url = Url::parse(text).ok().filter(|_| text.contains("://")).ok_or(TargetError::Shape)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(TargetError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::Credentials);
    }
    if url.fragment().is_some() {
        return Err(TargetError::Fragment);
    }
    match url.host() {
        Some(Host::Domain("")) | None => Err(TargetError::Shape),
        Some(_) => Ok(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_pass() {
        for good in ["http://127.0.0.1:8000", "https://api.example.org/v1/chat/completions?api-version=1"] {
            assert!(parse_target(good).is_ok(), "{good}");
        }
        assert_eq!(parse_target("file:///etc/passwd"), Err(TargetError::Scheme));
        assert_eq!(parse_target("http://a:b@host"), Err(TargetError::Credentials));
        assert_eq!(parse_target("http://host/#x"), Err(TargetError::Fragment));
        assert!(matches!(parse_target("host:80"), Err(TargetError::Scheme | TargetError::Shape)));
        assert!(matches!(parse_target("http://"), Err(TargetError::Shape)));
        assert!(matches!(parse_target("<endpoint>"), Err(TargetError::Shape)));
        assert!(matches!(
            parse_public(&format!("http://h/{}", "a".repeat(600))),
            Err(TargetError::Length { .. })
        ));
    }
}

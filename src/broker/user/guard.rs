//! Where paid requests may go: the filter between a service's URL, which a stranger wrote, and the network.
//!
//! A provider's URL comes from the chain, so anybody can point it at this machine, at the local network or at a
//! cloud's metadata service. Names are resolved here, the addresses are checked, and the connection is made to exactly
//! the addresses that were checked ([`Guard`] is the resolver of the HTTP client), so that a name that changes its
//! address between the check and the connection gains nothing. Literal addresses are checked when the URL is read;
//! the URL parser has by then turned decimal, octal and short forms into plain addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Why a provider's URL is not called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("the provider's URL is not a URL")]
    Malformed,
    #[error("the provider's URL is neither http nor https")]
    Scheme,
    #[error("the provider's URL carries a user name or password")]
    UserInfo,
    #[error("the provider's URL carries a query or fragment")]
    Query,
    #[error(
        "the provider's address {0} is on this machine or a private network; set allowPrivateProviders to call it"
    )]
    Private(IpAddr),
}

/// The resolver of the HTTP client: names become checked addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    pub allow_private: bool,
}

/// A name stands for an address that must not be called.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name stands for the private address {0}; set allowPrivateProviders to call it")]
pub(super) struct PrivateName(pub IpAddr);

impl Guard {
    /// Reads a provider's base URL and refuses what must not be called. The path loses its closing slashes.
    pub fn base(self, text: &str) -> Result<Url, UrlError> {
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(UrlError::Malformed);
        }
        let mut url = Url::parse(text).map_err(|_| UrlError::Malformed)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(UrlError::Query);
        }
        let literal = match url.host() {
            None => return Err(UrlError::Malformed),
            Some(Host::Domain(_)) => None,
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        };
        if let Some(address) = literal {
            self.check(address).map_err(|PrivateName(address)| UrlError::Private(address))?;
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }

    fn check(self, address: IpAddr) -> Result<(), PrivateName> {
        if self.allow_private || is_public(address) { Ok(()) } else { Err(PrivateName(address)) }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One forbidden address spoils the name: a mixed answer is what a rebinding attack looks like.
            for address in &found {
                guard.check(address.ip())?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to the public internet. Everything else is loopback, private, link-local (metadata
/// services among them), shared, documentation, benchmark, multicast or reserved.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a == 10
        || a == 127
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    // Addresses that carry an IPv4 address lead to it: mapped, compatible, NAT64, 6to4.
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    if s[..5] == [0; 5] {
        // ::ffff:a.b.c.d leads where a.b.c.d leads; ::, ::1 and the old ::a.b.c.d lead nowhere public.
        return s[5] == 0xffff && inner(s[6], s[7]);
    }
    if s[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return inner(s[6], s[7]);
    }
    if s[0] == 0x2002 {
        return inner(s[1], s[2]);
    }
    // Only 2000::/3 is given out to the public; of it, Teredo and ORCHID (2001::/23) and documentation are not.
    s[0] & 0xe000 == 0x2000 && !(s[0] == 0x2001 && (s[1] < 0x200 || s[1] == 0xdb8)) && s[0] != 0x3fff
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    const STRICT: Guard = Guard { allow_private: false };

    #[test]
    fn urls_that_lead_inside_are_refused() {
        for inside in [
            "http://127.0.0.1",
            "http://127.1:3080",
            "http://2130706433",
            "http://0x7f000001",
            "http://0177.0.0.1",
            "http://0",
            "http://10.1.2.3",
            "http://172.31.0.1",
            "http://192.168.1.1",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1",
            "http://[::1]",
            "http://[::]",
            "http://[::ffff:127.0.0.1]",
            "http://[::ffff:a9fe:a9fe]",
            "http://[64:ff9b::7f00:1]",
            "http://[2002:7f00:1::]",
            "http://[fe80::1]",
            "http://[fd00::1]",
            "http://[ff02::1]",
            "http://255.255.255.255",
        ] {
            assert!(matches!(STRICT.base(inside), Err(UrlError::Private(_))), "{inside}");
            assert!(Guard { allow_private: true }.base(inside).is_ok(), "{inside}");
        }
    }

    #[test]
    fn urls_of_other_shapes_are_refused() {
        let table = [
            ("", UrlError::Malformed),
            ("provider.example", UrlError::Malformed),
            ("http://", UrlError::Malformed),
            ("http://a\r\nHost: b", UrlError::Malformed),
            ("http://a b", UrlError::Malformed),
            ("ftp://provider.example", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Scheme),
            ("http://me@provider.example", UrlError::UserInfo),
            ("http://:pass@provider.example", UrlError::UserInfo),
            ("http://provider.example/?x=1", UrlError::Query),
            ("http://provider.example/#x", UrlError::Query),
        ];
        for (text, error) in table {
            assert_eq!(STRICT.base(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn public_urls_pass() {
        for (text, base) in [
            ("https://provider.example", "https://provider.example/"),
            ("http://8.8.8.8:3080/serving//", "http://8.8.8.8:3080/serving"),
            ("https://[2606:4700::1111]", "https://[2606:4700::1111]/"),
            ("http://[::ffff:8.8.8.8]", "http://[::ffff:808:808]/"),
        ] {
            assert_eq!(STRICT.base(text).unwrap().as_str(), base);
        }
    }

    #[tokio::test]
    async fn names_that_stand_for_this_machine_are_refused_when_they_are_resolved() {
        let name = || "localhost".parse::<Name>().unwrap();
        assert!(STRICT.resolve(name()).await.is_err());
        let open = Guard { allow_private: true };
        assert!(open.resolve(name()).await.is_ok_and(|mut found| found.next().is_some()));
    }
}

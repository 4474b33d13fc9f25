//! Where paid requests may go: the filter between a service's URL, which a stranger wrote, and the network.
//!
//! A provider's URL comes from the chain, so anybody can point it at this machine, at the local network or at a
//! cloud's metadata service. Names are resolved here, the addresses are checked, and the connection is made to exactly
//! the addresses that were checked ([`Resolver`] is the resolver of the HTTP client), so that a name that changes its
//! address between the check and the connection gains nothing. Literal addresses are checked when the URL is read;
//! the URL parser has by then turned decimal, octal and short forms into plain addresses.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
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

/// Which addresses may be called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    pub allow_private: bool,
}

/// Asks for the addresses of a name.
pub(super) type Lookup = Arc<dyn Fn(&str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;
/// Says of each address whether it may be called.
pub(super) type Check = Arc<dyn Fn(IpAddr) -> Result<(), PrivateName> + Send + Sync>;

/// The resolver of the HTTP client: names become checked addresses.
#[derive(Clone)]
pub(super) struct Resolver {
    check: Check,
    lookup: Lookup,
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

    pub fn check(self, address: IpAddr) -> Result<(), PrivateName> {
        if self.allow_private || is_public(address) { Ok(()) } else { Err(PrivateName(address)) }
    }
}

impl Resolver {
    /// Asks the system, and holds its answers against the guard.
    pub fn system(guard: Guard) -> Resolver {
        let lookup = |name: &str| {
            let name = name.to_owned();
            let found = async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) };
            Box::pin(found) as BoxFuture<'static, _>
        };
        Resolver::with(Arc::new(move |address| guard.check(address)), Arc::new(lookup))
    }

    pub fn with(check: Check, lookup: Lookup) -> Resolver {
        Resolver { check, lookup }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (check, found) = (Arc::clone(&self.check), (*self.lookup)(name.as_str()));
        Box::pin(async move {
            let found = found.await?;
            // One forbidden address spoils the name: a mixed answer is what a rebinding attack looks like.
            for address in &found {
                (*check)(address.ip())?;
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
            "http://127.0.0.1.",
            "http://127.255.255.254",
            "http://127.1:3080",
            "http://127.0.1",
            "http://2130706433",
            "http://0x7f000001",
            "http://0x7f.1",
            "http://0X7F.0x0.0.0x1",
            "http://0177.0.0.1",
            "http://017700000001",
            "http://00000177.0.0.1",
            "http://%31%32%37.0.0.1",
            "http://１２７.０.０.１",
            "http://127。0。0。1",
            "http://①②⑦.⓪.⓪.①",
            "http://0",
            "http://0.0.0.0",
            "http://0.1.2.3",
            "http://10.1.2.3",
            "http://172.31.0.1",
            "http://192.168.1.1",
            "http://172.16.0.1",
            "http://169.254.169.254/latest/meta-data",
            "http://2852039166/latest/meta-data",
            "http://0xa9fea9fe",
            "http://0251.0376.0251.0376",
            "http://169.254.170.2",
            "http://100.64.0.1",
            "http://100.100.100.200",
            "http://100.127.255.255",
            "http://192.0.0.192",
            "http://192.0.2.1",
            "http://192.88.99.1",
            "http://198.18.0.1",
            "http://198.19.255.255",
            "http://198.51.100.1",
            "http://203.0.113.1",
            "http://224.0.0.1",
            "http://239.255.255.250",
            "http://240.0.0.1",
            "http://255.255.255.255",
            "http://[::1]",
            "http://[::]",
            "http://[0:0:0:0:0:0:0:1]:80",
            "http://[::127.0.0.1]",
            "http://[::8.8.8.8]",
            "http://[::ffff:127.0.0.1]",
            "http://[::ffff:0:127.0.0.1]",
            "http://[::ffff:10.0.0.1]",
            "http://[::ffff:a9fe:a9fe]",
            "http://[64:ff9b::7f00:1]",
            "http://[64:ff9b::10.0.0.1]",
            "http://[64:ff9b:1::8.8.8.8]",
            "http://[2002:7f00:1::]",
            "http://[2002:a9fe:a9fe::1]",
            "http://[2001::1]",
            "http://[2001:0:7f00:1::]",
            "http://[2001:10::1]",
            "http://[2001:20::1]",
            "http://[2001:db8::1]",
            "http://[3fff::1]",
            "http://[5f00::1]",
            "http://[100::1]",
            "http://[fe80::1]",
            "http://[febf::1]",
            "http://[fec0::1]",
            "http://[fc00::1]",
            "http://[fd00::1]",
            "http://[fd00:ec2::254]",
            "http://[ff02::1]",
            "http://[ff0e::1]",
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
            ("http://a\tb", UrlError::Malformed),
            ("http://a\u{0}b", UrlError::Malformed),
            ("http://a\u{85}b", UrlError::Malformed),
            ("http://a\u{2028}b", UrlError::Malformed),
            ("http://provider.example/%0d%0aHost:%20b\r\n", UrlError::Malformed),
            ("http://provider.example:99999", UrlError::Malformed),
            ("http://provider.example:-1", UrlError::Malformed),
            ("http://provider.example:80:90", UrlError::Malformed),
            ("http://[fe80::1%25eth0]", UrlError::Malformed),
            ("http://[::1", UrlError::Malformed),
            ("http://1.2.3.4.5", UrlError::Malformed),
            ("http://256.1.1.1", UrlError::Malformed),
            ("http://4294967296", UrlError::Malformed),
            ("http://a%00b", UrlError::Malformed),
            ("http:127.0.0.1@8.8.8.8", UrlError::UserInfo),
            ("http://8.8.8.8@127.0.0.1", UrlError::UserInfo),
            ("http://a:b@provider.example", UrlError::UserInfo),
            ("http://provider.example#@127.0.0.1", UrlError::Query),
            ("http://provider.example?@127.0.0.1", UrlError::Query),
            ("gopher://127.0.0.1:25/_x", UrlError::Scheme),
            ("javascript:alert(1)", UrlError::Scheme),
            ("data:text/plain,x", UrlError::Scheme),
            ("unix:/run/docker.sock", UrlError::Scheme),
            ("ws://provider.example", UrlError::Scheme),
            ("blob:http://provider.example/x", UrlError::Scheme),
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
            ("http://[64:ff9b::8.8.8.8]", "http://[64:ff9b::808:808]/"),
            // What one address calls itself is written one way, so that it is checked and called as the same.
            ("HTTP://Provider.EXAMPLE.:80/a/../b", "http://provider.example./b"),
            ("https://bücher.example:443", "https://xn--bcher-kva.example/"),
            ("https://pаypal.example", "https://xn--pypal-4ve.example/"),
            ("http:\\\\provider.example\\x", "http://provider.example/x"),
            ("http://provider.example/%2e%2e/%2e%2e/etc", "http://provider.example/etc"),
        ] {
            assert_eq!(STRICT.base(text).unwrap().as_str(), base);
        }
    }

    #[tokio::test]
    async fn names_that_stand_for_this_machine_are_refused_when_they_are_resolved() {
        let strict = Resolver::system(STRICT);
        let open = Resolver::system(Guard { allow_private: true });
        let name = || "localhost".parse::<Name>().unwrap();
        assert!(strict.resolve(name()).await.is_err());
        assert!(open.resolve(name()).await.is_ok_and(|mut found| found.next().is_some()));
    }

    #[tokio::test]
    async fn one_private_address_among_public_ones_spoils_the_name() {
        let addresses = ["8.8.8.8", "2606:4700::1111", "169.254.169.254", "9.9.9.9"];
        for (count, fine) in [(1, true), (2, true), (3, false), (4, false)] {
            let found: Vec<SocketAddr> =
                addresses[..count].iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
            let lookup = move |_: &str| {
                let found = found.clone();
                Box::pin(async move { Ok(found) }) as BoxFuture<'static, _>
            };
            let resolver = Resolver::with(Arc::new(|ip| STRICT.check(ip)), Arc::new(lookup));
            let answer = resolver.resolve("provider.example".parse().unwrap()).await;
            assert_eq!(answer.map(Iterator::count).ok(), fine.then_some(count));
        }
    }
}

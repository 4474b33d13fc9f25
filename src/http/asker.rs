//! Who asks: the other end of the connection, or whom a web server in front of us names.
//!
//! What strangers may do has bounds for each network address. Behind a web server all of them have the address of that server, and one
//! of them could use up what is there for all. Its word is taken only where the operator says that it stands there, and only
//! from an address that no stranger can come from.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// Each server on the way adds the address that it was asked from at the end.
const FORWARDED: &str = "x-forwarded-for";

/// The address that bounds hold for. `behind_proxy`: a web server stands in front.
pub(super) fn asker(peer: SocketAddr, headers: &HeaderMap, behind_proxy: bool) -> SocketAddr {
    if !behind_proxy || !is_near(peer.ip()) {
        return peer;
    }
    let last = headers.get_all(FORWARDED).iter().next_back().and_then(|value| value.to_str().ok());
    last.and_then(|list| address(list.rsplit(',').next()?.trim())).unwrap_or(peer)
}

/// With a port or without; some servers write it.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.parse().ok().or_else(|| Some(SocketAddr::new(bare.parse().ok()?, 0)))
}

/// On this machine or in a network of one's own.
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use http::HeaderValue;

    fn seen(peer: &str, forwarded: &[&'static str], behind_proxy: bool) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED, HeaderValue::from_static(value));
        }
        asker(SocketAddr::new(peer.parse().unwrap(), 9), &headers, behind_proxy).ip().to_string()
    }

    #[test]
    fn only_a_server_of_ones_own_may_name_another() {
        assert_eq!(seen("127.0.0.1", &["203.0.113.7"], true), "203.0.113.7");
        assert_eq!(seen("::1", &["203.0.113.7"], true), "203.0.113.7");
        assert_eq!(seen("::ffff:10.0.0.1", &["203.0.113.7"], true), "203.0.113.7");
        assert_eq!(seen("fd00::1", &["2001:db8::7"], true), "2001:db8::7");
        assert_eq!(seen("203.0.113.9", &["203.0.113.7"], true), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &["203.0.113.7"], false), "127.0.0.1");
    }

    #[test]
    fn what_the_server_added_itself_stands_last() {
        assert_eq!(seen("127.0.0.1", &["6.6.6.6, 203.0.113.7"], true), "203.0.113.7");
        assert_eq!(seen("127.0.0.1", &["6.6.6.6", "7.7.7.7,203.0.113.7"], true), "203.0.113.7");
        assert_eq!(seen("127.0.0.1", &["203.0.113.7:4711"], true), "203.0.113.7");
        assert_eq!(seen("127.0.0.1", &["[2001:db8::7]:4711"], true), "2001:db8::7");
        assert_eq!(seen("127.0.0.1", &["[2001:db8::7]"], true), "2001:db8::7");
        for nonsense in ["", "203.0.113.7, unknown", "_hidden", "1.2.3"] {
            let mut headers = HeaderMap::new();
            headers.insert(FORWARDED, HeaderValue::from_str(nonsense).unwrap());
            let peer = SocketAddr::from(([127, 0, 0, 1], 9));
            assert_eq!(asker(peer, &headers, true), peer, "{nonsense}");
        }
        assert_eq!(seen("127.0.0.1", &[], true), "127.0.0.1");
    }
}

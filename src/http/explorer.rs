//! Links to transactions on a page about the chain that the settings may name.

use std::sync::Arc;

use crate::domain::B256;

/// The address of such a page, or none.
#[derive(Clone, Debug, Default)]
pub struct Explorer(Option<Arc<str>>);

impl Explorer {
    /// `address`: what stands before `/tx/<hash>`.
    pub fn at(address: Option<&str>) -> Explorer {
        Explorer(address.map(|address| Arc::from(address.trim_end_matches('/'))))
    }

    /// Where people can look at a transaction.
    pub(super) fn link(&self, transaction: Option<B256>) -> Option<String> {
        Some(format!("{}/tx/{}", self.0.as_ref()?, transaction?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_needs_a_page_and_a_transaction() {
        let hash = B256::repeat_byte(0xab);
        let page = Explorer::at(Some("https://explorer.example/"));
        assert_eq!(page.link(Some(hash)), Some(format!("https://explorer.example/tx/{hash}")));
        assert_eq!((page.link(None), Explorer::at(None).link(Some(hash))), (None, None));
    }
}

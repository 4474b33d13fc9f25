//! What the head of an answer says about its body, read by one rule on both sides: what the provider hands over as an
//! event stream the user has to take for one, or the two would hash and count different bytes.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::encoding::is_plain;
use super::headers::joined;
use crate::domain::ServiceKind;

/// The head as it travels between the brokers: what stops at the provider must be out of it already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerHead {
    /// Repeated headers are joined, as HTTP says.
    pub content_type: Option<String>,
    /// `None` where the body is plain.
    pub encoding: Option<String>,
    /// An event stream in which comments of ours may stand. Within an encoded one they could not be told from chance,
    /// and what is stored is bytes whatever it is called.
    pub events: bool,
}

impl AnswerHead {
    pub fn read(kind: ServiceKind, head: &HeaderMap) -> AnswerHead {
        let content_type = joined(head, &CONTENT_TYPE);
        let encoding = joined(head, &CONTENT_ENCODING).filter(|coding| !is_plain(Some(coding)));
        let mut read = AnswerHead { content_type, encoding, events: false };
        read.events =
            kind == ServiceKind::Chatbot && read.encoding.is_none() && read.essence() == "text/event-stream";
        read
    }

    /// The content type without its parameters, in lower case.
    pub fn essence(&self) -> String {
        let value = self.content_type.as_deref().unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn heads_are_read_by_one_rule() {
        let events = [("content-type", "text/event-stream")];
        let chatbot = ServiceKind::Chatbot;
        for (kind, headers, events, encoding) in [
            (chatbot, &events[..], true, None),
            (chatbot, &[("content-type", " Text/Event-Stream ; charset=utf-8")], true, None),
            (ServiceKind::ZgStorage, &events, false, None),
            (chatbot, &[events[0], ("content-encoding", "")], true, None),
            (chatbot, &[events[0], ("content-encoding", " identity, ,IDENTITY")], true, None),
            (chatbot, &[events[0], ("content-encoding", "gzip")], false, Some("gzip")),
            (
                chatbot,
                &[events[0], ("content-encoding", "identity"), ("content-encoding", "x")],
                false,
                Some("identity, x"),
            ),
            // Which of the two a reader takes nobody knows; neither of us takes one.
            (chatbot, &[events[0], ("content-type", "application/json")], false, None),
            (chatbot, &[("content-type", "application/json"), events[0]], false, None),
            (chatbot, &[], false, None),
        ] {
            let mut head = HeaderMap::new();
            for (name, value) in headers {
                head.append(*name, value.parse().unwrap());
            }
            let read = AnswerHead::read(kind, &head);
            assert_eq!((read.events, read.encoding.as_deref()), (events, encoding), "{headers:?}");
        }
    }
}

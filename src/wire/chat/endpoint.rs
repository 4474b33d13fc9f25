//! What the last segments of a path say about a call.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::request::folded;

/// An endpoint of a model server, told from the end of its path; a query is no part of it.
///
/// Segments are read as the most tolerant server reads them: decoded, and in any case. Who could name an endpoint in a
/// way that only its server understands would choose where the limit of the answer is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `…/chat/completions`
    ChatCompletions,
    /// `…/completions`, `…/completion`
    Completions,
    /// `…/generate`: servers' own endpoint (vLLM, TGI, SGLang), each with its settings in a place of its own.
    Generate,
    /// `…/api/chat`, `…/api/generate`: the protocol of Ollama, which has its settings in `options`.
    Ollama,
    /// `…/responses`, `…/responses/{id}`
    Responses,
    /// `…/messages`
    Messages,
    /// `…/embeddings`, `…/embed`
    Embeddings,
    /// `…/images/generations`, `…/images/edits`, `…/images/variations`
    Images,
    /// `…/audio/speech`, `…/audio/transcriptions`, `…/audio/translations`
    Audio,
    /// `…/models`, `…/models/{id}`
    Models,
    /// An empty suffix, or one that is not known. Charged like any other.
    Other,
}

impl Endpoint {
    pub fn of(path: &str) -> Endpoint {
        let path = path.split('?').next().unwrap_or_default();
        let mut segments = path.rsplit('/').filter(|segment| !segment.is_empty()).map(plain);
        match (&*segments.next().unwrap_or_default(), &*segments.next().unwrap_or_default()) {
            ("completions", "chat") => Endpoint::ChatCompletions,
            ("chat" | "generate", "api") => Endpoint::Ollama,
            ("completions" | "completion", _) => Endpoint::Completions,
            ("generate" | "generate_stream", _) => Endpoint::Generate,
            ("responses", _) | (_, "responses") => Endpoint::Responses,
            ("messages", _) => Endpoint::Messages,
            ("embeddings" | "embedding" | "embed", _) => Endpoint::Embeddings,
            ("generations" | "edits" | "variations", "images") => Endpoint::Images,
            ("speech" | "transcriptions" | "translations", "audio") => Endpoint::Audio,
            ("models", _) | (_, "models") => Endpoint::Models,
            _ => Endpoint::Other,
        }
    }

    /// Whether it is one of the known endpoints at which a model works.
    pub fn generates(self) -> bool {
        !matches!(self, Endpoint::Models | Endpoint::Other)
    }

    /// Whether its answer is text whose length a request can limit.
    pub fn writes_text(self) -> bool {
        !matches!(self, Endpoint::Models | Endpoint::Embeddings | Endpoint::Images | Endpoint::Audio)
    }

    /// Whether its answers are of shapes that the meter reads: of another one all text counts, names and figures too.
    pub fn is_read(self) -> bool {
        matches!(
            self,
            Endpoint::ChatCompletions
                | Endpoint::Completions
                | Endpoint::Ollama
                | Endpoint::Responses
                | Endpoint::Messages
        )
    }

    /// Whether servers of this endpoint surely hold to the limit that this top-level member names.
    pub(super) fn obeys(self, member: &str) -> bool {
        match self {
            Endpoint::Ollama => false,
            Endpoint::ChatCompletions => matches!(member, "max_tokens" | "max_completion_tokens"),
            _ => member == self.limit_member(),
        }
    }

    /// The member that limits an answer when a request has none of the known ones.
    pub(super) fn limit_member(self) -> &'static str {
        if self == Endpoint::Responses { "max_output_tokens" } else { "max_tokens" }
    }
}

/// A segment decoded, in small letters.
fn plain(segment: &str) -> Cow<'_, str> {
    match percent_decode_str(segment).decode_utf8() {
        Ok(Cow::Borrowed(decoded)) => folded(decoded),
        Ok(Cow::Owned(decoded)) => Cow::Owned(folded(&decoded).into_owned()),
        Err(_) => Cow::Borrowed(segment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_their_endpoint() {
        for (path, endpoint) in [
            ("/chat/completions", Endpoint::ChatCompletions),
            ("/v1/chat/completions?x=/models", Endpoint::ChatCompletions),
            ("/chat/completions/", Endpoint::ChatCompletions),
            ("/api/chat", Endpoint::Ollama),
            ("/api/generate", Endpoint::Ollama),
            ("/generate", Endpoint::Generate),
            ("/generate_stream", Endpoint::Generate),
            ("/completions", Endpoint::Completions),
            ("/v1/responses", Endpoint::Responses),
            ("/v1/responses/r1", Endpoint::Responses),
            ("/v1/messages", Endpoint::Messages),
            ("/embeddings", Endpoint::Embeddings),
            ("/images/generations", Endpoint::Images),
            ("/audio/speech", Endpoint::Audio),
            ("/models/x", Endpoint::Models),
            ("/api/%63hat", Endpoint::Ollama),
            ("/%61pi/chat", Endpoint::Ollama),
            ("/v1/%72esponses", Endpoint::Responses),
            ("/v1/Chat/COMPLETIONS", Endpoint::ChatCompletions),
            ("/v1/%4dessages", Endpoint::Messages),
            ("/v1/%ff", Endpoint::Other),
            ("/fine_tuning/jobs", Endpoint::Other),
            ("", Endpoint::Other),
        ] {
            assert_eq!(Endpoint::of(path), endpoint, "{path}");
        }
    }
}

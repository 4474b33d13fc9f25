//! The limits on what comes out of an encoded body, and the chain of its layers.

use super::Coding;
use super::layers::Layer;

/// How much may come out of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Decoded bytes in all.
    pub bytes: u64,
    /// Decoded bytes for each encoded one …
    pub ratio: u64,
    /// … once this many were decoded: short texts may well shrink to nothing.
    pub ratio_from: u64,
}

impl Default for Limits {
    /// 1 GiB in all and 250 times the encoded size after the first MiB: JSON event streams, the most repetitive
    /// of honest answers, shrink by 20 to 60 times.
    fn default() -> Self {
        Limits { bytes: 1 << 30, ratio: 250, ratio_from: 1 << 20 }
    }
}

/// Why a body cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    #[error("content encoding {0:?} cannot be metered; ask for gzip, deflate, br, zstd or identity")]
    Unknown(String),
    #[error("more than two content encodings on one body")]
    TooMany,
    #[error("the body decodes to more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the body decodes to more than {ratio} times its size")]
    Bomb { ratio: u64 },
    #[error("the body is not valid {0}")]
    Corrupt(&'static str),
    #[error("the body goes on after the end of its {0} data")]
    Trailing(&'static str),
}

/// Decodes one body.
#[derive(Debug)]
pub struct Decoder {
    /// Outermost encoding first: the last one that was applied.
    layers: Vec<Counted>,
    limits: Limits,
    taken: u64,
    failed: Option<EncodingError>,
}

#[derive(Debug)]
struct Counted {
    layer: Layer,
    given: u64,
}

impl Decoder {
    /// `codings` as [`codings`] gives them.
    pub fn new(codings: &[Coding], limits: Limits) -> Self {
        let layers = codings.iter().rev().map(|coding| Counted { layer: Layer::new(*coding), given: 0 });
        Decoder { layers: layers.collect(), limits, taken: 0, failed: None }
    }

    /// Takes encoded bytes and hands on all that they decode to. An error is final.
    pub fn push(&mut self, chunk: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), EncodingError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.taken = self.taken.saturating_add(chunk.len() as u64);
        if self.layers.is_empty() {
            if self.taken > self.limits.bytes {
                return self.fail(EncodingError::TooLarge { limit: self.limits.bytes });
            }
            sink(chunk);
            return Ok(());
        }
        match decode(&mut self.layers, chunk, self.taken, self.limits, sink) {
            Ok(()) => Ok(()),
            Err(error) => self.fail(error),
        }
    }

    /// Whether the bytes so far are whole: every layer ended where it should. An empty body is whole.
    pub fn is_whole(&self) -> bool {
        let ended = self.layers.iter().all(|counted| counted.layer.is_whole());
        self.failed.is_none() && (self.taken == 0 || ended)
    }

    fn fail(&mut self, error: EncodingError) -> Result<(), EncodingError> {
        self.failed = Some(error.clone());
        Err(error)
    }
}

/// Feeds `chunk` to the first layer and what comes out of it to the others. There are at most two layers.
fn decode(
    layers: &mut [Counted],
    chunk: &[u8],
    taken: u64,
    limits: Limits,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), EncodingError> {
    let Some((first, rest)) = layers.split_first_mut() else {
        sink(chunk);
        return Ok(());
    };
    let Counted { layer, given } = first;
    layer.decode(chunk, &mut |block| {
        *given = given.saturating_add(block.len() as u64);
        if *given > limits.bytes {
            return Err(EncodingError::TooLarge { limit: limits.bytes });
        }
        if *given > limits.ratio_from && *given > taken.saturating_mul(limits.ratio) {
            return Err(EncodingError::Bomb { ratio: limits.ratio });
        }
        decode(rest, block, taken, limits, sink)
    })
}

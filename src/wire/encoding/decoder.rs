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

/// Encoded bytes are taken in steps that end at multiples of this, whatever pieces they come in.
const STEP: u64 = 1 << 10;

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

    /// Takes encoded bytes and hands on all that they decode to. An error is final, and comes at the same byte of the text
    /// however the encoded ones were split: both brokers have counted the same until then.
    pub fn push(&mut self, chunk: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), EncodingError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.layers.is_empty() {
            let fits = self.limits.bytes.saturating_sub(self.taken);
            self.taken = self.taken.saturating_add(chunk.len() as u64);
            let error = EncodingError::TooLarge { limit: self.limits.bytes };
            let passed = held_to(fits, chunk, error, |block| {
                sink(block);
                Ok(())
            });
            return passed.or_else(|error| self.fail(error));
        }
        let mut rest = chunk;
        while !rest.is_empty() {
            let to_step = STEP - self.taken % STEP;
            let (now, later) = rest.split_at(rest.len().min(usize::try_from(to_step).unwrap_or(rest.len())));
            rest = later;
            self.taken = self.taken.saturating_add(now.len() as u64);
            // Rounded up: how much of a step has come is chance.
            let taken = self.taken.div_ceil(STEP).saturating_mul(STEP);
            if let Err(error) = decode(&mut self.layers, now, taken, self.limits, sink) {
                return self.fail(error);
            }
        }
        Ok(())
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
    let by_ratio = limits.ratio_from.max(taken.saturating_mul(limits.ratio));
    let (most, error) = if by_ratio < limits.bytes {
        (by_ratio, EncodingError::Bomb { ratio: limits.ratio })
    } else {
        (limits.bytes, EncodingError::TooLarge { limit: limits.bytes })
    };
    layer.decode(chunk, &mut |block| {
        let fits = most.saturating_sub(*given);
        *given = given.saturating_add(block.len() as u64);
        held_to(fits, block, error.clone(), |block| decode(rest, block, taken, limits, sink))
    })
}

/// Hands on as much of a block as fits, and fails if that is not all of it.
fn held_to(
    fits: u64,
    block: &[u8],
    error: EncodingError,
    mut hand_on: impl FnMut(&[u8]) -> Result<(), EncodingError>,
) -> Result<(), EncodingError> {
    let fits = usize::try_from(fits).unwrap_or(usize::MAX);
    match block.get(..fits).filter(|fitting| fitting.len() < block.len()) {
        None => hand_on(block),
        Some([]) => Err(error),
        Some(fitting) => {
            hand_on(fitting)?;
            Err(error)
        }
    }
}

//! One decoder for each encoding, behind one push interface.
//!
//! Each hands on at once whatever the bytes so far decode to, so that what was decoded does not depend on how the
//! bytes were split; also what was decoded before a fault.

use std::fmt;

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, InBuffer, Operation, OutBuffer};

use super::{Coding, EncodingError};

type Out<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), EncodingError>;

/// How much is decoded before it is handed on: as much as deflate looks back. Its decoder holds no more than that, and
/// on damage gives out in one go what it holds or never.
const BLOCK: usize = 32 << 10;

/// 8 MiB, the largest window that zstd as a content encoding may ask for (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 23;

/// Name, comment and extra field of a gzip member together. Web servers send ten bytes.
const MAX_GZIP_HEADER: usize = 4 << 10;

pub(super) enum Layer {
    Gzip(Box<Gzip>),
    Deflate(Deflate),
    Brotli(Box<Brotli>),
    Zstd(Zstd),
}

impl Layer {
    pub(super) fn new(coding: Coding) -> Layer {
        match coding {
            Coding::Gzip => Layer::Gzip(Box::default()),
            Coding::Deflate => Layer::Deflate(Deflate::Sniffing(Vec::new())),
            Coding::Brotli => Layer::Brotli(Box::new(Brotli::new())),
            Coding::Zstd => Layer::Zstd(Zstd::Closed),
        }
    }

    pub(super) fn decode(&mut self, chunk: &[u8], out: Out<'_>) -> Result<(), EncodingError> {
        match self {
            Layer::Gzip(gzip) => gzip.decode(chunk, out),
            Layer::Deflate(deflate) => deflate.decode(chunk, out),
            Layer::Brotli(brotli) => brotli.decode(chunk, out),
            Layer::Zstd(zstd) => zstd.decode(chunk, out),
        }
    }

    /// Whether the encoding's own end was read, and nothing after it is open.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Layer::Gzip(gzip) => {
                matches!(&gzip.state, GzipState::Header(bytes) if bytes.is_empty() && gzip.ended)
            }
            Layer::Deflate(deflate) => matches!(deflate, Deflate::Ended),
            Layer::Brotli(brotli) => brotli.ended,
            Layer::Zstd(zstd) => matches!(zstd, Zstd::Open { whole: true, .. }),
        }
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layer::Gzip(_) => "Gzip",
            Layer::Deflate(_) => "Deflate",
            Layer::Brotli(_) => "Brotli",
            Layer::Zstd(_) => "Zstd",
        })
    }
}

/// Decodes deflate data from the front of `input`; true once its end was read.
fn inflate(
    state: &mut Decompress,
    input: &mut &[u8],
    coding: Coding,
    out: Out<'_>,
) -> Result<bool, EncodingError> {
    let mut block = [0; BLOCK];
    loop {
        let (taken, given) = (state.total_in(), state.total_out());
        let status = state.decompress(input, &mut block, FlushDecompress::None);
        let consumed = (state.total_in() - taken) as usize;
        let written = (state.total_out() - given) as usize;
        *input = &input[consumed..];
        if written > 0 {
            out(&block[..written])?;
        }
        match status {
            Err(_) => return Err(EncodingError::Corrupt(coding.name())),
            Ok(Status::StreamEnd) => return Ok(true),
            Ok(_) if consumed == 0 && written == 0 => return Ok(false),
            Ok(_) if input.is_empty() && written < BLOCK => return Ok(false),
            Ok(_) => {}
        }
    }
}

/// Gzip, several members in a row included.
#[derive(Default)]
pub(super) struct Gzip {
    state: GzipState,
    /// A member was read to its end.
    ended: bool,
}

enum GzipState {
    Header(Vec<u8>),
    Body(Decompress, Crc),
    Trailer(Vec<u8>, Crc),
}

impl Default for GzipState {
    fn default() -> Self {
        GzipState::Header(Vec::new())
    }
}

impl Gzip {
    fn decode(&mut self, mut input: &[u8], out: Out<'_>) -> Result<(), EncodingError> {
        let corrupt = EncodingError::Corrupt("gzip");
        while !input.is_empty() {
            // What follows a member is another one, or does not belong here.
            let no_header =
                if self.ended { EncodingError::Trailing("gzip") } else { EncodingError::Corrupt("gzip") };
            match &mut self.state {
                GzipState::Header(header) => {
                    let before = header.len();
                    header.extend_from_slice(&input[..input.len().min(MAX_GZIP_HEADER - before)]);
                    match gzip_header(header).ok_or(no_header)? {
                        Some(length) => {
                            input = &input[length - before..];
                            self.state = GzipState::Body(Decompress::new(false), Crc::new());
                        }
                        None if header.len() == MAX_GZIP_HEADER => return Err(corrupt),
                        None => return Ok(()),
                    }
                }
                GzipState::Body(state, crc) => {
                    let ended = inflate(state, &mut input, Coding::Gzip, &mut |block| {
                        crc.update(block);
                        out(block)
                    })?;
                    if ended {
                        self.state = GzipState::Trailer(Vec::new(), std::mem::take(crc));
                    }
                }
                GzipState::Trailer(trailer, crc) => {
                    let more = input.len().min(8 - trailer.len());
                    trailer.extend_from_slice(&input[..more]);
                    input = &input[more..];
                    if let Some((sum, length)) = trailer.split_first_chunk::<4>()
                        && length.len() == 4
                    {
                        if *sum != crc.sum().to_le_bytes() || *length != crc.amount().to_le_bytes() {
                            return Err(corrupt);
                        }
                        self.state = GzipState::default();
                        self.ended = true;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The length of a gzip member's header: `Some(None)` when more bytes are needed, `None` when it is no header.
fn gzip_header(bytes: &[u8]) -> Option<Option<usize>> {
    const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
    if !bytes.iter().zip(MAGIC).all(|(byte, magic)| *byte == magic) {
        return None;
    }
    let Some(flags) = bytes.get(3).filter(|_| bytes.len() >= 10) else { return Some(None) };
    let mut length = 10;
    if flags & 0b100 != 0 {
        let Some(size) = bytes.get(length..length + 2) else { return Some(None) };
        length += 2 + usize::from(u16::from_le_bytes([size[0], size[1]]));
    }
    for text in [0b1000, 0b1_0000] {
        if flags & text != 0 {
            let end = bytes.get(length..).and_then(|rest| rest.iter().position(|byte| *byte == 0));
            let Some(end) = end else { return Some(None) };
            length += end + 1;
        }
    }
    if flags & 0b10 != 0 {
        length += 2;
    }
    Some((length <= bytes.len()).then_some(length))
}

/// `deflate`, with or without zlib's frame; which of them, the first two bytes tell.
pub(super) enum Deflate {
    Sniffing(Vec<u8>),
    Open(Decompress),
    Ended,
}

impl Deflate {
    fn decode(&mut self, chunk: &[u8], out: Out<'_>) -> Result<(), EncodingError> {
        let sniffed;
        let mut input = chunk;
        if let Deflate::Sniffing(start) = self {
            start.extend_from_slice(chunk);
            let Some(&[method, flags]) = start.get(..2).and_then(|head| head.first_chunk::<2>()) else {
                return Ok(());
            };
            // A zlib frame names method 8, a window of at most 32 KiB, and is a multiple of 31.
            let framed = method & 0xf == 8
                && method >> 4 <= 7
                && u16::from_be_bytes([method, flags]).is_multiple_of(31);
            sniffed = std::mem::take(start);
            input = &sniffed;
            *self = Deflate::Open(Decompress::new(framed));
        }
        if let Deflate::Open(state) = self
            && inflate(state, &mut input, Coding::Deflate, out)?
        {
            *self = Deflate::Ended;
        }
        if matches!(self, Deflate::Ended) && !input.is_empty() {
            return Err(EncodingError::Trailing("deflate"));
        }
        Ok(())
    }
}

/// Brotli with windows of at most 16 MiB, as the content encoding has them.
pub(super) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    ended: bool,
}

impl Brotli {
    fn new() -> Brotli {
        let alloc = StandardAlloc::default;
        Brotli { state: BrotliState::new_strict(alloc(), alloc(), alloc()), ended: false }
    }

    /// Byte by byte: the library holds back what it has decoded until it needs more input, and never gives it out when
    /// damage comes first. So what came out would depend on how the bytes were split.
    fn decode(&mut self, input: &[u8], out: Out<'_>) -> Result<(), EncodingError> {
        let mut block = [0; BLOCK];
        input.iter().try_for_each(|byte| self.decode_byte(*byte, &mut block, out))
    }

    fn decode_byte(&mut self, byte: u8, block: &mut [u8; BLOCK], out: Out<'_>) -> Result<(), EncodingError> {
        let (mut left, mut read, mut total) = (1, 0, 0);
        while !self.ended {
            let (mut room, mut written) = (BLOCK, 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut read,
                &[byte],
                &mut room,
                &mut written,
                block,
                &mut total,
                &mut self.state,
            );
            if written > 0 {
                out(&block[..written])?;
            }
            match result {
                BrotliResult::ResultSuccess => self.ended = true,
                // With a full block there may be more that is decoded already.
                BrotliResult::NeedsMoreInput if written < BLOCK => return Ok(()),
                BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
                BrotliResult::ResultFailure => return Err(EncodingError::Corrupt("br")),
            }
        }
        if left > 0 { Err(EncodingError::Trailing("br")) } else { Ok(()) }
    }
}

/// Zstandard, several frames in a row included.
pub(super) enum Zstd {
    Closed,
    Open {
        decoder: zstd::stream::raw::Decoder<'static>,
        /// The bytes so far end with a frame.
        whole: bool,
        /// Bytes to the end of the block or header that is being read.
        wanted: usize,
    },
}

impl Zstd {
    /// Block by block: on damage the library keeps to itself what the blocks before it in the same input decode to. So
    /// what came out would depend on how the bytes were split.
    fn decode(&mut self, mut input: &[u8], out: Out<'_>) -> Result<(), EncodingError> {
        let corrupt = |_| EncodingError::Corrupt("zstd");
        if let Zstd::Closed = self {
            let mut decoder = zstd::stream::raw::Decoder::new().map_err(corrupt)?;
            decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG)).map_err(corrupt)?;
            *self = Zstd::Open { decoder, whole: true, wanted: 1 };
        }
        let Zstd::Open { decoder, whole, wanted } = self else { return Ok(()) };
        let mut block = [0; BLOCK];
        loop {
            let (now, _) = input.split_at(input.len().min((*wanted).max(1)));
            let mut source = InBuffer::around(now);
            let mut output = OutBuffer::around(&mut block[..]);
            let result = decoder.run(&mut source, &mut output);
            let (taken, written) = (source.pos(), output.pos());
            if written > 0 {
                out(&block[..written])?;
            }
            let hint = result.map_err(corrupt)?;
            input = &input[taken..];
            let moved = written > 0 || taken > 0;
            if moved {
                (*whole, *wanted) = (hint == 0, hint);
            }
            if !moved || (input.is_empty() && written < BLOCK) {
                return Ok(());
            }
        }
    }
}

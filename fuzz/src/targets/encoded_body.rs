//! Encoded bodies: any split decodes alike, damage is told alike, and what swells is stopped (S15).

use std::io::Write;

use zgserve_tui::domain::ServiceKind;
use zgserve_tui::meter::{self, OutputMeter};
use zgserve_tui::wire::encoding::{Decoder, EncodingError, Limits, codings, is_plain};

use super::input::Input;
use super::splits::Split;

const HEADERS: [&str; 8] =
    ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, gzip", "identity", "x-gzip, deflate"];

/// Small, so that a bomb of a few hundred bytes reaches them.
const LIMITS: Limits = Limits { bytes: 256 << 10, ratio: 40, ratio_from: 8 << 10 };

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (header, packed, seed) = (HEADERS[input.below(HEADERS.len())], input.bit(), input.u16());
    let cut = input.u16();
    let rest = input.rest();
    names(&String::from_utf8_lossy(rest));
    if !packed {
        return any_split(header, rest, seed);
    }
    // The bytes are a text: packed and cut off somewhere, it gives the beginning of the text.
    let mut body = rest.to_vec();
    for name in header.split(", ") {
        body = pack(name, &body);
    }
    let whole = any_split_of(header, &body, seed);
    if whole.2.is_none() {
        assert_eq!((whole.0.as_slice(), whole.1), (rest, true));
    }
    let end = usize::from(cut) % (body.len() + 1);
    let part = any_split_of(header, &body[..end], seed);
    assert!(rest.starts_with(&part.0), "a cut body gives something else");
    assert!(
        !part.1 || end == 0 || end == body.len() || header == "identity",
        "cut at {end} and called whole"
    );
    any_split(header, &body, seed);
}

type Decoded = (Vec<u8>, bool, Option<EncodingError>);

fn any_split_of(header: &str, body: &[u8], seed: u16) -> Decoded {
    let whole = decode(header, body, Split::AtOnce);
    for split in Split::all(seed) {
        let other = decode(header, body, split);
        assert!(whole == other, "{header} {split:?}: {:?} became {:?}", told(&whole), told(&other));
    }
    whole
}

fn told((text, whole, fault): &Decoded) -> (usize, bool, Option<&EncodingError>) {
    (text.len(), *whole, fault.as_ref())
}

fn decode(header: &str, body: &[u8], split: Split) -> Decoded {
    let mut decoder = Decoder::new(&codings(Some(header)).unwrap(), LIMITS);
    let (mut text, mut fault, mut taken) = (Vec::new(), None, 0_u64);
    for piece in split.pieces(body) {
        taken += piece.len() as u64;
        let result = decoder.push(piece, &mut |block| text.extend_from_slice(block));
        let given = text.len() as u64;
        assert!(
            given <= LIMITS.bytes
                && given <= LIMITS.ratio_from.max(taken.next_multiple_of(1 << 10) * LIMITS.ratio),
            "{given} of {taken}"
        );
        if let Err(error) = result {
            fault = Some(error);
            break;
        }
    }
    (text, decoder.is_whole(), fault)
}

/// The meters of both sides see the same bytes in other pieces.
fn any_split(header: &str, body: &[u8], seed: u16) {
    any_split_of(header, body, seed);
    for content_type in ["text/event-stream", "application/json", "text/plain"] {
        let limits = meter::Limits { decoding: LIMITS, ..meter::Limits::default() };
        let count = |split: Split| {
            let mut meter =
                OutputMeter::new(ServiceKind::Chatbot, Some(content_type), Some(header), limits).unwrap();
            let fault = split.pieces(body).into_iter().find_map(|piece| meter.push(piece).err());
            (meter.finish(), fault)
        };
        let whole = count(Split::AtOnce);
        for split in Split::all(seed) {
            let other = count(split);
            assert!(whole == other, "{header} {content_type} {split:?}: {whole:?} became {other:?}");
        }
    }
}

fn pack(name: &str, text: &[u8]) -> Vec<u8> {
    let fast = flate2::Compression::fast();
    match name {
        "gzip" | "x-gzip" => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), fast);
            writer.write_all(text).unwrap();
            writer.finish().unwrap()
        }
        "deflate" => {
            let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), fast);
            writer.write_all(text).unwrap();
            writer.finish().unwrap()
        }
        "br" => {
            let mut packed = Vec::new();
            brotli::CompressorWriter::new(&mut packed, 4096, 1, 16).write_all(text).unwrap();
            packed
        }
        "zstd" => zstd::encode_all(text, 1).unwrap(),
        _ => text.to_vec(),
    }
}

/// Who takes a header for no encoding, and who for some, agree.
fn names(header: &str) {
    if let Ok(all) = codings(Some(header)) {
        assert!(all.len() <= 2);
        assert_eq!(all.is_empty(), is_plain(Some(header)), "{header:?}");
    }
}

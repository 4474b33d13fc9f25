//! Tests of the decoders: every coding, every split, cut bodies, bombs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Packer {
    Gzip,
    Zlib,
    RawDeflate,
    Brotli,
    Zstd,
}

const PACKERS: [(Packer, &str); 5] = [
    (Packer::Gzip, "gzip"),
    (Packer::Zlib, "deflate"),
    (Packer::RawDeflate, "deflate"),
    (Packer::Brotli, "br"),
    (Packer::Zstd, "zstd"),
];

fn pack(packer: Packer, text: &[u8]) -> Vec<u8> {
    match packer {
        Packer::Gzip => {
            let mut writer = GzEncoder::new(Vec::new(), Compression::best());
            writer.write_all(text).unwrap();
            writer.finish().unwrap()
        }
        Packer::Zlib => {
            let mut writer = ZlibEncoder::new(Vec::new(), Compression::best());
            writer.write_all(text).unwrap();
            writer.finish().unwrap()
        }
        Packer::RawDeflate => {
            let mut writer = DeflateEncoder::new(Vec::new(), Compression::best());
            writer.write_all(text).unwrap();
            writer.finish().unwrap()
        }
        Packer::Brotli => {
            let mut packed = Vec::new();
            brotli::CompressorWriter::new(&mut packed, 4096, 5, 22).write_all(text).unwrap();
            packed
        }
        Packer::Zstd => zstd::encode_all(text, 3).unwrap(),
    }
}

/// What came out, whether it was whole, and the fault.
fn unpack(
    header: &str,
    packed: &[u8],
    limits: Limits,
    size: usize,
) -> (Vec<u8>, bool, Option<EncodingError>) {
    let mut decoder = Decoder::new(&codings(Some(header)).unwrap(), limits);
    let mut text = Vec::new();
    let mut fault = None;
    for chunk in packed.chunks(size.max(1)) {
        if let Err(error) = decoder.push(chunk, &mut |block| text.extend_from_slice(block)) {
            fault = Some(error);
            break;
        }
    }
    (text, decoder.is_whole(), fault)
}

fn sample() -> Vec<u8> {
    (0u32..4000)
        .flat_map(|i| format!("data: {{\"n\":{}}}\n\n", i.wrapping_mul(2_654_435_761)).into_bytes())
        .collect()
}

#[test]
fn every_encoding_and_every_split_decodes() {
    let text = sample();
    for (packer, header) in PACKERS {
        let packed = pack(packer, &text);
        for size in [1, 2, 3, 7, 100, 4096, usize::MAX] {
            let (out, whole, fault) = unpack(header, &packed, Limits::default(), size);
            assert_eq!((out == text, whole, fault), (true, true, None), "{packer:?} by {size}");
        }
    }
    assert_eq!(unpack("identity", &text, Limits::default(), 10).0, text);
}

#[test]
fn two_encodings_nest_and_three_do_not() {
    let text = sample();
    let packed = pack(Packer::Brotli, &pack(Packer::Gzip, &text));
    let (out, whole, fault) = unpack("gzip, br", &packed, Limits::default(), 11);
    assert_eq!((out == text, whole, fault), (true, true, None));
    assert_eq!(codings(Some("gzip, gzip, br")), Err(EncodingError::TooMany));
    assert_eq!(codings(Some("identity, , X-GZIP")), Ok(vec![Coding::Gzip]));
    assert_eq!(codings(Some("compress")), Err(EncodingError::Unknown("compress".into())));
    assert_eq!(codings(None), Ok(vec![]));
}

#[test]
fn a_cut_body_gives_the_same_prefix_for_every_split() {
    let text = sample();
    for (packer, header) in PACKERS {
        let packed = pack(packer, &text);
        for end in [0, 1, 2, 9, 11, packed.len() / 2, packed.len() - 9, packed.len() - 1] {
            let cut = &packed[..end];
            let at_once = unpack(header, cut, Limits::default(), usize::MAX);
            assert_eq!(at_once.2, None, "{packer:?} cut at {end}");
            assert_eq!(at_once.1, end == 0, "{packer:?} cut at {end}");
            assert!(text.starts_with(&at_once.0));
            for size in [1, 5, 64] {
                assert_eq!(at_once, unpack(header, cut, Limits::default(), size), "{packer:?} cut at {end}");
            }
        }
    }
}

#[test]
fn bombs_are_stopped_early() {
    let zeros = vec![0; 64 << 20];
    let limits = Limits { bytes: 1 << 30, ratio: 100, ratio_from: 1 << 20 };
    for (packer, header) in PACKERS {
        let packed = pack(packer, &zeros);
        for size in [1000, usize::MAX] {
            let (out, _, fault) = unpack(header, &packed, limits, size);
            assert_eq!(fault, Some(EncodingError::Bomb { ratio: 100 }), "{packer:?}");
            assert!(out.len() <= (1 << 20) + packed.len() * 100, "{packer:?}: {}", out.len());
        }
        let total = Limits { bytes: 3 << 20, ratio: u64::MAX, ratio_from: 0 };
        let (out, _, fault) = unpack(header, &packed, total, 1000);
        assert_eq!(fault, Some(EncodingError::TooLarge { limit: 3 << 20 }), "{packer:?}");
        assert!(out.len() <= 3 << 20);
    }
    let nested = pack(Packer::Gzip, &pack(Packer::Gzip, &zeros));
    assert_eq!(unpack("gzip, gzip", &nested, limits, 7).2, Some(EncodingError::Bomb { ratio: 100 }));
    // A bomb whose inner layer shrinks again is stopped at the layer that swells.
    let inner = pack(Packer::Zstd, &zeros);
    assert!(unpack("gzip", &pack(Packer::Gzip, &inner), limits, 7).2.is_none());
}

#[test]
fn damage_is_found() {
    let text = sample();
    for (packer, header) in PACKERS {
        let packed = pack(packer, &text);
        let mut long = packed.clone();
        long.extend_from_slice(b"more");
        assert!(unpack(header, &long, Limits::default(), 9).2.is_some(), "{packer:?}");
        let garbage = unpack(header, &[0xff; 64], Limits::default(), 9);
        assert!(garbage.2.is_some() && !garbage.1, "{packer:?}");
    }
    let mut packed = pack(Packer::Gzip, &text);
    let sum = packed.len() - 8;
    packed[sum] ^= 1;
    assert_eq!(unpack("gzip", &packed, Limits::default(), 9).2, Some(EncodingError::Corrupt("gzip")));
}

/// Both brokers read the same damaged body in other pieces, and must have read the same text until then.
#[test]
fn what_came_before_the_damage_is_the_same_for_every_split() {
    let mut state = 3_u32;
    let mut next = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for (packer, header) in PACKERS {
        for round in 0..24 {
            let length = [700, 9_000, 60_000][round % 3];
            let text: Vec<u8> = (0..length)
                .map(|at| b"data: {\"choices\":[{\"delta\":\n\n"[(at * 7 + next(5)) % 29])
                .collect();
            let mut packed = pack(packer, &text);
            let at = next(packed.len());
            packed[at] ^= 1 << next(8);
            let at_once = unpack(header, &packed, Limits::default(), usize::MAX);
            for size in [1, 7, 1000] {
                let other = unpack(header, &packed, Limits::default(), size);
                assert_eq!((other.0.len(), &other.2), (at_once.0.len(), &at_once.2), "{packer:?} by {size}");
                assert!(other == at_once, "{packer:?} by {size}");
            }
        }
    }
}

#[test]
fn gzip_headers_and_members_are_read() {
    let mut packed = flate2::GzBuilder::new()
        .filename("a.json")
        .comment("c")
        .extra(vec![1, 2, 3])
        .write(Vec::new(), Compression::fast());
    packed.write_all(b"one ").unwrap();
    let mut packed = packed.finish().unwrap();
    packed.extend(pack(Packer::Gzip, b"two"));
    for size in 1..packed.len() {
        let (out, whole, fault) = unpack("gzip", &packed, Limits::default(), size);
        assert_eq!((&out[..], whole, fault), (&b"one two"[..], true, None));
    }
    let mut endless = vec![0x1f, 0x8b, 8, 0b1000, 0, 0, 0, 0, 0, 0];
    endless.extend([b'x'; 10_000]);
    assert_eq!(unpack("gzip", &endless, Limits::default(), 9).2, Some(EncodingError::Corrupt("gzip")));
}

#[test]
fn no_encoding_is_told_from_one() {
    for plain in [None, Some(""), Some(" , "), Some("identity"), Some("IDENTITY, ,identity")] {
        assert!(is_plain(plain), "{plain:?}");
        assert_eq!(codings(plain), Ok(vec![]));
    }
    for coded in ["gzip", "identity, br", "identity;q=1", "martian"] {
        assert!(!is_plain(Some(coded)), "{coded}");
    }
}

/// Both brokers read the same bomb in other pieces, and must have read the same text when they give it up.
#[test]
fn a_bomb_is_given_up_at_the_same_byte_for_every_split() {
    let mut text = sample();
    text.truncate(40_000);
    text.resize(4 << 20, b'0');
    let limits = Limits { bytes: 3 << 20, ratio: 20, ratio_from: 1 << 16 };
    let total = Limits { ratio: u64::MAX, ..limits };
    for (packer, header) in PACKERS {
        let packed = pack(packer, &text);
        for limits in [limits, total] {
            let at_once = unpack(header, &packed, limits, usize::MAX);
            assert!(at_once.2.is_some(), "{packer:?}");
            for size in [1, 7, 1000, 1024, 1500, 16 << 10] {
                let other = unpack(header, &packed, limits, size);
                assert_eq!((other.0.len(), &other.2), (at_once.0.len(), &at_once.2), "{packer:?} by {size}");
            }
        }
    }
    let nested = pack(Packer::Gzip, &pack(Packer::Zstd, &text));
    let at_once = unpack("zstd, gzip", &nested, limits, usize::MAX);
    for size in [1, 7, 1000] {
        assert_eq!(unpack("zstd, gzip", &nested, limits, size).0.len(), at_once.0.len(), "by {size}");
    }
    let total = Limits { bytes: 1000, ..limits };
    for size in [1, 7, 999, 1001, usize::MAX] {
        let plain = unpack("identity", &text, total, size);
        assert_eq!((plain.0.len(), plain.2), (1000, Some(EncodingError::TooLarge { limit: 1000 })));
    }
}

proptest! {
    #[test]
    fn any_bytes_and_any_split_agree(
        text in proptest::collection::vec(any::<u8>(), 0..600), size in 1usize..40, which in 0usize..5,
    ) {
        let (packer, header) = PACKERS[which];
        let packed = pack(packer, &text);
        prop_assert_eq!(unpack(header, &packed, Limits::default(), size), (text, true, None));
    }

    #[test]
    fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), which in 0usize..5) {
        unpack(PACKERS[which].1, &bytes, Limits::default(), 17);
    }
}

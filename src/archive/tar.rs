//! Entries of a tar archive (POSIX ustar; a name of more than 100 bytes in a pax header before its entry), as far as ours
//! have them: regular files, nothing else. Reading is strict, so that no byte can be another one unseen.

use std::io::{self, Read, Write};

/// Everything begins at a multiple of this.
const BLOCK: usize = 512;
/// Longer names get a header of their own.
const SHORT: usize = 100;
/// A pax header of ours holds one name.
const LONGEST_PAX: u64 = 512;
/// The largest size that eleven octal digits can say.
const MOST_OCTAL: u64 = (1 << 33) - 1;
const FILE: u8 = b'0';
const PAX: u8 = b'x';

/// Why bytes are no entry of ours.
#[derive(Debug)]
pub(super) enum TarError {
    Io(io::Error),
    Damaged(&'static str),
}

impl From<io::Error> for TarError {
    fn from(error: io::Error) -> TarError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => TarError::Damaged("it ends too early"),
            _ => TarError::Io(error),
        }
    }
}

/// Writes the head of a file of `size` bytes; they, and [`pad`], follow.
pub(super) fn begin(writer: &mut impl Write, name: &str, size: u64, seconds: u64) -> io::Result<()> {
    if name.len() > SHORT {
        let record = pax_record(name);
        writer.write_all(&header("pax", record.len() as u64, seconds, PAX))?;
        writer.write_all(record.as_bytes())?;
        pad(writer, record.len() as u64)?;
    }
    // A reader that knows no pax headers sees the beginning of the name.
    writer.write_all(&header(&name[..name.len().min(SHORT)], size, seconds, FILE))
}

/// Fills up to the next block.
pub(super) fn pad(writer: &mut impl Write, size: u64) -> io::Result<()> {
    writer.write_all(&[0; BLOCK][..padding(size)])
}

/// Ends the archive: two empty blocks.
pub(super) fn end(writer: &mut impl Write) -> io::Result<()> {
    writer.write_all(&[0; 2 * BLOCK])
}

fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    (BLOCK - over) % BLOCK
}

/// `"<length> path=<name>\n"`, where the length counts itself.
fn pax_record(name: &str) -> String {
    let rest = " path=".len() + name.len() + 1;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} path={name}\n")
}

fn header(name: &str, size: u64, seconds: u64, kind: u8) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if size <= MOST_OCTAL {
        put(124, format!("{size:011o}\0").as_bytes());
    } else {
        // As GNU tar and all after it do: a set bit, then the number itself.
        put(124, &[0x80, 0, 0, 0]);
        put(128, &size.to_be_bytes());
    }
    put(136, format!("{:011o}\0", seconds.min(MOST_OCTAL)).as_bytes());
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum = checksum(&block);
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// The sum of all bytes, with the field that holds it blank.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let all: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = block[148..156].iter().map(|byte| u32::from(*byte)).sum();
    all - own + 8 * u32::from(b' ')
}

/// Reads the head of the next file: its name and size. `None` at the end of the archive.
pub(super) fn next(reader: &mut impl Read) -> Result<Option<(String, u64)>, TarError> {
    let mut block = [0; BLOCK];
    reader.read_exact(&mut block)?;
    if block == [0; BLOCK] {
        reader.read_exact(&mut block)?;
        if block != [0; BLOCK] || reader.read(&mut block)? != 0 {
            return Err(TarError::Damaged("something stands behind its end"));
        }
        return Ok(None);
    }
    let (mut name, mut size, kind) = parse(&block)?;
    if kind == PAX {
        if size > LONGEST_PAX {
            return Err(TarError::Damaged("a name is too long"));
        }
        let mut record = vec![0; usize::try_from(size).unwrap_or(0)];
        reader.read_exact(&mut record)?;
        skip_padding(reader, size)?;
        let long = String::from_utf8(record).ok().and_then(|record| {
            let name = record.split_once(" path=")?.1.strip_suffix('\n')?.to_owned();
            (pax_record(&name) == record).then_some(name)
        });
        let long = long.ok_or(TarError::Damaged("a name cannot be read"))?;
        reader.read_exact(&mut block)?;
        let (short, real, kind) = parse(&block)?;
        if kind != FILE || !long.starts_with(&short) {
            return Err(TarError::Damaged("a name stands before another file"));
        }
        (name, size) = (long, real);
    }
    Ok(Some((name, size)))
}

/// Reads over what fills a file up to the next block.
pub(super) fn skip_padding(reader: &mut impl Read, size: u64) -> Result<(), TarError> {
    let mut filling = [0; BLOCK];
    let filling = &mut filling[..padding(size)];
    reader.read_exact(filling)?;
    if filling.iter().any(|byte| *byte != 0) {
        return Err(TarError::Damaged("something stands behind it"));
    }
    Ok(())
}

/// Takes exactly the heads that [`header`] makes.
fn parse(block: &[u8; BLOCK]) -> Result<(String, u64, u8), TarError> {
    let bad = TarError::Damaged("its entry in the archive cannot be read");
    let text = |from: usize, to: usize| {
        let field = &block[from..to];
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        std::str::from_utf8(&field[..end]).ok()
    };
    let octal = |from, to| text(from, to).and_then(|digits| u64::from_str_radix(digits, 8).ok());
    let size = match block[124..128] {
        [0x80, 0, 0, 0] => block[128..136].try_into().ok().map(u64::from_be_bytes),
        _ => octal(124, 136),
    };
    let (Some(name), Some(size), Some(seconds)) = (text(0, SHORT), size, octal(136, 148)) else {
        return Err(bad);
    };
    let kind = block[156];
    if header(name, size, seconds, kind) != *block || !matches!(kind, FILE | PAX) {
        return Err(bad);
    }
    Ok((name.to_owned(), size, kind))
}

//! HTTP/1.1 as both ends of the race speak it: heads and bodies read from a stream, no more than that.
//!
//! Bytes come into one buffer; [`Reader::head`] takes a head out of it and remembers how its body is framed, then
//! [`Reader::piece`] hands the body out as it comes. A message that ends early is an error, never a short one.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncRead, AsyncReadExt};

/// A head larger than this is none that anybody here sends.
const LARGEST_HEAD: usize = 64 << 10;

/// What is needed of a head.
#[derive(Debug)]
pub struct Head {
    /// The request line or the status line.
    pub first: String,
    /// Whether the connection ends with this message.
    pub close: bool,
}

impl Head {
    /// The status of an answer; 0 if the line is none of an answer.
    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }
}

#[derive(Clone, Copy)]
enum Framing {
    Length(usize),
    /// Bytes left of the chunk; `None` between chunks.
    Chunk(Option<usize>),
    Over,
}

pub struct Reader<R> {
    io: R,
    buffer: Vec<u8>,
    /// What of the buffer was handed out.
    at: usize,
    framing: Framing,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub fn new(io: R) -> Reader<R> {
        Reader { io, buffer: Vec::with_capacity(16 << 10), at: 0, framing: Framing::Over }
    }

    /// Reads more; `false` at the end of the stream.
    async fn more(&mut self) -> Result<bool> {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            self.at = 0;
        } else if self.at > 32 << 10 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        self.buffer.reserve(8 << 10);
        Ok(self.io.read_buf(&mut self.buffer).await? > 0)
    }

    /// The next head; `None` if the stream ends before it begins.
    pub async fn head(&mut self) -> Result<Option<Head>> {
        let end = loop {
            let ready = &self.buffer[self.at..];
            if let Some(end) = ready.windows(4).position(|four| four == b"\r\n\r\n") {
                break self.at + end;
            }
            if ready.len() > LARGEST_HEAD {
                return Err(Error::new(ErrorKind::InvalidData, "a head without an end"));
            }
            if !self.more().await? {
                return if self.at == self.buffer.len() { Ok(None) } else { Err(cut()) };
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[self.at..end]).into_owned();
        self.at = end + 4;
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let (mut length, mut chunked, mut close) = (None, false, false);
        for line in lines {
            let (name, value) = line.split_once(':').ok_or_else(|| bad("a header without a colon"))?;
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.parse().map_err(|_| bad("a content-length that is no number"))?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.eq_ignore_ascii_case("chunked");
            } else if name.eq_ignore_ascii_case("connection") {
                close = value.eq_ignore_ascii_case("close");
            }
        }
        self.framing = match (chunked, length) {
            (true, _) => Framing::Chunk(None),
            (false, Some(length)) => Framing::Length(length),
            (false, None) if first.starts_with("HTTP/") => return Err(bad("an answer of unknown length")),
            (false, None) => Framing::Over,
        };
        Ok(Some(Head { first, close }))
    }

    /// Adds the next piece of the body to `to`; `false` when the body was whole before.
    pub async fn piece(&mut self, to: &mut Vec<u8>) -> Result<bool> {
        loop {
            match self.framing {
                Framing::Over | Framing::Length(0) => return Ok(false),
                Framing::Length(left) => {
                    let taken = self.take(left, to).await?;
                    self.framing = Framing::Length(left - taken);
                    return Ok(true);
                }
                Framing::Chunk(None) => {
                    let line = self.line().await?;
                    let size = line.split(';').next().unwrap_or_default().trim();
                    let size = usize::from_str_radix(size, 16).map_err(|_| bad("a chunk without a size"))?;
                    if size == 0 {
                        while !self.line().await?.is_empty() {}
                        self.framing = Framing::Over;
                    } else {
                        self.framing = Framing::Chunk(Some(size));
                    }
                }
                Framing::Chunk(Some(left)) => {
                    let taken = self.take(left, to).await?;
                    self.framing = Framing::Chunk(Some(left - taken));
                    if taken == left {
                        if !self.line().await?.is_empty() {
                            return Err(bad("a chunk longer than its size"));
                        }
                        self.framing = Framing::Chunk(None);
                    }
                    return Ok(true);
                }
            }
        }
    }

    /// Up to `most` bytes, at least one.
    async fn take(&mut self, most: usize, to: &mut Vec<u8>) -> Result<usize> {
        if self.at == self.buffer.len() && !self.more().await? {
            return Err(cut());
        }
        let taken = most.min(self.buffer.len() - self.at);
        to.extend_from_slice(&self.buffer[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }

    async fn line(&mut self) -> Result<String> {
        loop {
            let ready = &self.buffer[self.at..];
            if let Some(end) = ready.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&ready[..end]).into_owned();
                self.at += end + 2;
                return Ok(line);
            }
            if ready.len() > LARGEST_HEAD {
                return Err(bad("a line without an end"));
            }
            if !self.more().await? {
                return Err(cut());
            }
        }
    }
}

fn cut() -> Error {
    Error::new(ErrorKind::UnexpectedEof, "the message ended early")
}

fn bad(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

//! Content codings (RFC 9110, 8.4): bodies as they were before they were compressed.
//!
//! Clients compress large requests (Codex by zstd), and some providers and the proxies before them compress what was not
//! asked for. Bodies are decoded as they come, so that no event of a stream waits for the next one. How much a body may
//! come to is counted behind the decoder, by whoever reads it.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http::{HeaderMap, Response, header};
use http_body_util::BodyExt;
use tokio::io::{AsyncBufRead, AsyncRead, BufReader, ReadBuf};
use tokio_util::io::{ReaderStream, StreamReader};

/// What requests may be encoded with, as the `Accept-Encoding` header lists it.
pub(crate) const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// A body is decoded so many times at most: one that asks for more was made to keep decoders busy.
const MOST_CODINGS: usize = 4;
/// The largest window of zstd as a content coding, 8 MiB (RFC 9659, 3).
const ZSTD_WINDOW_LOG: u32 = 23;
/// What is decoded at once, bytes: a large event, and far less than what a body may come to.
const PIECE_BYTES: usize = 16 * 1024;

/// One coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    /// Two things have this name: zlib's format (RFC 1950), which is meant, and the bare one (RFC 1951), which some send.
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let known = [
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("deflate", Self::Deflate),
            ("br", Self::Brotli),
            ("zstd", Self::Zstd),
        ];
        known.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, coding)| coding)
    }
}

/// The codings a body has been through, in the order they were applied.
///
/// # Errors
/// The name of one that is not known, or the whole list where it is too long.
pub(crate) fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, String> {
    let mut codings = Vec::new();
    for line in headers.get_all(header::CONTENT_ENCODING) {
        let line = String::from_utf8_lossy(line.as_bytes());
        for name in line.split(',').map(str::trim) {
            if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                continue;
            }
            codings.push(Coding::parse(name).ok_or_else(|| name.to_owned())?);
            if codings.len() > MOST_CODINGS {
                return Err(line.into_owned());
            }
        }
    }
    Ok(codings)
}

/// A body that is not what its `Content-Encoding` says.
#[derive(Debug, thiserror::Error)]
#[error("its Content-Encoding is {coding}, and it can't be decoded ({why})")]
pub(crate) struct Broken {
    coding: &'static str,
    why: String,
    /// It is right as far as it goes, and ends too early.
    pub(crate) is_cut: bool,
}

/// An error of the encoded body itself, to be told from those of its decoders.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct OfBody(#[source] Box<dyn Error + Send + Sync>);

/// Finds an error of one kind among another one's causes.
pub(crate) fn among<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // What an I/O error was made of is not among its sources.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

type Reader<'b> = Box<dyn AsyncBufRead + Send + Unpin + 'b>;

/// The decoded pieces of an encoded body. An error holds a [`Broken`], or the body's own.
pub(crate) fn decoded<'b, S, E>(body: S, codings: &[Coding]) -> ReaderStream<Reader<'b>>
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin + 'b,
    E: Into<Box<dyn Error + Send + Sync>> + 'b,
{
    let body = body.map_err(|error| io::Error::other(OfBody(error.into())));
    let mut reader: Reader<'b> = Box::new(StreamReader::new(body));
    for coding in codings.iter().rev() {
        let layer = Layer { coding: *coding, state: State::Unread(Some(reader)) };
        reader = Box::new(BufReader::with_capacity(PIECE_BYTES, layer));
    }
    ReaderStream::with_capacity(reader, PIECE_BYTES)
}

/// An upstream's answer as it was before it was encoded. A coding that is not known is taken for a wrong label: what it
/// really is shows when the body is read.
pub(crate) fn answer(response: Response<reqwest::Body>) -> Response<reqwest::Body> {
    let codings = codings(response.headers()).unwrap_or_default();
    if codings.is_empty() {
        return response;
    }
    let (mut head, body) = response.into_parts();
    head.headers.remove(header::CONTENT_ENCODING);
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, reqwest::Body::wrap_stream(decoded(body.into_data_stream(), &codings)))
}

/// One coding being undone.
struct Layer<'b> {
    coding: Coding,
    state: State<'b>,
}

enum State<'b> {
    /// Nothing was read yet. A body without a byte is empty in every coding, and the first byte tells the two that are
    /// called deflate apart.
    Unread(Option<Reader<'b>>),
    Decoding(Box<dyn AsyncRead + Send + Unpin + 'b>),
    Empty,
}

impl AsyncRead for Layer<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let coding = self.coding;
        loop {
            match &mut self.state {
                State::Unread(reader) => {
                    let Some(waiting) = reader.as_mut() else { return Poll::Ready(Ok(())) };
                    let first = ready!(Pin::new(waiting).poll_fill_buf(cx))?.first().copied();
                    self.state = match (first, reader.take()) {
                        (Some(first), Some(reader)) => State::Decoding(decoder(coding, first, reader)),
                        (None, _) | (_, None) => State::Empty,
                    };
                }
                State::Decoding(decoder) => {
                    let read = ready!(Pin::new(decoder).poll_read(cx, buf));
                    return Poll::Ready(read.map_err(|error| told(error, coding)));
                }
                State::Empty => return Poll::Ready(Ok(())),
            }
        }
    }
}

fn decoder<'b>(coding: Coding, first: u8, reader: Reader<'b>) -> Box<dyn AsyncRead + Send + Unpin + 'b> {
    match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(reader);
            decoder.multiple_members(true);
            Box::new(decoder)
        }
        // zlib's first byte names the method, 8, in its lower half (RFC 1950, 2.2). A bare stream never begins so: it
        // would be a stored block with a bit set that is left unset.
        Coding::Deflate if first & 0x0f == 8 => Box::new(ZlibDecoder::new(reader)),
        Coding::Deflate => Box::new(DeflateDecoder::new(reader)),
        Coding::Brotli => Box::new(BrotliDecoder::new(reader)),
        Coding::Zstd => {
            let window = DParameter::window_log_max(ZSTD_WINDOW_LOG);
            let mut decoder = ZstdDecoder::with_params(reader, &[window]);
            decoder.multiple_members(true);
            Box::new(decoder)
        }
    }
}

/// A decoder's error with its coding's name. What comes from below it stays as it is.
fn told(error: io::Error, coding: Coding) -> io::Error {
    if error.get_ref().is_some_and(|inner| inner.is::<OfBody>() || inner.is::<Broken>()) {
        return error;
    }
    let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
    io::Error::other(Broken { coding: coding.name(), why: error.to_string(), is_cut })
}

#[cfg(test)]
mod tests;

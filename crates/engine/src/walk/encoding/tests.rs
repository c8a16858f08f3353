//! Every coding, alone and stacked, whole and piece by piece; and bodies that are not what they say.

use async_compression::Level;
use async_compression::tokio::write::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use futures_util::{StreamExt, stream};
use http::HeaderValue;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::*;

/// What the codings are called, and what writes them.
const NAMES: [&str; 6] = ["gzip", "x-gzip", "deflate", "deflate (bare)", "br", "zstd"];

type Encoder = Box<dyn AsyncWrite + Send + Unpin>;

/// Writes into a list that the test keeps.
fn encoder(name: &str, into: tokio::io::DuplexStream) -> Encoder {
    match name {
        "gzip" | "x-gzip" => Box::new(GzipEncoder::with_quality(into, Level::Fastest)),
        "deflate" => Box::new(ZlibEncoder::with_quality(into, Level::Fastest)),
        "deflate (bare)" => Box::new(DeflateEncoder::with_quality(into, Level::Fastest)),
        "br" => Box::new(BrotliEncoder::with_quality(into, Level::Fastest)),
        "zstd" => Box::new(ZstdEncoder::with_quality(into, Level::Fastest)),
        other => panic!("{other} is no coding"),
    }
}

/// These parts, encoded and flushed one after the other.
async fn encoded_parts(name: &str, parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let (near, mut far) = tokio::io::duplex(64 * 1024 * 1024);
    let mut encoder = encoder(name, near);
    let mut out = Vec::new();
    for part in parts {
        encoder.write_all(part).await.unwrap();
        encoder.flush().await.unwrap();
        out.push(written(&mut far).await);
    }
    encoder.shutdown().await.unwrap();
    out.push(written(&mut far).await);
    out
}

/// What has been written so far.
async fn written(far: &mut tokio::io::DuplexStream) -> Vec<u8> {
    let mut out = Vec::new();
    let read = std::future::poll_fn(|cx| {
        let mut piece = [0; 4_096];
        loop {
            let mut buf = ReadBuf::new(&mut piece);
            match Pin::new(&mut *far).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => out.extend_from_slice(buf.filled()),
                Poll::Ready(_) | Poll::Pending => return Poll::Ready(()),
            }
        }
    });
    read.await;
    out
}

async fn encoded(name: &str, body: &[u8]) -> Vec<u8> {
    encoded_parts(name, &[body]).await.concat()
}

fn codings_of(line: &str) -> Result<Vec<Coding>, String> {
    let headers = [(header::CONTENT_ENCODING, HeaderValue::from_str(line).unwrap())].into_iter().collect();
    codings(&headers)
}

/// The body, decoded from pieces of so many bytes.
async fn decoded_from(body: &[u8], line: &str, piece: usize) -> io::Result<Vec<u8>> {
    let pieces = body.chunks(piece).map(|piece| Ok::<_, io::Error>(Bytes::copy_from_slice(piece)));
    let pieces: Vec<_> = pieces.collect();
    let mut out = Vec::new();
    let mut decoded = decoded(stream::iter(pieces), &codings_of(line).unwrap());
    while let Some(piece) = decoded.next().await {
        out.extend_from_slice(&piece?);
    }
    Ok(out)
}

fn line_of(name: &str) -> &str {
    name.split(' ').next().unwrap()
}

#[tokio::test]
async fn every_coding_gives_the_body_back_however_it_comes() {
    let long = "{\"model\":\"auto\",\"text\":\"caf\u{e9}\"}".repeat(10_000);
    for name in NAMES {
        for body in ["", "x", long.as_str()] {
            let sent = encoded(name, body.as_bytes()).await;
            for piece in [1, 7, usize::MAX] {
                let got = decoded_from(&sent, line_of(name), piece).await.unwrap();
                assert!(got == body.as_bytes(), "{name} in pieces of {piece}: {} bytes", got.len());
            }
        }
        assert!(decoded_from(b"", line_of(name), 1).await.unwrap().is_empty(), "{name}: no byte at all");
    }
}

#[tokio::test]
async fn codings_are_undone_from_the_last_to_the_first() {
    let body = b"{\"model\":\"auto\"}";
    let sent = encoded("br", &encoded("gzip", &encoded("zstd", body).await).await).await;
    assert_eq!(decoded_from(&sent, "zstd, identity,GZIP , br", 5).await.unwrap(), body);
    let members = [encoded("gzip", b"{\"a\":").await, encoded("gzip", b"1}").await].concat();
    assert_eq!(decoded_from(&members, "gzip", 3).await.unwrap(), b"{\"a\":1}", "RFC 1952, 2.2");
    let frames = [encoded("zstd", b"{\"a\":").await, encoded("zstd", b"1}").await].concat();
    assert_eq!(decoded_from(&frames, "zstd", 3).await.unwrap(), b"{\"a\":1}", "RFC 8878, 3");
}

#[tokio::test]
async fn what_was_flushed_is_there_before_more_comes() {
    let parts: [&[u8]; 3] = [b"data: one\n\n", b"data: two\n\n", b"data: [DONE]\n\n"];
    for name in NAMES {
        let mut sent = encoded_parts(name, &parts).await;
        // The end of the encoded body never comes.
        sent.pop();
        let (say, heard) = tokio::sync::mpsc::unbounded_channel::<Vec<u8>>();
        let heard = stream::unfold(heard, |mut heard| async move {
            heard.recv().await.map(|piece| (Ok::<_, io::Error>(Bytes::from(piece)), heard))
        });
        let mut decoded = decoded(Box::pin(heard), &codings_of(line_of(name)).unwrap());
        for (at, part) in parts.iter().enumerate() {
            say.send(sent[at].clone()).unwrap();
            let mut got = Vec::new();
            while got.len() < part.len() {
                got.extend_from_slice(&decoded.next().await.unwrap().unwrap());
            }
            assert_eq!(got, *part, "{name}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_says_is_told_from_one_that_broke_off() {
    let body = "{\"model\":\"auto\"}".repeat(100);
    for name in NAMES {
        let line = line_of(name);
        let sent = encoded(name, body.as_bytes()).await;
        let error = decoded_from(&sent[..sent.len() - 3], line, 11).await.unwrap_err();
        let broken = among::<Broken>(&error).unwrap_or_else(|| panic!("{name}: {error:?}"));
        assert_eq!(broken.coding, line.trim_start_matches("x-"), "{broken}");
    }
    // The others have no mark of their own: some other text may look like one for a while.
    for name in ["gzip", "zstd"] {
        let error = decoded_from(body.as_bytes(), name, 11).await.unwrap_err();
        let broken = among::<Broken>(&error).unwrap_or_else(|| panic!("{name}: {error:?}"));
        assert!(!broken.is_cut, "{name}: {broken}");
    }
    let reset = || Err(io::Error::from(io::ErrorKind::ConnectionReset));
    let pieces = stream::iter([Ok(Bytes::from_static(b"\x1f\x8b")), reset()]);
    let error = decoded(pieces, &[Coding::Gzip]).collect::<Vec<_>>().await.pop().unwrap().unwrap_err();
    assert!(among::<Broken>(&error).is_none(), "{error:?}");
}

#[tokio::test]
async fn a_window_larger_than_the_coding_allows_is_not_made_room_for() {
    // A frame that asks for a window of 128 MiB (RFC 8878, 3.1.1.1.2).
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00];
    let error = decoded_from(&frame, "zstd", 9).await.unwrap_err();
    assert!(among::<Broken>(&error).is_some_and(|broken| !broken.is_cut), "{error:?}");
}

#[test]
fn unknown_codings_are_named() {
    assert_eq!(codings_of("gzip, compress").unwrap_err(), "compress");
    assert!(codings_of("identity").unwrap().is_empty());
    assert!(codings_of("").unwrap().is_empty());
    let many = ["gzip"; MOST_CODINGS + 1].join(",");
    assert_eq!(codings_of(&many).unwrap_err(), many);
    let mut headers = HeaderMap::new();
    headers.append(header::CONTENT_ENCODING, HeaderValue::from_static("zstd"));
    headers.append(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    assert_eq!(codings(&headers).unwrap(), [Coding::Zstd, Coding::Brotli], "lines of one list are one list");
}

#[tokio::test]
async fn an_answer_loses_its_coding_and_its_length_and_no_other_header() {
    let sent = encoded("br", b"{}").await;
    let answered = Response::builder()
        .header("content-encoding", "br")
        .header("content-length", sent.len())
        .header("content-type", "application/json")
        .body(reqwest::Body::from(sent))
        .unwrap();
    let answered = answer(answered);
    assert_eq!(answered.headers().len(), 1, "{:?}", answered.headers());
    assert_eq!(answered.into_body().collect().await.unwrap().to_bytes(), "{}");
    // Some servers name a character set, or nothing at all.
    let labelled =
        Response::builder().header("content-encoding", "utf-8").body(reqwest::Body::from("{}")).unwrap();
    assert_eq!(answer(labelled).into_body().collect().await.unwrap().to_bytes(), "{}");
}

//! Just enough of HTTP/1.1 to know where an answer ends: its length is announced, or it is chunked.

use std::io;

use memchr::memmem;

use crate::fast::stamp;

/// An answer as far as it has come. Reused from one to the next.
#[derive(Debug, Default)]
pub(super) struct Response {
    bytes: Vec<u8>,
    head: Option<Head>,
    /// Up to where stamps have been read.
    stamps_read: usize,
}

#[derive(Debug)]
struct Head {
    status: u16,
    end: End,
}

#[derive(Debug)]
enum End {
    /// At this offset.
    At(usize),
    /// Behind the chunk of length zero; the next chunk begins at this offset, which may not have come yet.
    BehindChunk(usize),
}

impl Response {
    /// Where the next bytes go.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        self.bytes.reserve(4096);
        &mut self.bytes
    }

    /// The next chunk's moment of sending, in nanoseconds since the Unix epoch.
    pub(super) fn next_stamp(&mut self) -> Option<u64> {
        stamp::next(&self.bytes, &mut self.stamps_read)
    }

    /// The status, once all of it is there; the next answer starts from nothing.
    pub(super) fn finish(&mut self) -> io::Result<Option<u16>> {
        if self.head.is_none() {
            self.head = read_head(&self.bytes)?;
        }
        let Some(head) = &mut self.head else { return Ok(None) };
        let is_whole = match &mut head.end {
            End::At(end) => self.bytes.len() >= *end,
            End::BehindChunk(next) => walk_chunks(&self.bytes, next)?,
        };
        if !is_whole {
            return Ok(None);
        }
        let status = head.status;
        self.bytes.clear();
        self.head = None;
        self.stamps_read = 0;
        Ok(Some(status))
    }
}

fn read_head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let Some(head_end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..head_end]).map_err(io::Error::other)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("not an HTTP answer"))?;
    let body = head_end + 4;
    let mut end = End::At(body);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            end = End::At(body + value.trim().parse::<usize>().map_err(io::Error::other)?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            end = End::BehindChunk(body);
        }
    }
    Ok(Some(Head { status, end }))
}

/// Moves `next` over the chunks there are; true behind the last one.
fn walk_chunks(bytes: &[u8], next: &mut usize) -> io::Result<bool> {
    loop {
        let Some(rest) = bytes.get(*next..) else { return Ok(false) };
        let Some(line_end) = memmem::find(rest, b"\r\n") else { return Ok(false) };
        let size =
            std::str::from_utf8(&rest[..line_end]).ok().map(|line| line.split(';').next().unwrap_or(line));
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let size = size.ok_or_else(|| io::Error::other("not a chunk"))?;
        // The provider sends no trailers.
        if size == 0 {
            return Ok(rest.len() >= line_end + 4);
        }
        *next += line_end + 2 + size + 2;
    }
}

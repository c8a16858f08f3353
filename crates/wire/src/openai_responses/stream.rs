//! Responses streams, read and written.

mod event;
mod events;
mod fail;
mod read;
mod write;

pub(crate) use fail::stream_error;
pub(crate) use read::Reader;
pub(crate) use write::Writer;

#[cfg(test)]
mod tests;

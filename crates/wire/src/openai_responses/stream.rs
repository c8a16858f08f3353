//! Responses streams, read and written.

mod events;
mod read;
mod write;

pub(crate) use read::{Reader, stream_error};
pub(crate) use write::Writer;

#[cfg(test)]
mod tests;

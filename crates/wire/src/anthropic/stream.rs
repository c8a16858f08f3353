//! Messages streams: an upstream's events read, events for a Messages caller written.

mod calls;
mod events;
mod reader;
mod tools;
mod writer;

pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

//! Chat streams: chunks of any compatible provider read, chunks for a chat caller written.

mod calls;
mod reader;
mod writer;

pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

#[cfg(test)]
mod tests;

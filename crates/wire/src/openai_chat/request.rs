//! Chat requests: read for any upstream, written for a chat upstream.

mod conversation;
mod messages;
mod parts;
mod read;
pub(super) mod shapes;
mod tools;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;

#[cfg(test)]
mod tests;

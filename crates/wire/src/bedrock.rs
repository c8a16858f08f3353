//! Converse as this router reads and writes it.

pub(crate) mod answer;
pub(crate) mod request;
pub(crate) mod stream;

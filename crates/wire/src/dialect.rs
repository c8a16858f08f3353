//! Which language a body is written in.

pub use switchyard_domain::Dialect;

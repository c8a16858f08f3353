//! The decisions as a caller and a founder would notice them, and the promises no sequence of events may break.

mod able;
mod breaker;
mod callers;
mod causes;
mod classify;
mod drive;
mod fleet;
mod lasting;
mod loops;
mod network;
mod orders;
mod patience;
mod plan;
mod properties;
mod shed;
mod shift;
mod shift_properties;
mod status;
mod watch;
mod watch_properties;
mod world;

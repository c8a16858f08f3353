//! What a user meets, over the real binary and real sockets. One file per topic.

#![expect(clippy::unwrap_used, reason = "a scenario that cannot go on has failed")]

mod breaker;
mod cold;
mod commands;
mod dialects;
mod failover;
mod hangup;
mod keychain;
mod keys;
mod kills;
mod maps;
mod midstream;
mod passthrough;
mod refusals;
mod secrets;
mod startup;
mod watching;

//! What a user meets, over the real binary and real sockets. One file per topic.

#![expect(clippy::unwrap_used, reason = "a scenario that cannot go on has failed")]

mod breaker;
mod failover;

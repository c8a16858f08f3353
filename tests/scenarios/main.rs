//! What a user meets, over the real binary and real sockets. One file per topic.

#![expect(clippy::unwrap_used, reason = "a scenario that cannot go on has failed")]

mod additions;
mod bad_input;
mod bounds;
mod breaker;
mod capabilities;
mod cloud;
mod cold;
mod cold_keys;
mod cold_replies;
mod commands;
mod compat;
mod count_tokens;
mod dialects;
mod embeddings;
mod encodings;
mod endpoints;
mod errors;
mod failover;
mod forms;
mod gateway;
mod gemini;
mod hangup;
mod incidents;
mod keychain;
mod keys;
mod kills;
mod maps;
mod midstream;
mod money;
#[cfg(target_os = "linux")]
mod network;
mod outages;
mod overrides;
mod passthrough;
mod patience;
mod refusals;
mod rescue;
mod retold;
mod secrets;
mod shifts;
mod shipped;
mod shutdown;
mod stale;
mod startup;
mod status;
mod storms;
mod triggers;
#[cfg(unix)]
mod trust;
mod unreadable;
mod watching;

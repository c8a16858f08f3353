//! The decisions as a caller and a founder would notice them, and the promises no sequence of events may break.

mod able;
mod breaker;
mod causes;
mod classify;
mod client_retries;
mod failover_machine;
mod fleet;
mod forecast;
mod lasting;
mod network;
mod overrides;
mod patience;
mod plan;
mod properties;
mod retry_budget;
mod runaway;
mod shed;
mod shift;
mod shift_properties;
mod status;
mod trigger_monitor;
mod trigger_monitor_properties;
mod world;

//! Outages as scripts, and a router in virtual time that lives through them.
//!
//! The router here is `policy` alone: the same plans, drives, breakers, triggers and shifts the engine runs, with the
//! engine's beat, probes and cold queue around them, and with providers, network and callers that are drawn from a
//! script and a seed. Hours pass in milliseconds and the same seed gives the same run. It opens no socket, reads no
//! clock and never touches a real provider; what only real sockets can show, the scenarios play from the same scripts.

#![expect(clippy::expect_used, reason = "a world that is written wrongly is a fault of this program")]

pub mod chance;
pub mod kpi;
pub mod report;
pub mod run;
pub mod script;
pub mod scripts;
pub mod totals;
pub mod world;

pub use kpi::Kpis;
pub use run::play;
pub use script::{Ailment, Client, Condition, Cut, Ill, Script, Span, Whom};
pub use totals::Totals;
pub use world::World;

//! The running router: it listens, decides through `policy`, talks upstream through `wire`'s eyes, and remembers
//! through `store`. It is the only room that talks to providers.
//!
//! It knows neither the control API nor the simulated providers, and draws nothing: its shells (the desktop, the
//! command line) host it, and read it through [`Router`].

mod admission;
mod blocking;
mod bus;
mod causes;
pub mod clock;
mod cold;
mod compat;
mod config;
mod encoding;
mod exchange;
mod header_names;
mod idempotency;
mod ids;
mod incidents;
mod keyring;
pub mod listener;
mod local_keys;
pub mod log_line;
mod losses;
mod metrics;
mod network;
mod pipeline;
pub mod private;
pub mod process;
mod reply;
mod request;
mod router;
mod routing_log;
mod server;
mod shared;
mod shed;
mod snapshot;
mod stale;
mod stream_body;
mod stream_failover;
mod supervisor;
mod switch_cost;
mod template;
mod traffic;
mod upstream;
mod vault;
mod why;
mod words;

pub use config::RouterConfig;
pub use keyring::Keyring;
pub use router::{Router, SnapshotStream};
pub use server::{busy_port, port_holder};
pub use switchyard_policy::Command;
use switchyard_prices as prices;
pub use switchyard_store::{check_data_dir, in_use};

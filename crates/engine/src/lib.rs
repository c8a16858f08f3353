//! The running router: it listens, decides through `policy`, talks upstream through `wire`'s eyes, and remembers
//! through `store`. It is the only room that talks to providers.
//!
//! It has four floors, each of which knows only those below it: `core`, what every floor stands on; `walk`, the way of a
//! request; `watch`, what is seen and told beside it; `router`, what people do with it. `cargo xtask tidy` keeps them.
//!
//! It knows neither the control API nor the simulated providers, and draws nothing: its shells (the desktop, the
//! command line) host it, and read it through [`Router`].

mod core;
mod router;
mod walk;
mod watch;

pub use core::{clock, log_line, private, process};
pub use router::{Keyring, Router, RouterConfig, SnapshotStream};
pub use switchyard_policy::Command;
pub use switchyard_store::{check_data_dir, in_use};
pub use walk::listener;
pub use walk::server::{busy_port, port_holder};

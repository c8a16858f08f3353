//! Notices to people: which events are worth interrupting somebody for, in which words, how often, and the
//! services that carry them.
//!
//! - [`notice_of`]: the decision and the words. Pure.
//! - [`Quiet`]: how often. Pure, time comes in as a parameter.
//! - [`run`]: reads the event stream and hands notices to the [`Sinks`].
//! - [`desktop`]: the desktop's own notification service.
//! - [`webhook`]: a text to a URL.
//! - [`Outbox`]: texts on their way to webhooks, tried again until they arrive.
//!
//! This room never changes how requests are routed, never holds up whoever publishes events, and never fails
//! a router because a notice could not be shown.

pub mod desktop;
mod notice;
mod outbox;
mod quiet;
mod run;
mod sinks;
pub mod webhook;

pub use notice::{Notice, Urgency, notice_of};
pub use outbox::{Letter, Outbox};
pub use quiet::{QUIET_MS, Quiet};
pub use run::run;
pub use sinks::{NotifyError, Sink, Sinks};
pub use webhook::Address;

//! What Prometheus is told: what is counted over the life of the process, and what holds at the moment it asks.

mod now;

use std::fmt::Write as _;

use prometheus_client::encoding::text::{encode_eof, encode_registry};

use crate::watch::Watch;

/// Everything, in the OpenMetrics text format, version 1.0.0.
pub(crate) fn text(watch: &Watch) -> String {
    let mut out = String::new();
    let written = encode_registry(&mut out, &watch.walk.counters.registry)
        .and_then(|()| encode_registry(&mut out, &now::registry(watch)))
        .and_then(|()| encode_eof(&mut out));
    if written.is_err() {
        // A string takes whatever it is given; if it ever did not, half an answer would be misread.
        out.clear();
        let _ = out.write_str("# EOF\n");
    }
    out
}

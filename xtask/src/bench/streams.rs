//! Streams: added time to the first token, and what each chunk loses on its way.

use anyhow::Result;
use serde_json::json;

use super::latency::{Seen, Ways};
use super::load::{Kind, Load};
use super::report::Section;
use super::stage::{Stage, Way};

/// Streams begun per second; each lasts a tenth of one.
const RATE: u32 = 100;

pub(super) fn measure(stage: &Stage) -> Result<Section> {
    let mut section = Section::new(
        "streams",
        "Streams",
        "100 streams a second, each of 20 chunks 5 ms apart. The provider writes into each chunk when it was sent; \
         the load generator on the same machine subtracts. Milliseconds, as above.",
        &["", "direct p50", "p99", "nginx +p50", "+p99", "Switchyard +p50", "+p99", "of nginx's p50", "p99"],
    );
    let ways = Ways::stand(stage, &["--chunks", "20", "--interval-ms", "5", "--stamped"])?;
    let kinds = [("time to first token", Kind::FirstChunk), ("delay of a chunk", Kind::Chunk)];
    let mut seen = [Seen::default(), Seen::default()];
    for _ in 0..stage.effort.few_rounds {
        for way in Way::ALL {
            let found = Load::steady(stage, Some(RATE), true).send(stage, ways.server(way))?;
            for (seen, (_, kind)) in seen.iter_mut().zip(kinds) {
                seen.add(way, found.latency_us(0, kind)?);
            }
        }
    }
    for (seen, (name, _)) in seen.iter().zip(kinds) {
        let row = seen.row();
        section.row(name, row.cells(), row.json(json!({ "what": name })));
    }
    Ok(section)
}

//! Added latency at fixed rates: open loop, counted from the moment each request was due.

use anyhow::Result;
use serde_json::json;

use super::load::{Kind, Load};
use super::report::{Section, median, ms, ratio};
use super::stage::{Server, Stage, Way, one_route};

/// Requests per second. A laptop's product makes one; the last is what one core's share of a busy team makes.
const RATES: [u32; 3] = [200, 1_000, 4_000];

pub(super) fn measure(stage: &Stage) -> Result<Section> {
    let mut section = Section::new(
        "latency",
        "Added latency at fixed rates",
        "Non-streaming chat completions of about 1 KiB over 64 kept connections. Open loop: a request's time counts \
         from the moment it was due. `direct` is the whole time without anything between; the others are what they \
         add to it. Medians of the rounds, milliseconds.",
        &[
            "requests/s",
            "direct p50",
            "p99",
            "nginx +p50",
            "+p99",
            "Switchyard +p50",
            "+p99",
            "of nginx's p50",
            "p99",
        ],
    );
    let ways = Ways::stand(stage, &[])?;
    for rate in RATES {
        let mut seen = Seen::default();
        for _ in 0..stage.effort.rounds {
            for way in Way::ALL {
                let found = Load::steady(stage, Some(rate), false).send(stage, ways.server(way))?;
                seen.add(way, found.latency_us(0, Kind::Whole)?);
            }
        }
        let row = seen.row();
        section.row(rate.to_string(), row.cells(), row.json(json!({ "rate": rate })));
    }
    Ok(section)
}

/// The three ways to one provider.
#[derive(Debug)]
pub(super) struct Ways {
    direct: Server,
    nginx: Server,
    switchyard: Server,
}

impl Ways {
    pub(super) fn stand(stage: &Stage, provider: &[&str]) -> Result<Self> {
        let direct = stage.provider(provider)?;
        let nginx = stage.nginx(direct.addr)?;
        let switchyard = stage.switchyard(&one_route(direct.addr))?;
        Ok(Self { direct, nginx, switchyard })
    }

    pub(super) fn server(&self, way: Way) -> &Server {
        match way {
            Way::Direct => &self.direct,
            Way::Nginx => &self.nginx,
            Way::Switchyard => &self.switchyard,
        }
    }
}

/// Rounds of (p50, p99) per way, microseconds.
#[derive(Debug, Default)]
pub(super) struct Seen([Vec<(f64, f64)>; 3]);

/// Medians over the rounds: (p50, p99) of the direct way, and what the others add.
#[derive(Debug)]
pub(super) struct Row {
    direct: (f64, f64),
    nginx: (f64, f64),
    switchyard: (f64, f64),
}

impl Seen {
    pub(super) fn add(&mut self, way: Way, figures: (f64, f64)) {
        self.0[way as usize].push(figures);
    }

    pub(super) fn row(&self) -> Row {
        let of = |way: Way| {
            let figures = &self.0[way as usize];
            (median(figures.iter().map(|f| f.0)), median(figures.iter().map(|f| f.1)))
        };
        let direct = of(Way::Direct);
        let added = |way| (of(way).0 - direct.0, of(way).1 - direct.1);
        Row { direct, nginx: added(Way::Nginx), switchyard: added(Way::Switchyard) }
    }
}

impl Row {
    pub(super) fn cells(&self) -> Vec<String> {
        let pairs = [self.direct, self.nginx, self.switchyard];
        let ratios = [ratio(self.switchyard.0, self.nginx.0), ratio(self.switchyard.1, self.nginx.1)];
        pairs.into_iter().flat_map(|(p50, p99)| [ms(p50), ms(p99)]).chain(ratios).collect()
    }

    pub(super) fn json(&self, mut object: serde_json::Value) -> serde_json::Value {
        let pair = |(p50, p99): (f64, f64)| json!({ "p50_us": p50, "p99_us": p99 });
        object["direct"] = pair(self.direct);
        object["nginx_added"] = pair(self.nginx);
        object["switchyard_added"] = pair(self.switchyard);
        object
    }
}

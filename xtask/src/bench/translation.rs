//! What translation costs, without a network: wire's own benchmark, pinned to the router's core.

use anyhow::{Context, Result};
use serde_json::Value;

use super::report::Section;
use crate::command::Cmd;
use crate::repo::Repo;

/// The benchmark as cargo runs it.
pub(super) const BENCH: [&str; 5] = ["bench", "--package", "switchyard-wire", "--bench", "translation"];

pub(super) fn measure(repo: &Repo, quick: bool) -> Result<Section> {
    // cargo hands its core on to what it runs; everything is built by now.
    let effort: &[&str] = if quick { &["--", "--quick"] } else { &[] };
    let run = Cmd::cargo(&repo.root, BENCH).args(effort.iter().copied()).under(&["taskset", "-c", "0"]);
    let report: Value =
        serde_json::from_str(&run.output()?).context("the benchmark of translation printed no JSON")?;
    table(&report)
}

fn table(report: &Value) -> Result<Section> {
    let mut section = Section::new(
        "translation",
        "Translation",
        "Time on one core, microseconds; nothing of the network. A chunk is one event of text \
         of a stream of 400, decoded, read, written for the caller and kept in mind for a rescue; events/s counts all \
         events of such a stream. A request of 4 kB is a conversation with a tool, one of 200 kB holds an image too: \
         translated, or (caller and upstream alike) read, and its model rewritten. Medians, and p99 of the chunks.",
        &["caller ← upstream", "events/s", "chunk p50", "p99", "request 4 kB", "200 kB"],
    );
    let list = |name: &str| report[name].as_array().with_context(|| format!("the benchmark gave no {name}"));
    let requests = list("requests")?;
    for stream in list("streams")? {
        let text = |name: &str| stream[name].as_str().with_context(|| format!("a stream without {name}"));
        let (caller, upstream) = (text("caller")?, text("upstream")?);
        let request = |size: &str| {
            let is_it =
                |one: &&Value| one["caller"] == caller && one["upstream"] == upstream && one["size"] == size;
            let found = requests.iter().find(is_it);
            found.and_then(|one| one["p50_us"].as_f64()).with_context(|| format!("no request of {size}"))
        };
        let number = |name: &str| stream[name].as_f64().with_context(|| format!("a stream without {name}"));
        let (small, large) = (request("4 kB")?, request("200 kB")?);
        let cells = vec![
            format!("{:.0}", number("events_per_second")?),
            format!("{:.2}", number("chunk_p50_us")?),
            format!("{:.2}", number("chunk_p99_us")?),
            format!("{small:.1}"),
            format!("{large:.1}"),
        ];
        let name = if caller == upstream {
            format!("{caller}, untouched")
        } else {
            format!("{caller} ← {upstream}")
        };
        let mut data = stream.clone();
        data["request_4_kb_p50_us"] = small.into();
        data["request_200_kb_p50_us"] = large.into();
        section.row(name, cells, data);
    }
    Ok(section)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_pair_is_a_row_with_its_own_requests() {
        let stream = |upstream: &str| {
            json!({ "caller": "anthropic", "upstream": upstream, "events_per_second": 1_000_000.0,
                "chunk_p50_us": 0.5, "chunk_p99_us": 1.25 })
        };
        let request = |upstream: &str, size: &str, us: f64| json!({ "caller": "anthropic", "upstream": upstream, "size": size, "p50_us": us });
        let report = json!({
            "streams": [stream("anthropic"), stream("gemini")],
            "requests": [
                request("anthropic", "4 kB", 1.0), request("anthropic", "200 kB", 2.0),
                request("gemini", "4 kB", 3.0), request("gemini", "200 kB", 4.0),
            ],
        });
        let text = table(&report).unwrap().to_string();
        let rows: Vec<String> = text
            .lines()
            .filter(|line| line.starts_with("| anthropic"))
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            rows,
            [
                "| anthropic, untouched | 1000000 | 0.50 | 1.25 | 1.0 | 2.0 |",
                "| anthropic ← gemini | 1000000 | 0.50 | 1.25 | 3.0 | 4.0 |"
            ]
        );
        assert!(table(&json!({ "streams": [stream("gemini")], "requests": [] })).is_err());
    }
}

//! Recorded requests, answers and streams, compared with their snapshots.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::dialects::{ALL, CALLERS, options, translate_stream, translate_stream_with};
use super::{Dialect, translate_request, translate_response};
use crate::event_stream::encode;
use crate::notes::{TranslateError, Translated};
use crate::pipe::StreamEnd;

/// What is recorded of every pair of dialects.
const CASES: [&str; 12] = [
    "cached-usage",
    "document",
    "image",
    "json-schema",
    "parallel-tools",
    "reasoning",
    "refusal",
    "stop-and-limit",
    "system-prompt",
    "text",
    "text-stream",
    "tool-error",
];

/// One recorded case.
#[derive(Debug)]
pub(super) struct Fixture {
    /// `<caller>--<upstream>/<case>`.
    pub(super) name: String,
    pub(super) caller: Dialect,
    pub(super) upstream: Dialect,
    folder: PathBuf,
}

impl Fixture {
    pub(super) fn file(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.join(name)).ok()
    }

    /// The upstream's stream; one of binary frames is written down in lines.
    pub(super) fn stream(&self) -> Option<Vec<u8>> {
        let framed = || Some(encode::lines(&String::from_utf8(self.file("stream.jsonl")?).unwrap()));
        self.file("stream.sse").or_else(framed)
    }

    pub(super) fn model(&self) -> String {
        let name = self.file("upstream-model").map(|name| String::from_utf8(name).unwrap());
        name.map_or_else(|| "upstream-model".to_owned(), |name| name.trim().to_owned())
    }
}

/// Every recorded case, in the order of their names.
pub(super) fn all() -> Vec<Fixture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut found = Vec::new();
    for (caller_name, caller) in ALL {
        for (upstream_name, upstream) in ALL {
            let pair = format!("{caller_name}--{upstream_name}");
            let Ok(cases) = std::fs::read_dir(root.join(&pair)) else { continue };
            for case in cases {
                let folder = case.unwrap().path();
                let name = format!("{pair}/{}", folder.file_name().unwrap().to_str().unwrap());
                found.push(Fixture { name, caller, upstream, folder });
            }
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!found.is_empty(), "no fixtures at {}", root.display());
    found
}

fn document(translated: Result<Translated, TranslateError>) -> Value {
    match translated {
        Ok(translated) => {
            let mut document = json!({
                "body": serde_json::from_slice::<Value>(&translated.body).unwrap(),
                "degraded": translated.degraded,
            });
            if !translated.hints.is_empty() {
                document["hints"] = json!(translated.hints);
            }
            document
        }
        Err(error) => json!({ "refused": error.to_string() }),
    }
}

/// Snapshots lie beside what they were made of.
fn beside(fixture: &Fixture) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&fixture.folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn fixtures_are_translated_as_recorded() {
    for fixture in all() {
        let _beside = beside(&fixture).bind_to_scope();
        let (caller, upstream) = (fixture.caller, fixture.upstream);
        let mut options = options();
        if let Some(request) = fixture.file("request.json") {
            let translated = translate_request(caller, upstream, &request, &fixture.model());
            options.tools = translated.as_ref().ok().and_then(|translated| translated.tools.clone());
            insta::assert_json_snapshot!("request", document(translated), &fixture.name);
        }
        if let Some(response) = fixture.file("response.json") {
            let translated = translate_response(upstream, caller, &response, &options);
            insta::assert_json_snapshot!("response", document(translated), &fixture.name);
        }
        if let Some(stream) = fixture.stream() {
            let outcome = translate_stream_with(upstream, caller, options, &[&stream]);
            let mut written = String::from_utf8(outcome.out).unwrap();
            for degraded in outcome.degraded {
                written.push_str(&format!("-- {} {}\n", degraded.code, degraded.field));
            }
            insta::assert_snapshot!("stream", format!("{written}-- {:?}", outcome.end), &fixture.name);
        }
    }
}

#[test]
fn every_pair_of_dialects_has_every_case() {
    let recorded = all();
    let mut missing = Vec::new();
    for (caller_name, caller) in ALL.iter().filter(|(_, dialect)| CALLERS.contains(dialect)) {
        for (upstream_name, _) in ALL.iter().filter(|(_, upstream)| upstream != caller) {
            for case in CASES {
                let name = format!("{caller_name}--{upstream_name}/{case}");
                let is_whole = |fixture: &&Fixture| {
                    let has = |file| fixture.file(file).is_some();
                    has("request.json") && has("response.json") && fixture.stream().is_some()
                };
                if !recorded.iter().filter(is_whole).any(|fixture| fixture.name == name) {
                    missing.push(name);
                }
            }
        }
    }
    assert!(missing.is_empty(), "without a request, a response and a stream: {missing:#?}");
}

#[test]
fn a_cut_stream_gets_no_end_marker() {
    for fixture in all().into_iter().filter(|fixture| fixture.name.ends_with("/text")) {
        let Some(stream) = fixture.stream() else { continue };
        let outcome = translate_stream(fixture.upstream, fixture.caller, &[&stream[..stream.len() / 2]]);
        let out = String::from_utf8(outcome.out).unwrap();
        assert_eq!(outcome.end, StreamEnd::Cut, "{}", fixture.name);
        for mark in ["[DONE]", "message_stop", "response.completed"] {
            assert!(!out.contains(mark), "{}: {out}", fixture.name);
        }
    }
}

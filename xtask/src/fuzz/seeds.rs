//! What fuzzing starts from: wire's recorded fixtures, each with the choices that make a target read it as what it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// The targets of tests/fuzz.
pub(super) const TARGETS: [&str; 11] = [
    "sse",
    "event_stream",
    "envelope",
    "request",
    "answer",
    "stream",
    "error_body",
    "seals",
    "continuation",
    "models",
    "embed",
];

/// The file of words that mutations are made with.
pub(super) const WORDS: &str = "words.dict";

/// The dialects' names in fixture folders, in the order tests/fuzz numbers them. Callers speak the first three.
const DIALECTS: [&str; 5] = ["openai-chat", "openai-responses", "anthropic", "gemini", "bedrock-converse"];

/// Usage in streams, and tools of every form.
const WITH_TOOLS: u8 = 1 | 1 << 6;

/// All of the data is the first part.
const NO_SPLIT: u16 = u16::MAX;

/// The bytes an input begins with: see `Choices` in tests/fuzz.
#[derive(Debug, Clone, Copy)]
struct Choice {
    upstream: u8,
    caller: u8,
    flags: u8,
    second: u8,
    number: u8,
    split: u16,
}

impl Choice {
    fn before(self, data: &[u8]) -> Vec<u8> {
        // Pieces of uneven length; any number is as good as another.
        let cuts = 7;
        let Self { upstream, caller, flags, second, number, split } = self;
        let [low, high] = split.to_le_bytes();
        [&[upstream, caller, flags, cuts, second, number, low, high], data].concat()
    }
}

/// One recorded case.
#[derive(Debug)]
struct Case {
    name: String,
    caller: u8,
    upstream: u8,
    folder: PathBuf,
}

impl Case {
    fn file(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.join(name)).ok()
    }

    fn choice(&self) -> Choice {
        let Self { caller, upstream, .. } = *self;
        Choice { upstream, caller, flags: 1, second: upstream, number: 0, split: NO_SPLIT }
    }

    /// The stream as tests/fuzz wants it: Bedrock's as lines of a name and a payload.
    fn stream(&self) -> Result<Option<Vec<u8>>> {
        let Some(lines) = self.file("stream.jsonl") else { return Ok(self.file("stream.sse")) };
        let mut stream = Vec::new();
        for event in messages(&lines)? {
            stream.extend_from_slice(format!("{} {}\n", event.0, event.1).as_bytes());
        }
        Ok(Some(stream))
    }
}

/// Writes the seeds of every target below `folder`, and the words.
pub(super) fn write(fixtures: &Path, folder: &Path) -> Result<()> {
    for target in TARGETS {
        let seeds = folder.join(target).join("seeds");
        if seeds.exists() {
            std::fs::remove_dir_all(&seeds).with_context(|| format!("cannot clear {}", seeds.display()))?;
        }
        std::fs::create_dir_all(&seeds).with_context(|| format!("cannot make {}", seeds.display()))?;
    }
    let mut words = BTreeSet::new();
    for case in cases(fixtures)? {
        for (target, number, seed) in seeds(&case)? {
            let file = folder.join(target).join("seeds").join(format!("{}-{number}", case.name));
            std::fs::write(&file, seed).with_context(|| format!("cannot write {}", file.display()))?;
        }
        for name in ["request.json", "response.json"] {
            let document = case.file(name).and_then(|text| serde_json::from_slice(&text).ok());
            collect(&document.unwrap_or(Value::Null), &mut words);
        }
    }
    let words: Vec<String> = words.iter().map(|word| format!("\"\\\"{word}\\\"\"\n")).collect();
    let file = folder.join(WORDS);
    std::fs::write(&file, words.concat()).with_context(|| format!("cannot write {}", file.display()))
}

fn cases(fixtures: &Path) -> Result<Vec<Case>> {
    let list = |folder: &Path| -> Result<Vec<PathBuf>> {
        let entries =
            std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
        entries.map(|entry| Ok(entry?.path())).collect()
    };
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut cases = Vec::new();
    for pair in list(fixtures)? {
        let pair_name = name(&pair);
        let number = |dialect: &str| {
            let at = DIALECTS.iter().position(|name| *name == dialect)?;
            u8::try_from(at).ok()
        };
        let (caller, upstream) =
            pair_name.split_once("--").context("a fixture folder is named caller--upstream")?;
        let caller = number(caller).with_context(|| format!("{pair_name}: no such dialect"))?;
        let upstream = number(upstream).with_context(|| format!("{pair_name}: no such dialect"))?;
        for folder in list(&pair)? {
            let name = format!("{pair_name}-{}", name(&folder));
            cases.push(Case { name, caller, upstream, folder });
        }
    }
    Ok(cases)
}

/// What one case is a seed of: target, a number that tells its seeds apart, the input.
fn seeds(case: &Case) -> Result<Vec<(&'static str, u8, Vec<u8>)>> {
    let mut seeds = Vec::new();
    let choice = case.choice();
    if let Some(request) = case.file("request.json") {
        for target in ["envelope", "request", "seals"] {
            seeds.push((target, 0, choice.before(&request)));
        }
        let counted = Choice { number: 2, ..choice };
        seeds.push(("envelope", 1, counted.before(&request)));
        let said = b"What was said so far";
        let continued = Choice { split: u16::try_from(said.len())?, ..choice };
        seeds.push(("continuation", 0, continued.before(&[said, request.as_slice()].concat())));
    }
    if let Some(response) = case.file("response.json") {
        seeds.push(("answer", 0, choice.before(&response)));
        seeds.push(("answer", 1, Choice { flags: WITH_TOOLS, ..choice }.before(&response)));
    }
    if let Some(stream) = case.stream()? {
        seeds.push(("stream", 0, choice.before(&stream)));
        // Untouched, for a caller of the upstream's own dialect.
        seeds.push(("stream", 1, Choice { caller: case.upstream, ..choice }.before(&stream)));
        seeds.push(("stream", 5, Choice { flags: WITH_TOOLS, ..choice }.before(&stream)));
        // Broken off in the middle and begun anew by the same upstream, which repeats itself or goes on.
        let middle = stream.len() / 2;
        let twice = [&stream[..middle], &stream].concat();
        for (number, flags) in [(2, 1), (3, 1 | 1 << 4), (4, 1 | 1 << 5)] {
            let broken = Choice { split: u16::try_from(middle)?, flags, ..choice };
            seeds.push(("stream", number, broken.before(&twice)));
        }
    }
    if let Some(stream) = case.file("stream.sse") {
        seeds.push(("sse", 0, choice.before(&stream)));
    }
    if let Some(lines) = case.file("stream.jsonl") {
        let raw = Choice { flags: 0, ..choice };
        seeds.push(("event_stream", 0, raw.before(&framed(&lines)?)));
    }
    Ok(seeds)
}

/// The events of a recorded Bedrock stream: name and payload.
fn messages(lines: &[u8]) -> Result<Vec<(String, String)>> {
    let lines = std::str::from_utf8(lines)?.lines().filter(|line| !line.trim().is_empty());
    let message = |line: &str| {
        let line: Value = serde_json::from_str(line)?;
        let name = line["event"].as_str().or_else(|| line["exception"].as_str());
        Ok((name.context("a line names no event")?.to_owned(), line["data"].to_string()))
    };
    lines.map(message).collect()
}

/// Messages as the `event_stream` target takes them: headers and payload, a byte with the length before each.
fn framed(lines: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for (name, payload) in messages(lines)? {
        let mut headers = Vec::new();
        for (field, value) in [(":event-type", name.as_str()), (":message-type", "event")] {
            headers.push(u8::try_from(field.len())?);
            headers.extend_from_slice(field.as_bytes());
            // A string, its length in two bytes.
            headers.extend_from_slice(&[7, 0, u8::try_from(value.len())?]);
            headers.extend_from_slice(value.as_bytes());
        }
        for part in [headers.as_slice(), payload.as_bytes()] {
            let part = &part[..part.len().min(usize::from(u8::MAX))];
            out.push(u8::try_from(part.len())?);
            out.extend_from_slice(part);
        }
    }
    Ok(out)
}

/// The names in a document, and the values that look like names.
fn collect(value: &Value, words: &mut BTreeSet<String>) {
    let is_word = |text: &str| {
        (2..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte))
    };
    let mut take = |text: &str| {
        if is_word(text) {
            words.insert(text.to_owned());
        }
    };
    match value {
        Value::String(text) => take(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Object(members) => {
            members.keys().for_each(|name| take(name));
            members.values().for_each(|value| collect(value, words));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_and_every_target_that_reads_recordings_has_seeds() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates/wire/fixtures");
        let folder = tempfile::tempdir().unwrap();
        write(&fixtures, folder.path()).unwrap();
        for target in TARGETS {
            let seeds = std::fs::read_dir(folder.path().join(target).join("seeds")).unwrap();
            let upstreams: BTreeSet<u8> = seeds
                .map(|seed| {
                    let seed = std::fs::read(seed.unwrap().path()).unwrap();
                    assert!(seed.len() > 8, "{target} has a seed without data");
                    seed[0]
                })
                .collect();
            let expected: &[u8] = match target {
                "sse" => &[0, 1, 2, 3],
                "event_stream" => &[4],
                // Their seeds are kept in tests/fuzz/corpus.
                "error_body" | "models" | "embed" => &[],
                _ => &[0, 1, 2, 3, 4],
            };
            assert_eq!(upstreams.into_iter().collect::<Vec<_>>(), expected, "{target}");
        }
        let words = std::fs::read_to_string(folder.path().join(WORDS)).unwrap();
        assert!(words.contains("\"\\\"max_tokens\\\"\"\n"), "{words}");
    }
}

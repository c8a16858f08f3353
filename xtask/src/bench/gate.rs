//! `cargo xtask bench --gate`: instructions per request, counted by callgrind, held against what is kept in
//! docs/performance.md. A count does not depend on how busy the machine is, so one that grew is ours.
//!
//! The router runs under valgrind with every default. Between two dumps a client asks a number of times, one request
//! after the other; what the router does meanwhile without being asked is counted over the same time and taken off.
//! SQLite's threads are told apart by what ran on them: they are the cost of the log.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::report::{DOCS, Section};
use super::stage::{Server, Stage, now, one_route};
use crate::repo::Repo;

/// What is counted: a line of the table each.
const CASES: [&str; 4] = ["plain request", "translated request", "streamed chunk", "logged row"];

/// A count may exceed the one that is kept by this much, percent: how often tasks are polled differs from run to run.
const SLACK_PERCENT: f64 = 5.0;

const BEGIN: &str = "<!-- kept: written by `cargo xtask bench --gate --write-docs` -->";
const END: &str = "<!-- end of kept -->";

/// Chunks of the short and of the long stream; what lies between them is the cost of chunks alone.
const CHUNKS: [u32; 2] = [20, 120];

/// Streams of each length.
const STREAMS: u32 = 12;

/// Valgrind starts a router slowly.
const PATIENCE: Duration = Duration::from_secs(180);

/// Which of the kept columns a binary is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Build {
    /// As it is packaged.
    Packaged,
    /// As the tests use it, unoptimised: slower by a factor, but it is there.
    Tests,
}

impl Build {
    pub(super) fn of(router: &Path) -> Self {
        if router.parent().is_some_and(|folder| folder.ends_with("debug")) {
            Self::Tests
        } else {
            Self::Packaged
        }
    }

    const fn column(self) -> usize {
        match self {
            Self::Packaged => 1,
            Self::Tests => 2,
        }
    }

    /// Requests of each measurement.
    const fn requests(self) -> u32 {
        match self {
            Self::Packaged => 400,
            Self::Tests => 60,
        }
    }
}

/// Counts everything.
pub(super) fn measure(stage: &Stage, build: Build) -> Result<Section> {
    let mut counts = [0.0; CASES.len()];
    let requests = build.requests();
    let (mut sent, mut streams) = (0.0, Vec::new());
    for chunks in CHUNKS {
        let provider = stage.provider(&["--chunks", &chunks.to_string(), "--interval-ms", "10"])?;
        let counted = Counted::start(stage, provider.addr)?;
        let idle = counted.idle()?;
        let per = |counts: Instructions, of: u32| counts.less(idle).each(of);
        if streams.is_empty() {
            let plain = per(counted.asking(requests, &Ask::chat(false))?, requests);
            let translated = per(counted.asking(requests, &Ask::messages())?, requests);
            (counts[0], counts[1]) = (plain.router, translated.router);
            counts[3] = (plain.log + translated.log) / 2.0;
        }
        streams.push(per(counted.asking(STREAMS, &Ask::chat(true))?, STREAMS).router);
        sent = f64::from(chunks) - sent;
    }
    counts[2] = (streams[1] - streams[0]) / sent;
    Ok(table(build, &counts))
}

fn table(build: Build, counts: &[f64]) -> Section {
    let mut section = Section::new(
        "instructions",
        "Instructions",
        "Counted by callgrind, without the system's own. A request is one of about 1 KiB on a kept connection with every \
         default; translated: asked in Anthropic's dialect, answered in OpenAI's.",
        &["instructions per", "counted"],
    );
    for (case, count) in CASES.iter().zip(counts) {
        let data = json!({ "case": case, "instructions": count, "is_packaged": build == Build::Packaged });
        section.row(*case, vec![format!("{count:.0}")], data);
    }
    section
}

/// What the docs keep, as text and by case.
pub(super) struct Kept {
    path: PathBuf,
    text: String,
}

impl Kept {
    pub(super) fn read(repo: &Repo) -> Result<Self> {
        let path = repo.root.join(DOCS);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {DOCS}"))?;
        Ok(Self { path, text })
    }

    /// The figure of a case; none where it was never kept.
    fn of(&self, case: &str, build: Build) -> Option<f64> {
        let (_, rest) = self.text.split_once(BEGIN)?;
        let row = rest.split_once(END)?.0.lines().find(|line| line.starts_with(&format!("| {case} ")))?;
        row.trim_matches('|').split('|').nth(build.column())?.trim().parse().ok()
    }

    /// What has grown beyond the slack, or was never kept, in a sentence each.
    pub(super) fn faults(&self, build: Build, counts: &[f64]) -> Vec<String> {
        let mut faults = Vec::new();
        for (case, count) in CASES.iter().zip(counts) {
            match self.of(case, build) {
                None => faults.push(format!("{DOCS} keeps no figure for a {case}: `cargo xtask bench --gate --write-docs`")),
                // How many rows share a commit depends on how fast they come, which an unoptimised build does not say.
                Some(_) if *case == "logged row" && build == Build::Tests => {}
                Some(kept) if *count > kept * (1.0 + SLACK_PERCENT / 100.0) => faults.push(format!(
                    "a {case} takes {count:.0} instructions, {:.1} % more than the {kept:.0} that are kept in {DOCS}",
                    (count / kept - 1.0) * 100.0
                )),
                Some(_) => {}
            }
        }
        faults
    }

    /// Replaces one build's column.
    pub(super) fn write(&self, build: Build, counts: &[f64]) -> Result<()> {
        let fresh = self.replaced(build, counts)?;
        std::fs::write(&self.path, fresh).with_context(|| format!("cannot write {DOCS}"))
    }

    fn replaced(&self, build: Build, counts: &[f64]) -> Result<String> {
        let (before, rest) =
            self.text.split_once(BEGIN).with_context(|| format!("{DOCS} lacks the line {BEGIN}"))?;
        let (_, after) = rest.split_once(END).with_context(|| format!("{DOCS} lacks the line {END}"))?;
        let mut rows = "| instructions per | packaged | test build |\n| --- | ---: | ---: |\n".to_owned();
        for (case, count) in CASES.iter().zip(counts) {
            let of = |column: Build| if column == build { Some(*count) } else { self.of(case, column) };
            let cell = |column| of(column).map_or_else(|| "–".to_owned(), |count| format!("{count:.0}"));
            rows += &format!("| {case} | {} | {} |\n", cell(Build::Packaged), cell(Build::Tests));
        }
        Ok(format!("{before}{BEGIN}\n\n{rows}\n{END}{after}"))
    }
}

/// The counts of a table that was just made.
pub(super) fn counts(section: &Section) -> Vec<f64> {
    section.data().iter().filter_map(|row| row["instructions"].as_f64()).collect()
}

/// Instructions of a router between two dumps.
#[derive(Clone, Copy, Debug, Default)]
struct Instructions {
    router: f64,
    /// Of the threads on which SQLite ran.
    log: f64,
    /// How long it took.
    seconds: f64,
}

impl Instructions {
    /// Without what happens anyway in that time.
    fn less(self, idle: Self) -> Self {
        let share = self.seconds / idle.seconds;
        Self { router: self.router - idle.router * share, log: self.log - idle.log * share, ..self }
    }

    fn each(self, count: u32) -> Self {
        let count = f64::from(count);
        Self { router: self.router / count, log: self.log / count, ..self }
    }
}

/// A router under callgrind.
#[derive(Debug)]
struct Counted {
    server: Server,
    folder: PathBuf,
    pid: u32,
    dumps: std::cell::Cell<u32>,
}

impl Counted {
    fn start(stage: &Stage, provider: SocketAddr) -> Result<Self> {
        let folder = stage.folder("counted")?;
        let map = folder.join("map.json");
        std::fs::write(&map, one_route(provider).to_string())?;
        let (server, pid) = stage.switchyard_under_callgrind(&folder, &map, PATIENCE)?;
        let counted = Self { server, folder, pid, dumps: std::cell::Cell::new(0) };
        // What is made once is made now.
        counted.ask(20, &Ask::chat(false))?;
        counted.ask(5, &Ask::messages())?;
        counted.ask(5, &Ask::chat(true))?;
        Ok(counted)
    }

    /// What it does by itself.
    fn idle(&self) -> Result<Instructions> {
        self.between(|| {
            sleep(Duration::from_secs(5));
            Ok(())
        })
    }

    fn asking(&self, requests: u32, ask: &Ask) -> Result<Instructions> {
        self.between(|| {
            self.ask(requests, ask)?;
            // The log is written behind the answers.
            sleep(Duration::from_secs(1));
            Ok(())
        })
    }

    fn between(&self, work: impl FnOnce() -> Result<()>) -> Result<Instructions> {
        self.control("--zero")?;
        let begun = now();
        work()?;
        let seconds = begun.elapsed().as_secs_f64();
        self.control("--dump=counted")?;
        self.dumps.set(self.dumps.get() + 1);
        let (router, log) = read_dump(&self.folder, self.dumps.get())?;
        Ok(Instructions { router, log, seconds })
    }

    fn control(&self, what: &str) -> Result<()> {
        let mut command = Command::new("callgrind_control");
        let output =
            command.arg(what).arg(self.pid.to_string()).output().context("cannot start callgrind_control")?;
        if !output.status.success() {
            bail!("callgrind_control {what}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    fn ask(&self, requests: u32, ask: &Ask) -> Result<()> {
        let stream = TcpStream::connect(self.server.addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut answers = BufReader::new(stream);
        for _ in 0..requests {
            answers.get_mut().write_all(ask.text(&self.server).as_bytes())?;
            read_answer(&mut answers)?;
        }
        Ok(())
    }
}

/// A request.
#[derive(Debug)]
struct Ask {
    path: &'static str,
    body: String,
}

impl Ask {
    fn chat(stream: bool) -> Self {
        let said = "a".repeat(900);
        let body = json!({ "model": "sim-fast", "stream": stream, "messages": [{ "role": "user", "content": said }] });
        Self { path: "/v1/chat/completions", body: body.to_string() }
    }

    fn messages() -> Self {
        let said = "a".repeat(900);
        let body = json!({ "model": "sim-fast", "max_tokens": 100, "messages": [{ "role": "user", "content": said }] });
        Self { path: "/v1/messages", body: body.to_string() }
    }

    fn text(&self, server: &Server) -> String {
        format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{}",
            self.path,
            server.addr,
            server.key,
            self.body.len(),
            self.body
        )
    }
}

/// Reads one answer to its end, which has to be a 200.
fn read_answer(answers: &mut BufReader<TcpStream>) -> Result<()> {
    let mut line = String::new();
    let mut next = |answers: &mut BufReader<TcpStream>| -> Result<String> {
        line.clear();
        answers.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    };
    let status = next(answers)?;
    if !status.contains(" 200") {
        bail!("the router answered {status:?}");
    }
    let mut length = None;
    loop {
        let header = next(answers)?.to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = Some(value.trim().parse::<usize>().context("content-length is no number")?);
        }
    }
    let take = |answers: &mut BufReader<TcpStream>, bytes: usize| {
        let mut body = vec![0; bytes];
        answers.read_exact(&mut body)
    };
    let Some(length) = length else {
        loop {
            let size = usize::from_str_radix(&next(answers)?, 16).context("not a chunk's size")?;
            // Two bytes end each chunk.
            take(answers, size + 2)?;
            if size == 0 {
                return Ok(());
            }
        }
    };
    Ok(take(answers, length)?)
}

/// Sums a dump's threads: the router's own, and SQLite's.
fn read_dump(folder: &Path, number: u32) -> Result<(f64, f64)> {
    let (mut router, mut log) = (0.0, 0.0);
    let beginning = format!("callgrind.{number}-");
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.starts_with(&beginning) {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
        let total = total(&text).with_context(|| format!("{name} has no totals"))?;
        if text.contains("sqlite3VdbeExec") { log += total } else { router += total }
    }
    if router == 0.0 {
        bail!("callgrind wrote no counts");
    }
    Ok((router, log))
}

fn total(dump: &str) -> Option<f64> {
    dump.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        let text = format!(
            "before\n{BEGIN}\n\n| instructions per | packaged | test build |\n| --- | ---: | ---: |\n\
             | plain request | 1000 | 9000 |\n| translated request | 2000 | 9000 |\n| streamed chunk | 100 | – |\n\
             | logged row | 500 | 700 |\n\n{END}\nafter\n"
        );
        Kept { path: PathBuf::new(), text }
    }

    #[test]
    fn what_grew_beyond_the_slack_or_is_not_kept_is_a_fault() {
        let faults = |build, counts: [f64; 4]| kept().faults(build, &counts);
        assert_eq!(faults(Build::Packaged, [1049.0, 1000.0, 100.0, 500.0]), Vec::<String>::new());
        let grown = faults(Build::Packaged, [1051.0, 2000.0, 100.0, 700.0]);
        assert_eq!(grown.len(), 2, "{grown:?}");
        assert!(
            grown[0].starts_with("a plain request takes 1051 instructions, 5.1 % more than the 1000"),
            "{grown:?}"
        );
        let unknown = faults(Build::Tests, [9000.0, 9000.0, 1.0, 99_999.0]);
        assert!(
            unknown.len() == 1 && unknown[0].contains("keeps no figure for a streamed chunk"),
            "{unknown:?}"
        );
    }

    #[test]
    fn one_builds_figures_are_replaced_and_the_other_s_stay() {
        let text = kept().replaced(Build::Tests, &[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!(
            text.contains("| plain request | 1000 | 1 |\n")
                && text.contains("| streamed chunk | 100 | 3 |\n"),
            "{text}"
        );
        assert!(text.starts_with("before\n") && text.ends_with("after\n"), "{text}");
    }

    #[test]
    fn a_binary_says_by_its_folder_which_build_it_is() {
        assert_eq!(Build::of(Path::new("/x/target/debug/switchyard")), Build::Tests);
        assert_eq!(Build::of(Path::new("/x/target/dist/switchyard")), Build::Packaged);
    }

    #[test]
    fn a_dump_tells_its_total() {
        assert_eq!(
            total("# callgrind format\nthread: 3\nevents: Ir\nfn=(1) main\n1 5\ntotals: 12345\n"),
            Some(12_345.0)
        );
        assert_eq!(total("events: Ir\n"), None);
    }
}

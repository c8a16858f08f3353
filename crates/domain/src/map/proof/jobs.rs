//! Named workloads and what they override.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use globset::Glob;

use super::super::defaults::Defaults;
use super::super::fault::Path;
use super::super::proven::{Job, Line, MatchRule, RouteIx};
use super::super::raw::{RawMatch, RawRouteRef};
use super::Proof;

/// A fault names so many of a map's routes at most.
const MOST_NAMED: usize = 20;
/// The longest glob, bytes, and the most braces in braces: each level is a call within a call where it is read.
const GLOB_BYTES: usize = 256;
const GLOB_DEPTH: usize = 8;

/// Whether a glob is of a size that can be read.
pub(super) fn fits(glob: &str) -> Result<(), String> {
    if glob.len() > GLOB_BYTES {
        return Err(format!("This glob is {} bytes long; at most {GLOB_BYTES} are taken.", glob.len()));
    }
    let mut depth = 0_usize;
    for byte in glob.bytes() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > GLOB_DEPTH {
            let message =
                format!("Braces stand in more than {GLOB_DEPTH} others here. Write several rules instead.");
            return Err(message);
        }
    }
    Ok(())
}

impl Proof<'_> {
    pub(super) fn jobs(&mut self, default: &Line) -> BTreeMap<String, Arc<Job>> {
        let raw = self.raw;
        let mut jobs = BTreeMap::new();
        for (name, job) in raw.jobs.iter().flatten() {
            let path = Path::root().field("jobs").field(name);
            if name == "default" || name.trim().is_empty() || name.contains(char::is_whitespace) {
                self.fault(&path, "Choose another name: no spaces, and not `default`.");
            }
            let mut line = default.clone();
            if let Some(hot) = &job.hot {
                line.hot = self.job_tier(hot, &path.field("hot"));
                if hot.is_empty() {
                    self.fault(
                        &path.field("hot"),
                        "Empty. Name a route, or leave the key out for the default's Hot.",
                    );
                }
            }
            if let Some(warm) = &job.warm {
                line.warm = self.job_tier(warm, &path.field("warm"));
            } else if job.hot.is_some() {
                let hot: HashSet<RouteIx> = line.hot.iter().copied().collect();
                line.warm.retain(|ix| !hot.contains(ix));
            }
            let matches = self.matches(job.matches.as_deref().unwrap_or_default(), &path.field("match"));
            let proven = Job {
                name: name.clone(),
                slo_ms: job.slo_ms.or(raw.slo_ms).unwrap_or(Defaults::SLO_MS),
                slo_is_written: job.slo_ms.or(raw.slo_ms).is_some(),
                midstream: job.midstream.or(raw.midstream).unwrap_or_default(),
                hold_back_ms: job.hold_back_ms.or(raw.hold_back_ms).unwrap_or(Defaults::HOLD_BACK_MS),
                line,
                own_line: job.hot.is_some() || job.warm.is_some(),
                reply: self.reply(job.reply, job, &path),
                own_reply: job.reply.is_some(),
                interactive: job.interactive.unwrap_or(false),
                queue: job.queue.unwrap_or(true),
                priority: job.priority,
                sticky: job.sticky.or(raw.sticky).unwrap_or_default(),
                matches,
            };
            jobs.insert(name.clone(), Arc::new(proven));
        }
        jobs
    }

    fn job_tier(&mut self, list: &[RawRouteRef], path: &Path) -> Vec<RouteIx> {
        let mut tier: Vec<RouteIx> = Vec::new();
        for (index, reference) in list.iter().enumerate() {
            let at = path.index(index);
            let found = match reference {
                RawRouteRef::Route(route) => self.route(route, &at),
                RawRouteRef::Name(name) => {
                    let known = &self.known;
                    let found = known.by_id.get(name).or_else(|| known.by_name.get(name)).copied();
                    if found.is_none() {
                        let known = self.routes.iter().map(|r| r.id.as_str()).take(MOST_NAMED);
                        let known: Vec<&str> = known.collect();
                        let message = format!("No route is called `{name}`. Routes: {}.", known.join(", "));
                        self.fault(&at, message);
                    }
                    found
                }
            };
            match found {
                Some(ix) if tier.contains(&ix) => {
                    self.fault(&at, "The same route twice in one tier. Remove one.");
                }
                Some(ix) => tier.push(ix),
                None => {}
            }
        }
        tier
    }

    fn matches(&mut self, rules: &[RawMatch], path: &Path) -> Vec<MatchRule> {
        let mut out = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let at = path.index(index);
            if rule.client.is_none() && rule.model.is_none() {
                self.fault(&at, "A rule needs `client` or `model`; this one would take every request.");
            }
            let mut glob = |text: &Option<String>, key: &str| {
                let text = text.as_deref()?;
                if let Err(why) = fits(text) {
                    self.fault(&at.field(key), why);
                    return None;
                }
                match Glob::new(text) {
                    Ok(glob) => Some(glob.compile_matcher()),
                    Err(error) => {
                        self.fault(&at.field(key), format!("`{text}` is not a glob: {}.", error.kind()));
                        None
                    }
                }
            };
            let (client, model) = (glob(&rule.client, "client"), glob(&rule.model, "model"));
            out.push(MatchRule { client, model });
        }
        out
    }
}

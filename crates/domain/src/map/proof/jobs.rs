//! Named workloads and what they override.

use std::collections::BTreeMap;
use std::sync::Arc;

use globset::Glob;

use super::super::defaults::Defaults;
use super::super::fault::Path;
use super::super::proven::{Job, Line, MatchRule, RouteIx};
use super::super::raw::{RawMatch, RawRouteRef};
use super::Proof;

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
                line.warm.retain(|ix| !line.hot.contains(ix));
            }
            let matches = self.matches(job.matches.as_deref().unwrap_or_default(), &path.field("match"));
            let proven = Job {
                name: name.clone(),
                slo_ms: job.slo_ms.or(raw.slo_ms).unwrap_or(Defaults::SLO_MS),
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
                    let found = self.routes.iter().position(|r| r.id.as_str() == name);
                    let found =
                        found.or_else(|| self.routes.iter().position(|r| r.serves(name))).map(RouteIx);
                    if found.is_none() {
                        let known: Vec<&str> = self.routes.iter().map(|r| r.id.as_str()).collect();
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

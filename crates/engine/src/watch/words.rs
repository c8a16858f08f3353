//! The status in words: the bold state and the sentence after it, for window, tray, command line and log alike. It
//! decides nothing: what is said was judged in [`switchyard_policy::status`].

use switchyard_domain::event::route_label;
use switchyard_domain::network::NetworkState;
use switchyard_domain::operate::ShiftPhase;
use switchyard_domain::{Failure, RouteId, Tier};
use switchyard_policy::lately::{Figures, LATELY_MS};
use switchyard_policy::status::{Facts, JobOff, NextTest, Shared, Situation, Trouble, Wrong};
use switchyard_policy::{Cause, Recent, Status, Unfit};

/// Troubles and jobs named one by one; the others are counted.
const NAMED: usize = 2;

/// What the words are made from.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) status: Status,
    /// The route the next request goes to, with its provider.
    pub(crate) next: Option<(&'a RouteId, &'a str)>,
    /// Why every request is refused at once.
    pub(crate) off: Option<&'a str>,
    /// Why new work is paused.
    pub(crate) paused: Option<&'a str>,
    /// Why the applied map can't run.
    pub(crate) problem: Option<&'a str>,
    /// The network's state and what it means for requests.
    pub(crate) network: (NetworkState, &'a str),
    /// Jobs in the queue.
    pub(crate) waiting: u64,
    /// Whether requests that no route answers are queued.
    pub(crate) queues: bool,
}

/// The bold state and the sentence after it.
pub(crate) fn status(scene: &Scene<'_>) -> (&'static str, String) {
    let because = |why: Option<&str>| why.map_or_else(String::new, |why| format!(" ({why})"));
    match scene.status.situation {
        Situation::NotSetUp => {
            ("Not set up.", "Try the simulated providers, or apply a routing map.".to_owned())
        }
        Situation::MapBroken => ("The map can't run.", scene.problem.unwrap_or_default().to_owned()),
        Situation::Off => (
            "Switched off.",
            format!("Every request is refused at once{}. Nothing is sent or queued.", because(scene.off)),
        ),
        Situation::Paused => (
            "Paused.",
            format!("New work waits{}; running requests finish. Nothing is lost.", because(scene.paused)),
        ),
        Situation::NetworkDown => (offline(scene.network.0), scene.network.1.to_owned()),
        Situation::Ready => ("Ready.", sentence([Some(ready(scene)), waiting(scene)])),
        Situation::Clear => ("All clear.", sentence([Some(clear(scene)), waiting(scene)])),
        Situation::OnHot => ("Running on Hot.", on_hot(scene)),
        Situation::Moving => moving(scene),
        Situation::OnWarm => ("Running on Warm.", on_warm(scene)),
        Situation::NoRoute => ("No route answers.", no_route(scene)),
    }
}

/// When a stopped route is tested: `the next request tests sonnet-4.6`, `next test call of sonnet-4.6 in 12 s`.
pub(crate) fn next_test(test: &NextTest) -> String {
    let label = route_label(&test.route);
    match test.in_ms {
        0 => format!("the next request tests {label}"),
        ms => format!("next test call of {label} in {}", span(ms)),
    }
}

/// Parts of a sentence, joined and ended.
fn sentence(parts: impl IntoIterator<Item = Option<String>>) -> String {
    let said: Vec<String> = parts.into_iter().flatten().collect();
    format!("{}.", capital(&said.join("; ")))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn ready(scene: &Scene<'_>) -> String {
    let heard = heard(&scene.facts.lately);
    match (&scene.facts.shared, scene.next) {
        (Some(Shared::Split(weights)), _) => format!("{heard}; traffic is split: {}", shares(weights)),
        (_, Some((route, _))) => format!("{heard}; the next request goes to {}", route_label(route)),
        (_, None) => heard,
    }
}

fn clear(scene: &Scene<'_>) -> String {
    let heard = heard(&scene.facts.lately);
    match &scene.facts.shared {
        Some(Shared::Split(weights)) => format!("traffic is split: {}; {heard}", shares(weights)),
        Some(Shared::Moved { .. }) | None => heard,
    }
}

fn on_hot(scene: &Scene<'_>) -> String {
    let Facts { current_tier, lately, troubles, jobs, .. } = scene.facts;
    // The cause names the first choice; its trouble is not told twice.
    let told = match &current_tier.cause {
        Some(Cause::Route(id, _)) => Some(id),
        Some(Cause::Moved(_)) | None => None,
    };
    let goes = current_tier.cause.as_ref().and_then(|_| goes_to(scene));
    let others: Vec<&Trouble> = troubles.iter().filter(|own| Some(&own.route) != told).collect();
    sentence(
        [goes, Some(heard(lately))]
            .into_iter()
            .chain([
                list(&others, |own| trouble(own)),
                list(&jobs.iter().collect::<Vec<_>>(), |own| job(own)),
            ])
            .chain([test(scene), waiting(scene)]),
    )
}

fn on_warm(scene: &Scene<'_>) -> String {
    sentence([goes_to(scene), Some(heard(&scene.facts.lately)), test(scene), waiting(scene)])
}

fn no_route(scene: &Scene<'_>) -> String {
    let Facts { current_tier, lately, test, .. } = scene.facts;
    let cause = current_tier.cause.as_ref().map_or_else(String::new, |cause| format!(" ({cause})"));
    let (is, are) = if scene.queues { ("is queued", "are queued") } else { ("is refused", "are refused") };
    let tested = test.as_ref().filter(|test| test.in_ms == 0).map(|test| (&test.route, "tests"));
    let next = tested.or_else(|| scene.next.map(|(route, _)| (route, "tries")));
    let later = test.as_ref().filter(|test| test.in_ms > 0).map(next_test);
    let first = match next {
        Some((route, verb)) => {
            format!("the next request {verb} {} and {is} if it fails{cause}", route_label(route))
        }
        None => format!("new requests {are}{cause}"),
    };
    let heard = (lately.asked > 0).then(|| heard(lately));
    let mut said = sentence([Some(first), later, heard, waiting(scene)]);
    if scene.queues {
        said.push_str(" Nothing is lost.");
    }
    if matches!(current_tier.cause, Some(Cause::Route(_, Unfit::NoKey(_)))) {
        said.push_str(" Store a key under Providers.");
    }
    said
}

fn moving(scene: &Scene<'_>) -> (&'static str, String) {
    let Some(Shared::Moved { phase, percent, from, to }) = &scene.facts.shared else {
        return ("Moving traffic.", String::new());
    };
    let state = match phase {
        ShiftPhase::Leaving => "Moving traffic.",
        ShiftPhase::Away => "Partly moved.",
        ShiftPhase::Returning | ShiftPhase::Home => "Coming back.",
    };
    let others: Vec<&Trouble> = scene.facts.troubles.iter().collect();
    let share = format!("{percent} % of {from}'s traffic goes to {to}");
    (state, sentence([Some(share), list(&others, |own| trouble(own)), waiting(scene)]))
}

/// `requests go to openai gpt-4o-mini (sonnet-4.6: 529 overloaded)`
fn goes_to(scene: &Scene<'_>) -> Option<String> {
    let (route, provider) = scene.next?;
    let cause =
        scene.facts.current_tier.cause.as_ref().map_or_else(String::new, |cause| format!(" ({cause})"));
    let label = route_label(route);
    let name = if label == provider { label.to_owned() } else { format!("{provider} {label}") };
    Some(format!("requests go to {name}{cause}"))
}

/// What the last requests came to. Nothing is claimed of a request that was not asked.
pub(crate) fn heard(figures: &Figures) -> String {
    let tries = match (figures.asked, figures.retried) {
        (_, 0) => String::new(),
        (1, _) => ", after a failed try".to_owned(),
        (asked, retried) if asked == retried => ", each after a failed try".to_owned(),
        (_, retried) => format!(", {retried} of them after a failed try"),
    };
    format!("{}{tries}", ended(figures))
}

fn ended(figures: &Figures) -> String {
    let Figures { asked, hot, warm, queued, unanswered, given_up, by, any_before, .. } = figures;
    let last = match (asked, any_before) {
        (0, _) if *given_up == 1 => {
            return "the caller of the last request left before an answer came".to_owned();
        }
        (0, _) if *given_up > 1 => {
            return format!("the callers of the last {given_up} requests left before an answer came");
        }
        (0, false) => return "nothing was asked yet".to_owned(),
        (0, true) => return format!("nothing was asked in the last {}", span(LATELY_MS)),
        (1, _) => "the last request".to_owned(),
        (n, _) => format!("the last {n} requests"),
    };
    let was = if *asked == 1 { "was" } else { "were" };
    match (hot, warm, queued, unanswered) {
        (0, 0, _, 0) => return format!("{last} {was} queued"),
        (0, 0, 0, _) => return format!("{last} got no answer"),
        (_, 0, 0, 0) => return format!("{last} ran on Hot{}", through(by)),
        (0, _, 0, 0) => return format!("{last} ran on Warm{}", through(by)),
        _ => {}
    }
    let mut parts = Vec::new();
    let mut part = |count: u32, verb: &str| {
        if count > 0 {
            parts.push(format!("{count} {verb}"));
        }
    };
    part(*hot, "ran on Hot");
    part(*warm, "ran on Warm");
    part(*queued, if *queued == 1 { "was queued" } else { "were queued" });
    part(*unanswered, "got no answer");
    format!("of {last} {}", parts.join(", "))
}

/// ` through alpha`, `: alpha 18, beta 2`
fn through(by: &[(String, u32)]) -> String {
    match by {
        [] => String::new(),
        [(provider, _)] => format!(" through {provider}"),
        several => {
            let each: Vec<String> = several.iter().map(|(name, count)| format!("{name} {count}")).collect();
            format!(": {}", each.join(", "))
        }
    }
}

fn trouble(own: &Trouble) -> String {
    let label = route_label(&own.route);
    let why = own.failure.as_ref().map(|failure| format!(" ({})", Failure::short(failure)));
    let why = why.unwrap_or_default();
    match own.what {
        Wrong::Open => format!("the circuit of {label} is open{why}"),
        Wrong::Tested => format!("{label} is being tested{why}"),
        Wrong::Failing(Recent { calls: 0, .. }) => format!("{label} failed when it was last called{why}"),
        Wrong::Failing(recent) | Wrong::Errs(recent) => format!("{label} {}{why}", failed(recent)),
    }
}

/// `failed 3 of its last 4 calls`
pub(crate) fn failed(Recent { calls, failed }: Recent) -> String {
    match (calls, failed) {
        (1, 1) => "failed its last call".to_owned(),
        (calls, failed) if calls == failed => format!("failed all of its last {calls} calls"),
        (calls, failed) => format!("failed {failed} of its last {calls} calls"),
    }
}

fn job(own: &JobOff) -> String {
    let cause = own.cause.as_ref().map_or_else(String::new, |cause| format!(" ({cause})"));
    match own.tier {
        Tier::Hot | Tier::Warm => format!("job {} runs on {}{cause}", own.name, own.tier.title()),
        Tier::Cold => format!("no route answers job {}{cause}", own.name),
    }
}

/// The first few by name, the others by number.
fn list<T>(all: &[T], say: impl Fn(&T) -> String) -> Option<String> {
    let mut said: Vec<String> = all.iter().take(NAMED).map(say).collect();
    match all.len().saturating_sub(NAMED) {
        0 => {}
        more => said.push(format!("{more} more like it")),
    }
    (!said.is_empty()).then(|| said.join("; "))
}

fn test(scene: &Scene<'_>) -> Option<String> {
    scene.facts.test.as_ref().map(next_test)
}

fn waiting(scene: &Scene<'_>) -> Option<String> {
    match scene.waiting {
        0 => None,
        1 => Some("1 job waits in the queue".to_owned()),
        n => Some(format!("{n} jobs wait in the queue")),
    }
}

fn shares(weights: &[(String, f64)]) -> String {
    let one = |(name, percent): &(String, f64)| format!("{name} {percent:.0} %");
    weights.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The bold state of a network that is down.
const fn offline(state: NetworkState) -> &'static str {
    match state {
        NetworkState::CaptivePortal => "Sign in to the network.",
        NetworkState::DnsBroken => "No DNS.",
        NetworkState::Intercepted => "The network lets nothing through.",
        NetworkState::ProxyDown => "No way through the proxy.",
        NetworkState::Offline | NetworkState::Online | NetworkState::Unknown => "Offline.",
    }
}

/// `12 s`, `5 min`
fn span(ms: u64) -> String {
    match ms.div_ceil(1_000) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests;

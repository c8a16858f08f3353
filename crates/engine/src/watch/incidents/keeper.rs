//! The keeper: hears events, beats, writes down.

use switchyard_domain::Now;
use switchyard_domain::event::{Event, EventKind, StatusLevel};
use switchyard_domain::incident::{IncidentBrief, IncidentId, IncidentState, Severity};
use switchyard_domain::map::RoutingMap;

use super::case::{Announced, Case, summary};
use super::events::{Opening, belongs};
use super::look::{condition, openings};
use super::{ByHand, IncidentBoard, SHOWN_CLOSED_MS, announce, measure};
use crate::core::clock;
use crate::core::{Running, lock};

/// A crash leaves at most so many events unheard; what lies further back was heard, and was of no incident.
const UNHEARD: i64 = 1_000;
/// Events that are read from the log at once.
const AT_ONCE: u32 = 500;

/// A failover this long before a provider's incident is its first chapter, milliseconds: requests leave a route as its last
/// calls fail, a few calls before its circuit opens.
const LED_UP_MS: i64 = 60_000;

/// The change to a later tier that led up to an incident.
fn left_before(board: &IncidentBoard, opened: &Event) -> Option<Event> {
    let earlier = board.core.bus.shown().into_iter().map(|shown| shown.event);
    let mut earlier =
        earlier.filter(|event| event.id < opened.id && opened.at_ms.saturating_sub(event.at_ms) <= LED_UP_MS);
    let last = earlier.find(|event| matches!(event.what, EventKind::TierChanged { .. }))?;
    matches!(&last.what, EventKind::TierChanged { from, to, .. } if to > from).then_some(last)
}

/// The incidents that are not closed.
#[derive(Debug)]
pub(super) struct Keeper {
    cases: Vec<Case>,
    /// Every event up to this one was heard.
    floor: i64,
    /// Closed ones that are still shown.
    closed: Vec<IncidentBrief>,
}

impl Keeper {
    pub(super) fn new(last_event: i64) -> Self {
        Self { cases: Vec::new(), floor: last_event, closed: Vec::new() }
    }

    /// Takes up the incidents of before a restart.
    pub(super) async fn restore(&mut self, board: &IncidentBoard) {
        let incidents = board.core.store.incidents();
        let since_ms = clock::now().wall_ms.saturating_sub(SHOWN_CLOSED_MS);
        let kept = match incidents.unclosed(since_ms).await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::error!(code = error.code(), %error, "incidents of before the start could not be read");
                return;
            }
        };
        for incident in kept {
            if incident.brief.state == IncidentState::Closed {
                self.closed.push(incident.brief);
                continue;
            }
            self.cases.push(Case::resumed(incident, clock::now().wall_ms));
        }
        // The newest event on any timeline says up to where the keeper has heard.
        match incidents.last_heard().await {
            Ok(Some(heard)) if self.floor.saturating_sub(heard) <= UNHEARD => {
                self.floor = heard.min(self.floor);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(code = error.code(), %error, "timelines could not be read"),
        }
        self.show(board);
    }

    /// Reads from the log what was not heard.
    pub(super) async fn catch_up(&mut self, board: &IncidentBoard) {
        board.core.writer.flush().await;
        let mut after = self.floor;
        loop {
            let events = match board.core.store.events().after(after, AT_ONCE).await {
                Ok(events) => events,
                Err(error) => {
                    tracing::error!(code = error.code(), %error, "events of incidents could not be read");
                    return;
                }
            };
            for event in &events {
                after = event.id;
                self.hear(board, event).await;
            }
            if events.len() < AT_ONCE as usize {
                return;
            }
        }
    }

    /// Takes an event. Events come in the order of their ids; one that was read from the log already is passed over.
    pub(super) async fn hear(&mut self, board: &IncidentBoard, event: &Event) {
        if event.id <= self.floor {
            return;
        }
        self.floor = event.id;
        let Some(running) = board.core.running.load_full() else { return };
        for opening in openings(&board.core, &running, event) {
            match self.cases.iter_mut().find(|case| case.incident.brief.provider == opening.provider) {
                Some(case) => case.again(&opening, event),
                None => self.open(board, &running, &opening, event).await,
            }
        }
        let mut is_told = false;
        for case in &mut self.cases {
            if belongs(&event.what, &case.incident.brief.provider, &running.map) {
                case.hear(event, &running.map);
                is_told = true;
            }
        }
        if is_told {
            self.write_down(board).await;
            self.show(board);
        }
    }

    async fn open(&mut self, board: &IncidentBoard, running: &Running, opening: &Opening, event: &Event) {
        let mut case = Case::open(opening, event, running.version, &running.map.goals);
        match board.core.store.incidents().open(&case.incident).await {
            Ok(id) => case.incident.brief.id = id,
            Err(error) => {
                tracing::error!(code = error.code(), %error, "an incident could not be kept");
                return;
            }
        }
        if let Some(left) = left_before(board, event) {
            case.hear(&left, &running.map);
        }
        let brief = &case.incident.brief;
        let what = EventKind::IncidentOpened {
            incident: brief.id,
            provider: brief.provider.clone(),
            title: brief.title.clone(),
        };
        self.cases.push(case);
        board.core.bus.emit(what, clock::now());
    }

    /// The beat.
    pub(super) async fn beat(&mut self, board: &IncidentBoard) {
        let now = clock::now();
        let Some(running) = board.core.running.load_full() else { return };
        if self.cases.is_empty() {
            let shown = self.closed.len();
            self.closed.retain(|brief| is_shown(brief, now));
            if self.closed.len() != shown {
                self.show(board);
            }
            return;
        }
        let settings = running.map.incidents;
        let mut over = Vec::new();
        for case in &mut self.cases {
            let provider = &case.incident.brief.provider;
            let condition = board
                .core
                .with_fleet(|fleet| condition(fleet, &running.map, provider, settings.calm_ms, now));
            if case.beat(condition.unwrap_or_default(), &settings, now) {
                over.push(case.incident.brief.id);
            }
        }
        self.several_down(settings.several_down_ms, now);
        self.measure_all(board, false).await;
        for id in over {
            self.close(board, id, "router", now).await;
        }
        self.raise_alerts(board, &running.map, now);
        self.announce(board, &running, now).await;
        self.write_down(board).await;
        self.show(board);
    }

    /// Several providers down at once for long are as bad as it gets.
    fn several_down(&mut self, ms: u64, now: Now) {
        if self.cases.iter().filter(|case| case.is_down_for(ms, now.mono_ms)).count() < 2 {
            return;
        }
        for case in self.cases.iter_mut().filter(|case| case.is_down_for(ms, now.mono_ms)) {
            if case.incident.brief.severity != Severity::One {
                case.incident.brief.severity = Severity::One;
                let minutes = ms / 60_000;
                let title = format!("Several providers are down for more than {minutes} min: severity 1.");
                case.tell(now.wall_ms, StatusLevel::Stop, title, None, None);
            }
        }
    }

    /// Measures those that are due; all of them when it is asked for now.
    pub(super) async fn measure_all(&mut self, board: &IncidentBoard, at_once: bool) {
        let Some(running) = board.core.running.load_full() else { return };
        for case in &mut self.cases {
            measure::measure(&board.core, &running, case, at_once).await;
        }
    }

    fn raise_alerts(&mut self, board: &IncidentBoard, map: &RoutingMap, now: Now) {
        let (bound, every_ms) = (map.incidents.alert_percent, map.incidents.alert_every_ms);
        for case in &mut self.cases {
            let Some(percent) = case.incident.kpis.user_error_percent.value else { continue };
            #[expect(clippy::cast_precision_loss, reason = "a percentage")]
            let is_over = percent > bound as f64;
            let is_quiet = case.alerted_mono_ms.is_none_or(|at| now.mono_ms.saturating_sub(at) >= every_ms);
            if is_over && is_quiet {
                case.alerted_mono_ms = Some(now.mono_ms);
                let brief = &case.incident.brief;
                let reason = format!(
                    "{percent} % of {} requests ended in an error for their caller while {} is in trouble",
                    case.incident.kpis.requests, brief.provider
                );
                board.core.bus.emit(
                    EventKind::UsersHurt { incident: brief.id, provider: brief.provider.clone(), reason },
                    now,
                );
            }
        }
    }

    /// Tells those who are to be told that traffic left, or came home: the map's own targets at once, an app's as soon as a
    /// request of its own was touched. A provider that flaps is not announced each time.
    async fn announce(&mut self, board: &IncidentBoard, running: &Running, now: Now) {
        let every_ms = running.map.incidents.alert_every_ms;
        for case in &mut self.cases {
            let touched = case.tally.touched_ms();
            let clients: Vec<String> = touched.keys().cloned().collect();
            let targets = announce::targets(&running.map, &clients).into_iter();
            let due: Vec<(String, Announced)> = targets
                .filter_map(|(client, target)| {
                    let touched_ms = client.and_then(|client| touched.get(&client).copied());
                    let news = case.news(&target, touched_ms, now.mono_ms, every_ms)?;
                    Some((target, news))
                })
                .collect();
            for (target, news) in &due {
                case.told(target.clone(), *news, now.mono_ms);
            }
            announce::announce(board, running, &case.incident, due).await;
        }
    }

    /// Closes one by hand; false when it is not open.
    pub(super) async fn close_by_hand(
        &mut self,
        board: &IncidentBoard,
        id: IncidentId,
        by: ByHand<'_>,
    ) -> bool {
        let now = clock::now();
        let Some(case) = self.cases.iter_mut().find(|case| case.incident.brief.id == id) else {
            return false;
        };
        let title = format!("Closed by hand ({}).", by.actor);
        case.tell(now.wall_ms, StatusLevel::Info, title, by.reason.map(str::to_owned), None);
        self.close(board, id, by.actor, now).await;
        self.show(board);
        true
    }

    async fn close(&mut self, board: &IncidentBoard, id: IncidentId, by: &str, now: Now) {
        let Some(at) = self.cases.iter().position(|case| case.incident.brief.id == id) else { return };
        let Some(running) = board.core.running.load_full() else { return };
        let case = &mut self.cases[at];
        case.close(by, now.wall_ms);
        measure::measure(&board.core, &running, case, true).await;
        self.announce(board, &running, now).await;
        self.write_down(board).await;
        let case = self.cases.remove(at);
        let brief = case.incident.brief;
        let what = EventKind::IncidentClosed {
            incident: brief.id,
            provider: brief.provider.clone(),
            summary: brief.summary.clone(),
        };
        self.closed.push(brief);
        board.core.bus.emit(what, now);
    }

    /// Keeps what has changed. What can't be kept now is tried again at the next beat.
    pub(super) async fn write_down(&mut self, board: &IncidentBoard) {
        let incidents = board.core.store.incidents();
        for case in self.cases.iter_mut().filter(|case| case.dirty) {
            case.incident.brief.summary = summary(&case.incident);
            let id = case.incident.brief.id;
            let kept = match incidents.append(id, &case.unwritten).await {
                Ok(()) => {
                    case.unwritten.clear();
                    incidents.save(&case.incident).await
                }
                Err(error) => Err(error),
            };
            match kept {
                Ok(()) => case.dirty = false,
                Err(error) => {
                    tracing::error!(code = error.code(), %error, incident = id.0, "an incident could not be kept");
                }
            }
        }
    }

    fn show(&mut self, board: &IncidentBoard) {
        let mut shown: Vec<IncidentBrief> = self
            .cases
            .iter()
            .map(|case| case.incident.brief.clone())
            .chain(self.closed.iter().cloned())
            .collect();
        shown.sort_by_key(|brief| std::cmp::Reverse(brief.id));
        let mut before = lock(&board.board);
        if *before != shown {
            *before = shown;
            drop(before);
            board.core.bus.touch();
        }
    }
}

fn is_shown(brief: &IncidentBrief, now: Now) -> bool {
    brief.closed_at_ms.is_none_or(|closed| now.wall_ms.saturating_sub(closed) < SHOWN_CLOSED_MS)
}

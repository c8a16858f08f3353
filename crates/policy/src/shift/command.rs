//! What people say about shifts, and the router's own beginning of one.

use switchyard_domain::event::EventKind;
use switchyard_domain::map::{RoutingMap, ShiftMode};
use switchyard_domain::operate::{SetDistribution, ShiftPhase, StartShift, Target};
use switchyard_domain::{Now, Problem};

use super::course::Shift;
use super::distribution::Distribution;
use super::evidence::ids;
use super::judge::p95_of;
use super::target::{read, sides};
use super::{ShiftCommand, Shifts};
use crate::fleet::{Change, Fleet};

type Done = Result<(Option<u64>, Vec<EventKind>), Problem>;

/// The reason of who gives none.
const BY_HAND: &str = "by hand";

/// Who says something, why and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) actor: &'a str,
    pub(super) reason: Option<&'a str>,
    pub(super) now: Now,
}

impl<'a> Word<'a> {
    fn why(&self) -> &'a str {
        self.reason.unwrap_or(BY_HAND)
    }
}

/// A move to begin.
#[derive(Clone, Debug)]
pub(super) struct Move {
    pub(super) from: Target,
    pub(super) to: Target,
    pub(super) mode: ShiftMode,
    /// The share it ends at, percent.
    pub(super) last: u32,
}

impl Fleet {
    /// Does what a person says about shifts: the number of the shift it was about, and what that changed.
    ///
    /// # Errors
    /// A problem that names what is wrong and the fix; then nothing has changed.
    pub fn command_shift(
        &mut self,
        map: &RoutingMap,
        command: ShiftCommand,
        actor: &str,
        reason: Option<&str>,
        now: Now,
    ) -> Result<(Option<u64>, Vec<Change>), Problem> {
        let word = Word { actor, reason, now };
        let mut shifts = std::mem::take(&mut self.shifts);
        let done = match command {
            ShiftCommand::Start(command) => self.start_by_hand(&mut shifts, map, &command, word),
            ShiftCommand::Failback { shift, at_once } => {
                self.failback_by_hand(&mut shifts, map, shift, at_once, word)
            }
            ShiftCommand::Hold { shift, held } => shifts.hold_by_hand(shift, held, word),
            ShiftCommand::Distribute(command) => shifts.distribute(map, command, word),
        };
        shifts.all.retain(|shift| !shift.is_over());
        shifts.revision += u64::from(done.is_ok());
        self.note_shut(&mut shifts, map);
        self.describe_shifts(&mut shifts, map, now);
        self.shifts = shifts;
        done.map(|(id, news)| (id, news.into_iter().map(Change::Told).collect()))
    }

    fn start_by_hand(
        &self,
        shifts: &mut Shifts,
        map: &RoutingMap,
        command: &StartShift,
        word: Word<'_>,
    ) -> Done {
        let now = word.now;
        let from = read(map, "from", &command.from)?;
        let to = command.to.as_deref().map_or(Ok(Target::Rest), |to| read(map, "to", to))?;
        let (mode, last) = (command.mode.unwrap_or(map.shift_mode), command.percent.unwrap_or(100));
        if !(1..=100).contains(&last) {
            return Err(Problem::new("invalid_percent", format!("percent: {last} is not from 1 to 100.")));
        }
        let (home, others) = sides(map, &from, &to);
        if home.is_empty() {
            let message = format!(
                "from: there is no route of {from} to move traffic from. Name a tier, a provider, a route or a model."
            );
            return Err(Problem::new("invalid_target", message));
        }
        if others.is_empty() {
            let message = if to == Target::Rest {
                format!("to: the map has no route besides those of {from}. Add one, and move traffic there.")
            } else {
                format!("to: there is no route of {to} besides those of {from}. Name another target.")
            };
            return Err(Problem::new("invalid_target", message));
        }
        if let Some(why) = self.all_out(map, &others, now) {
            let message =
                format!("to: {to} can't answer now ({why}). Wait until it can, or name another target.");
            return Err(Problem::new("conflict_target_out", message));
        }
        let word = Word { reason: command.reason.as_deref().or(word.reason), ..word };
        let Some(known) = shifts.all.iter_mut().find(|shift| shift.from == from) else {
            let (id, news) = self.begin_shift(shifts, map, Move { from, to, mode, last }, word);
            return Ok((Some(id), news));
        };
        // Saying it twice is no reason to skip a watched step.
        let goal = known.steps.last().copied().unwrap_or_default();
        if known.to == to && known.phase == ShiftPhase::Leaving && known.mode == mode && goal == last {
            let message = format!(
                "Shift {} moves {from}'s traffic to {to} already, up to {last} %, and has moved {} %. `switchyard shift \
                 list` says what it waits for.",
                known.id, known.share
            );
            return Err(Problem::new("conflict_shift_exists", message));
        }
        let on_its_way = known.phase != ShiftPhase::Returning && known.share >= last;
        if known.to != to || on_its_way {
            let message = format!(
                "Shift {} has moved {} % of {from}'s traffic to {} already. Bring it home first: `switchyard failback {}`.",
                known.id, known.share, known.to, known.id
            );
            return Err(Problem::new("conflict_shift_exists", message));
        }
        known.mode = mode;
        Ok((Some(known.id), known.go_further(last, &map.steps, word.why(), now)))
    }

    /// Begins a shift between two targets that are known to have routes.
    pub(super) fn begin_shift(
        &self,
        shifts: &mut Shifts,
        map: &RoutingMap,
        Move { from, to, mode, last }: Move,
        word: Word<'_>,
    ) -> (u64, Vec<EventKind>) {
        let (home, others) = sides(map, &from, &to);
        let (now, reason) = (word.now, word.why());
        // A few calls an hour say how quick a side is only over a longer span.
        let spans = [map.triggers.window_ms, map.failback.healthy_ms];
        let p95 = |routes| {
            let ids = ids(map, routes);
            spans.into_iter().find_map(|span| p95_of(&self.watch.seen(&ids, span, now)))
        };
        let baselines = (p95(&home), p95(&others));
        shifts.next_id = shifts.next_id.max(1);
        let id = shifts.next_id;
        shifts.next_id += 1;
        let mut shift = Shift::new(id, (from, to), mode, baselines, word.actor, reason, now);
        shift.resolve(map);
        let started = shift.started();
        shift.leave(last, &map.steps, now);
        let news = vec![started, shift.moved(reason)];
        shifts.all.push(shift);
        (id, news)
    }

    fn failback_by_hand(
        &self,
        shifts: &mut Shifts,
        map: &RoutingMap,
        which: Option<u64>,
        at_once: bool,
        word: Word<'_>,
    ) -> Done {
        let shift = shifts.find(which)?;
        let (Word { actor, now, .. }, reason) = (word, word.why());
        if !at_once {
            let (home, _) = sides(map, &shift.from, &shift.to);
            if let Some(why) = self.all_out(map, &home, now) {
                let message = format!(
                    "{} can't answer now ({why}). Wait until it can, or take the shift back at once: `switchyard failback {} --now`.",
                    shift.from, shift.id
                );
                return Err(Problem::new("conflict_home_out", message));
            }
            if shift.phase == ShiftPhase::Returning && shift.held.is_none() && shift.doubt.is_none() {
                let message = format!("Shift {} is on its way home already.", shift.id);
                return Err(Problem::new("conflict_shift_returns", message));
            }
        }
        let mut news = match shift.phase {
            ShiftPhase::Returning if !at_once => shift.release(actor, reason, now),
            ShiftPhase::Returning => Vec::new(),
            ShiftPhase::Leaving | ShiftPhase::Away | ShiftPhase::Home => {
                shift.turn_home(&map.steps, actor, reason, now)
            }
        };
        if at_once {
            news.truncate(1);
            news.push(shift.end(reason));
        }
        let (id, provider) = (shift.id, shift.provider.clone());
        shifts.answered.extend(provider);
        Ok((Some(id), news))
    }
}

impl Shifts {
    fn hold_by_hand(&mut self, which: Option<u64>, held: bool, word: Word<'_>) -> Done {
        let shift = self.find(which)?;
        let (id, Word { actor, now, .. }, reason) = (shift.id, word, word.why());
        if held {
            let news = if shift.held.is_some() { Vec::new() } else { vec![shift.hold(actor, reason, now)] };
            return Ok((Some(id), news));
        }
        if shift.held.is_none() && shift.doubt.is_none() {
            let message = format!("Shift {id} is not held. `switchyard shift list` shows what it waits for.");
            return Err(Problem::new("conflict_not_held", message));
        }
        Ok((Some(id), shift.release(actor, reason, now)))
    }

    fn distribute(&mut self, map: &RoutingMap, command: SetDistribution, word: Word<'_>) -> Done {
        let Word { actor, now, .. } = word;
        let reason = command.reason.clone().or_else(|| word.reason.map(str::to_owned));
        let command = SetDistribution { reason, ..command };
        if !command.weights.is_empty() {
            let made = Distribution::new(map, &command, self.distribution.as_ref(), actor, now)?;
            let told = made.told();
            self.distribution = Some(made);
            return Ok((None, vec![told]));
        }
        let reason = command.reason.unwrap_or_else(|| BY_HAND.to_owned());
        let told = EventKind::Distributed { weights: None, actor: actor.to_owned(), reason };
        Ok((None, self.distribution.take().map(|_| told).into_iter().collect()))
    }

    /// The shift that is meant; the only one when none is named.
    fn find(&mut self, which: Option<u64>) -> Result<&mut Shift, Problem> {
        let known: Vec<String> =
            self.all.iter().map(|shift| format!("{} (from {})", shift.id, shift.from)).collect();
        let at = match which {
            Some(id) => self.all.iter().position(|shift| shift.id == id),
            None if self.all.len() > 1 => {
                let message = format!("Several shifts are under way: {}. Name one.", known.join(", "));
                return Err(Problem::new("conflict_several_shifts", message));
            }
            None => (!self.all.is_empty()).then_some(0),
        };
        at.and_then(|at| self.all.get_mut(at)).ok_or_else(|| {
            let message = match (which, known.is_empty()) {
                (_, true) => "No traffic is moved: there is no shift.".to_owned(),
                (Some(id), false) => format!("There is no shift {id}. Under way: {}.", known.join(", ")),
                (None, false) => format!("Name a shift: {}.", known.join(", ")),
            };
            Problem::new("not_found_shift", message)
        })
    }
}

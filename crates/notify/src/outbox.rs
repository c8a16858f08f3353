//! Texts on their way to webhooks: kept until they arrive, tried again with growing waits.
//!
//! Whoever hands in a text never waits. Each target gets its texts in the order they were handed in, one at a time, and one
//! target that hangs or fails holds up no other. While this machine is offline nothing is tried; it goes on as soon as the
//! network is back. A text is given up when its target refuses it for good, after a day, or when newer ones need its place;
//! then what belongs to the same thread and would only make sense after it is not sent either.
//!
//! It lives in memory: what a router has not sent when it ends is lost.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use reqwest::Url;
use switchyard_domain::Now;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::notice::{Notice, Urgency};
use crate::quiet::Quiet;
use crate::sinks::NotifyError;
use crate::webhook;

/// Texts that wait at most; one more pushes out the oldest. An incident has two for each target.
const MOST_WAITING: usize = 256;
/// Threads of which a first text was given up are remembered so far back.
const MOST_GIVEN_UP: usize = 256;
/// The first wait before another try, milliseconds; doubled each time.
const FIRST_WAIT_MS: u64 = 1_000;
/// The longest wait before another try, milliseconds.
const LONGEST_WAIT_MS: u64 = 300_000;
/// A text older than this, milliseconds, is news no more.
const STALE_MS: u64 = 24 * 3_600_000;
/// While something waits, the network is looked at this often, milliseconds.
const LOOK_EVERY_MS: u64 = 1_000;

/// One text for one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Where it goes. Never shown beyond its host.
    pub to: Url,
    /// What it is about: the texts of a thread belong together.
    pub thread: String,
    /// Whether it begins its thread; the others make sense only to those who got this one.
    pub begins: bool,
    /// The text.
    pub text: String,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tried {
    Arrived,
    Failed,
    RefusedForGood,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    letter: Letter,
    tries: u32,
    due_mono_ms: u64,
    since_mono_ms: u64,
    under_way: bool,
}

/// The texts that wait.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    next_number: u64,
    waiting: VecDeque<Waiting>,
    /// Target and thread of first texts that were given up.
    given_up: VecDeque<(Url, String)>,
    quiet: Quiet,
}

impl Outbox {
    /// Takes a text. The same one for the same target is taken once a minute. Never waits.
    pub fn push(&self, letter: Letter, now: Now) {
        self.state().push(letter, now);
        self.news.notify_one();
    }

    /// Texts that have not arrived yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries texts until it is dropped. `now` reads the router's clock, `is_online` says whether this machine's network
    /// works as far as is known.
    pub async fn run(&self, now: impl Fn() -> Now + Send, is_online: impl Fn() -> bool + Send) {
        let mut posts: JoinSet<(u64, Result<(), webhook::Refused>)> = JoinSet::new();
        let mut was_online = true;
        loop {
            let online = is_online();
            let (due, is_empty) = {
                let mut state = self.state();
                if online && !was_online {
                    state.hurry(now());
                }
                was_online = online;
                (state.take_due(online, now()), state.waiting.is_empty())
            };
            for (number, letter) in due {
                posts.spawn(async move { (number, webhook::try_post(&letter.to, &letter.text).await) });
            }
            tokio::select! {
                Some(done) = posts.join_next(), if !posts.is_empty() => {
                    // A panic leaves its text under way; that is a fault of this room's, and costs that one target.
                    if let Ok((number, outcome)) = done {
                        self.state().settle(number, outcome, now());
                    }
                }
                () = self.news.notified() => {}
                () = tokio::time::sleep(std::time::Duration::from_millis(LOOK_EVERY_MS)), if !is_empty => {}
            }
        }
    }
}

impl State {
    fn push(&mut self, letter: Letter, now: Now) {
        let thread = (letter.to.clone(), letter.thread.clone());
        if letter.begins {
            self.given_up.retain(|known| *known != thread);
        } else if self.given_up.contains(&thread) {
            return;
        }
        let notice = Notice {
            title: letter.thread.clone(),
            body: letter.text.clone(),
            urgency: Urgency::Normal,
            key: format!("letter {} {} {}", letter.to, letter.thread, letter.text),
        };
        if self.quiet.admit(notice, now).is_none() {
            return;
        }
        if self.waiting.len() >= MOST_WAITING
            && let Some(oldest) = self.waiting.iter().find(|waiting| !waiting.under_way)
        {
            let number = oldest.number;
            self.give_up(number, "newer ones need its place");
        }
        self.next_number += 1;
        self.waiting.push_back(Waiting {
            number: self.next_number,
            letter,
            tries: 0,
            due_mono_ms: now.mono_ms,
            since_mono_ms: now.mono_ms,
            under_way: false,
        });
    }

    /// The network is back: whatever waits is due.
    fn hurry(&mut self, now: Now) {
        for waiting in &mut self.waiting {
            waiting.due_mono_ms = waiting.due_mono_ms.min(now.mono_ms);
        }
    }

    /// What is to be tried now: each target's oldest text, if it is due and not under way.
    fn take_due(&mut self, online: bool, now: Now) -> Vec<(u64, Letter)> {
        let stale: Vec<u64> = self
            .waiting
            .iter()
            .filter(|waiting| {
                !waiting.under_way && now.mono_ms - waiting.since_mono_ms.min(now.mono_ms) > STALE_MS
            })
            .map(|waiting| waiting.number)
            .collect();
        for number in stale {
            self.give_up(number, "it is a day old");
        }
        let mut targets: Vec<Url> = Vec::new();
        let mut due = Vec::new();
        for waiting in &mut self.waiting {
            if targets.contains(&waiting.letter.to) {
                continue;
            }
            targets.push(waiting.letter.to.clone());
            let may_go = online || is_near(&waiting.letter.to);
            if may_go && !waiting.under_way && waiting.due_mono_ms <= now.mono_ms {
                waiting.under_way = true;
                due.push((waiting.number, waiting.letter.clone()));
            }
        }
        due
    }

    fn settle(&mut self, number: u64, outcome: Result<(), webhook::Refused>, now: Now) {
        let (tried, error) = match outcome {
            Ok(()) => (Tried::Arrived, None),
            Err(refused) if refused.for_good => (Tried::RefusedForGood, Some(refused.error)),
            Err(refused) => (Tried::Failed, Some(refused.error)),
        };
        self.tried(number, tried, error.as_ref(), now);
    }

    fn tried(&mut self, number: u64, tried: Tried, error: Option<&NotifyError>, now: Now) {
        let Some(at) = self.waiting.iter().position(|waiting| waiting.number == number) else { return };
        match tried {
            Tried::Arrived => {
                self.waiting.remove(at);
            }
            Tried::RefusedForGood => {
                let why = error.map(ToString::to_string).unwrap_or_default();
                self.give_up(number, &why);
            }
            Tried::Failed => {
                let waiting = &mut self.waiting[at];
                waiting.under_way = false;
                let wait_ms = FIRST_WAIT_MS.saturating_mul(1 << waiting.tries.min(16)).min(LONGEST_WAIT_MS);
                waiting.tries += 1;
                waiting.due_mono_ms = now.mono_ms.saturating_add(wait_ms);
                if let (1, Some(error)) = (waiting.tries, error) {
                    tracing::warn!(to = shown(&waiting.letter.to), %error, "not sent yet; it is tried again");
                }
            }
        }
    }

    /// Drops a text, and what would only make sense after it.
    fn give_up(&mut self, number: u64, why: &str) {
        let Some(at) = self.waiting.iter().position(|waiting| waiting.number == number) else { return };
        let Some(Waiting { letter, .. }) = self.waiting.remove(at) else { return };
        tracing::warn!(to = shown(&letter.to), why, "a text was given up");
        if !letter.begins {
            return;
        }
        let follows = |waiting: &Waiting| {
            waiting.letter.to == letter.to && waiting.letter.thread == letter.thread && !waiting.letter.begins
        };
        self.waiting.retain(|waiting| waiting.under_way || !follows(waiting));
        self.given_up.push_back((letter.to, letter.thread));
        if self.given_up.len() > MOST_GIVEN_UP {
            self.given_up.pop_front();
        }
    }
}

fn shown(url: &Url) -> String {
    webhook::Address::Webhook(url.clone()).shown()
}

/// Whether a target is this machine, which is reached without a network.
fn is_near(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;

//! Incidents: opened by circuits, triggers, moves by hand and changes of tier; told event by event, measured from the
//! request log, announced, and closed once all is calm.
//!
//! One keeper owns the incidents that are not closed. It hears the bus's events and beats once a second; what people
//! do goes through the same lock. It never decides where a request goes, and trouble of this machine's own network
//! opens no incident: then no circuit moves and no trigger fires.

mod announce;
mod case;
mod emergency;
mod events;
mod keeper;
mod kpis;
mod look;
mod measure;
mod report;
mod review;
mod tally;
mod words;

use std::sync::{Arc, Mutex};

use switchyard_domain::incident::IncidentBrief;
use switchyard_notify::Outbox;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::core::clock;
use crate::core::{Core, lock};
use crate::walk::Walk;
use keeper::Keeper;

pub(crate) use announce::{Told, deliver, send_notice};
pub(crate) use emergency::page as emergency_page;
pub(crate) use report::markdown;
pub(crate) use review::review;

const BEAT_MS: u64 = 1_000;
/// How long a closed incident is still shown, milliseconds.
const SHOWN_CLOSED_MS: i64 = 3_600_000;

/// Where the incidents that are not closed lie.
#[derive(Debug)]
pub(crate) struct IncidentBoard {
    core: Arc<Core>,
    walk: Arc<Walk>,
    /// What the window shows, newest first.
    board: Mutex<Vec<IncidentBrief>>,
    /// Held across the database's answers: one thing at a time happens to incidents.
    keeper: tokio::sync::Mutex<Keeper>,
    /// Whether this router shows notices on the desktop.
    desktop: bool,
    /// What is on its way to webhooks.
    outbox: Outbox,
}

impl IncidentBoard {
    /// A board that goes on after an event of the log.
    pub(crate) fn new(walk: Arc<Walk>, last_event: i64, desktop: bool) -> Self {
        Self {
            core: Arc::clone(&walk.core),
            walk,
            board: Mutex::default(),
            keeper: tokio::sync::Mutex::new(Keeper::new(last_event)),
            desktop,
            outbox: Outbox::default(),
        }
    }

    /// What is shown: those not closed, and those closed in the last hour; newest first.
    pub(crate) fn shown(&self, now_ms: i64) -> Vec<IncidentBrief> {
        let recent = |brief: &&IncidentBrief| {
            brief.closed_at_ms.is_none_or(|closed| now_ms.saturating_sub(closed) < SHOWN_CLOSED_MS)
        };
        lock(&self.board).iter().filter(recent).cloned().collect()
    }
}

/// Runs until stopped.
pub(crate) async fn run(incidents: Arc<IncidentBoard>, stop: CancellationToken) {
    let mut events = incidents.core.bus.subscribe();
    {
        let mut keeper = incidents.keeper.lock().await;
        keeper.restore(&incidents).await;
        // What happened between the start and this moment, and before a crash, is in the log.
        keeper.catch_up(&incidents).await;
    }
    let mut next = clock::now().mono_ms + BEAT_MS;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = clock::sleep_until(next) => {
                next = clock::now().mono_ms + BEAT_MS;
                incidents.keeper.lock().await.beat(&incidents).await;
            }
            event = events.recv() => {
                let mut keeper = incidents.keeper.lock().await;
                match event {
                    Ok(event) => keeper.hear(&incidents, &event).await,
                    Err(RecvError::Lagged(missed)) => {
                        tracing::info!(missed, "events came fast; incidents are read from the log");
                        keeper.catch_up(&incidents).await;
                    }
                    Err(RecvError::Closed) => break,
                }
            }
        }
    }
    incidents.keeper.lock().await.write_down(&incidents).await;
}

/// What a person does to an incident that is not closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByHand<'a> {
    pub(crate) actor: &'a str,
    pub(crate) reason: Option<&'a str>,
}

/// Closes an incident by hand; false when it is not open.
pub(crate) async fn close(
    incidents: &Arc<IncidentBoard>,
    id: switchyard_domain::incident::IncidentId,
    by: ByHand<'_>,
) -> bool {
    incidents.keeper.lock().await.close_by_hand(incidents, id, by).await
}

/// Brings what is stored of the incidents that are not closed up to this moment.
pub(crate) async fn refresh(incidents: &Arc<IncidentBoard>) {
    let mut keeper = incidents.keeper.lock().await;
    keeper.measure_all(incidents, true).await;
    keeper.write_down(incidents).await;
}

//! How triggers are told: as views of what has fired, and as events when one fires or recovers.

use switchyard_domain::RouteId;
use switchyard_domain::event::EventKind;
use switchyard_domain::operate::{TriggerKind, TriggerView};

use super::share::{Kind, Verdict};
use super::signs::Sign;
use super::{ProviderWatch, RouteWatch};
use crate::fleet::Change;

impl RouteWatch {
    pub(super) fn views(&self, id: &RouteId) -> Vec<TriggerView> {
        let shares = Kind::ALL.map(|kind| (kind.trigger(), self.shares.of[kind as usize].fired()));
        let signs =
            [(TriggerKind::Probes, self.probes.fired()), (TriggerKind::Quality, self.quality.fired())];
        let all = shares.into_iter().chain(signs);
        all.filter_map(|(kind, sign)| Some(sign?.view(kind, &self.provider, Some(id)))).collect()
    }
}

impl ProviderWatch {
    pub(super) fn views(&self, name: &str) -> Vec<TriggerView> {
        let fired =
            |kind: Kind| Some(self.shares.of[kind as usize].fired()?.view(kind.trigger(), name, None));
        Kind::ALL.into_iter().filter_map(fired).collect()
    }
}

impl Sign {
    pub(super) fn view(&self, kind: TriggerKind, provider: &str, route: Option<&RouteId>) -> TriggerView {
        TriggerView {
            kind,
            provider: provider.to_owned(),
            route: route.cloned(),
            reason: self.reason.clone(),
            began_at_ms: self.began_at_ms,
            fired_at_ms: self.fired_at_ms,
            recovers: self.recovers.clone(),
        }
    }
}

pub(super) fn tell(
    changes: &mut Vec<Change>,
    kind: TriggerKind,
    provider: &str,
    route: Option<&RouteId>,
    verdict: Option<Verdict>,
) {
    let (provider, route) = (provider.to_owned(), route.cloned());
    changes.extend(verdict.map(|verdict| {
        Change::Told(match verdict {
            Verdict::Fires { began_at_ms, reason } => {
                EventKind::TriggerFired { kind, provider, route, began_at_ms, reason }
            }
            Verdict::Clears { reason } => EventKind::TriggerCleared { kind, provider, route, reason },
        })
    }));
}

/// What the event log hears of triggers whose target is gone.
pub(super) fn farewell(route: Option<&RouteId>, provider: &str, fired: &[TriggerView]) -> Vec<Change> {
    let mut changes = Vec::new();
    for view in fired {
        let reason = "the map has changed, and what was judged is no longer in it".to_owned();
        tell(&mut changes, view.kind, provider, route, Some(Verdict::Clears { reason }));
    }
    changes
}

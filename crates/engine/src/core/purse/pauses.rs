//! The pauses that money brings: when they begin and end, and whose work they hold.

use switchyard_domain::budget::{BudgetView, Cost, Pause, PauseCause, Scope};
use switchyard_domain::event::EventKind;
use switchyard_domain::map::WebhookScope;
use switchyard_policy::spend::Lift;

use super::State;
use crate::core::clock;

impl State {
    /// Budgets at their mark or cap hold new work of their scope.
    pub(super) fn note_crossings(&mut self) {
        let now = clock::now();
        for view in self.budgets.crossings() {
            let reason = reason(&view);
            let cause = PauseCause::Budget(view.id);
            if self.pauses.add(cause.clone(), "switchyard", &reason, now) {
                self.pauses_changed = true;
                self.tell_paused(&cause);
            }
        }
    }

    /// Lifts budgets that are open again.
    pub(super) fn reconcile(&mut self) -> Vec<Pause> {
        let Self { budgets, pauses, .. } = self;
        let lifted = pauses.reconcile(|id| budgets.standing(id));
        self.tell_lifted(&lifted);
        lifted
    }

    pub(super) fn whose(&self, cause: &PauseCause) -> Scope {
        cause.whose(self.webhooks == WebhookScope::All)
    }

    pub(super) fn tell_paused(&mut self, cause: &PauseCause) {
        let Some(pause) = self.pauses.all().iter().find(|pause| pause.cause == *cause).cloned() else {
            return;
        };
        let whose = self.whose(&pause.cause);
        self.news.push(EventKind::MoneyPaused { cause: pause.cause, whose, reason: pause.reason });
    }

    pub(super) fn tell_lifted(&mut self, lifted: &[Pause]) {
        self.pauses_changed |= !lifted.is_empty();
        for pause in lifted {
            let whose = self.whose(&pause.cause);
            self.news.push(EventKind::MoneyResumed { cause: pause.cause.clone(), whose });
        }
    }

    /// Lifts the alert of a provider, or the runaway of an app.
    pub(super) fn lift_of(&mut self, scope: &Scope) -> Option<Pause> {
        let cause = match scope {
            Scope::Provider(provider) => PauseCause::Webhook(provider.clone()),
            Scope::Client(client) => PauseCause::Runaway(client.clone()),
            Scope::Total | Scope::Job(_) => return None,
        };
        let lifted = self.pauses.lift_one(&cause)?;
        self.tell_lifted(std::slice::from_ref(&lifted));
        Some(lifted)
    }

    pub(super) fn lift(&mut self, lift: Lift) -> Vec<Pause> {
        let Self { budgets, pauses, .. } = self;
        let lifted = pauses.lift(lift, |id| budgets.standing(id));
        self.tell_lifted(&lifted);
        lifted
    }
}

/// Why a budget holds work, in words.
fn reason(view: &BudgetView) -> String {
    let amount = |amount: u64| {
        if view.measure.is_usd() {
            Cost { nano_usd: amount, tokens: 0 }.usd().to_string()
        } else {
            format!("{amount} tokens")
        }
    };
    let spent = view.spent.saturating_add(view.unsettled);
    format!("{} of {} is spent, {} %", amount(spent), amount(view.cap), view.percent)
}

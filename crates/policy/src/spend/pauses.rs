//! The causes new work waits for: a set, so that one that ends never lifts another.
//!
//! A person's own pause holds everything until a person lifts it. A budget at its mark or cap holds the work of its scope;
//! it ends with a raised cap, a new window, or a person's word ([`super::Budgets::resume`]). A provider's webhook holds all
//! new work or that provider's, as the map says; an app that spends as it never does is held alone. Both end with a
//! person's word. What is under way is held by nothing here.

use switchyard_domain::Now;
use switchyard_domain::budget::{BudgetId, Pause, PauseCause, Scope, Standing};
use switchyard_domain::map::WebhookScope;

/// What a person lifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lift {
    /// A person's own pause.
    Manual,
    /// What money brought: budgets, webhooks, runaways; never a person's own pause.
    Money,
}

/// Work that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work<'a> {
    /// The provider it would go to; `None` on admission, when none is chosen: then only what holds it wherever it goes
    /// counts.
    pub provider: Option<&'a str>,
    /// Its app.
    pub client: &'a str,
    /// Its job.
    pub job: &'a str,
}

/// The causes, in the order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pauses {
    causes: Vec<Pause>,
}

impl Pauses {
    /// The causes that were kept; of one kept twice the first counts.
    #[must_use]
    pub fn of(kept: Vec<Pause>) -> Self {
        let mut pauses = Self::default();
        for pause in kept {
            if !pauses.holds(&pause.cause) {
                pauses.causes.push(pause);
            }
        }
        pauses
    }

    /// All causes, to be kept and shown.
    #[must_use]
    pub fn all(&self) -> &[Pause] {
        &self.causes
    }

    /// Whether this cause is among them.
    #[must_use]
    pub fn holds(&self, cause: &PauseCause) -> bool {
        self.causes.iter().any(|pause| pause.cause == *cause)
    }

    /// Adds a cause. False when it was there: since when, by whom and why stay as they are.
    pub fn add(&mut self, cause: PauseCause, by: &str, reason: &str, now: Now) -> bool {
        let is_new = !self.holds(&cause);
        if is_new {
            let (by, reason) = (by.to_owned(), reason.to_owned());
            self.causes.push(Pause { cause, since_ms: now.wall_ms, by, reason });
        }
        is_new
    }

    /// Lifts what a person lifts, and says what that was. Budgets are told first ([`super::Budgets::resume`]): one of
    /// which nothing is left stays.
    pub fn lift(&mut self, lift: Lift, standing: impl Fn(&BudgetId) -> Standing) -> Vec<Pause> {
        self.take(|cause| match cause {
            PauseCause::Manual => lift == Lift::Manual,
            PauseCause::Budget(id) => lift == Lift::Money && standing(id) != Standing::Reached,
            PauseCause::Webhook(_) | PauseCause::Runaway(_) => lift == Lift::Money,
        })
    }

    /// Lifts one cause.
    pub fn lift_one(&mut self, cause: &PauseCause) -> Option<Pause> {
        self.take(|held| held == cause).pop()
    }

    /// Lifts budgets that are open again, after a new window, a raised cap or a person's word, and says which they were.
    pub fn reconcile(&mut self, standing: impl Fn(&BudgetId) -> Standing) -> Vec<Pause> {
        self.take(|cause| match cause {
            PauseCause::Budget(id) => standing(id) == Standing::Open,
            PauseCause::Manual | PauseCause::Webhook(_) | PauseCause::Runaway(_) => false,
        })
    }

    /// The first cause that holds this work, if any does.
    #[must_use]
    pub fn blocks(&self, work: Work<'_>, webhooks: WebhookScope) -> Option<&Pause> {
        let of = |provider: &str| work.provider == Some(provider);
        self.causes.iter().find(|pause| match &pause.cause {
            PauseCause::Manual => true,
            PauseCause::Budget(id) => match &id.scope {
                Scope::Total => true,
                Scope::Provider(provider) => of(provider),
                Scope::Client(client) => client == work.client,
                Scope::Job(job) => job == work.job,
            },
            PauseCause::Webhook(provider) => webhooks == WebhookScope::All || of(provider),
            PauseCause::Runaway(client) => client == work.client,
        })
    }

    fn take(&mut self, goes: impl Fn(&PauseCause) -> bool) -> Vec<Pause> {
        let (gone, left) = std::mem::take(&mut self.causes).into_iter().partition(|pause| goes(&pause.cause));
        self.causes = left;
        gone
    }
}

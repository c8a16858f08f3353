//! The money of one try, from its reservation to its end.

use std::sync::Arc;

use switchyard_domain::budget::{Cost, Pause, Scope};
use switchyard_domain::map::{Route, RouteIx};
use switchyard_domain::usage::BilledUsage;
use switchyard_domain::{CostBasis, Failure, FailureKind, RouteId, Usd};
use switchyard_policy::classify;
use switchyard_policy::spend::{Claim, Reservation, fitting_output_tokens};
use switchyard_prices::{Bounds, RateCard};
use switchyard_store::{LedgerSum, SpendKind};

use super::Purse;
use super::ledger::{Spent, bucket};
use super::priced::Priced;
use super::waiting::Refused;
use crate::core::clock;

/// Bytes of text that are taken for a token of an answer whose usage never came: few answers have fewer.
const BYTES_PER_TOKEN: u64 = 2;
/// What a picture, a sound or a document may take of a prompt, tokens: the dearest is a large image at a small model.
const TOKENS_PER_MEDIA: u64 = 50_000;

/// Whose money a request spends, and how much it may ask for.
#[derive(Clone, Debug)]
pub(crate) struct Payer {
    pub(crate) client: Arc<str>,
    pub(crate) job: Arc<str>,
    pub(crate) kind: SpendKind,
    /// Bytes of the request that may be text.
    pub(crate) text_bytes: u64,
    /// Pictures, sounds and documents in it.
    pub(crate) media: u64,
    /// The most output tokens it asks for; none where it names no maximum.
    pub(crate) max_output_tokens: Option<u64>,
    /// Whether its answer has tokens of its own: embeddings have none.
    pub(crate) has_output: bool,
}

/// The money of a try under way. However the try ends, it is settled once; dropped, as one that was given up.
#[derive(Debug)]
pub(crate) struct Payment {
    purse: Arc<Purse>,
    priced: Arc<Priced>,
    ix: RouteIx,
    route: RouteId,
    payer: Payer,
    /// Gone once it is settled.
    reservation: Option<Reservation>,
    began_wall_ms: i64,
    /// The most tokens its prompt is taken to have.
    input_tokens: u64,
    /// What the answer has reported so far.
    usage: Option<BilledUsage>,
    /// Bytes of the answer's text so far.
    said_bytes: u64,
    /// Whether the answer came to its end.
    is_whole: bool,
}

/// What a try has cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paid {
    pub(crate) usd: Usd,
    pub(crate) basis: CostBasis,
    usage: BilledUsage,
    /// Of which route the answer taught how many tokens a prompt of so many bytes has.
    pub(super) taught: Option<(RouteId, u64, u64)>,
}

impl Paid {
    pub(super) fn tokens(&self) -> u64 {
        self.usage.input_tokens().saturating_add(self.usage.output_tokens())
    }

    /// Whether there is something for the ledger.
    pub(crate) fn is_billed(&self) -> bool {
        !self.usage.is_empty() || self.usd != Usd::ZERO
    }

    pub(super) fn sum(&self) -> LedgerSum {
        let part = |is_so: bool| if is_so { self.usd } else { Usd::ZERO };
        LedgerSum {
            attempts: 1,
            input_tokens: self.usage.input_tokens(),
            cached_tokens: self.usage.cached_tokens(),
            cache_write_tokens: self.usage.cache_write_5m.saturating_add(self.usage.cache_write_1h),
            output_tokens: self.usage.output_tokens(),
            reasoning_tokens: self.usage.reasoning,
            cost: self.usd,
            estimated: part(self.basis == CostBasis::Estimate),
            assumed: part(self.basis == CostBasis::Assumed),
        }
    }
}

impl Payment {
    /// Holds the most that a try of a route may cost.
    ///
    /// # Errors
    /// Why the try is not to be made: it does not fit into a budget.
    pub(crate) async fn hold(
        purse: &Arc<Purse>,
        priced: &Arc<Priced>,
        (ix, route): (RouteIx, &Route),
        payer: Payer,
        deadline_mono_ms: u64,
    ) -> Result<Self, Failure> {
        let began_wall_ms = clock::now().wall_ms;
        let input_tokens = purse
            .most_tokens(&route.id, payer.text_bytes)
            .saturating_add(payer.media.saturating_mul(TOKENS_PER_MEDIA));
        let wanted = || payer.max_output_tokens.unwrap_or_else(|| purse.assume_output_tokens());
        let output_tokens = if payer.has_output { wanted() } else { 0 };
        let card = priced.card(ix);
        let most = |output_tokens| {
            let bounds = Bounds { has_media: payer.media > 0, ..Bounds::text(input_tokens, output_tokens) };
            Cost::new(card.worst_case(&bounds, began_wall_ms), input_tokens.saturating_add(output_tokens))
        };
        let names = (route.provider.as_str(), &*payer.client, &*payer.job);
        let worst = most(output_tokens);
        let held = purse.reserve(names, |scopes| Claim::whole(scopes, worst), deadline_mono_ms).await;
        let reservation = held.map_err(|refused| {
            let fits = |left| {
                let per_token = most(1_000).nano_usd.saturating_sub(most(0).nano_usd) / 1_000;
                fitting_output_tokens(left, most(0), per_token).min(output_tokens)
            };
            exhausted(route, &refused, fits)
        })?;
        Ok(Self {
            purse: Arc::clone(purse),
            priced: Arc::clone(priced),
            ix,
            route: route.id.clone(),
            payer,
            reservation: Some(reservation),
            began_wall_ms,
            input_tokens,
            usage: None,
            said_bytes: 0,
            is_whole: false,
        })
    }

    /// Takes what an answer under way has said so far: the usage it reported, and how much text.
    /// `None` is no new report.
    pub(crate) fn heard(&mut self, usage: Option<BilledUsage>, said_bytes: u64) {
        self.reports(usage);
        self.said_bytes = said_bytes;
    }

    /// The answer came to its end.
    pub(crate) fn answered(mut self, usage: Option<BilledUsage>) -> Option<Paid> {
        self.reports(usage);
        self.is_whole = true;
        self.settle(true)
    }

    /// Nobody waits for the answer any more. A provider bills what it was sent, and what it has said.
    pub(crate) fn given_up(mut self) -> Option<Paid> {
        self.settle(true)
    }

    /// The try failed. An error of the provider's own and one that never reached it cost nothing.
    pub(crate) fn failed(mut self, failure: &Failure) -> Option<Paid> {
        let is_error = failure.status.is_some_and(|status| status >= 400);
        let is_billed = self.usage.is_some() || (!is_error && classify(failure).reached_upstream);
        self.settle(is_billed)
    }

    fn reports(&mut self, usage: Option<BilledUsage>) {
        if usage.is_some() {
            self.usage = usage;
        }
    }

    /// Ends the reservation, once.
    fn settle(&mut self, is_billed: bool) -> Option<Paid> {
        let reservation = self.reservation.take()?;
        let paid = if is_billed { self.bill() } else { Paid::nothing(self.priced.card(self.ix)) };
        let now = clock::now();
        let (provider, model) = self.priced.names[self.ix.0].clone();
        let key = Spent {
            bucket_ms: bucket(now.wall_ms),
            route: self.route.clone(),
            provider,
            model,
            job: Arc::clone(&self.payer.job),
            client: Arc::clone(&self.payer.client),
            kind: self.payer.kind,
        };
        self.purse.settle(reservation, &paid, key, now);
        Some(paid)
    }

    fn bill(&mut self) -> Paid {
        let said = self.said_bytes.div_ceil(BYTES_PER_TOKEN);
        let mut usage = self.usage.take().unwrap_or_else(|| BilledUsage {
            input: self.input_tokens,
            output: said,
            is_estimate: true,
            ..BilledUsage::default()
        });
        // Some report at the beginning (Messages: one token), which says nothing of what was said since.
        let reported = usage.output_tokens();
        if !self.is_whole && reported < said / 4 {
            usage.output = usage.output.saturating_add(said - reported);
            usage.is_estimate = true;
        }
        let taught = (!usage.is_estimate && self.payer.media == 0)
            .then(|| (self.route.clone(), self.payer.text_bytes, usage.input_tokens()));
        let cost = self.priced.card(self.ix).cost(&usage, self.began_wall_ms);
        Paid { usd: cost.usd, basis: cost.basis, usage, taught }
    }
}

impl Drop for Payment {
    fn drop(&mut self) {
        self.settle(true);
    }
}

impl Paid {
    fn nothing(card: &RateCard) -> Self {
        Self { usd: Usd::ZERO, basis: card.basis(), usage: BilledUsage::default(), taught: None }
    }
}

/// The failure of a request that money holds.
pub(crate) fn paused(pause: &Pause, whose: &Scope) -> Failure {
    failure(format!("{}: {}.", whose.waits(), pause.reason))
}

fn failure(message: String) -> Failure {
    let kind = FailureKind::BudgetExhausted;
    Failure { code: Some(kind.as_str().to_owned()), ..Failure::new(kind, message) }
}

fn exhausted(route: &Route, refused: &Refused, fits: impl Fn(Cost) -> u64) -> Failure {
    let message = match refused {
        Refused::Never { budget, left, resets_at_ms } => {
            let what = if budget.measure.is_usd() {
                left.usd().to_string()
            } else {
                format!("{} tokens", left.tokens)
            };
            let hint = match fits(*left) {
                0 => String::new(),
                tokens => format!(" With at most {tokens} output tokens it would fit."),
            };
            let minutes = resets_at_ms.saturating_sub(clock::now().wall_ms).max(0) / 60_000;
            let (hours, minutes) = (minutes / 60, minutes % 60);
            format!(
                "{}: the budget {budget} has {what} left, and this request may cost more.{hint} It begins anew in {hours} h {minutes} min.",
                route.id
            )
        }
        Refused::Waited { budget } => {
            let which =
                budget.as_ref().map_or_else(|| "the budget".to_owned(), |id| format!("the budget {id}"));
            format!("{}: other requests hold what is left of {which}.", route.id)
        }
    };
    failure(message)
}

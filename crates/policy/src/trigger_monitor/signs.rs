//! Triggers that go by single signs: probes in a row, and a quality score against its baseline.

use switchyard_domain::Now;

use super::quality_drop_percent;
use super::share::{Rules, Verdict};
use super::words::{number, percent};

/// A trigger that has fired: why, since when, and what it waits for.
#[derive(Debug)]
pub(super) struct Sign {
    pub(super) began_at_ms: i64,
    pub(super) fired_at_ms: i64,
    pub(super) reason: String,
    pub(super) recovers: String,
}

impl Sign {
    pub(super) const fn new(began: Now, reason: String, recovers: String, now: Now) -> Self {
        Self { began_at_ms: began.wall_ms, fired_at_ms: now.wall_ms, reason, recovers }
    }

    pub(super) fn fires(&self) -> Verdict {
        Verdict::Fires { began_at_ms: self.began_at_ms, reason: self.reason.clone() }
    }
}

/// The probes of one route.
#[derive(Debug, Default)]
pub(super) struct Probes {
    failed_in_a_row: u64,
    good_in_a_row: u64,
    /// When the first of the failed ones ended.
    began: Option<Now>,
    fired: Option<Sign>,
}

impl Probes {
    pub(super) const fn fired(&self) -> Option<&Sign> {
        self.fired.as_ref()
    }

    pub(super) fn ended(&mut self, ok: bool, now: Now) {
        if ok {
            self.failed_in_a_row = 0;
            self.good_in_a_row += 1;
            self.began = None;
        } else {
            self.failed_in_a_row += 1;
            self.good_in_a_row = 0;
            self.began = self.began.or(Some(now));
        }
    }

    pub(super) fn judge(&mut self, rules: &Rules, now: Now) -> Option<Verdict> {
        let needed = rules.settings.probe_failures;
        if self.fired.is_some() {
            let reason = if !rules.probes {
                "the map no longer asks for probes".to_owned()
            } else if self.good_in_a_row >= needed {
                format!("{} good probes in a row", self.good_in_a_row)
            } else {
                return None;
            };
            self.fired = None;
            return Some(Verdict::Clears { reason });
        }
        let began = self.began.filter(|_| self.failed_in_a_row >= needed)?;
        let reason = format!("{} probes in a row failed (limit {needed})", self.failed_in_a_row);
        let sign = Sign::new(began, reason, format!("{needed} good probes in a row"), now);
        let verdict = sign.fires();
        self.fired = Some(sign);
        Some(verdict)
    }
}

/// The answers' quality of one route.
#[derive(Debug, Default)]
pub(super) struct Quality {
    last: Option<(f64, f64)>,
    fired: Option<Sign>,
}

impl Quality {
    pub(super) const fn fired(&self) -> Option<&Sign> {
        self.fired.as_ref()
    }

    pub(super) fn scored(&mut self, score: f64, baseline: f64) {
        self.last = Some((score, baseline));
    }

    pub(super) fn judge(&mut self, rules: &Rules, now: Now) -> Option<Verdict> {
        let (score, baseline) = self.last.take()?;
        let drop = quality_drop_percent(score, baseline);
        #[expect(clippy::cast_precision_loss, reason = "settings of at most 100")]
        let (limit, part) =
            (rules.settings.quality_drop_percent as f64, rules.settings.recover_percent as f64);
        let well = limit * part / 100.0;
        let words =
            format!("quality {} is {} below its baseline {}", number(score), percent(drop), number(baseline));
        match (self.fired.is_some(), drop > limit, drop <= well) {
            (false, true, _) => {
                let reason = format!("{words} (limit {})", percent(limit));
                let recovers = format!("a score at most {} below its baseline", percent(well));
                let sign = Sign::new(now, reason, recovers, now);
                let verdict = sign.fires();
                self.fired = Some(sign);
                Some(verdict)
            }
            (true, _, true) => {
                self.fired = None;
                Some(Verdict::Clears { reason: words })
            }
            (false, false, _) | (true, _, false) => None,
        }
    }
}

//! The numbers an outage is managed by: triggers, shifts, failback, storms, shedding.
//!
//! Each section is written once: its keys in a map, the range a value may have, its default, and what it does. The
//! raw form, the proven form and the documentation's table come from that.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One section of a map whose keys are whole numbers.
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        $name:literal: $raw:ident => $proven:ident {
            $( $(#[doc = $doc:literal])+ $field:ident $key:literal = $default:tt in $min:tt..=$max:tt; )+
        }
        $( besides { $( $(#[doc = $more_doc:literal])+ $more:ident: $kind:ty; )+ } )?
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $raw {
            $( $(#[doc = $doc])+ #[schemars(range(min = $min, max = $max))] pub $field: Option<u64>, )+
            $( $( $(#[doc = $more_doc])+ pub $more: Option<$kind>, )+ )?
        }

        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $proven {
            $( $(#[doc = $doc])+ pub $field: u64, )+
        }

        impl Default for $proven {
            fn default() -> Self {
                Self { $( $field: $default, )+ }
            }
        }

        impl $proven {
            pub(super) fn of(raw: Option<&$raw>) -> Self {
                let usual = Self::default();
                raw.map_or(usual, |raw| Self { $( $field: raw.$field.unwrap_or(usual.$field), )+ })
            }

            /// The keys, their defaults and what they do.
            pub(super) fn rows() -> Vec<(&'static str, String, &'static str)> {
                vec![ $( (concat!($name, ".", $key), ($default as u64).to_string(), concat!($($doc),+).trim()) ),+ ]
            }
        }
    };
}
section! {
    /// When a route or a provider is judged ill, and when well again.
    "triggers": RawTriggers => TriggerSettings {
        /// The window calls are judged over, milliseconds.
        window_ms "windowMs" = 300_000 in 1_000..=86_400_000;
        /// Calls a window must hold before it says anything.
        min_calls "minCalls" = 20 in 1..=100_000;
        /// Share of 5xx answers above which a route's weight is lowered, percent.
        server_error_percent "serverErrorPercent" = 5 in 0..=100;
        /// Share of 429 answers above which a route's weight is lowered, percent.
        rate_limited_percent "rateLimitedPercent" = 10 in 0..=100;
        /// 95th percentile of answer times above which, sustained, a route's weight is lowered, milliseconds.
        p95_ms "p95Ms" = 3_000 in 1..=3_600_000;
        /// How long the 95th percentile must stay above it, milliseconds.
        p95_sustained_ms "p95SustainedMs" = 300_000 in 0..=86_400_000;
        /// Drop of the quality score below its baseline at which a route's weight is lowered, percent.
        quality_drop_percent "qualityDropPercent" = 10 in 0..=100;
        /// Probes in a row that must fail before a route's weight is lowered.
        probe_failures "probeFailures" = 3 in 1..=1_000;
        /// What is left of a lowered route's weight, percent.
        lowered_weight_percent "loweredWeightPercent" = 50 in 0..=100;
        /// A lowered route recovers below this part of the value that lowered it, percent.
        recover_percent "recoverPercent" = 50 in 0..=100;
        /// How long it must stay there, milliseconds.
        recover_ms "recoverMs" = 120_000 in 0..=86_400_000;
        /// Share of failed calls above which, sustained, traffic leaves a provider, percent.
        error_percent "errorPercent" = 30 in 0..=100;
        /// How long the share must stay above it, milliseconds.
        error_sustained_ms "errorSustainedMs" = 600_000 in 0..=86_400_000;
    }
}

section! {
    /// How traffic is moved away, and how each step is judged.
    "shift": RawShift => ShiftSettings {
        /// Pause between the steps of a gradual shift, milliseconds.
        gradual_step_ms "gradualStepMs" = 60_000 in 10..=86_400_000;
        /// Pause between the steps of a canary, milliseconds.
        canary_step_ms "canaryStepMs" = 120_000 in 10..=86_400_000;
        /// Share of calls that must succeed on the new side, percent; below it the shift is reversed.
        success_percent "successPercent" = 98 in 0..=100;
        /// The new side may be slower by this much (95th percentile), percent.
        slowdown_percent "slowdownPercent" = 20 in 0..=10_000;
        /// Calls a step must have seen before it is judged by shares.
        min_calls "minCalls" = 10 in 1..=100_000;
        /// A route that traffic was moved from is tried by one real request this often, milliseconds.
        trial_every_ms "trialEveryMs" = 30_000 in 10..=3_600_000;
        /// How long a change of weights takes, milliseconds.
        transition_ms "transitionMs" = 60_000 in 0..=86_400_000;
    }
    besides {
        /// How traffic leaves a provider by itself.
        mode: ShiftMode;
        /// What goes elsewhere, step by step, in a gradual shift, percent; rises to 100.
        gradual_steps: Vec<u64>;
        /// What goes elsewhere, step by step, in a canary, percent; rises to 100.
        canary_steps: Vec<u64>;
    }
}

section! {
    /// When traffic comes home by itself, and how.
    "failback": RawFailback => FailbackSettings {
        /// How long a home must have been healthy, milliseconds.
        healthy_ms "healthyMs" = 1_800_000 in 0..=604_800_000;
        /// Share of its calls that must have succeeded in that time, percent.
        healthy_percent "healthyPercent" = 99 in 0..=100;
        /// Share of failed calls it must have stayed below, percent.
        error_percent "errorPercent" = 2 in 0..=100;
        /// How long it must have stayed below, milliseconds.
        error_ms "errorMs" = 1_800_000 in 0..=604_800_000;
        /// Calls it must have answered in that time.
        min_calls "minCalls" = 10 in 0..=100_000;
        /// Pause between the steps home, milliseconds.
        step_ms "stepMs" = 180_000 in 10..=86_400_000;
        /// Share of calls that must succeed in a step, percent; below it the failback is reversed.
        success_percent "successPercent" = 98 in 0..=100;
    }
    besides {
        /// Whether traffic comes home by itself.
        automatic: bool;
        /// What is back home, step by step, percent; rises to 100.
        steps: Vec<u64>;
    }
}

section! {
    /// A retry storm: when retries are cut, and when they come back.
    "storm": RawStorm => StormSettings {
        /// Retries a minute above which it may be a storm.
        retries_per_minute "retriesPerMinute" = 100 in 1..=1_000_000;
        /// Share of requests that another route than the first choice had to answer, percent.
        fallback_percent "fallbackPercent" = 30 in 0..=100;
        /// Retries per request, times 100.
        average_retries_percent "averageRetriesPercent" = 250 in 0..=10_000;
        /// Retries a minute below which it is calm.
        calm_retries_per_minute "calmRetriesPerMinute" = 10 in 0..=1_000_000;
        /// Share of such requests below which it is calm, percent.
        calm_fallback_percent "calmFallbackPercent" = 5 in 0..=100;
        /// Retries per request below which it is calm, times 100.
        calm_average_retries_percent "calmAverageRetriesPercent" = 120 in 0..=10_000;
        /// Retries a minute the router gives at most, whatever happens.
        retry_budget_per_minute "retryBudgetPerMinute" = 200 in 0..=1_000_000;
    }
}

section! {
    /// When work of lower priority gives way.
    "shed": RawShed => ShedSettings {
        /// Part of `limits.maxInFlight` under way at which low-priority work is queued, percent.
        low_at_percent "lowAtPercent" = 70 in 1..=100;
        /// Part of it at which work of normal priority is queued, percent.
        normal_at_percent "normalAtPercent" = 95 in 1..=100;
    }
}

section! {
    /// When an incident is over, and what is told of it meanwhile.
    "incidents": RawIncidents => IncidentSettings {
        /// How long nothing may be wrong with a provider before its incident closes by itself, milliseconds.
        calm_ms "calmMs" = 60_000 in 0..=86_400_000;
        /// Share of requests that end in an error for their caller above which an alert is raised, percent.
        alert_percent "alertPercent" = 2 in 0..=100;
        /// An incident's alert is not repeated for this long, milliseconds.
        alert_every_ms "alertEveryMs" = 600_000 in 1_000..=86_400_000;
        /// Several providers down at once for this long are a severity 1 incident, milliseconds.
        several_down_ms "severalDownMs" = 900_000 in 0..=86_400_000;
        /// How far before an incident its baseline reaches, milliseconds.
        baseline_ms "baselineMs" = 3_600_000 in 1_000..=86_400_000;
    }
}

section! {
    /// What an outage's handling is measured by.
    "goals": RawGoals => Goals {
        /// From the condition's first moment to the first rerouted request, milliseconds.
        detection_ms "detectionMs" = 30_000 in 1..=86_400_000;
        /// From the decision to the first answer of the other side, milliseconds.
        failover_ms "failoverMs" = 60_000 in 1..=86_400_000;
        /// Callers without an answer, at a stretch, milliseconds.
        restoration_ms "restorationMs" = 120_000 in 1..=86_400_000;
        /// From the first bad attempt to the incident's close, milliseconds.
        recovery_ms "recoveryMs" = 300_000 in 1..=86_400_000;
        /// Failovers that need nobody, percent; more is wanted.
        automatic_percent "automaticPercent" = 95 in 0..=100;
        /// Failovers by hand that end with callers answered, percent; more is wanted.
        manual_percent "manualPercent" = 99 in 0..=100;
        /// Returns that are not reversed, percent; more is wanted.
        failback_percent "failbackPercent" = 98 in 0..=100;
        /// Requests that end in an error for their caller, percent; less is wanted.
        user_error_percent "userErrorPercent" = 5 in 0..=100;
        /// Accepted requests that are lost, percent; less is wanted.
        lost_percent "lostPercent" = 1 in 0..=100;
        /// The 95th percentile of answer times over the baseline's, percent; less is wanted.
        slowdown_percent "slowdownPercent" = 20 in 0..=10_000;
        /// Calls after a failover that are held against the baseline.
        validation_calls "validationCalls" = 100 in 1..=10_000;
        /// Of these, as many have to succeed, percent.
        validation_percent "validationPercent" = 95 in 0..=100;
    }
}

section! {
    /// Answers kept in memory for when no route can answer.
    "cache": RawCache => CacheSettings {
        /// How old such an answer may be, milliseconds.
        ttl_ms "ttlMs" = 3_600_000 in 1_000..=604_800_000;
        /// How old it may be while every provider is out, milliseconds; never less than `ttlMs`.
        emergency_ttl_ms "emergencyTtlMs" = 7_200_000 in 1_000..=604_800_000;
        /// Memory for such answers at most, bytes.
        max_bytes "maxBytes" = 33_554_432 in 0..=1_073_741_824;
    }
    besides {
        /// Whether answers are kept.
        mode: CacheMode;
    }
}

/// Whether answers are kept for when no route can answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheMode {
    /// None is kept.
    #[default]
    Off,
    /// The same request of the same app gets its last answer again, marked as degraded, when no route can answer.
    StaleIfError,
}

impl CacheMode {
    /// The name used in maps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::StaleIfError => "stale_if_error",
        }
    }
}

/// The rows of every section.
pub(super) fn rows() -> Vec<(&'static str, String, &'static str)> {
    let sections = [
        TriggerSettings::rows(),
        ShiftSettings::rows(),
        FailbackSettings::rows(),
        StormSettings::rows(),
        ShedSettings::rows(),
        CacheSettings::rows(),
        IncidentSettings::rows(),
        Goals::rows(),
    ];
    sections.into_iter().flatten().collect()
}

/// How traffic moves from one target to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShiftMode {
    /// All of it, from the next request on.
    #[default]
    Immediate,
    /// In few large steps (`shift.gradualSteps`), each watched.
    Gradual,
    /// In many small steps (`shift.canarySteps`), each watched.
    Canary,
}

impl ShiftMode {
    /// The name used in maps and commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::Gradual => "gradual",
            Self::Canary => "canary",
        }
    }
}

/// Whether a conversation stays with the route that answered it, as far as traffic is split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sticky {
    /// Where its prompt is long enough for the provider's cache, or names a cache or conversation.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: each request is dealt anew.
    Never,
}

impl Sticky {
    /// The name used in maps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// How much a request matters when not everything can be served.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Gives way first.
    Low,
    /// Gives way when the router is nearly full.
    #[default]
    Normal,
    /// Never gives way.
    High,
}

impl Priority {
    /// The name used in maps and headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }

    /// Reads the name used in maps and headers.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Low, Self::Normal, Self::High].into_iter().find(|priority| priority.as_str() == text)
    }
}

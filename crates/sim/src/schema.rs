//! Requests against the vendors' published schemas (`schemas/`), before anything else is read from them.
//!
//! A schema finds the fault; the dialects put it in the vendor's words.

use std::sync::OnceLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

/// One published schema, compiled at its first use.
#[derive(Debug)]
pub(crate) struct Schema {
    text: &'static str,
    compiled: OnceLock<Result<Validator, String>>,
}

/// What does not fit, and where.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// To the value at fault, or to the object that lacks (or has) the member of that name.
    pub(crate) path: Vec<Step>,
    pub(crate) problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

#[derive(Debug)]
pub(crate) enum Problem {
    /// A member the object does not have. The path ends in it.
    Unknown,
    /// A member the object must have. The path ends in it.
    Missing,
    Type {
        /// JSON Schema's names of the types that would do.
        expected: Vec<String>,
        got: &'static str,
    },
    /// None of the values that would do.
    Value { expected: Vec<String>, got: String },
    /// Anything else: a length, a bound, a pattern. In the validator's words.
    Other(String),
}

impl Schema {
    /// Of a file in `schemas/`, with `include_str!`.
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    /// The first thing in `body` that does not fit.
    pub(crate) fn check(&self, body: &Value) -> Result<(), Misfit> {
        let compiled = self.compiled.get_or_init(|| {
            let schema: Value = serde_json::from_str(self.text).map_err(|error| error.to_string())?;
            jsonschema::validator_for(&schema).map_err(|error| error.to_string())
        });
        match compiled {
            // A schema of ours that is none must not pass for one that everything fits.
            Err(error) => Err(Misfit { path: Vec::new(), problem: Problem::Other(error.clone()) }),
            Ok(validator) if validator.is_valid(body) => Ok(()),
            Ok(validator) => {
                let worst =
                    validator.iter_errors(body).map(|error| found(&error)).max_by_key(|found| found.rank);
                worst.map_or(Ok(()), |found| Err(found.misfit))
            }
        }
    }
}

impl Misfit {
    /// `messages[0].content`, as OpenAI writes paths.
    pub(crate) fn brackets(&self) -> String {
        self.written(|index| format!("[{index}]"))
    }

    /// `messages.0.content`, as Anthropic writes them.
    pub(crate) fn dots(&self) -> String {
        self.written(|index| format!(".{index}"))
    }

    fn written(&self, index: impl Fn(usize) -> String) -> String {
        let mut out = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) if out.is_empty() => out.push_str(key),
                Step::Key(key) => {
                    out.push('.');
                    out.push_str(key);
                }
                Step::Index(at) => out.push_str(&index(*at)),
            }
        }
        out
    }
}

/// A fault with how much it explains.
struct Found {
    misfit: Misfit,
    rank: Rank,
}

/// In a union, the branch whose tag (`type`, `role`) fits is the one that was meant; of those, the one that
/// reads furthest is the one to explain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    meant: bool,
    depth: usize,
    weight: u8,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's kinds: the rest are said in its words")]
fn found(error: &ValidationError<'_>) -> Found {
    let path = steps(error.instance_path());
    let got = error.instance().as_ref();
    match error.kind() {
        ValidationErrorKind::AnyOf { context }
        | ValidationErrorKind::OneOfNotValid { context }
        | ValidationErrorKind::OneOfMultipleValid { context } => union(path, context, got),
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            single(member(path, unexpected.first().map(String::as_str)), Problem::Unknown)
        }
        ValidationErrorKind::Required { property } => {
            single(member(path, property.as_str()), Problem::Missing)
        }
        ValidationErrorKind::Type { kind } => {
            let expected = match kind {
                TypeKind::Single(kind) => vec![kind.to_string()],
                TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect(),
            };
            single(path, Problem::Type { expected, got: type_of(got) })
        }
        ValidationErrorKind::Constant { expected_value } => {
            single(path, Problem::Value { expected: vec![spelled(expected_value)], got: spelled(got) })
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let expected = options.iter().map(spelled).collect();
            single(path, Problem::Value { expected, got: spelled(got) })
        }
        ValidationErrorKind::Minimum { limit } => {
            single(path, Problem::Other(format!("Input should be greater than or equal to {limit}")))
        }
        ValidationErrorKind::Maximum { limit } => {
            single(path, Problem::Other(format!("Input should be less than or equal to {limit}")))
        }
        ValidationErrorKind::Pattern { pattern } => {
            single(path, Problem::Other(format!("String should match pattern '{pattern}'")))
        }
        _ => single(path, Problem::Other(error.to_string())),
    }
}

fn single(path: Vec<Step>, problem: Problem) -> Found {
    let tag = matches!(path.last(), Some(Step::Key(key)) if key == "type" || key == "role");
    let meant = !(tag && matches!(problem, Problem::Value { .. } | Problem::Missing));
    let weight = match problem {
        Problem::Type { .. } => 0,
        Problem::Missing => 1,
        Problem::Value { .. } | Problem::Other(_) => 2,
        Problem::Unknown => 3,
    };
    Found { rank: Rank { meant, depth: path.len(), weight }, misfit: Misfit { path, problem } }
}

fn union(path: Vec<Step>, branches: &[Vec<ValidationError<'static>>], got: &Value) -> Found {
    let (mut meant, mut others) = (Vec::new(), Vec::new());
    for branch in branches {
        let all: Vec<Found> = branch.iter().map(found).collect();
        let fits = all.iter().all(|found| found.rank.meant);
        if fits {
            meant.extend(all.into_iter().max_by_key(|found| found.rank));
        } else {
            others.extend(all.into_iter().filter(|found| !found.rank.meant));
        }
    }
    let right_type = |found: &Found| {
        found.misfit.path.len() > path.len() || !matches!(found.misfit.problem, Problem::Type { .. })
    };
    let mut found = if meant.iter().any(right_type) {
        meant.into_iter().max_by_key(|found| found.rank)
    } else if !others.is_empty() {
        tags(others)
    } else {
        // Every branch wants another type: say them all.
        let wanted = meant.iter().flat_map(|found| match &found.misfit.problem {
            Problem::Type { expected, .. } => expected.clone(),
            Problem::Unknown | Problem::Missing | Problem::Value { .. } | Problem::Other(_) => Vec::new(),
        });
        let mut expected: Vec<String> = wanted.collect();
        expected.dedup();
        Some(single(path.clone(), Problem::Type { expected, got: type_of(got) }))
    }
    .unwrap_or_else(|| single(path, Problem::Other("none of the permitted forms".to_owned())));
    // To an outer union this is one fault like any other.
    found.rank.meant = true;
    found
}

/// No branch's tag fits: one fault with every tag that would have done.
fn tags(faults: Vec<Found>) -> Option<Found> {
    let mut all: Vec<String> = Vec::new();
    for found in &faults {
        if let Problem::Value { expected, .. } = &found.misfit.problem {
            for value in expected {
                if !all.contains(value) {
                    all.push(value.clone());
                }
            }
        }
    }
    let mut first = faults.into_iter().max_by_key(|found| found.rank)?;
    if let Problem::Value { expected, .. } = &mut first.misfit.problem {
        *expected = all;
    }
    Some(first)
}

fn steps(location: &Location) -> Vec<Step> {
    let step = |segment| match segment {
        LocationSegment::Property(key) => Step::Key(key.into_owned()),
        LocationSegment::Index(at) => Step::Index(at),
    };
    location.iter().map(step).collect()
}

fn member(mut path: Vec<Step>, name: Option<&str>) -> Vec<Step> {
    path.extend(name.map(|name| Step::Key(name.to_owned())));
    path
}

/// A string without its quotes, anything else as JSON.
fn spelled(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

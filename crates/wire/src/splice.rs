//! Changes to a body that leave every other byte as it was.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

/// Changes to one body; no two may overlap.
#[derive(Debug, Default)]
pub(crate) struct Splices<'a>(Vec<(Range<usize>, Cow<'a, str>)>);

impl<'a> Splices<'a> {
    /// The bytes of `range` give way to `text`.
    pub(crate) fn replace(&mut self, range: Range<usize>, text: impl Into<Cow<'a, str>>) {
        self.0.push((range, text.into()));
    }

    /// Something is put in.
    pub(crate) fn insert(&mut self, at: usize, text: impl Into<Cow<'a, str>>) {
        self.replace(at..at, text);
    }

    /// Adds the changes of another list.
    pub(crate) fn extend(&mut self, other: Splices<'a>) {
        self.0.extend(other.0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The body with its changes. Insertions at one place keep their order.
    pub(crate) fn apply(mut self, body: &[u8]) -> Vec<u8> {
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let grown: usize = self.0.iter().map(|(_, text)| text.len()).sum();
        let mut out = Vec::with_capacity(body.len() + grown);
        let mut kept = 0;
        for (range, text) in self.0 {
            // Two changes of the same bytes would be a mistake of ours; the body still comes out whole.
            debug_assert!(kept <= range.start, "changes overlap");
            out.extend_from_slice(&body[kept..range.start.max(kept)]);
            out.extend_from_slice(text.as_bytes());
            kept = range.end.max(kept);
        }
        out.extend_from_slice(&body[kept..]);
        out
    }
}

/// Where a borrowed value lies in the body it was read from.
pub(crate) fn span_of(body: &str, raw: &RawValue) -> Range<usize> {
    let start = raw.get().as_ptr() as usize - body.as_ptr() as usize;
    start..start + raw.get().len()
}

/// Widens a value's span to its whole member: name, colon, value, and one comma. The name must hold no quote, escaped or
/// not.
pub(crate) fn member_span(body: &str, value: Range<usize>) -> Range<usize> {
    with_comma(body, name_of(body, value.start)..value.end)
}

/// The same for several members of one object: neighbours share their commas, so they become one span.
pub(crate) fn member_spans(body: &str, mut values: Vec<Range<usize>>) -> Vec<Range<usize>> {
    values.sort_by_key(|value| value.start);
    let mut runs: Vec<Range<usize>> = Vec::with_capacity(values.len());
    for value in values {
        let member = name_of(body, value.start)..value.end;
        match runs.last_mut() {
            Some(run) if body[run.end..member.start].trim() == "," => run.end = member.end,
            Some(_) | None => runs.push(member),
        }
    }
    runs.into_iter().map(|run| with_comma(body, run)).collect()
}

/// Where the name of the member whose value begins at `value` begins.
fn name_of(body: &str, value: usize) -> usize {
    let before = body[..value].trim_end().trim_end_matches(':').trim_end();
    before[..before.len().saturating_sub(1)].rfind('"').unwrap_or(0)
}

/// Members with the comma behind them, else the one before.
fn with_comma(body: &str, members: Range<usize>) -> Range<usize> {
    let after = &body[members.end..];
    let skipped = after.len() - after.trim_start().len();
    if after.trim_start().starts_with(',') {
        return members.start..members.end + skipped + 1;
    }
    let lead = body[..members.start].trim_end();
    let start = if lead.ends_with(',') { lead.len() - 1 } else { members.start };
    start..members.end
}

/// A text as it is written inside a JSON string, without the quotes.
pub(crate) fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

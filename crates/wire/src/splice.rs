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
            out.extend_from_slice(&body[kept..range.start]);
            out.extend_from_slice(text.as_bytes());
            kept = range.end;
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
    let before = body[..value.start].trim_end().trim_end_matches(':').trim_end();
    let name = before[..before.len().saturating_sub(1)].rfind('"').unwrap_or(0);
    let after = &body[value.end..];
    let skipped = after.len() - after.trim_start().len();
    if after.trim_start().starts_with(',') {
        return name..value.end + skipped + 1;
    }
    let lead = body[..name].trim_end();
    let start = if lead.ends_with(',') { lead.len() - 1 } else { name };
    start..value.end
}

/// A text as it is written inside a JSON string, without the quotes.
pub(crate) fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

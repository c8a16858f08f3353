//! Keeps in mind what a caller is told, so that another upstream can take over.

use super::said::{Said, Unfit};
use crate::Usage;

/// A longer text is not continued.
const TEXT_LIMIT: usize = 1024 * 1024;
/// A longer `response` object is not kept: its request's instructions and tools are in it.
const RESPONSE_LIMIT: usize = 4 * 1024 * 1024;
/// What a token is taken for where nobody counts: bytes of English text, rounded as OpenAI does ("What are tokens").
const BYTES_PER_TOKEN: u64 = 4;

/// What a caller has been told so far, and whether it can be continued.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    said: Said,
    unfit: Option<Unfit>,
    /// The usage of upstreams before this one.
    before: Usage,
    /// Where this upstream's part of the text begins.
    own_from: usize,
    reported: Usage,
    /// Whether the text's block has been ended.
    is_closed: bool,
}

impl Memory {
    /// A memory of a new answer; of one that is JSON it is known that nothing can be continued.
    pub(super) fn new(json: bool) -> Self {
        Self { unfit: json.then_some(Unfit::Json), ..Self::default() }
    }

    /// The same answer, told by another upstream from now on.
    pub(super) fn carried_on(&self) -> Self {
        Self {
            said: self.said.clone(),
            unfit: self.unfit,
            before: self.said.usage,
            own_from: self.said.text.len(),
            reported: Usage::default(),
            is_closed: self.is_closed,
        }
    }

    pub(super) fn said(&self) -> Result<&Said, Unfit> {
        match self.unfit {
            Some(unfit) => Err(unfit),
            None if self.said.text.is_empty() => Err(Unfit::Nothing),
            None if self.is_closed => Err(Unfit::Closed),
            None => Ok(&self.said),
        }
    }

    /// What was said, fit or not.
    pub(super) fn as_is(&self) -> &Said {
        &self.said
    }

    pub(super) fn as_is_mut(&mut self) -> &mut Said {
        &mut self.said
    }

    /// The usage of upstreams before this one.
    pub(super) fn before(&self) -> Usage {
        self.before
    }

    /// The caller was told more text.
    pub(super) fn text(&mut self, piece: &str) {
        if self.unfit.is_some() {
            return;
        }
        if self.said.text.len() + piece.len() > TEXT_LIMIT {
            return self.spoil(Unfit::TooLong);
        }
        self.said.text.push_str(piece);
        self.is_closed = false;
        self.count();
    }

    /// The caller was told something that can't be continued.
    pub(super) fn spoil(&mut self, unfit: Unfit) {
        self.unfit.get_or_insert(unfit);
        self.said.text = String::new();
        self.said.response = String::new();
    }

    /// The upstream reported its usage so far.
    pub(super) fn usage(&mut self, usage: Usage) {
        self.reported = self.reported.merged(usage);
        self.count();
    }

    /// Whether the answer can still be continued, so that it is worth reading on.
    pub(super) fn is_fit(&self) -> bool {
        self.unfit.is_none()
    }

    /// The answer's id and model, as the caller has them; the first ones hold.
    pub(super) fn begins(&mut self, id: Option<&str>, model: Option<&str>) {
        for (kept, new) in [(&mut self.said.id, id), (&mut self.said.model, model)] {
            if let (true, Some(new)) = (kept.is_empty(), new) {
                new.clone_into(kept);
            }
        }
    }

    /// A text block or message item of this number is being written.
    pub(super) fn opens(&mut self, block: usize) {
        self.said.block = block;
        self.is_closed = false;
    }

    /// It has been ended.
    pub(super) fn closes(&mut self) {
        self.is_closed = true;
    }

    /// The open output item's id.
    pub(super) fn item(&mut self, id: &str) {
        id.clone_into(&mut self.said.item_id);
    }

    /// The number of the event the caller got last.
    pub(super) fn sequence(&mut self, number: u64) {
        self.said.sequence = number.saturating_add(1);
    }

    /// An event the caller got without a number.
    pub(super) fn next_sequence(&mut self) {
        self.said.sequence = self.said.sequence.saturating_add(1);
    }

    /// The `response` object the caller was told of at the beginning.
    pub(super) fn response(&mut self, json: &str) {
        if json.len() > RESPONSE_LIMIT {
            return self.spoil(Unfit::TooLong);
        }
        json.clone_into(&mut self.said.response);
    }

    fn count(&mut self) {
        let own = (self.said.text.len() - self.own_from.min(self.said.text.len())) as u64;
        let reported = self.reported;
        self.said.usage = self.before.plus(Usage {
            output_tokens: reported.output_tokens.max(own.div_ceil(BYTES_PER_TOKEN)),
            ..reported
        });
    }
}

//! What a simulated provider remembers from one request to the next: prompts it has cached, responses it has
//! stored. Bounded; what falls out is forgotten, as it is at the vendors'.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::Value;

use crate::answer::tokens;
use crate::ask::{Ask, PromptCache};

/// Prefixes and responses kept.
const KEPT: usize = 4096;
/// The shortest prompt that is cached and the steps in which it grows, in tokens: OpenAI's figures in
/// <https://platform.openai.com/docs/guides/prompt-caching>; Anthropic's least is the same for most models.
const LEAST_TOKENS: usize = 1024;
const STEP_TOKENS: usize = 128;
const CHARS_PER_STEP: usize = STEP_TOKENS * 4;

/// In tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recalled {
    /// Of the prompt, seen before.
    pub(crate) read: usize,
    /// Of the prompt, remembered now because the caller marked it.
    pub(crate) written: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    prefixes: HashSet<u64>,
    order: VecDeque<u64>,
    responses: HashMap<String, Vec<Value>>,
    response_order: VecDeque<String>,
}

impl Memory {
    /// How much of the prompt is known, and remembers it for the next request.
    pub(crate) fn recall(&mut self, ask: &Ask) -> Recalled {
        let (marks, marked) = match &ask.cache {
            PromptCache::Automatic => {
                (((CHARS_PER_STEP..=ask.prompt_chars()).step_by(CHARS_PER_STEP)).collect(), false)
            }
            PromptCache::Marked(marks) => (marks.clone(), true),
        };
        let prints = fingerprints(&ask.model, &ask.prompt, marks);
        let long_enough = |chars: &usize| tokens(*chars) >= LEAST_TOKENS;
        let known = prints.iter().filter(|(_, print)| self.prefixes.contains(print));
        let read = known.map(|(chars, _)| *chars).filter(long_enough).max().unwrap_or(0);
        let longest = prints.iter().map(|(chars, _)| *chars).filter(long_enough).max().unwrap_or(0);
        for (_, print) in prints {
            if self.prefixes.insert(print) {
                self.order.push_back(print);
            }
        }
        while self.order.len() > KEPT {
            if let Some(oldest) = self.order.pop_front() {
                self.prefixes.remove(&oldest);
            }
        }
        Recalled {
            read: tokens(read),
            written: if marked { tokens(longest).saturating_sub(tokens(read)) } else { 0 },
        }
    }

    /// Keeps a conversation (items in and out) under a response's id.
    pub(crate) fn store(&mut self, id: String, items: Vec<Value>) {
        self.response_order.push_back(id.clone());
        self.responses.insert(id, items);
        while self.response_order.len() > KEPT {
            if let Some(oldest) = self.response_order.pop_front() {
                self.responses.remove(&oldest);
            }
        }
    }

    pub(crate) fn stored(&self, id: &str) -> Option<Vec<Value>> {
        self.responses.get(id).cloned()
    }
}

/// The prefixes that end at `marks` (in characters), each with its FNV-1a hash.
fn fingerprints(model: &str, prompt: &str, mut marks: Vec<usize>) -> Vec<(usize, u64)> {
    marks.sort_unstable();
    marks.dedup();
    let mut prints = Vec::with_capacity(marks.len());
    let mut marks = marks.into_iter().filter(|mark| *mark > 0).peekable();
    let step = |hash: u64, char: char| (hash ^ u64::from(char)).wrapping_mul(0x0000_0100_0000_01B3);
    let mut hash = model.chars().fold(0xCBF2_9CE4_8422_2325, step);
    for (n, char) in prompt.chars().enumerate() {
        hash = step(hash, char);
        if marks.next_if_eq(&(n + 1)).is_some() {
            prints.push((n + 1, hash));
        }
    }
    prints
}

//! What the first bytes of an input choose.

use switchyard_domain::Operation;
use switchyard_wire::{Dialect, ReplyOptions, caller_tools};

/// Tools of every form, under names that the recorded answers call.
const TOOLS: &[u8] = br#"{"input":"","tools":[{"type":"custom","name":"get_weather"},{"type":"custom","name":"apply_patch"},
    {"type":"namespace","name":"multi_agent_v1","tools":[{"type":"function","name":"spawn_agent"}]},{"type":"local_shell"},
    {"type":"shell"},{"type":"tool_search","execution":"client"}]}"#;

/// The dialects callers speak.
pub const CALLERS: [Dialect; 4] =
    [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages, Dialect::Gemini];

/// Bytes that choose, at the start of each input. `cargo xtask fuzz` writes them before its seeds, in this order:
/// upstream, caller, flags, cuts, second upstream, number, split (two bytes, little end first).
pub const LENGTH: usize = 8;

/// The choices of one input.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    upstream: u8,
    caller: u8,
    flags: u8,
    cuts: u8,
    second: u8,
    number: u8,
    split: u16,
}

impl Choices {
    /// The choices of an input and the data behind them; none when it is too short to choose.
    pub fn of(input: &[u8]) -> Option<(Self, &[u8])> {
        let (&[upstream, caller, flags, cuts, second, number, low, high], data) =
            input.split_first_chunk::<LENGTH>()?;
        let split = u16::from_le_bytes([low, high]);
        Some((Self { upstream, caller, flags, cuts, second, number, split }, data))
    }

    /// The upstream's dialect.
    pub fn upstream(&self) -> Dialect {
        Dialect::ALL[usize::from(self.upstream) % Dialect::ALL.len()]
    }

    /// The dialect of the upstream that goes on when the first one breaks.
    pub fn second(&self) -> Dialect {
        Dialect::ALL[usize::from(self.second) % Dialect::ALL.len()]
    }

    /// The caller's dialect.
    pub fn caller(&self) -> Dialect {
        CALLERS[usize::from(self.caller) % CALLERS.len()]
    }

    /// One of eight yes-or-no choices.
    pub fn flag(&self, number: u32) -> bool {
        self.flags >> number & 1 == 1
    }

    /// A small number, for whatever a target needs.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// What is asked for.
    pub fn operation(&self) -> Operation {
        Operation::ALL[usize::from(self.number) % Operation::ALL.len()]
    }

    /// How answers are written.
    pub fn options(&self) -> ReplyOptions {
        let fallback = |name: &str| self.flag(1).then(|| name.into());
        ReplyOptions {
            include_usage: self.flag(0),
            created_unix_s: 1_741_569_952,
            hide_thoughts: self.flag(2),
            echo: None,
            fallback_id: fallback("fallback-id"),
            fallback_model: fallback("fallback-model"),
            tools: self.flag(6).then(|| caller_tools(Dialect::OpenAiResponses, TOOLS)).flatten(),
            estimated_prompt_tokens: u64::from(self.number),
        }
    }

    /// The data in two.
    pub fn split<'a>(&self, data: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        data.split_at(data.len().min(usize::from(self.split)))
    }

    /// The bytes as a network might deliver them: pieces of changing length, now one byte, now many.
    pub fn cut<'a>(&self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut state = u32::from(self.cuts) | 1 << 8;
        let mut rest = bytes;
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            // Marsaglia's xorshift: enough to be uneven.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let longest = if state & 1 == 0 { 3 } else { 200 };
            let length = (1 + state as usize / 2 % longest).min(rest.len());
            let (piece, after) = rest.split_at(length);
            pieces.push(piece);
            rest = after;
        }
        pieces
    }
}

//! The events a stream is written in.

use serde::Serialize;

use crate::canonical::ToolForm;
use crate::openai_responses::called::Called;
use crate::openai_responses::item::{Item, Part, json_string, write_summary_part};
use crate::sse::USUAL_EVENT;

/// Which item an event is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) item_id: &'a str,
    pub(super) output_index: usize,
}

/// Writes events one after the other, each with its number.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The number the next event has.
    pub(super) sequence: u64,
}

impl Events {
    /// Writes an event whose own members `members` writes, each after a comma.
    pub(super) fn event(&mut self, name: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Vec<u8>)) {
        out.reserve(USUAL_EVENT);
        write_pieces(["event: ", name, "\ndata: {\"type\":\"", name, "\",\"sequence_number\":"], out);
        json_number(self.sequence, out);
        members(out);
        out.extend_from_slice(b"}\n\n");
        self.sequence += 1;
    }

    /// `response.output_item.added` and `.done`.
    pub(super) fn item(&mut self, name: &str, output_index: usize, item: &Item<'_>, out: &mut Vec<u8>) {
        self.event(name, out, |out| {
            out.extend_from_slice(b",\"output_index\":");
            json_number(output_index, out);
            out.extend_from_slice(b",\"item\":");
            item.write(out);
        });
    }

    /// `response.content_part.added` and `.done`.
    pub(super) fn part(
        &mut self,
        name: &str,
        place: Place<'_>,
        at: usize,
        part: &Part<'_>,
        out: &mut Vec<u8>,
    ) {
        self.event(name, out, |out| {
            write_place(place, out);
            out.extend_from_slice(b",\"content_index\":");
            json_number(at, out);
            out.extend_from_slice(b",\"part\":");
            part.write(out);
        });
    }

    /// `response.output_text.delta` and `.done`, and their like of refusals: `member` holds the text.
    pub(super) fn text(
        &mut self,
        name: &str,
        place: Place<'_>,
        at: usize,
        (member, text): (&str, &str),
        out: &mut Vec<u8>,
    ) {
        let has_logprobs = name.starts_with("response.output_text");
        self.event(name, out, |out| {
            write_place(place, out);
            out.extend_from_slice(b",\"content_index\":");
            json_number(at, out);
            write_pieces([",\"", member, "\":"], out);
            json_string(text, out);
            if has_logprobs {
                out.extend_from_slice(b",\"logprobs\":[]");
            }
        });
    }

    /// `response.reasoning_summary_part.added` and `.done`.
    pub(super) fn summary_part(&mut self, name: &str, place: Place<'_>, text: &str, out: &mut Vec<u8>) {
        self.event(name, out, |out| {
            write_place(place, out);
            out.extend_from_slice(b",\"summary_index\":0,\"part\":");
            write_summary_part(text, out);
        });
    }

    /// `response.reasoning_summary_text.delta` and `.done`.
    pub(super) fn summary_text(
        &mut self,
        name: &str,
        place: Place<'_>,
        (member, text): (&str, &str),
        out: &mut Vec<u8>,
    ) {
        self.event(name, out, |out| {
            write_place(place, out);
            write_pieces([",\"summary_index\":0,\"", member, "\":"], out);
            json_string(text, out);
        });
    }

    /// `response.function_call_arguments.delta`, or a custom tool's; other calls are told whole.
    pub(super) fn call_delta(&mut self, form: ToolForm, place: Place<'_>, piece: &str, out: &mut Vec<u8>) {
        let name = match form {
            ToolForm::Function => "response.function_call_arguments.delta",
            ToolForm::Custom => "response.custom_tool_call_input.delta",
            ToolForm::LocalShell | ToolForm::Shell | ToolForm::ApplyPatch | ToolForm::ToolSearch => return,
        };
        self.event(name, out, |out| {
            write_place(place, out);
            out.extend_from_slice(b",\"delta\":");
            json_string(piece, out);
        });
    }

    /// `response.function_call_arguments.done`, or a custom tool's.
    pub(super) fn call_done(&mut self, tool: &Called<'_>, place: Place<'_>, said: &str, out: &mut Vec<u8>) {
        match tool.form {
            ToolForm::Function => self.event("response.function_call_arguments.done", out, |out| {
                write_place(place, out);
                out.extend_from_slice(b",\"name\":");
                json_string(&tool.name, out);
                out.extend_from_slice(b",\"arguments\":");
                json_string(said, out);
            }),
            ToolForm::Custom => self.event("response.custom_tool_call_input.done", out, |out| {
                write_place(place, out);
                out.extend_from_slice(b",\"input\":");
                json_string(said, out);
            }),
            ToolForm::LocalShell | ToolForm::Shell | ToolForm::ApplyPatch | ToolForm::ToolSearch => {}
        }
    }
}

fn write_place(place: Place<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"item_id\":");
    json_string(place.item_id, out);
    out.extend_from_slice(b",\"output_index\":");
    json_number(place.output_index, out);
}

// Every delta of a stream goes through these, where `write!` was a fifth of its cost.

fn write_pieces<const N: usize>(pieces: [&str; N], out: &mut Vec<u8>) {
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}

fn json_number(number: impl Serialize, out: &mut Vec<u8>) {
    // A number always serializes, and writing to a vector cannot fail.
    let _ = serde_json::to_writer(out, &number);
}

//! The tools of a caller's Messages request: its own, those Anthropic defines and the caller runs, and those the provider
//! runs.
//!
//! Tools that wait to be found by a search (`defer_loading`) are offered at once: they stand in the request, and no other
//! dialect has the search.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::content::cache_hint;
use crate::canonical::{Prompt, Tool, ToolChoice};
use crate::members::Members;
use crate::notes::{DEFER_LOADING_DROPPED, Notes, TranslateError};

/// What a request offers its model.
#[derive(Debug, Default)]
pub(super) struct Offer<'a> {
    /// Tools the caller runs.
    tools: Vec<Tool<'a>>,
    /// Whether there are tools only the provider runs (web search, code execution, MCP servers), left out.
    has_provided: bool,
}

/// A tool that Anthropic defines and the caller runs: Claude knows it by its type, other models need it described.
struct Known {
    /// What its type begins with; the date of its version follows.
    prefix: &'static str,
    description: &'static str,
    schema: &'static str,
}

/// Sources: "Bash tool", "Text editor tool", "Memory tool", "Computer use tool". `insert_text` is what Claude calls with.
const KNOWN: [Known; 4] = [
    Known {
        prefix: "bash_",
        description: "Runs a command in a bash session that persists between calls.",
        schema: r#"{"type":"object","properties":{"command":{"type":"string","description":"The command to run. Required unless the session is restarted."},"restart":{"type":"boolean","description":"Set to true to restart the session."}}}"#,
    },
    Known {
        prefix: "text_editor_",
        description: "Views and edits text files. `view` shows a file (lines `view_range`) or lists a directory; `create` writes `file_text`; `str_replace` replaces `old_str`, which must occur exactly once, by `new_str`; `insert` puts `insert_text` after line `insert_line`.",
        schema: r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert"]},"path":{"type":"string"},"file_text":{"type":"string"},"old_str":{"type":"string"},"new_str":{"type":"string"},"insert_line":{"type":"integer"},"insert_text":{"type":"string"},"view_range":{"type":"array","items":{"type":"integer"},"description":"First and last line, counted from 1; -1 is the end of the file."}},"required":["command","path"]}"#,
    },
    Known {
        prefix: "memory_",
        description: "Keeps notes for later conversations in files under /memories. `view` shows a file or lists a directory; `create` writes `file_text`; `str_replace` replaces `old_str` by `new_str`; `insert` puts `insert_text` after line `insert_line`; `delete` removes `path`; `rename` moves `old_path` to `new_path`. View /memories before you begin.",
        schema: r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert","delete","rename"]},"path":{"type":"string"},"view_range":{"type":"array","items":{"type":"integer"}},"file_text":{"type":"string"},"old_str":{"type":"string"},"new_str":{"type":"string"},"insert_line":{"type":"integer"},"insert_text":{"type":"string"},"old_path":{"type":"string"},"new_path":{"type":"string"}},"required":["command"]}"#,
    },
    Known {
        prefix: "computer_",
        description: "Uses a computer's mouse, keyboard and screen; `screenshot` shows the screen.",
        schema: r#"{"type":"object","properties":{"action":{"type":"string","enum":["key","hold_key","type","cursor_position","mouse_move","left_mouse_down","left_mouse_up","left_click","left_click_drag","right_click","middle_click","double_click","triple_click","scroll","wait","screenshot","zoom"]},"coordinate":{"type":"array","items":{"type":"integer"},"description":"x and y in pixels from the top left"},"start_coordinate":{"type":"array","items":{"type":"integer"},"description":"Where left_click_drag begins"},"text":{"type":"string","description":"What to type, or the keys to press or to hold"},"duration":{"type":"number","description":"Seconds, for hold_key and wait"},"scroll_direction":{"type":"string","enum":["up","down","left","right"]},"scroll_amount":{"type":"number"},"region":{"type":"array","items":{"type":"integer"},"description":"x1, y1, x2, y2 of what zoom shows"}},"required":["action"]}"#,
    },
];

impl Known {
    fn of(kind: &str) -> Option<&'static Self> {
        let is_dated = |known: &&Self| {
            let date = kind.strip_prefix(known.prefix).unwrap_or_default();
            !date.is_empty() && date.bytes().all(|byte| byte.is_ascii_digit())
        };
        KNOWN.iter().find(is_dated)
    }

    /// The description, with what the request says of this one.
    fn describe(&self, tool: &mut Members<'_>) -> Result<Cow<'static, str>, TranslateError> {
        let width = tool.get::<u64>("display_width_px")?;
        let height = tool.get::<u64>("display_height_px")?;
        // For the program that runs the tool, not for the model.
        for name in ["display_number", "enable_zoom", "max_characters"] {
            tool.raw(name);
        }
        Ok(match (width, height) {
            (Some(width), Some(height)) => {
                Cow::Owned(format!("{} The screen has {width} x {height} pixels.", self.description))
            }
            _ => Cow::Borrowed(self.description),
        })
    }
}

/// Whether a tool of this type is run by the caller.
pub(crate) fn is_run_by_caller(kind: &str) -> bool {
    kind == "custom" || Known::of(kind).is_some()
}

pub(super) fn read<'a>(source: &mut Members<'a>, notes: &mut Notes) -> Result<Offer<'a>, TranslateError> {
    let mut offer = Offer::default();
    for (path, raw) in source.list("tools")? {
        match tool(&path, raw, notes)? {
            Some(tool) => offer.tools.push(tool),
            None => {
                offer.has_provided = true;
                notes.add("server_tool_dropped", path);
            }
        }
    }
    // Servers whose tools Anthropic calls by itself.
    for (path, _) in source.list("mcp_servers")? {
        offer.has_provided = true;
        notes.add("server_tool_dropped", path);
    }
    Ok(offer)
}

/// A tool for the caller to run; none for one the provider runs.
fn tool<'a>(path: &str, raw: &'a RawValue, notes: &mut Notes) -> Result<Option<Tool<'a>>, TranslateError> {
    let mut tool = Members::read(raw.get(), path)?;
    let kind = tool.text("type")?.unwrap_or(Cow::Borrowed("custom"));
    let known = Known::of(&kind);
    // A tool that brings its schema is the caller's, whatever its type.
    if known.is_none() && kind != "custom" && tool.peek("input_schema").is_none() {
        return Ok(None);
    }
    let (description, schema) = match known {
        Some(known) => {
            notes.add("tool_as_function", path);
            let schema = serde_json::from_str::<&RawValue>(known.schema)
                .map_err(|error| TranslateError::invalid(path, error.to_string()))?;
            (Some(known.describe(&mut tool)?), schema)
        }
        None => (tool.text("description")?, tool.need_written_object("input_schema")?),
    };
    if tool.get::<bool>("defer_loading")?.unwrap_or(false) {
        notes.add_once(DEFER_LOADING_DROPPED, tool.path_of("defer_loading"));
    }
    let read = Tool {
        name: tool.need_text("name")?,
        description,
        schema: Some(schema),
        strict: tool.get::<bool>("strict")?.filter(|strict| *strict),
        cache: cache_hint(&mut tool, notes)?,
        at: path.to_owned(),
    };
    // How its input is streamed is a matter of speed.
    tool.raw("eager_input_streaming");
    notes.dropped(tool);
    Ok(Some(read))
}

/// Takes the offer and the choice among it. A choice of what is left out is refused: the answer would not be what was
/// asked for.
pub(super) fn choice<'a>(
    source: &mut Members<'a>,
    prompt: &mut Prompt<'a>,
    offer: Offer<'a>,
) -> Result<(), TranslateError> {
    prompt.tools = offer.tools;
    let Some(mut choice) = source.object("tool_choice")? else { return Ok(()) };
    let kind = choice.need_text("type")?;
    let is_disabled = choice.get::<bool>("disable_parallel_tool_use")?.unwrap_or(false);
    let chosen = match &*kind {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.need_text("name")?),
        _ => return Err(TranslateError::invalid("tool_choice.type", "must be auto, any, tool or none")),
    };
    let only_provided = offer.has_provided && prompt.tools.is_empty();
    match &chosen {
        ToolChoice::Required if only_provided => {
            return Err(TranslateError::unsupported("tool_choice", "only tools the provider runs"));
        }
        ToolChoice::Named(name)
            if offer.has_provided && prompt.tools.iter().all(|tool| tool.name != *name) =>
        {
            return Err(TranslateError::unsupported("tool_choice.name", "a tool only the provider runs"));
        }
        // Where no tool is left there is nothing to choose from.
        ToolChoice::Auto | ToolChoice::None if only_provided => return Ok(()),
        ToolChoice::Auto | ToolChoice::Required | ToolChoice::None | ToolChoice::Named(_) => {}
    }
    prompt.tool_choice = Some(chosen);
    prompt.parallel_tools = is_disabled.then_some(false);
    Ok(())
}

//! Names of tools an upstream refuses, changed to such as it takes.
//!
//! What a tool is called tells the model what it is for, so as much of the name stays as may. A call of the new name comes
//! back to the caller under the old one ([`CallerTools`](crate::canonical::CallerTools)).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::tool_ids::fnv1a;
use crate::Dialect;
use crate::canonical::{Content, Prompt, ToolChoice};

/// OpenAI's and Bedrock's longest name.
const SHORT: usize = 64;
/// Anthropic's and Gemini's.
const LONG: usize = 128;

/// Whether upstreams of a dialect take it as a tool's name: OpenAI `^[a-zA-Z0-9_-]{1,64}$` (other chat providers take
/// more, none less), Bedrock the same, Anthropic up to 128, Gemini besides `.` and `:`, but a letter or `_` first.
fn fits(dialect: Dialect, name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let longest = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::BedrockConverse => SHORT,
        Dialect::AnthropicMessages | Dialect::Gemini => LONG,
    };
    let is_gemini = dialect == Dialect::Gemini;
    (1..=longest).contains(&name.len())
        && name.bytes().all(|byte| is_plain(byte) || (is_gemini && matches!(byte, b'.' | b':')))
        && (!is_gemini || name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_'))
}

/// Gives every tool that upstreams of `to` would refuse for its name another one, wherever the prompt speaks of it.
pub(crate) fn fit(to: Dialect, prompt: &mut Prompt<'_>) {
    let mut new: HashMap<String, String> = HashMap::new();
    let mut taken: Option<HashSet<String>> = None;
    for at in 0..prompt.tools.len() {
        let name = &prompt.tools[at].name;
        if fits(to, name) || new.contains_key(&**name) {
            continue;
        }
        let taken = taken
            .get_or_insert_with(|| prompt.tools.iter().map(|tool| tool.name.clone().into_owned()).collect());
        let fitted = (0..).map(|count| fitted(name, count)).find(|name| !taken.contains(name));
        let fitted = fitted.unwrap_or_default();
        taken.insert(fitted.clone());
        prompt.caller_tools.rename(name, &fitted);
        new.insert(name.clone().into_owned(), fitted);
    }
    let rename = |name: &mut Cow<'_, str>| {
        if !fits(to, name) {
            // A tool of an earlier turn that is not on offer any more is told by the same rule.
            *name = Cow::Owned(new.get(&**name).cloned().unwrap_or_else(|| fitted(name, 0)));
        }
    };
    for tool in &mut prompt.tools {
        rename(&mut tool.name);
    }
    if let Some(ToolChoice::Named(name)) = &mut prompt.tool_choice {
        rename(name);
    }
    for block in prompt.turns.iter_mut().flat_map(|turn| &mut turn.blocks) {
        match &mut block.content {
            Content::ToolUse(call) => rename(&mut call.name),
            Content::ToolResult(result) => {
                if let Some(name) = &mut result.name {
                    rename(name);
                }
            }
            Content::Text(_)
            | Content::Image(_)
            | Content::Document(_)
            | Content::Thinking { .. }
            | Content::RedactedThinking(_)
            | Content::Refusal(_) => {}
        }
    }
}

/// A name every dialect takes, made from `name`: what is left of it, and a digest of the whole.
fn fitted(name: &str, count: u32) -> String {
    const DIGEST: usize = "_01234567".len();
    let mut kept: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' })
        .take(SHORT - DIGEST)
        .collect();
    if !kept.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        kept.insert(0, '_');
        kept.truncate(SHORT - DIGEST);
    }
    format!("{kept}_{:08x}", fnv1a(name.bytes().chain(count.to_le_bytes())) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::{Block, CallerTool, Role, Tool, ToolForm, ToolUse, Turn};

    fn tool(name: &str) -> Tool<'static> {
        let (at, name) = ("tools[0]".to_owned(), Cow::Owned(name.to_owned()));
        Tool { at, name, description: None, schema: None, strict: None, cache: false }
    }

    fn call(name: &str) -> Block<'static> {
        let name = Cow::Owned(name.to_owned());
        let call = ToolUse { id: "1".into(), name, arguments: "{}".into(), signature: None };
        Block { at: "messages[0]".to_owned(), cache: false, content: Content::ToolUse(call) }
    }

    #[test]
    fn every_name_fits_and_leads_back_to_the_callers() {
        let long = "a".repeat(200);
        let names =
            ["plain", "with.dot", "with:dot", "with_dot", "1st", "", "é", "ö", &long, "x".repeat(90).leak()];
        for dialect in Dialect::ALL {
            let mut prompt = Prompt {
                tools: names.iter().map(|name| tool(name)).collect(),
                turns: vec![Turn {
                    at: String::new(),
                    role: Role::Assistant,
                    blocks: vec![call(&long), call("gone.by")],
                }],
                tool_choice: Some(ToolChoice::Named(Cow::Owned(long.clone()))),
                ..Prompt::default()
            };
            fit(dialect, &mut prompt);
            let fitted: HashSet<&str> = prompt.tools.iter().map(|tool| &*tool.name).collect();
            assert_eq!(fitted.len(), names.len(), "{dialect}: {fitted:?}");
            for (tool, name) in prompt.tools.iter().zip(names) {
                assert!(fits(dialect, &tool.name), "{dialect}: {}", tool.name);
                assert_eq!(prompt.caller_tools.own_name(&tool.name).unwrap_or(&tool.name), name, "{dialect}");
            }
            assert_eq!(prompt.tools[0].name, "plain");
            let Content::ToolUse(used) = &prompt.turns[0].blocks[0].content else { panic!() };
            assert_eq!(used.name, prompt.tools[8].name, "{dialect}: a call is of the tool on offer");
            assert_eq!(prompt.tool_choice, Some(ToolChoice::Named(used.name.clone())));
            let Content::ToolUse(used) = &prompt.turns[0].blocks[1].content else { panic!() };
            assert!(fits(dialect, &used.name), "{dialect}: {}", used.name);
        }
    }

    #[test]
    fn a_tool_in_a_namespace_stays_what_it_is_under_a_fitted_name() {
        let flat = format!("{}__spawn", "n".repeat(80));
        let mut prompt = Prompt { tools: vec![tool(&flat)], ..Prompt::default() };
        let own = CallerTool {
            namespace: Some("n".repeat(80)),
            name: "spawn".to_owned(),
            form: ToolForm::Function,
        };
        prompt.caller_tools.insert(flat.clone(), own.clone());
        fit(Dialect::OpenAiChat, &mut prompt);
        assert_eq!(prompt.caller_tools.get(&prompt.tools[0].name), Some(&own));
        assert_eq!(prompt.caller_tools.get(&flat), None);
    }
}

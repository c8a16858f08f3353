//! A tool as its caller's calls name it, and the items of calls that are neither a function's nor free text.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::item::json_string;
use crate::canonical::{CallerTools, ToolForm};

/// Whose call an item is.
#[derive(Clone, Debug)]
pub(super) struct Called<'a> {
    pub(super) form: ToolForm,
    pub(super) namespace: Option<Cow<'a, str>>,
    pub(super) name: Cow<'a, str>,
}

impl<'a> Called<'a> {
    /// What an upstream calls by `name`.
    pub(super) fn of(name: &'a str, tools: Option<&'a CallerTools>) -> Self {
        match tools.and_then(|tools| tools.get(name)) {
            Some(own) => Self {
                form: own.form,
                namespace: own.namespace.as_deref().map(Cow::Borrowed),
                name: Cow::Borrowed(&own.name),
            },
            None => Self { form: ToolForm::Function, namespace: None, name: Cow::Borrowed(name) },
        }
    }

    pub(super) fn into_owned(self) -> Called<'static> {
        Called {
            form: self.form,
            namespace: self.namespace.map(|namespace| Cow::Owned(namespace.into_owned())),
            name: Cow::Owned(self.name.into_owned()),
        }
    }

    /// The type of its calls' items.
    pub(super) const fn kind(&self) -> &'static str {
        match self.form {
            ToolForm::Function => "function_call",
            ToolForm::Custom => "custom_tool_call",
            ToolForm::LocalShell => "local_shell_call",
            ToolForm::Shell => "shell_call",
            ToolForm::ApplyPatch => "apply_patch_call",
            ToolForm::ToolSearch => "tool_search_call",
        }
    }

    /// What the ids of its calls' items begin with.
    pub(super) const fn prefix(&self) -> &'static str {
        match self.form {
            ToolForm::Function => "fc",
            ToolForm::Custom => "ctc",
            ToolForm::LocalShell => "lsh",
            ToolForm::Shell => "sh",
            ToolForm::ApplyPatch => "apc",
            ToolForm::ToolSearch => "tsc",
        }
    }

    /// Writes what a call says, its id and whose it is, each member after a comma. `said` are arguments, or a custom
    /// tool's text.
    pub(super) fn write(&self, call_id: &str, said: &str, out: &mut Vec<u8>) {
        let (member, said) = match self.form {
            ToolForm::Function => ("arguments", Ok(said)),
            ToolForm::Custom => ("input", Ok(said)),
            ToolForm::LocalShell => ("action", Err(command(said))),
            ToolForm::Shell => ("action", Err(commands(said))),
            ToolForm::ApplyPatch => ("operation", Err(operation(said))),
            ToolForm::ToolSearch => ("arguments", Err(object(said).into())),
        };
        out.extend_from_slice(b",\"");
        out.extend_from_slice(member.as_bytes());
        out.extend_from_slice(b"\":");
        match said {
            Ok(text) => json_string(text, out),
            Err(value) => out.extend_from_slice(value.to_string().as_bytes()),
        }
        out.extend_from_slice(b",\"call_id\":");
        json_string(call_id, out);
        match self.form {
            ToolForm::Function | ToolForm::Custom => {
                out.extend_from_slice(b",\"name\":");
                json_string(&self.name, out);
                if let Some(namespace) = &self.namespace {
                    out.extend_from_slice(b",\"namespace\":");
                    json_string(namespace, out);
                }
            }
            ToolForm::ToolSearch => out.extend_from_slice(b",\"execution\":\"client\""),
            ToolForm::LocalShell | ToolForm::Shell | ToolForm::ApplyPatch => {}
        }
    }
}

/// Arguments as the object they should be; an empty one for what the model wrote otherwise, or did not finish.
fn object(arguments: &str) -> Map<String, Value> {
    serde_json::from_str(arguments).unwrap_or_default()
}

fn command(arguments: &str) -> Value {
    let mut action = object(arguments);
    action.insert("type".to_owned(), "exec".into());
    let command = match action.remove("command") {
        Some(Value::String(line)) => json!(["bash", "-lc", line]),
        Some(list @ Value::Array(_)) => list,
        Some(_) | None => json!([]),
    };
    action.insert("command".to_owned(), command);
    action.entry("env").or_insert_with(|| json!({}));
    action.into()
}

fn commands(arguments: &str) -> Value {
    let mut action = object(arguments);
    let commands = match action.remove("commands") {
        Some(Value::String(line)) => json!([line]),
        Some(list @ Value::Array(_)) => list,
        Some(_) | None => json!([]),
    };
    action.insert("commands".to_owned(), commands);
    action.into()
}

fn operation(arguments: &str) -> Value {
    let mut arguments = object(arguments);
    match arguments.remove("operation") {
        Some(operation) => operation,
        None => arguments.into(),
    }
}

//! A caller's tools under the names and in the forms an upstream knows them by.
//!
//! Upstreams know functions with plain names. A caller may group its tools in namespaces, take free text instead of JSON, or
//! run a tool of its vendor's making; it may also use names an upstream refuses. Such a tool goes up as a function under
//! a name of its own, and a call of that name comes back as a call of what the caller offered.

use std::collections::HashMap;

/// The tools an upstream knows by another name or in another form than their caller does, by their names upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerTools(HashMap<String, CallerTool>);

/// A tool as its caller knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerTool {
    /// The namespace it is in, if any.
    pub namespace: Option<String>,
    /// Its name there.
    pub name: String,
    /// What its calls are.
    pub form: ToolForm,
}

/// What the calls of a tool are to its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToolForm {
    /// Calls of a function, with JSON arguments.
    Function,
    /// Free text (`custom` tools of OpenAI's dialects).
    Custom,
    /// One command (`local_shell` of Responses).
    LocalShell,
    /// Several commands (`shell` of Responses).
    Shell,
    /// A change of one file (`apply_patch` of Responses).
    ApplyPatch,
    /// A search for more tools, which the caller runs (`tool_search` of Responses).
    ToolSearch,
}

impl CallerTools {
    /// Whether an upstream knows every tool as its caller does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tool an upstream calls by `name`; none where that is a function of this name to its caller too.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&CallerTool> {
        self.0.get(name)
    }

    /// The caller's name of what an upstream calls by `name`, where they differ in nothing else.
    #[must_use]
    pub fn own_name(&self, name: &str) -> Option<&str> {
        let tool = self.0.get(name)?;
        (tool.namespace.is_none() && tool.form == ToolForm::Function).then_some(&*tool.name)
    }

    /// Records the tool an upstream knows by `name`.
    pub(crate) fn insert(&mut self, name: String, tool: CallerTool) {
        self.0.insert(name, tool);
    }

    /// Records that what was to go upstream as `old` goes as `new`.
    pub(crate) fn rename(&mut self, old: &str, new: &str) {
        let tool = self.0.remove(old).unwrap_or_else(|| CallerTool {
            namespace: None,
            name: old.to_owned(),
            form: ToolForm::Function,
        });
        self.0.insert(new.to_owned(), tool);
    }
}

impl ToolForm {
    /// Its name in OpenAI's dialects.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Custom => "custom",
            Self::LocalShell => "local_shell",
            Self::Shell => "shell",
            Self::ApplyPatch => "apply_patch",
            Self::ToolSearch => "tool_search",
        }
    }
}

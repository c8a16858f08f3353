//! The tools of a request, gathered under names of their own.
//!
//! A name upstream is made from the tool alone wherever that is free, so that the calls of earlier turns are told by the
//! names the tools have now, and a conversation's beginning stays what it was as it grows (prompt caches live on that).

use std::borrow::Cow;
use std::collections::HashSet;

use super::tool_ids::fnv1a;
use crate::canonical::{CallerTool, CallerTools, Tool, ToolForm};

/// The tools gathered so far.
#[derive(Debug, Default)]
pub(crate) struct Offer<'a> {
    pub(crate) tools: Vec<Tool<'a>>,
    names: HashSet<Cow<'a, str>>,
    pub(crate) caller: CallerTools,
}

impl<'a> Offer<'a> {
    /// Adds a tool that has its caller's name yet; one that is there already comes back.
    pub(crate) fn add(
        &mut self,
        namespace: Option<&str>,
        form: ToolForm,
        tool: Tool<'a>,
    ) -> Option<Tool<'a>> {
        let name = self.name_of(namespace, &tool.name, form);
        if !self.names.insert(name.clone()) {
            return Some(tool);
        }
        if namespace.is_some() || form != ToolForm::Function || name != tool.name {
            let own = CallerTool {
                namespace: namespace.map(str::to_owned),
                name: tool.name.clone().into_owned(),
                form,
            };
            self.caller.insert(name.clone().into_owned(), own);
        }
        self.tools.push(Tool { name, ..tool });
        None
    }

    /// What a tool is called upstream, on offer or not.
    pub(crate) fn name_of(
        &self,
        namespace: Option<&str>,
        name: &Cow<'a, str>,
        form: ToolForm,
    ) -> Cow<'a, str> {
        let is_it = |taken: &str| match self.caller.get(taken) {
            Some(tool) => tool.namespace.as_deref() == namespace && tool.name == **name && tool.form == form,
            None => namespace.is_none() && form == ToolForm::Function && taken == name,
        };
        let fits = |candidate: &str| !self.names.contains(candidate) || is_it(candidate);
        let first = match namespace {
            None | Some("") => name.clone(),
            // `mcp__server__` brings its separator along.
            Some(namespace) if namespace.ends_with('_') => Cow::Owned(format!("{namespace}{name}")),
            Some(namespace) => Cow::Owned(format!("{namespace}__{name}")),
        };
        if fits(&first) {
            return first;
        }
        let told_apart = |count: u32| {
            let parts = [namespace.unwrap_or_default(), name, form.as_str()];
            let bytes = parts.into_iter().flat_map(|part| part.bytes().chain([0]));
            format!("{first}_{:08x}", fnv1a(bytes.chain(count.to_le_bytes())) >> 32)
        };
        Cow::Owned((0..).map(told_apart).find(|name| fits(name)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &'static str) -> Tool<'static> {
        let at = "tools[0]".to_owned();
        Tool { at, name: name.into(), description: None, schema: None, strict: None, cache: false }
    }

    #[test]
    fn tools_of_one_name_are_told_apart_and_found_again() {
        let given = [
            (None, ToolForm::Function, "a__b"),
            (Some("a"), ToolForm::Function, "b"),
            (Some("a"), ToolForm::Custom, "b"),
            (None, ToolForm::Custom, "a__b"),
            (Some("a__"), ToolForm::Function, "b"),
            (Some(""), ToolForm::Function, "a__b"),
        ];
        let mut offer = Offer::default();
        for (namespace, form, name) in given {
            assert!(offer.add(namespace, form, tool(name)).is_none(), "{namespace:?} {name}");
            assert!(offer.add(namespace, form, tool(name)).is_some(), "{namespace:?} {name}, given twice");
        }
        assert_eq!(offer.tools[0].name, "a__b");
        for (at, (namespace, form, name)) in given.into_iter().enumerate() {
            assert_eq!(offer.name_of(namespace, &name.into(), form), offer.tools[at].name);
        }
        let names: HashSet<_> = offer.tools.iter().map(|tool| &tool.name).collect();
        assert_eq!(names.len(), given.len(), "{names:?}");
        // What is not on offer has its name all the same.
        assert_eq!(offer.name_of(Some("c"), &"d".into(), ToolForm::Function), "c__d");
    }
}

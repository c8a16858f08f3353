//! A crate's modules and what each of them imports, read from the sources alone.
//!
//! Tests are left out: they may look at anything. What a path means is found out the way the compiler does it, as far as
//! that needs no types: through `crate`, `self`, `super`, child modules, and what a module re-exports of another.

mod paths;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

pub(super) use paths::Import;

/// Where a module lies in its crate: `["walk", "cold"]`; the crate's root is empty.
pub(super) type ModulePath = Vec<String>;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Module {
    /// From the repository's root.
    pub(super) file: PathBuf,
    /// Every path it names, those in `use` items first.
    pub(super) imports: Vec<Import>,
}

/// The modules of one crate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Modules(BTreeMap<ModulePath, Module>);

impl Modules {
    /// Reads the sources under `src`, given as paths from `src` with their texts.
    pub(super) fn read<'a>(src: &Path, files: impl IntoIterator<Item = (&'a Path, &'a str)>) -> Self {
        let mut modules = BTreeMap::new();
        let mut tests: Vec<ModulePath> = Vec::new();
        for (file, text) in files {
            let path = module_path(file);
            let code = text::without_comments(text);
            let (code, test_modules) = text::without_tests(&code);
            tests.extend(test_modules.into_iter().map(|name| child(&path, &name)));
            let imports = paths::read(&code);
            modules.insert(path, Module { file: src.join(file), imports });
        }
        modules.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
        Self(modules)
    }

    /// Reads a crate's folder of sources, `src` being from the repository's root.
    pub(super) fn read_crate(root: &Path, src: &Path, files: &[PathBuf]) -> Result<Self> {
        let own = files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
        let own = own.filter_map(|file| file.strip_prefix(src).ok());
        let texts: Vec<(&Path, String)> = own
            .map(|file| Ok((file, std::fs::read_to_string(root.join(src).join(file))?)))
            .collect::<Result<_>>()?;
        Ok(Self::read(src, texts.iter().map(|(file, text)| (*file, text.as_str()))))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&ModulePath, &Module)> {
        self.0.iter()
    }

    /// The path from the crate's root that `import` names in the module `within`; none for one that leads out of the
    /// crate, or that only a type or a name imported elsewhere explains.
    pub(super) fn absolute(&self, within: &[String], import: &Import) -> Option<ModulePath> {
        let mut names = import.path.iter().map(String::as_str).peekable();
        let mut path = match names.peek().copied()? {
            "crate" => Vec::new(),
            "self" | "super" => within.to_vec(),
            name if self.0.contains_key(&child(within, name)) => within.to_vec(),
            _ => return None,
        };
        names.next_if(|name| *name == "crate");
        while let Some(name) = names.next_if(|name| matches!(*name, "self" | "super")) {
            if name == "super" {
                path.pop();
            }
        }
        path.extend(names.map(str::to_owned));
        Some(path)
    }

    /// The module in which lies what `import` names in `within`, re-exports being followed.
    pub(super) fn target(&self, within: &[String], import: &Import) -> Option<&ModulePath> {
        self.follow(within, import, MOST_REEXPORTS)
    }

    fn follow(&self, within: &[String], import: &Import, left: usize) -> Option<&ModulePath> {
        let path = self.absolute(within, import)?;
        let mut depth = 0;
        while depth < path.len() && self.0.contains_key(&path[..=depth]) {
            depth += 1;
        }
        let (found, module) = self.0.get_key_value(&path[..depth])?;
        let Some(name) = path.get(depth).filter(|_| left > 0 && found != within) else { return Some(found) };
        let again = module.imports.iter().find(|import| import.name.as_ref() == Some(name));
        again.and_then(|import| self.follow(found, import, left - 1)).or(Some(found))
    }
}

/// A name is re-exported fewer times than this.
const MOST_REEXPORTS: usize = 10;

fn module_path(file: &Path) -> ModulePath {
    let path: ModulePath =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let is_root = path.len() == 1 && (path[0] == "lib" || path[0] == "main");
    if is_root { Vec::new() } else { path }
}

fn child(of: &[String], name: &str) -> ModulePath {
    of.iter().cloned().chain([name.to_owned()]).collect()
}

#[cfg(test)]
mod tests;

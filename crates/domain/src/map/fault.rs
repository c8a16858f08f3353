//! One thing wrong with a document, and where.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits::{SENTENCE_BYTES, bounded};

/// One fault of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// Where: `warm[1].baseUrl`; empty for the document as a whole.
    pub path: String,
    /// What is wrong, then the fix.
    pub message: String,
}

impl Fault {
    /// A fault at a path.
    #[must_use]
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        let (path, message) = (path.into(), message.into());
        Self { path: bounded(path, PATH_BYTES), message: bounded(message, SENTENCE_BYTES) }
    }
}

/// The longest path that is told, bytes. Paths hold names a document made up.
const PATH_BYTES: usize = 512;

/// The most faults that are told of one document: nobody reads more, and a document may have as many as it has bytes.
pub(super) const MOST_FAULTS: usize = 100;

/// The faults of a document while it is read.
#[derive(Debug, Default)]
pub(super) struct Faults {
    told: Vec<Fault>,
    more: usize,
}

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        if self.told.len() < MOST_FAULTS {
            self.told.push(fault);
        } else {
            self.more += 1;
        }
    }

    /// How many there are, those that are not told included.
    pub(super) fn count(&self) -> usize {
        self.told.len() + self.more
    }

    pub(super) fn has(&self, fault: &Fault) -> bool {
        self.told.contains(fault)
    }

    pub(super) fn has_at(&self, path: &Path) -> bool {
        self.told.iter().any(|fault| fault.path == path.as_str())
    }

    /// True where a field of the place has a fault.
    pub(super) fn has_below(&self, path: &Path) -> bool {
        let below = |fault: &Fault| {
            fault.path.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        self.told.iter().any(below)
    }

    /// What is told: the faults, and how many more there are.
    pub(super) fn into_told(mut self) -> Vec<Fault> {
        if self.more > 0 {
            let message = format!("{} more faults are not listed. Mend these first.", self.more);
            self.told.push(Fault::new("", message));
        }
        self.told
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// A place in a document, written as people write it: `warm[1].baseUrl`.
#[derive(Clone, Debug, Default)]
pub struct Path(String);

impl Path {
    /// The document itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// A field below this place.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        let plain =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        match (self.0.is_empty(), plain) {
            (true, true) => Self(name.to_owned()),
            (false, true) => Self(format!("{}.{name}", self.0)),
            (_, false) => Self(format!("{}[{name:?}]", self.0)),
        }
    }

    /// An element below this place.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.0
    }
}

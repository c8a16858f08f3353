//! A table of cases that are all looked at, however many of them fail: one run tells the whole truth.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The findings so far.
#[derive(Debug, Default)]
pub struct Table {
    cases: usize,
    wrong: Vec<String>,
}

impl Table {
    /// No case looked at yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at one case; what its assertions say is kept under its name.
    pub fn case(&mut self, name: &str, check: impl FnOnce()) {
        self.cases += 1;
        let Err(panic) = catch_unwind(AssertUnwindSafe(check)) else { return };
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it failed");
        self.wrong.push(format!("{name}: {said}"));
    }

    /// The end of the table.
    ///
    /// # Panics
    /// When a case failed, or there was none.
    pub fn end(self) {
        assert!(self.cases > 0, "an empty table proves nothing");
        let Self { cases, wrong } = self;
        assert!(wrong.is_empty(), "{} of {cases} cases failed:\n{}", wrong.len(), wrong.join("\n"));
    }
}

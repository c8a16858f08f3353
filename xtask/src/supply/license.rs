//! SPDX licence expressions, as far as crates use them: names, `WITH`, `AND`, `OR`, brackets, and the old `/` for `OR`.

/// Whether one may go by the expression, having these licences allowed. What can't be read is not allowed.
pub(crate) fn satisfied(expression: &str, allowed: impl Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_ascii_whitespace().collect();
    let mut reader = Reader { words: &words, allowed: &allowed };
    let fine = reader.any();
    fine == Some(true) && reader.words.is_empty()
}

struct Reader<'a, F> {
    words: &'a [&'a str],
    allowed: &'a F,
}

impl<F: Fn(&str) -> bool> Reader<'_, F> {
    fn take(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }

    /// One of several; OR binds less than AND.
    fn any(&mut self) -> Option<bool> {
        let mut fine = self.all()?;
        while self.take("OR") {
            fine |= self.all()?;
        }
        Some(fine)
    }

    fn all(&mut self) -> Option<bool> {
        let mut fine = self.one()?;
        while self.take("AND") {
            fine &= self.one()?;
        }
        Some(fine)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let fine = self.any()?;
            return self.take(")").then_some(fine);
        }
        let (name, rest) = self.words.split_first()?;
        self.words = rest;
        if !self.take("WITH") {
            return Some((self.allowed)(name));
        }
        let (exception, rest) = self.words.split_first()?;
        self.words = rest;
        // An exception only gives more: the bare licence being allowed is enough.
        Some((self.allowed)(name) || (self.allowed)(&format!("{name} WITH {exception}")))
    }
}

#[cfg(test)]
mod tests {
    use super::satisfied;

    #[test]
    fn expressions_are_judged_as_spdx_has_them() {
        let allowed = |name: &str| ["MIT", "Zlib", "Apache-2.0", "A WITH x"].contains(&name);
        for fine in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0 OR MIT AND Zlib",
            "(GPL-3.0 OR MIT) AND Zlib",
            "MIT/GPL-3.0",
            "A WITH x",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(satisfied(fine, allowed), "{fine}");
        }
        for wrong in ["", "GPL-3.0", "MIT AND GPL-3.0", "A", "(MIT", "MIT MIT", "MIT OR", "A WITH"] {
            assert!(!satisfied(wrong, allowed), "{wrong}");
        }
    }
}

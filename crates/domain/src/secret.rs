//! A value that never shows itself.

use zeroize::Zeroizing;

/// A credential. Debug and Display print `[redacted]`, memory is wiped on drop, and it can't be serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a value, without its surrounding white space (pasted keys often carry a newline).
    #[must_use]
    pub fn new(value: &str) -> Self {
        Self(Zeroizing::new(value.trim().to_owned()))
    }

    /// The value itself. Call it only where it is sent or stored.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Enough to recognise a key by: its last four characters when it is longer than twelve, else nothing.
    #[must_use]
    pub fn hint(&self) -> String {
        let tail: Vec<char> = self.0.chars().rev().take(4).collect();
        if self.0.chars().count() > 12 {
            format!("…{}", tail.iter().rev().collect::<String>())
        } else {
            "…".into()
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_never_shows_itself() {
        let key = Secret::new("sk-live-0123456789abcdef\n");
        assert_eq!(format!("{key:?} {key}"), "[redacted] [redacted]");
        assert_eq!(key.expose(), "sk-live-0123456789abcdef");
        assert_eq!(key.hint(), "…cdef");
        assert_eq!(Secret::new("short").hint(), "…", "a short key is not half given away");
    }
}

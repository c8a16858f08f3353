//! How the window in a browser comes by the control token: a link with a code that works once, and for a while.
//!
//! A link gets into terminals' scrollback, logs and browsers' histories. The code in it is worth nothing there: the page
//! has exchanged it, or its time is over.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use switchyard_domain::Problem;

use crate::alerts::Alerts;
use crate::discovery::ControlToken;

/// A link works so long. Time to read what was printed and to find the browser.
pub(crate) const CODE_MS: u64 = 10 * 60 * 1_000;
/// Codes that wait to be used. The oldest gives way: asking for links must not fill memory.
const MOST_CODES: usize = 16;

/// The token of a control server, its address, and the codes that may still be exchanged for the token.
pub(crate) struct Access {
    token: ControlToken,
    url: String,
    codes: Mutex<Vec<Code>>,
    /// Whom budget alerts are taken from.
    pub(crate) alerts: Alerts,
}

struct Code {
    code: ControlToken,
    until: u64,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Access {
    pub(crate) fn new(token: ControlToken, url: String, alerts: Alerts) -> Self {
        Self { token, url, codes: Mutex::default(), alerts }
    }

    /// Where budget alerts are posted, with their secret.
    pub(crate) fn alerts_address(&self) -> String {
        format!("{}{}", self.url, self.alerts.path())
    }

    /// Whether a token opens the API.
    pub(crate) fn opens(&self, offered: &str) -> bool {
        self.token.opens(offered)
    }

    /// A link that opens the window once, within [`CODE_MS`] of this reading of the monotonic clock.
    pub(crate) fn link(&self, mono_ms: u64) -> Result<String, Problem> {
        let code = ControlToken::fresh()?;
        let link = format!("{}/#code={}", self.url, code.expose());
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|code| code.until > mono_ms);
        if codes.len() == MOST_CODES {
            codes.remove(0);
        }
        codes.push(Code { code, until: mono_ms + CODE_MS });
        Ok(link)
    }

    /// The token for a code, which is used up by this.
    pub(crate) fn exchange(&self, offered: &str, mono_ms: u64) -> Option<ControlToken> {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|code| code.until > mono_ms);
        let at = codes.iter().position(|code| code.code.opens(offered))?;
        codes.remove(at);
        Some(self.token.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(url: &str) -> Access {
        let alerts = Alerts::new(ControlToken::given("of the alerts"), |_| false);
        Access::new(ControlToken::given("t"), url.to_owned(), alerts)
    }

    fn code(link: &str) -> &str {
        link.rsplit_once("#code=").unwrap().1
    }

    #[test]
    fn a_code_works_once_and_for_a_while() {
        let access = access("http://127.0.0.1:1");
        let link = access.link(5).unwrap();
        assert!(link.starts_with("http://127.0.0.1:1/#code=") && !link.contains("token"), "{link}");
        assert_eq!(access.exchange("", 5), None);
        assert_eq!(access.exchange("t", 5), None);
        assert_eq!(access.exchange(code(&link), 6), Some(ControlToken::given("t")));
        assert_eq!(access.exchange(code(&link), 7), None, "a second use");
        let link = access.link(5).unwrap();
        assert_eq!(access.exchange(code(&link), 5 + CODE_MS), None, "too late");
    }

    #[test]
    fn many_links_take_no_more_room() {
        let access = access("");
        let links: Vec<String> = (0..MOST_CODES + 4).map(|_| access.link(0).unwrap()).collect();
        assert_eq!(access.codes.lock().unwrap().len(), MOST_CODES);
        assert_eq!(access.exchange(code(&links[0]), 1), None, "the oldest gave way");
        assert!(access.exchange(code(&links[MOST_CODES + 3]), 1).is_some());
    }
}

//! What the providers' status pages say. Most are of one make and answer `/api/v2/status.json` with an indicator
//! (`none`, `minor`, `major`, `critical`) and a description; a page that does not is left to people.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use switchyard_domain::Now;
use switchyard_policy::causes::PageFacts;

use crate::core::clock;
use crate::core::lock;
use crate::walk::encoding;

/// A page is asked at most this often, milliseconds.
const EVERY_MS: u64 = 300_000;
/// What a page said is believed this long, milliseconds.
const FRESH_MS: u64 = 600_000;
/// A page that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// No status is longer, bytes.
const LONGEST: usize = 64 * 1024;
/// What is shown of a description, characters.
const SHOWN: usize = 200;

#[derive(Debug, Deserialize)]
struct Summary {
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Status {
    indicator: String,
    description: String,
}

/// The pages by provider.
#[derive(Debug, Default)]
pub(super) struct Pages {
    asked: HashMap<String, u64>,
    said: Arc<Mutex<HashMap<String, (u64, PageFacts)>>>,
}

impl Pages {
    /// Asks a provider's page, unless that was done lately. The answer comes later.
    pub(super) fn ask(&mut self, provider: &str, page: &str, now: Now) {
        let last = self.asked.get(provider);
        if last.is_some_and(|last| now.mono_ms.saturating_sub(*last) < EVERY_MS) {
            return;
        }
        self.asked.insert(provider.to_owned(), now.mono_ms);
        let (provider, page, said) = (provider.to_owned(), page.to_owned(), Arc::clone(&self.said));
        tokio::spawn(async move {
            let found = tokio::time::timeout(PATIENCE, fetch(&page)).await.ok().flatten();
            if let Some(facts) = found {
                lock(&said).insert(provider, (clock::now().mono_ms, facts));
            } else {
                tracing::debug!(provider, page, "the status page could not be read");
            }
        });
    }

    /// What a provider's page said lately.
    pub(super) fn said(&self, provider: &str, now: Now) -> Option<PageFacts> {
        let said = lock(&self.said);
        let (at, facts) = said.get(provider)?;
        (now.mono_ms.saturating_sub(*at) <= FRESH_MS).then(|| facts.clone())
    }
}

async fn fetch(page: &str) -> Option<PageFacts> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("switchyard/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::limited(3))
        .build()
        .ok()?;
    let address = format!("{}/api/v2/status.json", page.trim_end_matches('/'));
    let response = client.get(address).send().await.ok()?.error_for_status().ok()?;
    let mut response = reqwest::Response::from(encoding::answer(response.into()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            return None;
        }
    }
    read(&body, page)
}

fn read(body: &[u8], page: &str) -> Option<PageFacts> {
    let Summary { status } = serde_json::from_slice(body).ok()?;
    let says: String = status.description.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    Some(PageFacts { trouble: status.indicator != "none", says, url: page.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_status_is_read_or_left_alone() {
        let page = |body: &str| read(body.as_bytes(), "https://status.example").map(|p| (p.trouble, p.says));
        let well =
            r#"{"page":{"id":"x"},"status":{"indicator":"none","description":"All Systems Operational"}}"#;
        assert_eq!(page(well), Some((false, "All Systems Operational".to_owned())));
        let ill = r#"{"status":{"indicator":"major","description":"Partial\u0007 Outage"}}"#;
        assert_eq!(page(ill), Some((true, "Partial Outage".to_owned())));
        for other in ["", "<html>", "{}", r#"{"status":"ok"}"#] {
            assert_eq!(page(other), None, "{other}");
        }
    }
}

//! Budget alerts of providers: two operations that a secret of their own opens, and nothing else. The secret may be given to
//! an alerting system, and requests may come through a tunnel, under the hosts that the map lists.

use std::path::Path;

use base64::Engine as _;
use http::{HeaderMap, Method, header};
use serde::Deserialize;
use switchyard_domain::Problem;
use switchyard_domain::api::BudgetAlert;
use switchyard_engine::private::{read_private, write_private};

use crate::discovery::ControlToken;
use crate::guard::offered;

/// Where the secret is kept, beside the database.
const FILE: &str = "budget.secret";
/// The variable that names another one.
const VARIABLE: &str = "BUDGET_WEBHOOK_SECRET";
/// A secret is at least so long, bytes.
const LEAST_BYTES: usize = 24;
/// The header it may come in.
const HEADER: &str = "x-switchyard-secret";
/// What the paths begin with.
const PREFIX: &str = "/budget/";
/// Which provider a budget of Google Cloud's is of.
const GOOGLE: &str = "google";

/// Whom alerts are taken from.
pub(crate) struct Alerts {
    secret: ControlToken,
    /// Whether a host of the map's `budget.webhookHosts` is meant.
    hosts: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Alerts {
    pub(crate) fn new(secret: ControlToken, hosts: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { secret, hosts: Box::new(hosts) }
    }

    /// The path alerts are posted to, with the secret in it.
    pub(crate) fn path(&self) -> String {
        format!("{PREFIX}webhook/{}", self.secret.expose())
    }

    /// Whether a request is one of these operations, by its path.
    pub(crate) fn are_meant(method: &Method, path: &str) -> bool {
        *method == Method::POST && path.starts_with(PREFIX)
    }

    /// Whether requests may come under this host.
    pub(crate) fn takes_host(&self, host: &str) -> bool {
        let name = host.rsplit_once(':').map_or(host, |(name, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
        });
        (self.hosts)(&name.to_ascii_lowercase())
    }

    /// Whether the secret came: in a header, as a bearer token or as the last part of the path.
    pub(crate) fn opens(&self, headers: &HeaderMap, path: &str) -> bool {
        let named = headers.get(HEADER).and_then(|value| value.to_str().ok());
        let last = path.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/')).map(|(_, secret)| secret);
        [named, offered(headers), last].into_iter().flatten().any(|offered| self.secret.opens(offered))
    }

    /// What is wrong without the secret.
    pub(crate) fn unauthorized() -> Problem {
        let message = format!(
            "This needs the budget secret: in the header `{HEADER}`, as `{}: Bearer <secret>` or as the last part of the path. It is in `{FILE}` in the data directory; `switchyard budget webhook` prints the whole address.",
            header::AUTHORIZATION
        );
        Problem::new("unauthorized", message)
    }
}

/// The secret of a data directory; made at the first start. A variable names another one.
///
/// # Errors
/// `invalid_budget_secret` for one that is too short; what stands in the way of the file.
pub(crate) fn budget_secret(data_dir: &Path) -> Result<ControlToken, Problem> {
    let invalid = |whose: &str, bytes: usize| {
        let message = format!(
            "{whose} has {bytes} bytes; a budget secret has at least {LEAST_BYTES}. Write a longer one."
        );
        Err(Problem::new("invalid_budget_secret", message))
    };
    if let Some(given) = std::env::var(VARIABLE).ok().filter(|given| !given.trim().is_empty()) {
        let given = given.trim();
        return if given.len() < LEAST_BYTES {
            invalid(VARIABLE, given.len())
        } else {
            Ok(ControlToken::given(given))
        };
    }
    let path = data_dir.join(FILE);
    let file = |error: &dyn std::fmt::Display| {
        Problem::new("invalid_budget_secret", format!("{}: {error}", path.display()))
    };
    if let Some(kept) = read_private(&path).map_err(|error| file(&error))? {
        let kept = String::from_utf8_lossy(&kept).trim().to_owned();
        if kept.len() < LEAST_BYTES {
            return invalid(&path.display().to_string(), kept.len());
        }
        return Ok(ControlToken::given(&kept));
    }
    let fresh = ControlToken::fresh()?;
    write_private(&path, format!("{}\n", fresh.expose()).as_bytes()).map_err(|error| file(&error))?;
    Ok(fresh)
}

/// A push message of Google Cloud's Pub/Sub (docs.cloud.google.com, "Programmatic budget alert notifications").
#[derive(Deserialize)]
struct Pushed {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    data: String,
}

/// Google's budget and what it has cost; sent several times a day, crossed or not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleBudget {
    cost_amount: f64,
    budget_amount: f64,
}

/// Reads an alert: Switchyard's own form, or Google Cloud's.
///
/// # Errors
/// `invalid_body` that names the field and what is right.
pub(crate) fn read(body: &[u8]) -> Result<BudgetAlert, Problem> {
    let invalid = |what: &str| Problem::new("invalid_body", what.to_owned());
    let alert = match serde_json::from_slice::<Pushed>(body) {
        Ok(Pushed { message }) => {
            let data = base64::engine::general_purpose::STANDARD.decode(message.data.trim());
            let budget = data.ok().and_then(|data| serde_json::from_slice::<GoogleBudget>(&data).ok());
            let budget = budget.ok_or_else(|| {
                invalid("message.data: this is no budget message of Google Cloud's in base64 (costAmount, budgetAmount).")
            })?;
            let percent_used = budget.cost_amount / budget.budget_amount * 100.0;
            BudgetAlert { provider: GOOGLE.to_owned(), percent_used }
        }
        Err(_) => serde_json::from_slice::<BudgetAlert>(body).map_err(|_| {
            invalid("Send {\"provider\": \"anthropic\", \"percentUsed\": 85}, or a budget message of Google Cloud's Pub/Sub.")
        })?,
    };
    if !alert.percent_used.is_finite() || alert.percent_used < 0.0 {
        return Err(invalid("percentUsed: write a number that is 0 or more, such as 85."));
    }
    Ok(alert)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_read_in_both_forms_and_what_is_none_is_named() {
        let own = read(br#"{"provider":"gemini","percentUsed":85.5}"#).unwrap();
        assert_eq!((own.provider.as_str(), own.percent_used), ("gemini", 85.5));
        let data = base64::engine::general_purpose::STANDARD
            .encode(r#"{"budgetDisplayName":"b","costAmount":45,"budgetAmount":50.0,"currencyCode":"EUR"}"#);
        let pushed = read(
            format!(r#"{{"message":{{"data":"{data}","messageId":"1"}},"subscription":"s"}}"#).as_bytes(),
        );
        let pushed = pushed.unwrap();
        assert_eq!((pushed.provider.as_str(), pushed.percent_used), ("google", 90.0));
        for (body, names) in [
            (r#"{"provider":"openai"}"#, "percentUsed"),
            (r#"{"provider":"openai","percentUsed":-1}"#, "percentUsed:"),
            (r#"{"provider":"openai","percentUsed":"85"}"#, "percentUsed"),
            (r#"{"message":{"data":"e30="}}"#, "message.data:"),
            (r#"{"message":{"data":"*"}}"#, "message.data:"),
            ("", "percentUsed"),
        ] {
            let problem = read(body.as_bytes()).unwrap_err();
            assert!(problem.code == "invalid_body" && problem.message.contains(names), "{body}: {problem:?}");
        }
        let none = base64::engine::general_purpose::STANDARD.encode(r#"{"costAmount":45,"budgetAmount":0}"#);
        assert!(
            read(format!(r#"{{"message":{{"data":"{none}"}}}}"#).as_bytes()).is_err(),
            "a budget of nothing has no share"
        );
    }

    #[test]
    fn the_secret_is_made_once_and_opens_in_three_ways() {
        let dir = tempfile::tempdir().unwrap();
        let secret = budget_secret(dir.path()).unwrap();
        assert_eq!(budget_secret(dir.path()).unwrap(), secret);
        let alerts = Alerts::new(secret.clone(), |host| host == "hooks.example.com");
        let with = |name: &'static str, value: String| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        let bare = HeaderMap::new();
        assert!(alerts.opens(&with(HEADER, secret.expose().to_owned()), "/budget/webhook"));
        assert!(
            alerts.opens(&with("authorization", format!("Bearer {}", secret.expose())), "/budget/resume")
        );
        assert!(alerts.opens(&bare, &format!("/budget/webhook/{}", secret.expose())));
        for path in ["/budget/webhook", "/budget/webhook/", "/budget/webhook/guess", "/budget/"] {
            assert!(!alerts.opens(&bare, path), "{path}");
        }
        assert!(alerts.takes_host("Hooks.example.com:443") && alerts.takes_host("hooks.example.com"));
        assert!(!alerts.takes_host("example.com"));
        std::fs::remove_file(dir.path().join(FILE)).unwrap();
        write_private(&dir.path().join(FILE), b"short").unwrap();
        let problem = budget_secret(dir.path()).unwrap_err();
        assert!(problem.message.contains("at least 24"), "{problem:?}");
    }
}

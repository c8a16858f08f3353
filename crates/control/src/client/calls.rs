//! One function per operation. All fail with the router's own [`Problem`], or with those of
//! [`ControlClient::handle`].

use std::collections::BTreeMap;

use switchyard_domain::Problem;
use switchyard_domain::api::{
    ApplyMap, AuditEntry, ClientRecord, CredentialList, CredentialTest, ErrorReport, JobView, MapDocument,
    MapVersion, Money, NewClient, ResumeMoney, ResumedMoney, RollBack, RolledBack, RoutePrice, SetMap, Spend,
    SpendBy, TestAnswer, TestRequest,
};
use switchyard_domain::compat::{CompatCase, CompatPreview, CompatReport, CompatRow, CompatRun, RunCompat};
use switchyard_domain::gateway::ProvidersHealth;
use switchyard_domain::map::Fault;
use switchyard_domain::network::NetworkView;
use switchyard_domain::operate::{
    CauseView, Overrides, QualityScore, QualityVerdict, SetDistribution, StartShift,
};
use switchyard_domain::overrides::{
    OrdersAnswer, SetAllOff, SetBounds, SetBreaker, SetExcept, SetKill, SetPrefer,
};
use switchyard_domain::switch_cost::SwitchCost;
use switchyard_domain::view::{RequestView, Snapshot};
use switchyard_domain::{RouteId, Secret};

use super::{CHECK, ControlClient};
use crate::api::budget::AlertsAddress;
use crate::api::clients::{LocalKey, NameClient};
use crate::api::credentials::GiveCredential;
use crate::api::map::{AppliedMap, CheckMap, MapCheck, MapDiff, RestoreMap};
use crate::api::overrides::JobTerms;
use crate::api::pause::PauseWork;
use crate::api::queue::QueueQuery;
use crate::api::requests::RequestsQuery;
use crate::api::routes::SwitchRoute;
use crate::api::shifts::{BringHome, HoldShift, ShiftList, StartedShift};
use crate::api::snapshot::Health;
use crate::api::switch_cost::SwitchCostQuery;
use crate::api::window::WindowLink;

type Answer<T> = Result<T, Problem>;

#[expect(clippy::missing_errors_doc, reason = "the module says it once for all of them")]
impl ControlClient {
    /// Whether the router answers, and its version.
    pub async fn health(&self) -> Answer<Health> {
        self.get("/health").await
    }

    /// The whole state at this moment.
    pub async fn snapshot(&self) -> Answer<Snapshot> {
        self.get("/v1/snapshot").await
    }

    /// A link that opens the window once.
    pub async fn window_link(&self) -> Answer<WindowLink> {
        self.call("POST", "/v1/window/link", None).await
    }

    /// The request log, newest first.
    pub async fn requests(&self, query: RequestsQuery) -> Answer<Vec<RequestView>> {
        let asked = [("limit", query.limit.map(i64::from)), ("before", query.before)];
        self.get(&with_query("/v1/requests", asked.map(|(name, value)| (name, value.map(|v| v.to_string())))))
            .await
    }

    /// The running map, or an older version.
    pub async fn map(&self, version: Option<i64>) -> Answer<MapDocument> {
        match version {
            None => self.get("/v1/map").await,
            Some(version) => self.get(&format!("/v1/map/versions/{version}")).await,
        }
    }

    /// Proves a map with what the router knows: its environment and its credentials.
    pub async fn check_map(&self, document: &str) -> Answer<MapCheck> {
        self.send("POST", "/v1/map/check", &CheckMap { document: document.to_owned() }).await
    }

    /// What is worth a word about the running map, though it is sound.
    pub async fn map_warnings(&self) -> Answer<Vec<Fault>> {
        self.get("/v1/map/warnings").await
    }

    /// Applies a map.
    pub async fn apply_map(&self, map: &ApplyMap) -> Answer<AppliedMap> {
        self.send("PUT", "/v1/map", map).await
    }

    /// Every applied version, newest first.
    pub async fn map_versions(&self) -> Answer<Vec<MapVersion>> {
        self.get("/v1/map/versions").await
    }

    /// Two applied versions side by side.
    pub async fn diff_maps(&self, from: i64, to: i64) -> Answer<MapDiff> {
        self.get(&format!("/v1/map/diff?from={from}&to={to}")).await
    }

    /// Runs an older version again.
    pub async fn restore_map(&self, version: i64, reason: Option<String>) -> Answer<AppliedMap> {
        self.send("POST", "/v1/map/restore", &RestoreMap { version, reason }).await
    }

    /// Stops taking new work.
    pub async fn pause(&self, reason: Option<String>) -> Answer<()> {
        self.send("POST", "/v1/pause", &PauseWork { reason }).await
    }

    /// Where every budget stands, and why work waits.
    pub async fn money(&self) -> Answer<Money> {
        self.get("/v1/budget").await
    }

    /// Where budget alerts are posted, with the secret in the address.
    pub async fn alerts_address(&self) -> Answer<AlertsAddress> {
        self.get("/v1/budget/webhook").await
    }

    /// What each route of the running map charges.
    pub async fn prices(&self) -> Answer<Vec<RoutePrice>> {
        self.get("/v1/prices").await
    }

    /// What was spent.
    pub async fn spend(&self, by: SpendBy, since_ms: Option<i64>, until_ms: Option<i64>) -> Answer<Spend> {
        let asked = [
            ("by", Some(by.as_str().to_owned())),
            ("sinceMs", since_ms.map(|at| at.to_string())),
            ("untilMs", until_ms.map(|at| at.to_string())),
        ];
        self.get(&with_query("/v1/budget/spend", asked)).await
    }

    /// Lets work go on that money holds.
    pub async fn resume_money(&self, resume: &ResumeMoney) -> Answer<ResumedMoney> {
        self.send("POST", "/v1/budget/resume", resume).await
    }

    /// How this machine's network stands.
    pub async fn network(&self) -> Answer<NetworkView> {
        self.get("/v1/network").await
    }

    /// Looks at the network now.
    pub async fn check_network(&self) -> Answer<NetworkView> {
        self.call("POST", "/v1/network/check", None).await
    }

    /// Takes new work again.
    pub async fn resume(&self) -> Answer<()> {
        self.call("POST", "/v1/resume", None).await
    }

    /// Takes a route out of service, or back in.
    pub async fn switch_route(&self, route: &str, in_service: bool) -> Answer<()> {
        self.send("PUT", "/v1/routes/switch", &SwitchRoute { route: RouteId::from(route), in_service }).await
    }

    /// The last check of every route.
    pub async fn compat_matrix(&self) -> Answer<Vec<CompatRow>> {
        self.get("/v1/compat").await
    }

    /// A route's last check and those before it.
    pub async fn compat(&self, route: &str) -> Answer<CompatReport> {
        self.get(&format!("/v1/routes/{}/compat", segment(route))).await
    }

    /// What a check of these cases (all of them when there are none) would cost.
    pub async fn preview_compat(&self, route: &str, cases: &[CompatCase]) -> Answer<CompatPreview> {
        let names: Vec<&str> = cases.iter().map(|case| case.as_str()).collect();
        let asked = [("cases", (!names.is_empty()).then(|| names.join(",")))];
        self.get(&with_query(&format!("/v1/routes/{}/compat/preview", segment(route)), asked)).await
    }

    /// Checks a route with real requests; these cases, or all of them when there are none.
    pub async fn run_compat(&self, route: &str, cases: Vec<CompatCase>) -> Answer<CompatRun> {
        let command = serde_json::to_value(RunCompat { cases })
            .map_err(|error| Problem::new("internal", error.to_string()))?;
        self.call_within(CHECK, "POST", &format!("/v1/routes/{}/compat", segment(route)), Some(command)).await
    }

    /// Tells how good a route's answers are.
    pub async fn score_quality(&self, given: &QualityScore) -> Answer<QualityVerdict> {
        self.send("POST", "/v1/quality", given).await
    }

    /// What a move of a job would change.
    pub async fn switch_cost(&self, query: &SwitchCostQuery) -> Answer<SwitchCost> {
        let asked = [
            ("to", Some(segment(&query.to))),
            ("job", query.job.as_deref().map(segment)),
            ("from", query.from.as_deref().map(segment)),
        ];
        self.get(&with_query("/v1/switch-cost", asked)).await
    }

    /// Every credential, without values.
    pub async fn credentials(&self) -> Answer<CredentialList> {
        self.get("/v1/credentials").await
    }

    /// Stores a key.
    pub async fn set_credential(&self, name: &str, value: &Secret) -> Answer<()> {
        let given = GiveCredential { value: value.expose().to_owned() };
        self.send("PUT", &format!("/v1/credentials/{}", segment(name)), &given).await
    }

    /// Forgets a stored key.
    pub async fn remove_credential(&self, name: &str) -> Answer<()> {
        self.call("DELETE", &format!("/v1/credentials/{}", segment(name)), None).await
    }

    /// Asks the provider whether it accepts a key.
    pub async fn test_credential(&self, name: &str) -> Answer<CredentialTest> {
        self.call("POST", &format!("/v1/credentials/{}/test", segment(name)), None).await
    }

    /// Every app with its own key.
    pub async fn clients(&self) -> Answer<Vec<ClientRecord>> {
        self.get("/v1/clients").await
    }

    /// Makes a key for an app.
    pub async fn add_client(&self, name: &str) -> Answer<NewClient> {
        self.send("POST", "/v1/clients", &NameClient { name: name.to_owned() }).await
    }

    /// Takes an app's key away.
    pub async fn remove_client(&self, name: &str) -> Answer<()> {
        self.call("DELETE", &format!("/v1/clients/{}", segment(name)), None).await
    }

    /// The default app's key.
    pub async fn default_key(&self) -> Answer<LocalKey> {
        self.get("/v1/clients/default/key").await
    }

    /// Jobs of the queue, newest first.
    pub async fn jobs(&self, query: QueueQuery) -> Answer<Vec<JobView>> {
        let asked = [
            ("state", query.state.map(|state| state.as_str().to_owned())),
            ("limit", query.limit.map(|limit| limit.to_string())),
        ];
        self.get(&with_query("/v1/queue", asked)).await
    }

    /// One job.
    pub async fn job(&self, id: &str) -> Answer<JobView> {
        self.get(&format!("/v1/queue/{}", segment(id))).await
    }

    /// Puts a job that ended without an answer back in line.
    pub async fn replay_job(&self, id: &str) -> Answer<()> {
        self.call("POST", &format!("/v1/queue/{}/replay", segment(id)), None).await
    }

    /// Gives a job up for good.
    pub async fn discard_job(&self, id: &str) -> Answer<()> {
        self.call("POST", &format!("/v1/queue/{}/discard", segment(id)), None).await
    }

    /// Sends one real request through the pipeline.
    pub async fn test_request(&self, ask: &TestRequest) -> Answer<TestAnswer> {
        self.send("POST", "/v1/test-request", ask).await
    }

    /// Changes single values of the running map.
    pub async fn set_in_map(&self, set: &SetMap) -> Answer<AppliedMap> {
        self.send("POST", "/v1/map/set", set).await
    }

    /// The likely causes of present trouble, worst first.
    pub async fn causes(&self) -> Answer<Vec<CauseView>> {
        self.get("/v1/causes").await
    }

    /// Failed tries since a moment (UTC epoch milliseconds).
    pub async fn errors(&self, since_ms: Option<i64>) -> Answer<ErrorReport> {
        self.get(&with_query("/v1/errors", [("since", since_ms.map(|since| since.to_string()))])).await
    }

    /// The health of every provider.
    pub async fn providers_health(&self) -> Answer<ProvidersHealth> {
        self.get("/gateway/admin/providers/health").await
    }

    /// How traffic is moved and split.
    pub async fn shifts(&self) -> Answer<ShiftList> {
        self.get("/v1/shifts").await
    }

    /// Moves traffic.
    pub async fn start_shift(&self, command: &StartShift) -> Answer<StartedShift> {
        self.send("POST", "/v1/shifts", command).await
    }

    /// Lets a shift stand still, or go on.
    pub async fn hold_shift(&self, id: u64, hold: &HoldShift) -> Answer<()> {
        self.send("POST", &format!("/v1/shifts/{id}/hold"), hold).await
    }

    /// Brings traffic home.
    pub async fn failback(&self, id: u64, home: &BringHome) -> Answer<()> {
        self.send("POST", &format!("/v1/shifts/{id}/failback"), home).await
    }

    /// Splits traffic by weights.
    pub async fn distribute(&self, command: &SetDistribution) -> Answer<()> {
        self.send("PUT", "/v1/distribution", command).await
    }

    /// The audit log, newest first.
    pub async fn audit(&self, limit: u32) -> Answer<Vec<AuditEntry>> {
        self.get(&format!("/v1/audit?limit={limit}")).await
    }

    /// Sets back what a change of the audit log touched.
    pub async fn roll_back(&self, id: i64, reason: Option<String>) -> Answer<RolledBack> {
        self.send("POST", &format!("/v1/audit/{id}/rollback"), &RollBack { reason }).await
    }

    /// Everything overridden now.
    pub async fn overrides(&self) -> Answer<Overrides> {
        self.get("/v1/overrides").await
    }

    /// Throws or resets a kill switch.
    pub async fn set_kill(&self, set: &SetKill) -> Answer<OrdersAnswer> {
        self.send("POST", "/v1/overrides/kill", set).await
    }

    /// Holds a breaker, or lets go of it.
    pub async fn set_breaker(&self, set: &SetBreaker) -> Answer<OrdersAnswer> {
        self.send("POST", "/v1/overrides/breaker", set).await
    }

    /// Leaves a provider out everywhere, or uses it again.
    pub async fn set_except(&self, set: &SetExcept) -> Answer<OrdersAnswer> {
        self.send("POST", "/v1/overrides/except", set).await
    }

    /// Bounds an app to providers.
    pub async fn set_bounds(&self, set: &SetBounds) -> Answer<OrdersAnswer> {
        self.send("POST", "/v1/overrides/client-bounds", set).await
    }

    /// Lets an app's requests go to one provider first.
    pub async fn set_prefer(&self, set: &SetPrefer) -> Answer<OrdersAnswer> {
        self.send("POST", "/v1/overrides/client-prefer", set).await
    }

    /// Throws or resets the all-off switch.
    pub async fn set_all_off(&self, set: &SetAllOff) -> Answer<OrdersAnswer> {
        self.send("POST", "/v1/overrides/all-off", set).await
    }

    /// Overrides the models of the jobs named; none takes a job's override back.
    pub async fn set_job_overrides(
        &self,
        jobs: &BTreeMap<String, Option<Vec<String>>>,
        terms: &JobTerms,
    ) -> Answer<OrdersAnswer> {
        let asked = [
            ("reason", terms.reason.as_deref().map(segment)),
            ("forMs", terms.for_ms.map(|ms| ms.to_string())),
            ("baseVersion", terms.base_version.map(|version| version.to_string())),
        ];
        self.send("PUT", &with_query("/v1/overrides/jobs", asked), jobs).await
    }
}

/// Values here are numbers, plain words, or escaped already.
pub(super) fn with_query<const N: usize>(path: &str, asked: [(&str, Option<String>); N]) -> String {
    let pairs: Vec<String> =
        asked.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// A name as one segment of a path (RFC 3986, section 2.3: all but the unreserved characters are escaped).
pub(super) fn segment(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::{segment, with_query};

    #[test]
    fn names_and_queries_are_escaped_where_they_must_be() {
        assert_eq!(segment("openai:second/ä"), "openai%3Asecond%2F%C3%A4");
        assert_eq!(with_query("/q", [("a", None), ("b", None)]), "/q");
        assert_eq!(with_query("/q", [("a", Some("1".into())), ("b", Some("2".into()))]), "/q?a=1&b=2");
    }
}

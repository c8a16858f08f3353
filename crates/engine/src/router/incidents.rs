//! Incidents as people look at them and handle them: list, show, note, close, report, review, tell.

use switchyard_domain::Problem;
use switchyard_domain::incident::{
    EmergencyPage, ExternalIncident, Incident, IncidentBrief, IncidentId, IncidentNote, NewExternalIncident,
    NoticeReport, Review, SendNotice,
};
use switchyard_domain::map::Goals;
use switchyard_domain::map::{self, Fault};
use switchyard_domain::nearest::{did_you_mean, nearest};
use switchyard_store::AuditEntry;

use super::Router;
use super::audit::said;
use crate::core::clock;
use crate::watch::incidents::{self, ByHand, Told};

/// Incidents a review looks at, at most.
const REVIEWED: u32 = 5_000;
/// External incidents that are listed at most.
const EXTERNAL: u32 = 500;
/// The longest note or notice, characters.
const LONGEST: usize = 4_000;
/// Clocks may differ by so much, milliseconds.
const SKEW_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 3_600_000;

impl Router {
    /// Incidents opened since a moment (UTC epoch milliseconds), newest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn incidents(&self, since_ms: Option<i64>, limit: u32) -> Result<Vec<IncidentBrief>, Problem> {
        incidents::refresh(&self.state.watch.incidents).await;
        let found = self.state.core.store.incidents().opened(since_ms.unwrap_or(0), i64::MAX, limit).await;
        let found = found.map_err(|error| error.problem())?;
        Ok(found.into_iter().map(|incident| incident.brief).collect())
    }

    /// One incident, whole and up to date.
    ///
    /// # Errors
    /// `not_found_incident`.
    pub async fn incident(&self, id: IncidentId) -> Result<Incident, Problem> {
        incidents::refresh(&self.state.watch.incidents).await;
        let found = self.state.core.store.incidents().get(id).await.map_err(|error| error.problem())?;
        found.ok_or_else(|| {
            let message =
                format!("There is no incident {id}. `switchyard incident list` shows those there are.");
            Problem::new("not_found_incident", message)
        })
    }

    /// Writes a note on an incident, closed or not.
    ///
    /// # Errors
    /// `not_found_incident`, `invalid_note`.
    pub async fn note_incident(&self, id: IncidentId, text: &str, actor: &str) -> Result<(), Problem> {
        let text = worded(text, "invalid_note", "text")?;
        let known = self.state.core.store.incidents().get(id).await.map_err(|error| error.problem())?;
        if known.is_none() {
            return self.incident(id).await.map(drop);
        }
        let note = IncidentNote { at_ms: clock::now().wall_ms, actor: actor.to_owned(), text: text.clone() };
        self.state.core.store.incidents().note(id, &note).await.map_err(|error| error.problem())?;
        self.note(actor, "incident.note", &id.to_string(), Some(text)).await;
        Ok(())
    }

    /// Closes an incident by hand.
    ///
    /// # Errors
    /// `not_found_incident`; `conflict_incident_closed`.
    pub async fn close_incident(
        &self,
        id: IncidentId,
        reason: Option<String>,
        actor: &str,
    ) -> Result<(), Problem> {
        let reason = said(reason);
        let by = ByHand { actor, reason: reason.as_deref() };
        if !incidents::close(&self.state.watch.incidents, id, by).await {
            let known = self.incident(id).await?;
            let message = format!("Incident {} is closed already.", known.brief.id);
            return Err(Problem::new("conflict_incident_closed", message));
        }
        self.note(actor, "incident.close", &id.to_string(), reason).await;
        Ok(())
    }

    /// An incident's report, Markdown.
    ///
    /// # Errors
    /// `not_found_incident`.
    pub async fn incident_report(&self, id: IncidentId) -> Result<String, Problem> {
        Ok(incidents::markdown(&self.incident(id).await?))
    }

    /// How the incidents opened since a moment (UTC epoch milliseconds) were handled; of the last 30 days when absent.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn review_incidents(&self, since_ms: Option<i64>) -> Result<Review, Problem> {
        incidents::refresh(&self.state.watch.incidents).await;
        let until_ms = clock::now().wall_ms;
        let since_ms = since_ms.unwrap_or(until_ms - 30 * DAY_MS);
        let store = self.state.core.store.incidents();
        let found = store.opened(since_ms, i64::MAX, REVIEWED).await.map_err(|error| error.problem())?;
        let external = store.external(since_ms, EXTERNAL).await.map_err(|error| error.problem())?;
        let goals =
            self.state.core.running.load().as_ref().map_or_else(Goals::default, |running| running.map.goals);
        Ok(incidents::review(since_ms, until_ms, &found, external, &goals))
    }

    /// The log of external incidents, newest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn external_incidents(&self, since_ms: Option<i64>) -> Result<Vec<ExternalIncident>, Problem> {
        let listed = self.state.core.store.incidents().external(since_ms.unwrap_or(0), EXTERNAL).await;
        listed.map_err(|error| error.problem())
    }

    /// Notes an incident at a provider.
    ///
    /// # Errors
    /// `invalid_external_incident`, with the field.
    pub async fn add_external_incident(
        &self,
        new: NewExternalIncident,
        actor: &str,
    ) -> Result<ExternalIncident, Problem> {
        const CODE: &str = "invalid_external_incident";
        let url = new.url.map(|url| url.trim().to_owned()).filter(|url| !url.is_empty());
        if url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            return Err(invalid(CODE, "url", "An address begins with http:// or https://."));
        }
        let now_ms = clock::now().wall_ms;
        let at_ms = new.at_ms.unwrap_or(now_ms);
        if at_ms > now_ms.saturating_add(SKEW_MS) {
            return Err(invalid(CODE, "atMs", "It lies in the future. Say when it began, or leave it out."));
        }
        let mut incident = ExternalIncident {
            id: 0,
            at_ms,
            provider: self.provider_meant(&worded(&new.provider, CODE, "provider")?)?,
            text: worded(&new.text, CODE, "text")?,
            url,
        };
        incident.id = self
            .state
            .core
            .store
            .incidents()
            .add_external(&incident)
            .await
            .map_err(|error| error.problem())?;
        self.note(actor, "incident.external", &incident.provider, Some(incident.text.clone())).await;
        Ok(incident)
    }

    /// A provider's name as it is known here. One that no map and no preset knows is taken as it is, for a log may speak
    /// of anybody, unless it looks like a slip.
    fn provider_meant(&self, name: &str) -> Result<String, Problem> {
        let canonical = map::canonical(name);
        let running = self.state.core.running.load_full();
        let own = running.iter().flat_map(|running| running.map.providers.keys()).map(String::as_str);
        let presets = map::PRESETS.iter().map(|preset| preset.name);
        let known: Vec<&str> = own.chain(presets).collect();
        if known.contains(&canonical.as_str()) {
            return Ok(canonical);
        }
        match nearest(name, known) {
            Some(meant) => {
                let message = format!("There is no provider `{name}`. Did you mean `{meant}`?");
                Err(invalid("invalid_external_incident", "provider", &message))
            }
            None => Ok(name.to_owned()),
        }
    }

    /// What to do while a provider of the running map is out.
    ///
    /// # Errors
    /// `no_map`; `not_found_provider` with the providers there are.
    pub async fn emergency_page(&self, provider: &str) -> Result<EmergencyPage, Problem> {
        let running = self.running_map()?;
        let names = map::names_of(provider);
        let known = running.map.providers.keys().find(|known| {
            known.as_str() == provider
                || names.contains(&known.as_str())
                || map::names_of(known).contains(&provider)
        });
        let Some(provider) = known else {
            let all: Vec<&str> = running.map.providers.keys().map(String::as_str).collect();
            let meant = did_you_mean(provider, all.iter().copied());
            let message = format!(
                "The running map has no provider `{provider}`.{meant} Providers: {}.",
                all.join(", ")
            );
            return Err(Problem::new("not_found_provider", message));
        };
        incidents::refresh(&self.state.watch.incidents).await;
        let all = self.state.core.store.incidents().opened(0, i64::MAX, REVIEWED).await;
        let all = all.map_err(|error| error.problem())?;
        let latest = all.iter().find(|incident| incident.brief.provider == *provider);
        Ok(incidents::emergency_page(&running.map, provider, latest))
    }

    /// Tells the map's own targets, and those of the apps that had a request in a time, what the founder has to say.
    ///
    /// # Errors
    /// `invalid_notice`, with the field; `not_found_incident`; `no_map`.
    pub async fn send_notice(&self, notice: SendNotice, actor: &str) -> Result<NoticeReport, Problem> {
        const CODE: &str = "invalid_notice";
        let text = worded(&notice.message, CODE, "message")?;
        let running = self.running_map()?;
        let now_ms = clock::now().wall_ms;
        let (since_ms, until_ms) = match (notice.since_ms, notice.incident) {
            (Some(_), Some(_)) => {
                return Err(invalid(CODE, "incident", "Give either `sinceMs` or `incident`, not both."));
            }
            (Some(since_ms), None) if since_ms > now_ms => {
                return Err(invalid(CODE, "sinceMs", "It lies in the future."));
            }
            (Some(since_ms), None) => (since_ms, now_ms + 1),
            (None, Some(id)) => {
                let incident = self.incident(id).await?;
                (incident.brief.began_at_ms, incident.brief.closed_at_ms.unwrap_or(now_ms) + 1)
            }
            (None, None) => {
                return Err(invalid(CODE, "sinceMs", "Say whom to tell: `sinceMs` or `incident`."));
            }
        };
        let told =
            Told { title: "Switchyard".to_owned(), text: text.clone(), since_ms, until_ms, desktop: true };
        let report = incidents::send_notice(&self.state.watch.incidents, &running.map, &told).await;
        let report = report.map_err(|error| error.problem())?;
        let entry = AuditEntry {
            at_ms: now_ms,
            actor: actor.to_owned(),
            action: "platform.fleet_notice_sent".to_owned(),
            target: report.clients.join(", "),
            reason: said(notice.reason),
            before: None,
            after: Some(serde_json::json!({
                "message": text,
                "sinceMs": since_ms,
                "untilMs": until_ms,
                "clients": &report.clients,
                "deliveries": &report.deliveries,
            })),
        };
        if let Err(error) = self.state.core.store.audit().append(&entry).await {
            tracing::error!(code = error.code(), %error, "a notice was sent and not written to the audit log");
        }
        Ok(report)
    }

    /// What is worth a word about the running map, though it is sound; nothing without a map.
    #[must_use]
    pub fn map_warnings(&self) -> Vec<Fault> {
        self.state.core.running.load_full().map(|running| map::warnings(&running.map)).unwrap_or_default()
    }
}

/// Text that says something and is not endless.
fn worded(text: &str, code: &str, field: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(invalid(code, field, "It is empty. Write what is to be said."));
    }
    if text.chars().count() > LONGEST {
        return Err(invalid(code, field, &format!("It is longer than {LONGEST} characters. Shorten it.")));
    }
    Ok(text.to_owned())
}

fn invalid(code: &str, field: &str, message: &str) -> Problem {
    let fault = Fault::new(field, message);
    let mut problem = Problem::new(code, fault.to_string());
    problem.faults.push(fault);
    problem
}

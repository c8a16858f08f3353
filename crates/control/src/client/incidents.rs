//! Incidents and notices. All fail as the other calls do.

use switchyard_domain::Problem;
use switchyard_domain::incident::{
    EmergencyPage, ExternalIncident, Incident, IncidentBrief, IncidentId, NewExternalIncident, NoticeReport,
    Review, SendNotice,
};

use super::ControlClient;
use super::calls::{segment, with_query};
use crate::api::incidents::{CloseIncident, IncidentReport, IncidentsQuery, WriteNote};

type Answer<T> = Result<T, Problem>;

#[expect(clippy::missing_errors_doc, reason = "the module says it once for all of them")]
impl ControlClient {
    /// Incidents, newest first.
    pub async fn incidents(&self, query: IncidentsQuery) -> Answer<Vec<IncidentBrief>> {
        let asked = [
            ("sinceMs", query.since_ms.map(|since| since.to_string())),
            ("limit", query.limit.map(|limit| limit.to_string())),
        ];
        self.get(&with_query("/v1/incidents", asked)).await
    }

    /// One incident, whole.
    pub async fn incident(&self, id: IncidentId) -> Answer<Incident> {
        self.get(&format!("/v1/incidents/{id}")).await
    }

    /// Writes a note on an incident.
    pub async fn note_incident(&self, id: IncidentId, text: &str) -> Answer<()> {
        self.send("POST", &format!("/v1/incidents/{id}/notes"), &WriteNote { text: text.to_owned() }).await
    }

    /// Closes an incident by hand.
    pub async fn close_incident(&self, id: IncidentId, reason: Option<String>) -> Answer<()> {
        self.send("POST", &format!("/v1/incidents/{id}/close"), &CloseIncident { reason }).await
    }

    /// An incident's report.
    pub async fn incident_report(&self, id: IncidentId) -> Answer<IncidentReport> {
        self.get(&format!("/v1/incidents/{id}/report")).await
    }

    /// How incidents since a moment were handled.
    pub async fn review_incidents(&self, since_ms: Option<i64>) -> Answer<Review> {
        let asked = [("sinceMs", since_ms.map(|since| since.to_string()))];
        self.get(&with_query("/v1/incidents/review", asked)).await
    }

    /// The log of external incidents.
    pub async fn external_incidents(&self, since_ms: Option<i64>) -> Answer<Vec<ExternalIncident>> {
        let asked = [("sinceMs", since_ms.map(|since| since.to_string()))];
        self.get(&with_query("/v1/incidents/external", asked)).await
    }

    /// Notes an incident at a provider.
    pub async fn add_external_incident(&self, new: &NewExternalIncident) -> Answer<ExternalIncident> {
        self.send("POST", "/v1/incidents/external", new).await
    }

    /// What to do while a provider is out.
    pub async fn emergency_page(&self, provider: &str) -> Answer<EmergencyPage> {
        self.get(&format!("/v1/providers/{}/emergency", segment(provider))).await
    }

    /// Tells those who are to be told.
    pub async fn send_notice(&self, notice: &SendNotice) -> Answer<NoticeReport> {
        self.send("POST", "/v1/notices", notice).await
    }
}

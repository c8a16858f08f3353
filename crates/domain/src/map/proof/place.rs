//! Where a route's provider lives: its base URL, written or made from what is known of the provider, and what that
//! URL speaks.

use url::Url;

use super::super::address::{Place, is_dated};
use super::super::fault::Path;
use super::super::preset::{Layout, PROJECT_VARIABLES, Preset, without_version};
use super::super::raw::{RawProvider, RawRoute};
use super::super::variables::expand;
use super::Proof;
use crate::Dialect;

/// What a route's `provider`, as written and as known, comes to.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) declared: Option<&'a RawProvider>,
    pub(super) preset: Option<&'static Preset>,
}

/// Where it lives.
pub(super) struct Home {
    pub(super) base_url: Url,
    pub(super) models_url: Url,
    pub(super) dialect: Dialect,
    /// Whether the base URL is the preset's own.
    pub(super) is_own: bool,
    /// Whether the vendor of the preset answers there, at its own base URL or at one for another dialect.
    pub(super) is_vendors: bool,
    pub(super) region: Option<String>,
}

impl Proof<'_> {
    pub(super) fn home(&mut self, raw: &RawRoute, named: Named<'_>, path: &Path) -> Option<Home> {
        let Named { declared, preset, .. } = named;
        let wanted = raw.dialect.or_else(|| declared.and_then(|p| p.dialect));
        let before = self.faults.count();
        let written = self.written_base_url(raw, named, path);
        if self.faults.count() > before {
            return None;
        }
        let at = written.as_ref().and_then(|url| preset?.dialect_at(url));
        let elsewhere = |dialect| {
            let known = preset?.elsewhere.iter().find(|(spoken, _)| *spoken == dialect)?;
            Some(known.1)
        };
        let (template, is_own, dialect) = match (&written, preset) {
            (Some(url), _) => {
                let own = preset.is_some_and(|preset| preset.is_own(url));
                (None, own, wanted.or(at).unwrap_or(Dialect::OpenAiChat))
            }
            (None, Some(preset)) => match wanted.and_then(|wanted| Some((wanted, elsewhere(wanted)?))) {
                Some((wanted, template)) => (Some(template), false, wanted),
                None => (Some(preset.base_url), true, wanted.unwrap_or(preset.dialect)),
            },
            (None, None) => return None,
        };
        let region = self.region(named, written.as_ref());
        let base_url = match (written, template) {
            (Some(url), _) => self.completed(url, dialect, named, region.as_deref())?,
            (None, Some(template)) => self.filled(template, named, region.as_deref())?,
            (None, None) => return None,
        };
        let api_version = declared.and_then(|p| p.api_version.as_deref());
        let models_url = Place { base: &base_url, model: "", api_version }.models(dialect);
        let listed = preset.filter(|preset| is_own && preset.layout == Layout::Fixed);
        let models_url = listed.and_then(|preset| Url::parse(preset.models).ok()).unwrap_or(models_url);
        let is_vendors = is_own || at.is_some() || template.is_some();
        Some(Home { base_url, models_url, dialect, is_own, is_vendors, region })
    }

    /// A template with its gaps filled in; a gap that nothing is known for is a fault.
    fn filled(&mut self, template: &str, named: Named<'_>, region: Option<&str>) -> Option<Url> {
        let mut text = template.to_owned();
        if template.contains("{region}") || template.contains("{host}") {
            let region = self.needed_region(named, region);
            let project = template.contains("{project}").then(|| self.project(named));
            let region = region?;
            text = text.replace("{region}", region).replace("{host}", &vertex_host(region));
            if let Some(project) = project {
                text = text.replace("{project}", &project?);
            }
        }
        Url::parse(&text).ok()
    }

    /// A written base URL with what stands for the service as a whole.
    fn completed(
        &mut self,
        mut url: Url,
        dialect: Dialect,
        named: Named<'_>,
        region: Option<&str>,
    ) -> Option<Url> {
        let layout = named.preset.map(|preset| preset.layout);
        let path = url.path().trim_end_matches('/').to_owned();
        let api_version = named.declared.and_then(|p| p.api_version.as_deref());
        let is_azure = layout == Some(Layout::Account)
            || api_version.is_some()
            || url.host_str().is_some_and(|host| host.ends_with(".openai.azure.com"));
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses if is_azure => {
                let root = azure_root(&path);
                url.set_path(&format!("{root}/openai{}", if is_dated(api_version) { "" } else { "/v1" }));
            }
            Dialect::Gemini
                if layout == Some(Layout::Project)
                    && !path.contains("/projects/")
                    && !path.contains("/publishers/") =>
            {
                let region = self.needed_region(named, region);
                let project = self.project(named);
                let service = if without_version(&path) == path { format!("{path}/v1") } else { path };
                url.set_path(&format!("{service}/projects/{}/locations/{}", project?, region?));
            }
            Dialect::OpenAiChat
            | Dialect::OpenAiResponses
            | Dialect::AnthropicMessages
            | Dialect::Gemini
            | Dialect::BedrockConverse => {}
        }
        Some(url)
    }

    /// The region: as written, else the host's, else the usual variable's.
    fn region(&mut self, named: Named<'_>, written: Option<&Url>) -> Option<String> {
        let at = provider_path(named).field("region");
        if let Some(text) = named.declared.and_then(|p| p.region.as_deref()) {
            let text = expand(text, self.variables, &at, &mut self.faults)?;
            return Some(text.trim().to_owned()).filter(|region| !region.is_empty());
        }
        let preset = named.preset?;
        let from_host = written.and_then(|url| region_of_host(url.host_str()?));
        let usual = || preset.region_variables.iter().find_map(|name| self.variables.get(name));
        from_host
            .or_else(|| usual().map(|region| region.trim().to_owned()))
            .filter(|region| !region.is_empty())
    }

    /// The region, or the fault that there is none.
    pub(super) fn needed_region<'r>(&mut self, named: Named<'_>, region: Option<&'r str>) -> Option<&'r str> {
        let at = provider_path(named).field("region");
        let Some(region) = region else {
            let preset = named.preset;
            let variable = preset.and_then(|p| p.region_variables.first()).unwrap_or(&"AWS_REGION");
            let example = match preset.map(|p| p.layout) {
                Some(Layout::Project) => "\"europe-west4\" or \"global\"",
                Some(Layout::Region | Layout::Fixed | Layout::Account) | None => "\"us-east-1\"",
            };
            let message =
                format!("Missing. Write the account's region, for example {example}, or set {variable}.");
            self.fault_once(&at, message);
            return None;
        };
        if region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Some(region);
        }
        self.fault_once(
            &at,
            format!("`{region}` is not a region. Regions have small letters, digits and hyphens."),
        );
        None
    }

    fn project(&mut self, named: Named<'_>) -> Option<String> {
        let at = provider_path(named).field("project");
        let written = named.declared.and_then(|p| p.project.as_deref());
        let project = match written {
            Some(text) => expand(text, self.variables, &at, &mut self.faults)?,
            None => match PROJECT_VARIABLES.iter().find_map(|name| self.variables.get(name)) {
                Some(project) => project,
                None => {
                    let message =
                        "Missing. Write the Google Cloud project's id, or set GOOGLE_CLOUD_PROJECT.";
                    self.fault_once(&at, message.to_owned());
                    return None;
                }
            },
        };
        let project = project.trim();
        // `example.com:project` is the old form of projects below a domain.
        if !project.is_empty() && project.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b)) {
            return Some(project.to_owned());
        }
        self.fault_once(&at, format!("`{project}` is not a project's id. Write the id, not the name."));
        None
    }

    /// Several routes share a provider; what is wrong with it is told once.
    fn fault_once(&mut self, at: &Path, message: String) {
        if !self.has_fault_at(at) {
            self.fault(at, message);
        }
    }
}

fn provider_path(named: Named<'_>) -> Path {
    Path::root().field("providers").field(named.name)
}

/// The service's host in a region, of several regions (`us`, `eu`), or of all (`global`).
fn vertex_host(region: &str) -> String {
    match region {
        "global" => "aiplatform.googleapis.com".to_owned(),
        "us" | "eu" => format!("aiplatform.{region}.rep.googleapis.com"),
        _ => format!("{region}-aiplatform.googleapis.com"),
    }
}

/// The region a vendor's host names.
fn region_of_host(host: &str) -> Option<String> {
    if host.contains("amazonaws.com") {
        let mut labels = host.split('.').skip_while(|label| !label.starts_with("bedrock"));
        return labels.nth(1).map(str::to_owned);
    }
    if host == "aiplatform.googleapis.com" {
        return Some("global".to_owned());
    }
    let several = host.strip_prefix("aiplatform.").and_then(|rest| rest.strip_suffix(".rep.googleapis.com"));
    several.or_else(|| host.strip_suffix("-aiplatform.googleapis.com")).map(str::to_owned)
}

/// What stands before `/openai` in an address of Azure OpenAI: nothing, but behind a gateway.
fn azure_root(path: &str) -> &str {
    let mut end = 0;
    for segment in path.split('/').skip(1) {
        if segment == "openai" || segment == "deployments" {
            return &path[..end];
        }
        end += segment.len() + 1;
    }
    without_version(path)
}

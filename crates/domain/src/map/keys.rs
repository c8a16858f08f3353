//! Where a map sends keys: what is worth a word before it is applied. A map may come from somebody else.

use std::collections::BTreeSet;

use super::fault::Fault;
use super::preset::{Auth, Layout, Preset, preset};
use super::proven::{CredentialSource, Route, RoutingMap};

/// Keys that travel unencrypted beyond this network, and keys of a vendor that go to another's host.
pub(super) fn warnings(map: &RoutingMap) -> Vec<Fault> {
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for route in map.routes.iter().filter(|route| route.enabled) {
        for message in of_route(route) {
            if told.insert(message.clone()) {
                found.push(Fault::new(route.id.as_str(), message));
            }
        }
    }
    found
}

fn of_route(route: &Route) -> Vec<String> {
    let host = route.host();
    let mut found = Vec::new();
    let carries_key = route.auth == Auth::Passthrough || route.credentials != CredentialSource::Nothing;
    if carries_key && route.base_url.scheme() == "http" && !route.is_local {
        found.push(format!(
            "Its key goes to {host} over plain http, where everyone on the way can read it. Write https://."
        ));
    }
    if route.is_local {
        return found;
    }
    let names: Vec<&str> = match &route.credentials {
        CredentialSource::Named(names) => names.iter().map(String::as_str).collect(),
        CredentialSource::Usual { provider, .. } => vec![provider],
        CredentialSource::Nothing => Vec::new(),
    };
    for name in names {
        // `openai:work` is a key of OpenAI's too.
        let vendor = preset(name.split(':').next().unwrap_or(name));
        if let Some(vendor) = vendor.filter(|vendor| !lives_at(vendor, route)) {
            found.push(format!(
                "The key `{name}` goes to {host}, which is not {}'s own address. Is that meant?",
                vendor.name
            ));
        }
    }
    found
}

/// Whether a vendor lives where a route goes.
fn lives_at(vendor: &Preset, route: &Route) -> bool {
    let url = &route.base_url;
    let templates =
        std::iter::once(vendor.base_url).chain(vendor.elsewhere.iter().map(|(_, template)| *template));
    let host_of = |template: &str| {
        let rest = template.split_once("://")?.1;
        rest.split('/').next().map(str::to_owned)
    };
    match vendor.layout {
        Layout::Fixed => {
            let host = route.host();
            templates.filter_map(host_of).any(|own| own == host)
        }
        // Each account has a host of its own there.
        Layout::Account => url.host_str().is_some_and(|host| host.ends_with(".azure.com")),
        Layout::Region => url.host_str().is_some_and(|host| host.contains(".amazonaws.com")),
        Layout::Project => url.host_str().is_some_and(|host| host.ends_with(".googleapis.com")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Format, read};

    fn told(route: &serde_json::Value) -> Vec<String> {
        let document = json!({
            "hot": [route], "warm": [],
            "cold": { "mode": "graceful_degrade", "queue": "q", "notify": [] },
        });
        let set = |name: &str| (name == "AWS_REGION").then(|| "us-east-1".to_owned());
        let map = read(&document.to_string(), Format::Json, &set).unwrap();
        super::warnings(&map).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_key_on_an_unusual_way_is_told_of_and_on_its_usual_is_not() {
        for usual in [
            json!({ "provider": "openai", "model": "m" }),
            json!({ "provider": "openai", "model": "m", "baseUrl": "https://api.openai.com/v1/" }),
            json!({ "provider": "anthropic", "model": "m" }),
            json!({ "provider": "bedrock", "model": "m" }),
            json!({ "provider": "azure", "model": "m", "baseUrl": "https://me.openai.azure.com" }),
            json!({ "provider": "google", "model": "m", "baseUrl": "https://generativelanguage.googleapis.com/v1beta/openai/" }),
            json!({ "provider": "ollama", "model": "m" }),
            json!({ "provider": "openai", "model": "m", "baseUrl": "http://127.0.0.1:4000/v1" }),
            json!({ "provider": "mine", "model": "m", "baseUrl": "https://llm.example.com/v1" }),
            json!({ "provider": "mine", "model": "m", "baseUrl": "http://llm.example.com/v1", "auth": "none" }),
        ] {
            assert_eq!(told(&usual), [""; 0], "{usual}");
        }
        let elsewhere = told(
            &json!({ "provider": "mine", "model": "m", "baseUrl": "https://llm.example.com/v1", "credential": "openai:work" }),
        );
        assert!(
            elsewhere.len() == 1 && elsewhere[0].contains("`openai:work` goes to llm.example.com"),
            "{elsewhere:?}"
        );
        let usual_name =
            told(&json!({ "provider": "openai", "model": "m", "baseUrl": "https://llm.example.com/v1" }));
        assert!(usual_name[0].contains("The key `openai` goes to llm.example.com"), "{usual_name:?}");
        let plain =
            told(&json!({ "provider": "mine", "model": "m", "baseUrl": "http://llm.example.com/v1" }));
        assert!(plain.len() == 1 && plain[0].contains("plain http"), "{plain:?}");
    }
}

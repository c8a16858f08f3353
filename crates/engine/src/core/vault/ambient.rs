//! Credentials a cloud's own tools left on this machine: used where the map names none and none is stored.
//!
//! Bedrock: `AWS_ACCESS_KEY_ID` and its companions, then the AWS profile (the map's, `AWS_PROFILE`, `default`). A
//! profile the map names comes before the environment, as with the vendor's own tools. Vertex:
//! `GOOGLE_APPLICATION_CREDENTIALS`, then what `gcloud auth application-default login` wrote, then the machine's own
//! service account, where the machine is Google's.

use std::path::{Path, PathBuf};

use switchyard_domain::Secret;
use switchyard_domain::map::{Auth, Route};
use switchyard_domain::view::CredentialPlace;
use switchyard_policy::KeyId;

use super::key::{AwsProfile, Key};

/// The environment as it is asked for.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

type Found = Option<(KeyId, Key)>;

/// What comes before the preset's usual variables: a profile the map names.
pub(super) fn first(route: &Route, provider: &str, env: Env<'_>) -> Found {
    match route.auth {
        Auth::AwsSigv4 => profile(provider, route.profile.as_deref()?, env),
        Auth::GoogleOauth
        | Auth::Bearer
        | Auth::XApiKey
        | Auth::ApiKey
        | Auth::GoogApiKey
        | Auth::None
        | Auth::Passthrough => None,
    }
}

/// What comes after them.
pub(super) fn last(route: &Route, provider: &str, env: Env<'_>) -> Found {
    match route.auth {
        Auth::AwsSigv4 => access_key(provider, env).or_else(|| {
            let name = env("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
            profile(provider, &name, env)
        }),
        Auth::GoogleOauth => google(provider, env),
        Auth::Bearer | Auth::XApiKey | Auth::ApiKey | Auth::GoogApiKey | Auth::None | Auth::Passthrough => {
            None
        }
    }
}

fn named(provider: &str, what: &str, key: Key) -> Found {
    Some((KeyId::from(format!("{provider}:{what}").as_str()), key))
}

fn access_key(provider: &str, env: Env<'_>) -> Found {
    let mut value = format!("{}:{}", env("AWS_ACCESS_KEY_ID")?, env("AWS_SECRET_ACCESS_KEY")?);
    if let Some(token) = env("AWS_SESSION_TOKEN") {
        value = format!("{value}:{token}");
    }
    named(provider, "AWS_ACCESS_KEY_ID", Key::of(Secret::new(&value), CredentialPlace::Environment))
}

fn profile(provider: &str, name: &str, env: Env<'_>) -> Found {
    let file = |variable: &str, usual: &str| {
        env(variable).map(PathBuf::from).or_else(|| Some(home(env)?.join(".aws").join(usual)))
    };
    let profile = AwsProfile {
        name: name.to_owned(),
        credentials_file: file("AWS_SHARED_CREDENTIALS_FILE", "credentials")?,
        config_file: file("AWS_CONFIG_FILE", "config")?,
    };
    if !profile.exists() {
        return None;
    }
    let stamp = format!("{} {}", stamp(&profile.credentials_file), stamp(&profile.config_file));
    named(provider, &format!("profile/{name}"), Key::of_profile(profile, &stamp))
}

fn google(provider: &str, env: Env<'_>) -> Found {
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).ok().filter(|text| !text.trim().is_empty())?;
        Some(Secret::new(&text))
    };
    if let Some(path) = env("GOOGLE_APPLICATION_CREDENTIALS") {
        let secret = read(Path::new(&path))?;
        return named(
            provider,
            "GOOGLE_APPLICATION_CREDENTIALS",
            Key::of(secret, CredentialPlace::Environment),
        );
    }
    let folder = env("CLOUDSDK_CONFIG").map(PathBuf::from).or_else(|| {
        if cfg!(windows) {
            Some(PathBuf::from(env("APPDATA")?).join("gcloud"))
        } else {
            Some(home(env)?.join(".config").join("gcloud"))
        }
    });
    let secret = folder.and_then(|folder| read(&folder.join("application_default_credentials.json")));
    if let Some(secret) = secret {
        return named(provider, "application-default", Key::of(secret, CredentialPlace::File));
    }
    let host = env("GCE_METADATA_HOST").or_else(|| {
        let here = env("K_SERVICE").is_some() || env("GAE_SERVICE").is_some() || is_google_machine();
        here.then(|| "metadata.google.internal".to_owned())
    })?;
    named(provider, "metadata", Key::of_metadata(host))
}

/// Google documents this as the way to tell its machines.
fn is_google_machine() -> bool {
    std::fs::read_to_string("/sys/class/dmi/id/product_name")
        .is_ok_and(|name| name.trim().starts_with("Google"))
}

fn home(env: Env<'_>) -> Option<PathBuf> {
    env("HOME").or_else(|| env("USERPROFILE")).map(PathBuf::from)
}

/// When a file was last written, as far as the system says.
fn stamp(path: &Path) -> String {
    let written = std::fs::metadata(path).and_then(|about| about.modified()).ok();
    written
        .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or_else(String::new, |at| at.as_nanos().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::vault::key::Material;
    use std::collections::HashMap;
    use switchyard_domain::map::{self, Format, NoVariables};

    fn route(entry: &str) -> Route {
        let text = format!(r#"{{"providers":{{"p":{{{entry}}}}},"hot":[{{"provider":"p","model":"m"}}]}}"#);
        map::read(&text, Format::Json, &NoVariables).unwrap().routes.remove(0)
    }

    fn found(route: &Route, env: &HashMap<&str, String>) -> Option<(String, Key)> {
        let env = |name: &str| env.get(name).cloned();
        let found = first(route, "p", &env).or_else(|| last(route, "p", &env));
        found.map(|(id, key)| (id.as_str().to_owned(), key))
    }

    fn value(key: &Key) -> &str {
        match key.material() {
            Material::Value(secret) => secret.expose(),
            Material::AwsProfile(_) | Material::GoogleMetadata(_) => "",
        }
    }

    #[test]
    fn bedrock_uses_what_the_aws_tools_left_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".aws")).unwrap();
        std::fs::write(folder.path().join(".aws/config"), "[profile dev]\nregion = eu-west-1\n").unwrap();
        std::fs::write(folder.path().join(".aws/credentials"), "[default]\naws_access_key_id = AKIA\n")
            .unwrap();
        let plain = route(r#""kind":"bedrock","region":"us-east-1""#);
        let with_profile = route(r#""kind":"bedrock","region":"us-east-1","profile":"dev""#);
        let home = ("HOME", folder.path().display().to_string());
        let keys =
            [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()), ("AWS_SECRET_ACCESS_KEY", "s/1".to_owned())];
        let nothing = HashMap::new();
        let only_home = HashMap::from([home.clone()]);
        let with_keys: HashMap<_, _> = keys.into_iter().chain([home.clone()]).collect();
        let named: HashMap<_, _> = [home, ("AWS_PROFILE", "dev".to_owned())].into();
        let unknown = HashMap::from([("AWS_PROFILE", "gone".to_owned()), ("HOME", "/nowhere".to_owned())]);
        let cases = [
            (&plain, &nothing, None),
            (&plain, &only_home, Some("p:profile/default")),
            (&plain, &with_keys, Some("p:AWS_ACCESS_KEY_ID")),
            (&with_profile, &with_keys, Some("p:profile/dev")),
            (&plain, &named, Some("p:profile/dev")),
            (&plain, &unknown, None),
        ];
        for (route, env, expected) in cases {
            let found = found(route, env);
            assert_eq!(found.as_ref().map(|(id, _)| id.as_str()), expected, "{env:?}");
        }
        let (_, key) = found(&plain, &with_keys).unwrap();
        assert_eq!(value(&key), "AKIDEXAMPLE:s/1");
    }

    #[test]
    fn a_profile_whose_files_changed_is_another_credential() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        std::fs::write(&config, "[default]\nregion = eu-west-1\n").unwrap();
        let route = route(r#""kind":"bedrock","region":"us-east-1""#);
        let env = HashMap::from([
            ("HOME", folder.path().display().to_string()),
            ("AWS_CONFIG_FILE", config.display().to_string()),
        ]);
        let before = found(&route, &env).unwrap().1;
        assert!(!before.differs(&found(&route, &env).unwrap().1));
        let later = std::time::UNIX_EPOCH + std::time::Duration::from_secs(2_000_000_000);
        std::fs::File::options().write(true).open(&config).unwrap().set_modified(later).unwrap();
        assert!(before.differs(&found(&route, &env).unwrap().1));
    }

    #[test]
    fn vertex_uses_what_the_google_tools_left_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let gcloud = folder.path().join("gcloud");
        std::fs::create_dir(&gcloud).unwrap();
        std::fs::write(gcloud.join("application_default_credentials.json"), r#"{"type":"authorized_user"}"#)
            .unwrap();
        let own = folder.path().join("own.json");
        std::fs::write(&own, r#"{"type":"service_account"}"#).unwrap();
        let route = route(r#""kind":"vertex","region":"global","project":"acme""#);
        let own = ("GOOGLE_APPLICATION_CREDENTIALS", own.display().to_string());
        let gcloud = ("CLOUDSDK_CONFIG", gcloud.display().to_string());
        let metadata = ("GCE_METADATA_HOST", "127.0.0.1:1".to_owned());
        let cases = [
            (HashMap::from([own, gcloud.clone(), metadata.clone()]), "p:GOOGLE_APPLICATION_CREDENTIALS"),
            (HashMap::from([gcloud, metadata.clone()]), "p:application-default"),
            (HashMap::from([metadata]), "p:metadata"),
        ];
        for (env, expected) in cases {
            assert_eq!(found(&route, &env).unwrap().0, expected);
        }
    }

    #[test]
    fn other_providers_take_nothing_that_lies_about() {
        let route = route(r#""kind":"openai""#);
        let env = HashMap::from([
            ("AWS_ACCESS_KEY_ID", "AKIA".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "x".to_owned()),
        ]);
        assert!(found(&route, &env).is_none());
    }
}

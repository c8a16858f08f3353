//! The way out: a provider's own proxy, the system's, or none.
//!
//! The environment's proxy variables win, as they are read by every program. Else macOS and Windows are asked by the
//! HTTP client each time it is built, and a GNOME desktop through `gsettings`. What the system says is only read
//! here; whoever keeps the pools compares and builds them anew.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use reqwest::{ClientBuilder, NoProxy, Proxy};
use switchyard_domain::map::{Outbound, ProxyUrl};

/// Commands that tell a desktop's settings answer at once or not at all.
const PATIENCE: Duration = Duration::from_secs(2);

/// The system's proxy as it was last read. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SystemProxy(Arc<ArcSwap<Settings>>);

/// What a system says of proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// By scheme of the request: `http`, `https`, `all`.
    proxies: Vec<(&'static str, ProxyUrl)>,
    /// Hosts that are asked directly, comma separated.
    except: String,
    /// What the HTTP client reads by itself, as text to compare.
    own: String,
}

impl SystemProxy {
    /// The client, going out by this way.
    pub(super) fn applied(
        &self,
        builder: ClientBuilder,
        outbound: &Outbound,
    ) -> reqwest::Result<ClientBuilder> {
        match outbound {
            Outbound::Direct => Ok(builder.no_proxy()),
            Outbound::Proxy(proxy) => Ok(builder.proxy(through(Proxy::all, proxy)?)),
            Outbound::System => {
                let settings = self.0.load();
                let except = NoProxy::from_string(&settings.except);
                let mut builder = builder;
                for (scheme, proxy) in &settings.proxies {
                    let make = match *scheme {
                        "http" => Proxy::http,
                        "https" => Proxy::https,
                        _ => Proxy::all,
                    };
                    builder = builder.proxy(through(make, proxy)?.no_proxy(except.clone()));
                }
                Ok(builder)
            }
        }
    }

    /// Reads the system's settings. True when they are others than before.
    pub(crate) async fn read(&self) -> bool {
        let fresh = read().await;
        let changed = *self.0.load_full() != fresh;
        if changed {
            self.0.store(Arc::new(fresh));
        }
        changed
    }

    /// The proxy, for people: scheme, host and port.
    pub(crate) fn shown(&self) -> Option<String> {
        self.address().map(|proxy| proxy.shown())
    }

    /// The proxy that most requests leave by, where it is known here.
    pub(crate) fn address(&self) -> Option<ProxyUrl> {
        let settings = self.0.load();
        let https = settings.proxies.iter().find(|(scheme, _)| *scheme != "http");
        let own = https.or_else(|| settings.proxies.first()).map(|(_, proxy)| proxy.clone());
        own.or_else(|| environments().into_iter().find_map(|(_, value)| ProxyUrl::parse(&value).ok()))
    }
}

fn through(make: fn(reqwest::Url) -> reqwest::Result<Proxy>, proxy: &ProxyUrl) -> reqwest::Result<Proxy> {
    make(proxy.expose().clone())
}

/// The proxy variables that are set, the most telling first.
fn environments() -> Vec<(&'static str, String)> {
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok()?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// The environment wins: then the HTTP client reads it by itself, and it can't change.
async fn read() -> Settings {
    if !environments().is_empty() {
        return Settings::default();
    }
    if cfg!(target_os = "macos") {
        return Settings { own: said("scutil", &["--proxy"]).await, ..Settings::default() };
    }
    if cfg!(windows) {
        let key = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings";
        let own = said("reg", &["query", key]).await;
        let own = own.lines().filter(|line| line.contains("Proxy")).collect::<Vec<_>>().join("\n");
        return Settings { own, ..Settings::default() };
    }
    // Without a desktop there is nobody to ask, and asking would leave files behind.
    let has_desktop = ["DBUS_SESSION_BUS_ADDRESS", "XDG_CURRENT_DESKTOP"]
        .into_iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !has_desktop {
        return Settings::default();
    }
    of_gnome(&said("gsettings", &["list-recursively", "org.gnome.system.proxy"]).await)
}

/// What a command prints; nothing where there is no such command.
async fn said(command: &str, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new(command);
    command.args(arguments).kill_on_drop(true).stdin(std::process::Stdio::null());
    match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(Ok(_) | Err(_)) | Err(_) => String::new(),
    }
}

/// Reads the lines `schema key value` of `gsettings list-recursively`. Only proxies written out are understood; one that
/// a script chooses (`mode 'auto'`) is as good as none.
fn of_gnome(text: &str) -> Settings {
    let value = |schema: &str, key: &str| {
        let begin = format!("org.gnome.system.proxy{schema} {key} ");
        text.lines().find_map(|line| line.strip_prefix(&begin)).map(str::trim)
    };
    let quoted = |value: &str| value.trim_matches('\'').to_owned();
    if value("", "mode").map(quoted).as_deref() != Some("manual") {
        return Settings::default();
    }
    let mut proxies = Vec::new();
    for (schema, scheme, by) in
        [(".https", "https", "http"), (".http", "http", "http"), (".socks", "all", "socks5")]
    {
        let host = value(schema, "host").map(quoted).filter(|host| !host.is_empty());
        let port = value(schema, "port").and_then(|port| port.parse::<u16>().ok()).filter(|port| *port > 0);
        if let (Some(host), Some(port)) = (host, port)
            && let Ok(proxy) = ProxyUrl::parse(&format!("{by}://{host}:{port}"))
        {
            proxies.push((scheme, proxy));
        }
    }
    let listed = value("", "ignore-hosts").unwrap_or_default();
    let except = listed.trim_start_matches("@as").trim().trim_matches(['[', ']']);
    let except: Vec<String> =
        except.split(',').map(|host| quoted(host.trim()).trim_start_matches('*').to_owned()).collect();
    Settings { proxies, except: except.join(","), own: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = "org.gnome.system.proxy autoconfig-url ''
org.gnome.system.proxy ignore-hosts ['localhost', '127.0.0.0/8', '*.lan']
org.gnome.system.proxy mode 'manual'
org.gnome.system.proxy.http host 'proxy.example'
org.gnome.system.proxy.http port 3128
org.gnome.system.proxy.https host ''
org.gnome.system.proxy.https port 0
org.gnome.system.proxy.socks host 'socks.example'
org.gnome.system.proxy.socks port 1080
";

    #[test]
    fn a_gnome_desktops_settings_are_understood() {
        let settings = of_gnome(MANUAL);
        let proxies: Vec<String> =
            settings.proxies.iter().map(|(scheme, proxy)| format!("{scheme} by {proxy:?}")).collect();
        assert_eq!(proxies, ["http by http://proxy.example:3128", "all by socks5://socks.example:1080"]);
        assert_eq!(settings.except, "localhost,127.0.0.0/8,.lan");
        for other in
            [MANUAL.replace("'manual'", "'none'"), MANUAL.replace("'manual'", "'auto'"), String::new()]
        {
            assert_eq!(of_gnome(&other), Settings::default());
        }
    }
}

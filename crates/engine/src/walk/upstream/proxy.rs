//! The way out: a provider's own proxy, the system's, or none.
//!
//! The environment's proxy variables win, as they are read by every program. Else macOS and Windows are asked by the
//! HTTP client each time it is built, and a GNOME desktop through `gsettings`. What the system says is only read
//! here; whoever keeps the pools compares and builds them anew. By which proxy an address is asked follows the rules
//! of curl's variables, by the very matcher the HTTP client goes by.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{ClientBuilder, NoProxy, Proxy};
use switchyard_domain::map::{Outbound, ProxyUrl, RoutingMap};
use url::Url;

/// Commands that tell a desktop's settings answer at once or not at all.
const PATIENCE: Duration = Duration::from_secs(2);

/// Addresses that nobody excepts, by the scheme of most providers and by the other: where people ask for one proxy.
const ANYWHERE: [&str; 2] = ["https://switchyard.invalid/", "http://switchyard.invalid/"];

/// The system's proxy as it was last read. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SystemProxy(Arc<ArcSwap<State>>);

/// What was read, and what follows from it.
#[derive(Debug)]
struct State {
    settings: Settings,
    matcher: Matcher,
}

impl Default for State {
    fn default() -> Self {
        Self { settings: Settings::default(), matcher: Matcher::builder().build() }
    }
}

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
                let settings = &self.0.load().settings;
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
        let settings = read().await;
        let changed = self.0.load().settings != settings;
        // Also when the settings are as before: at the start they are empty, and the environment is not read yet.
        let matcher = settings.matcher();
        self.0.store(Arc::new(State { settings, matcher }));
        changed
    }

    /// The proxy that an address is asked by, without user and password; `None` where it is asked directly.
    pub(crate) fn for_url(&self, url: &Url) -> Option<ProxyUrl> {
        chosen(&self.0.load().matcher, url.as_str())
    }

    /// Whether any route beyond this machine's own network leaves by it.
    pub(crate) fn serves(&self, map: &RoutingMap) -> bool {
        let beyond = map.routes.iter().filter(|route| route.enabled && !route.is_local);
        let mut by_system = beyond.filter(|route| route.outbound == Outbound::System);
        by_system.any(|route| self.for_url(&route.base_url).is_some())
    }

    /// The proxy that most requests leave by, for people: scheme, host and port.
    pub(crate) fn shown(&self) -> Option<String> {
        let state = self.0.load();
        ANYWHERE.iter().find_map(|url| chosen(&state.matcher, url)).map(|proxy| proxy.shown())
    }
}

impl Settings {
    /// Tells by which proxy an address is asked.
    fn matcher(&self) -> Matcher {
        if self.proxies.is_empty() {
            return Matcher::from_system();
        }
        let of = |wanted: &str| {
            let found = self.proxies.iter().find(|(scheme, _)| *scheme == wanted);
            found.map_or_else(String::new, |(_, proxy)| proxy.expose().to_string())
        };
        let builder = Matcher::builder().all(of("all")).http(of("http")).https(of("https"));
        builder.no(self.except.as_str()).build()
    }
}

/// The proxy that the rules choose for an address.
fn chosen(matcher: &Matcher, url: &str) -> Option<ProxyUrl> {
    ProxyUrl::parse(&matcher.intercept(&url.parse().ok()?)?.uri().to_string()).ok()
}

fn through(make: fn(reqwest::Url) -> reqwest::Result<Proxy>, proxy: &ProxyUrl) -> reqwest::Result<Proxy> {
    make(proxy.expose().clone())
}

/// Whether a proxy variable is set.
fn environment_names_one() -> bool {
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"]
        .into_iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// The environment wins: then the HTTP client reads it by itself, and it can't change.
async fn read() -> Settings {
    if environment_names_one() {
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

    #[test]
    fn each_address_is_asked_by_the_proxy_of_its_scheme() {
        let only_http = MANUAL.replace("'socks.example'", "''");
        let cases = [
            (MANUAL, "https://api.example/v1", Some("socks5://socks.example:1080")),
            (MANUAL, "http://api.example/v1", Some("http://proxy.example:3128")),
            (MANUAL, "https://127.0.0.1:8443/", None),
            (MANUAL, "http://nas.lan/v1", None),
            (&only_http, "http://api.example/v1", Some("http://proxy.example:3128")),
            (&only_http, "https://api.example/v1", None),
        ];
        for (text, url, by) in cases {
            let found = chosen(&of_gnome(text).matcher(), url).map(|proxy| proxy.shown());
            assert_eq!(found.as_deref(), by, "{url}");
        }
    }
}

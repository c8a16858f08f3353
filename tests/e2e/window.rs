//! The real program behind a real WebDriver, and the few things a person does with it. Elements are found by the
//! hooks of `ui/src/shared/testids.ts` and by nothing else.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Looks again and again until there is something to see; a deadline turns it into a failure.
pub(crate) async fn until<T>(
    patience: Duration,
    what: &str,
    look: impl AsyncFn() -> Result<Option<T>>,
) -> Result<T> {
    let looking = async {
        loop {
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    };
    match tokio::time::timeout(patience, looking).await {
        Ok(seen) => seen,
        Err(_) => bail!("waited {} s in vain until {what}", patience.as_secs()),
    }
}

/// The program's window, with a data directory and ports of its own.
pub(crate) struct Window {
    page: Client,
    driver: Driver,
    data: TempDir,
    pub(crate) http: reqwest::Client,
}

/// The driver's process; ended with the test, however that ends.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Window {
    pub(crate) async fn open() -> Result<Self> {
        let data = tempfile::tempdir()?;
        let program = variable("SWITCHYARD_DESKTOP_BIN")?;
        let [port, native_port] = free_ports()?;
        let driver = Command::new(variable("TAURI_DRIVER")?)
            .args(["--port", &port.to_string(), "--native-port", &native_port.to_string()])
            // The driver starts WebKit's driver, which starts the program: all of them inherit this.
            .env("SWITCHYARD_DATA_DIR", data.path())
            .env("SWITCHYARD_PORT", "0")
            .env("SWITCHYARD_CONTROL_PORT", "0")
            .env("SWITCHYARD_NO_KEYCHAIN", "1")
            .stdin(Stdio::null())
            .spawn()
            .context("tauri-driver does not start")?;
        let driver = Driver(driver);
        let wanted = json!({ "tauri:options": { "application": program } });
        let wanted = wanted.as_object().context("an object")?;
        let page = until(PATIENCE, "the driver opens the window", async || {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            Ok(builder.capabilities(wanted.clone()).connect(&format!("http://127.0.0.1:{port}")).await.ok())
        })
        .await?;
        // The programs talk over loopback; a proxy from the environment has no part in it.
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { page, driver, data, http })
    }

    /// Ends the session, and the program with it.
    pub(crate) async fn close(self) -> Result<()> {
        let ended = self.page.close().await;
        drop(self.driver);
        ended.context("the session did not end cleanly")
    }

    async fn find(&self, hook: &str) -> Result<Element> {
        let selector = format!("[data-testid=\"{hook}\"]");
        until(PATIENCE, &format!("{hook} is in the window"), async || {
            Ok(self.page.find(Locator::Css(&selector)).await.ok())
        })
        .await
    }

    /// Clicks it once it can be clicked.
    pub(crate) async fn click(&self, hook: &str) -> Result<()> {
        let element = self.find(hook).await?;
        until(PATIENCE, &format!("{hook} can be clicked"), async || {
            Ok(element.is_enabled().await?.then_some(()))
        })
        .await?;
        Ok(element.click().await?)
    }

    /// Chooses an entry of a list by its value.
    pub(crate) async fn choose(&self, hook: &str, value: &str) -> Result<()> {
        self.find(hook).await?.select_by_value(value).await?;
        // The list shows what the provider says it does: only then has it happened.
        until(PATIENCE, &format!("{hook} is {value}"), async || {
            Ok((self.find(hook).await?.prop("value").await?.as_deref() == Some(value)).then_some(()))
        })
        .await
    }

    /// Types into a field.
    pub(crate) async fn write(&self, hook: &str, text: &str) -> Result<()> {
        Ok(self.find(hook).await?.send_keys(text).await?)
    }

    /// Waits until it is there no more.
    pub(crate) async fn misses(&self, hook: &str) -> Result<()> {
        let selector = format!("[data-testid=\"{hook}\"]");
        until(PATIENCE, &format!("{hook} is gone"), async || {
            Ok(self.page.find_all(Locator::Css(&selector)).await?.is_empty().then_some(()))
        })
        .await
    }

    /// Whether the element says this now.
    pub(crate) async fn has(&self, hook: &str, attribute: &str, value: &str) -> Result<bool> {
        Ok(self.find(hook).await?.attr(attribute).await?.as_deref() == Some(value))
    }

    /// Waits until it says this.
    pub(crate) async fn sees(&self, hook: &str, attribute: &str, value: &str) -> Result<()> {
        until(PATIENCE, &format!("{hook} has {attribute}={value}"), async || {
            Ok(self.has(hook, attribute, value).await?.then_some(()))
        })
        .await
    }

    /// Whether its text contains this now.
    pub(crate) async fn reads_now(&self, hook: &str, text: &str) -> Result<bool> {
        Ok(self.find(hook).await?.text().await?.contains(text))
    }

    /// Waits until its text contains this.
    pub(crate) async fn reads(&self, hook: &str, text: &str) -> Result<()> {
        let seen = until(PATIENCE, &format!("{hook} reads {text:?}"), async || {
            Ok(self.reads_now(hook, text).await?.then_some(()))
        })
        .await;
        if seen.is_err() {
            let instead = self.find(hook).await?.text().await?;
            return seen.context(format!("it reads {instead:?}"));
        }
        seen
    }

    /// Waits until its tooltip contains this: the whole of a line that may be cut short on the screen.
    pub(crate) async fn names(&self, hook: &str, text: &str) -> Result<()> {
        until(PATIENCE, &format!("{hook} is titled {text:?}"), async || {
            let title = self.find(hook).await?.attr("title").await?;
            Ok(title.is_some_and(|title| title.contains(text)).then_some(()))
        })
        .await
    }

    /// Keeps what is on the screen, for people.
    pub(crate) async fn shoot(&self, name: &str) -> Result<()> {
        let folder = shots()?;
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{name}.png")), self.page.screenshot().await?)?;
        Ok(())
    }

    /// One request to the program's control API, as the CLI would send it. A null body is none.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Result<(u16, Value)> {
        let token = std::fs::read_to_string(self.data.path().join("control.token"))?;
        let url = format!("{}{path}", self.announced("controlUrl")?);
        let mut request = self.http.request(method.parse()?, url).bearer_auth(token.trim());
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok((status, response.json().await.unwrap_or_default()))
    }

    /// Where clients point.
    pub(crate) fn proxy_url(&self) -> Result<String> {
        self.announced("proxyUrl")
    }

    /// The default client's key.
    pub(crate) fn client_key(&self) -> Result<String> {
        let key = std::fs::read_to_string(self.data.path().join("client.key"));
        Ok(key.context("the router left no client.key")?.trim().to_owned())
    }

    fn announced(&self, what: &str) -> Result<String> {
        let text =
            std::fs::read(self.data.path().join("router.json")).context("the router left no router.json")?;
        let note: Value = serde_json::from_slice(&text)?;
        Ok(note[what].as_str().with_context(|| format!("no {what} in router.json"))?.to_owned())
    }
}

fn variable(name: &str) -> Result<PathBuf> {
    let path = PathBuf::from(std::env::var_os(name).with_context(|| format!("{name} is not set"))?);
    anyhow::ensure!(path.is_file(), "{name} is {}, which is no file", path.display());
    Ok(path)
}

/// The workspace's target folder holds the test's own binary.
fn shots() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().find(|folder| folder.ends_with("target")).map(Path::to_path_buf);
    Ok(target.unwrap_or_else(std::env::temp_dir).join("e2e"))
}

/// Two ports that are free now; the driver can't choose its own.
fn free_ports() -> Result<[u16; 2]> {
    let open = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    Ok([open[0].local_addr()?.port(), open[1].local_addr()?.port()])
}

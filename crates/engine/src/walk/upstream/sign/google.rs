//! Access tokens for Google Cloud: fetched with a service account's key (RFC 7523), with the refresh token of a user who
//! signed in with `gcloud`, in the name of a service account, or from the metadata server of one of Google's machines.

use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use switchyard_domain::map::Route;
use switchyard_domain::{Failure, FailureKind};
use url::Url;
use url::form_urlencoded::Serializer;

use super::fresh::Leased;
use crate::core::clock;
use crate::core::vault::{Key, Material};
use crate::walk::upstream::from_reqwest;

/// What Vertex AI asks for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
/// The longest an assertion may be good for, seconds.
const ASSERTION_S: i64 = 3_600;
/// A sign-in that takes longer has failed, milliseconds.
const PATIENCE_MS: u64 = 10_000;
/// Tokens whose life is not told are good for this long, milliseconds: Google's own default, less a margin.
const USUAL_TTL_MS: u64 = 3_300_000;

/// A token, ready to be sent.
pub(super) struct Token {
    /// `Bearer TOKEN`; marked sensitive.
    pub(super) bearer: HeaderValue,
    /// The project a user's calls are counted for.
    pub(super) quota_project: Option<HeaderValue>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token([redacted])")
    }
}

/// The documents Google's tools write.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Document {
    ServiceAccount(ServiceAccount),
    AuthorizedUser(User),
    ImpersonatedServiceAccount {
        service_account_impersonation_url: String,
        source_credentials: Box<Document>,
        #[serde(default)]
        delegates: Vec<String>,
        quota_project_id: Option<String>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct ServiceAccount {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    token_uri: Option<String>,
    quota_project_id: Option<String>,
}

#[derive(Deserialize)]
struct User {
    client_id: String,
    client_secret: String,
    refresh_token: String,
    token_uri: Option<String>,
    quota_project_id: Option<String>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds.
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Impersonated {
    access_token: String,
}

#[derive(Deserialize)]
struct Refused {
    error: Option<serde_json::Value>,
    error_description: Option<String>,
}

/// The header of a stored value that is a token by itself (`gcloud auth print-access-token`), not a document.
pub(super) fn plain_token(key: &Key) -> Option<&HeaderValue> {
    match key.material() {
        Material::Value(secret) if !secret.expose().starts_with('{') => key.bearer(),
        Material::Value(_) | Material::AwsProfile(_) | Material::GoogleMetadata(_) => None,
    }
}

/// Fetches a token.
pub(super) async fn fetch(
    client: &reqwest::Client,
    key: &Key,
    route: &Route,
) -> Result<Leased<Token>, Failure> {
    let token_client = TokenClient { client, route };
    match key.material() {
        Material::Value(secret) => {
            // The parser's message could quote a value, so it is not passed on.
            let document = serde_json::from_str(secret.expose()).map_err(|_| unusable(route))?;
            token_client.token(&document).await
        }
        Material::GoogleMetadata(host) => token_client.metadata(host).await,
        Material::AwsProfile(_) => Err(unusable(route)),
    }
}

fn unusable(route: &Route) -> Failure {
    let provider = &route.provider;
    let message = format!(
        "The credential for {provider} is not one of Google's. Store a service account's JSON key (`switchyard credential set {provider} < key.json`), or run `gcloud auth application-default login`."
    );
    Failure::new(FailureKind::CredentialMissing, message)
}

/// Where tokens are asked for.
#[derive(Clone, Copy)]
struct TokenClient<'a> {
    client: &'a reqwest::Client,
    route: &'a Route,
}

impl TokenClient<'_> {
    async fn token(self, document: &Document) -> Result<Leased<Token>, Failure> {
        match document {
            Document::ServiceAccount(account) => {
                let granted = self.for_account(account).await?;
                self.leased(&granted, account.quota_project_id.as_deref())
            }
            Document::AuthorizedUser(user) => {
                let granted = self.for_user(user).await?;
                self.leased(&granted, user.quota_project_id.as_deref())
            }
            Document::ImpersonatedServiceAccount {
                service_account_impersonation_url,
                source_credentials,
                delegates,
                quota_project_id,
            } => {
                let granted = match &**source_credentials {
                    Document::ServiceAccount(account) => self.for_account(account).await?,
                    Document::AuthorizedUser(user) => self.for_user(user).await?,
                    Document::ImpersonatedServiceAccount { .. } | Document::Other => {
                        return Err(unusable(self.route));
                    }
                };
                let url = service_account_impersonation_url;
                let granted = self.impersonate(url, delegates, &granted.access_token).await?;
                self.leased(&granted, quota_project_id.as_deref())
            }
            Document::Other => Err(unusable(self.route)),
        }
    }

    async fn for_account(self, account: &ServiceAccount) -> Result<Granted, Failure> {
        let uri = self.token_uri(account.token_uri.as_deref())?;
        let now_s = clock::now().wall_ms / 1_000;
        let claims = Claims {
            iss: &account.client_email,
            scope: SCOPE,
            aud: account.token_uri.as_deref().unwrap_or(TOKEN_URI),
            iat: now_s,
            exp: now_s + ASSERTION_S,
        };
        let mut head = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        head.kid.clone_from(&account.private_key_id);
        let signed = jsonwebtoken::EncodingKey::from_rsa_pem(account.private_key.as_bytes())
            .and_then(|key| jsonwebtoken::encode(&head, &claims, &key));
        let Ok(assertion) = signed else {
            let message = format!(
                "The private key of {} is damaged. Download a new JSON key and store it for {}.",
                account.client_email, self.route.provider
            );
            return Err(Failure::new(FailureKind::CredentialMissing, message));
        };
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        self.ask(uri, &[("grant_type", grant), ("assertion", &assertion)]).await
    }

    async fn for_user(self, user: &User) -> Result<Granted, Failure> {
        let uri = self.token_uri(user.token_uri.as_deref())?;
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &user.client_id),
            ("client_secret", &user.client_secret),
            ("refresh_token", &user.refresh_token),
        ];
        self.ask(uri, &form).await
    }

    async fn impersonate(self, url: &str, delegates: &[String], token: &str) -> Result<Granted, Failure> {
        let url = self.token_uri(Some(url))?;
        let body = serde_json::json!({
            "scope": [SCOPE], "delegates": delegates, "lifetime": format!("{ASSERTION_S}s")
        });
        let request = self.client.post(url.clone()).bearer_auth(token).json(&body);
        let text = self.exchange(&url, request).await?;
        let answer: Impersonated = serde_json::from_str(&text).map_err(|_| garbled(&url))?;
        Ok(Granted { access_token: answer.access_token, expires_in: None })
    }

    async fn metadata(self, host: &str) -> Result<Leased<Token>, Failure> {
        let path = "computeMetadata/v1/instance/service-accounts/default/token";
        let url = Url::parse(&format!("http://{host}/{path}")).map_err(|_| unusable(self.route))?;
        let request = self.client.get(url.clone()).header("metadata-flavor", "Google");
        let text = self.exchange(&url, request).await?;
        self.leased(&serde_json::from_str(&text).map_err(|_| garbled(&url))?, None)
    }

    async fn ask(self, url: Url, form: &[(&str, &str)]) -> Result<Granted, Failure> {
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .client
            .post(url.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        let text = self.exchange(&url, request).await?;
        serde_json::from_str(&text).map_err(|_| garbled(&url))
    }

    /// The body of a success; else what the refusal means.
    async fn exchange(self, url: &Url, request: reqwest::RequestBuilder) -> Result<String, Failure> {
        let host = url.host_str().unwrap_or_default();
        let by = clock::now().mono_ms.saturating_add(PATIENCE_MS);
        let answered = clock::until(by, async {
            let response = request.send().await?;
            let status = response.status();
            Ok((status, response.text().await?))
        });
        let (status, text) = match answered.await {
            Some(Ok(answer)) => answer,
            Some(Err(error)) => {
                let kind = from_reqwest(&error, self.route).kind;
                let message = format!("No token for {} from {host}: {}.", self.route.provider, kind.words());
                return Err(Failure::new(kind, message));
            }
            None => {
                let message = format!("No token for {}: {host} is silent.", self.route.provider);
                return Err(Failure::new(FailureKind::FirstByteTimeout, message));
            }
        };
        if status.is_success() {
            return Ok(text);
        }
        Err(self.refused(host, status.as_u16(), &text))
    }

    fn refused(self, host: &str, status: u16, text: &str) -> Failure {
        let refused: Refused =
            serde_json::from_str(text).unwrap_or(Refused { error: None, error_description: None });
        let code =
            refused.error.as_ref().and_then(|error| error.as_str().or_else(|| error.get("status")?.as_str()));
        let code = code.map(str::to_owned);
        let provider = &self.route.provider;
        let reason = code.clone().unwrap_or_else(|| status.to_string());
        let described = refused
            .error_description
            .map_or_else(String::new, |words| format!(": {}", words.trim_end_matches('.')));
        let (kind, fix) = match status {
            429 => (FailureKind::RateLimited, "Try again later"),
            500..=599 => (FailureKind::ServerError, "Try again later"),
            // Of a 400 only these speak of the credential (RFC 6749, 5.2).
            400 if !matches!(
                code.as_deref(),
                Some("invalid_grant" | "invalid_client" | "unauthorized_client" | "access_denied")
            ) =>
            {
                (FailureKind::ServerError, "Try again later")
            }
            _ => (
                FailureKind::KeyRejected,
                "Run `gcloud auth application-default login` again, or store a new service account key",
            ),
        };
        let message = format!("{host} gives no token for {provider} ({reason}{described}). {fix}.");
        Failure { status: Some(status), code, ..Failure::new(kind, message) }
    }

    /// Only over TLS, but on this machine.
    fn token_uri(self, written: Option<&str>) -> Result<Url, Failure> {
        let url = Url::parse(written.unwrap_or(TOKEN_URI)).map_err(|_| unusable(self.route))?;
        let is_here = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        if url.scheme() == "https" || url.scheme() == "http" && is_here {
            return Ok(url);
        }
        let message = format!(
            "The credential for {} has a token address that is not https. Store the file as Google gave it.",
            self.route.provider
        );
        Err(Failure::new(FailureKind::CredentialMissing, message))
    }

    fn leased(self, granted: &Granted, quota_project: Option<&str>) -> Result<Leased<Token>, Failure> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", granted.access_token))
            .map_err(|_| unusable(self.route))?;
        bearer.set_sensitive(true);
        let quota_project = quota_project.and_then(|project| HeaderValue::from_str(project).ok());
        let ttl_ms = granted.expires_in.map_or(USUAL_TTL_MS, |seconds| seconds.saturating_mul(1_000));
        Ok(Leased { value: Token { bearer, quota_project }, ttl_ms: Some(ttl_ms) })
    }
}

fn garbled(url: &Url) -> Failure {
    let host = url.host_str().unwrap_or_default();
    Failure::new(FailureKind::Malformed, format!("{host} answered without a token."))
}

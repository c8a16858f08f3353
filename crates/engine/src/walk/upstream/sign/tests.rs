//! Credentials as providers get to see them, with a token server of our own.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use switchyard_domain::Secret;
use switchyard_domain::map::{self, Format, NoVariables};
use switchyard_domain::view::CredentialPlace;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn route(entry: &str) -> Route {
    let text = format!(r#"{{"providers":{{"p":{{{entry}}}}},"hot":[{{"provider":"p","model":"m"}}]}}"#);
    map::read(&text, Format::Json, &NoVariables).unwrap().routes.remove(0)
}

fn vertex() -> Route {
    route(r#""kind":"vertex","region":"global","project":"acme""#)
}

fn key(value: &str) -> Key {
    Key::of(Secret::new(value), CredentialPlace::Keychain)
}

fn signer() -> Signer {
    Signer::new(reqwest::Client::builder().no_proxy().build().unwrap())
}

async fn presented(
    signer: &Signer,
    route: &Route,
    key: Option<&Key>,
) -> Result<(HeaderMap, Presented), Failure> {
    let mut headers = HeaderMap::new();
    let call = Call { route, method: &Method::POST, url: &route.endpoint, body: b"{}" };
    let presented = signer.sign(call, key, None, &mut headers).await?;
    Ok((headers, presented))
}

/// A token server: counts what it is asked, keeps the last request, and answers with these statuses in turn (the last
/// for ever) and one body.
struct Desk {
    url: String,
    host: String,
    asked: Arc<AtomicU32>,
    last: Arc<Mutex<String>>,
}

impl Desk {
    async fn open(status: u16, body: &str) -> Self {
        Self::with(vec![status], body).await
    }

    async fn with(statuses: Vec<u16>, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (asked, last) = (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(String::new())));
        let body = body.to_owned();
        let desk = Self {
            url: format!("http://{host}/token"),
            host,
            asked: Arc::clone(&asked),
            last: Arc::clone(&last),
        };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut got = Vec::new();
                let mut piece = [0; 4096];
                while !whole(&got) {
                    match stream.read(&mut piece).await {
                        Ok(0) | Err(_) => break,
                        Ok(n) => got.extend_from_slice(&piece[..n]),
                    }
                }
                let n = asked.fetch_add(1, Ordering::SeqCst) + 1;
                *last.lock().unwrap() = String::from_utf8_lossy(&got).into_owned();
                let at = usize::try_from(n).unwrap().min(statuses.len()) - 1;
                let status = statuses[at];
                let body = body.replace("{n}", &n.to_string());
                let reply = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(reply.as_bytes()).await;
            }
        });
        desk
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    fn last(&self) -> String {
        self.last.lock().unwrap().clone()
    }

    fn user(&self) -> Key {
        let uri = &self.url;
        key(&format!(
            r#"{{"type":"authorized_user","client_id":"id","client_secret":"hunter2","refresh_token":"1//hunter2","quota_project_id":"billed","token_uri":"{uri}"}}"#
        ))
    }
}

fn whole(got: &[u8]) -> bool {
    let text = String::from_utf8_lossy(got);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse().unwrap())
    });
    body.len() >= length.unwrap_or(0)
}

const TOKEN: &str = r#"{"access_token":"ya29.token-{n}","expires_in":3599,"token_type":"Bearer"}"#;

#[tokio::test]
async fn each_kind_of_key_goes_where_its_provider_looks_for_it() {
    let cases = [
        (r#""kind":"openai""#, "authorization", "Bearer k-1"),
        (r#""kind":"anthropic""#, "x-api-key", "k-1"),
        (r#""kind":"azure","baseUrl":"https://a.openai.azure.com""#, "api-key", "k-1"),
        (r#""kind":"google""#, "x-goog-api-key", "k-1"),
        (r#""kind":"bedrock","region":"us-east-1""#, "authorization", "Bearer k-1"),
        (r#""kind":"vertex","region":"eu","project":"acme""#, "authorization", "Bearer k-1"),
    ];
    for (entry, name, value) in cases {
        let (headers, how) = presented(&signer(), &route(entry), Some(&key("k-1"))).await.unwrap();
        assert_eq!(
            (&headers[name], headers.len(), how),
            (&value.parse().unwrap(), 1, Presented::Itself),
            "{entry}"
        );
        assert!(headers[name].is_sensitive(), "{entry}");
    }
    let none = presented(&signer(), &route(r#""kind":"ollama""#), None).await.unwrap();
    assert!(none.0.is_empty());
}

#[tokio::test]
async fn a_missing_or_unfit_key_is_told_with_its_fix_and_nothing_of_it() {
    let document = key("{\n\"type\":\"service_account\",\"private_key\":\"hunter2\"}");
    let cases = [
        (r#""kind":"openai""#, None, "There is no key for p. Run `switchyard credential set p`."),
        (r#""kind":"bedrock","region":"us-east-1""#, None, "or set up an AWS profile."),
        (r#""kind":"vertex","region":"eu","project":"a""#, None, "`gcloud auth application-default login`."),
        (r#""kind":"openai""#, Some(&document), "is not an API key"),
        (r#""kind":"bedrock","region":"us-east-1""#, Some(&document), "is not one of AWS's"),
        (r#""kind":"vertex","region":"eu","project":"a""#, Some(&document), "is not one of Google's"),
    ];
    for (entry, key, part) in cases {
        let failure = presented(&signer(), &route(entry), key).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::CredentialMissing, "{entry}");
        assert!(failure.message.contains(part), "{}", failure.message);
        assert!(!failure.message.contains("hunter2"), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_user_who_signed_in_is_refreshed_once_and_the_token_is_kept() {
    let desk = Desk::open(200, TOKEN).await;
    let (signer, route, key) = (signer(), vertex(), desk.user());
    let (headers, how) = presented(&signer, &route, Some(&key)).await.unwrap();
    assert_eq!(
        (&headers["authorization"], how),
        (&"Bearer ya29.token-1".parse().unwrap(), Presented::Fetched)
    );
    assert_eq!(headers["x-goog-user-project"], "billed");
    assert!(headers["authorization"].is_sensitive());
    for part in ["grant_type=refresh_token", "client_id=id", "refresh_token=1%2F%2Fhunter2"] {
        assert!(desk.last().contains(part), "{}", desk.last());
    }
    let (again, how) = presented(&signer, &route, Some(&key)).await.unwrap();
    assert_eq!((&again["authorization"], how, desk.asked()), (&headers["authorization"], Presented::Kept, 1));
}

#[tokio::test]
async fn a_refused_token_is_dropped_and_worth_one_more_try_only_if_it_was_an_old_one() {
    let desk = Desk::open(200, TOKEN).await;
    let (signer, route, key) = (signer(), vertex(), desk.user());
    let (_, first) = presented(&signer, &route, Some(&key)).await.unwrap();
    let (unauthorized, nothing) = (StatusCode::UNAUTHORIZED, HeaderMap::new());
    assert!(
        !signer.outdated(Some(&key), first, unauthorized, &nothing),
        "a new token that is refused is no good"
    );
    presented(&signer, &route, Some(&key)).await.unwrap();
    let (_, kept) = presented(&signer, &route, Some(&key)).await.unwrap();
    assert!(!signer.outdated(Some(&key), kept, StatusCode::TOO_MANY_REQUESTS, &nothing));
    assert!(signer.outdated(Some(&key), kept, unauthorized, &nothing));
    let (headers, how) = presented(&signer, &route, Some(&key)).await.unwrap();
    assert_eq!(
        (&headers["authorization"], how),
        (&"Bearer ya29.token-3".parse().unwrap(), Presented::Fetched)
    );
}

#[tokio::test]
async fn a_service_account_signs_its_assertion_with_its_own_key() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref()));
    let desk = Desk::open(200, TOKEN).await;
    let document = serde_json::json!({
        "type": "service_account", "client_email": "me@acme.iam", "private_key": pem, "private_key_id": "k1",
        "token_uri": desk.url, "universe_domain": "googleapis.com"
    });
    let (headers, _) = presented(&signer(), &vertex(), Some(&key(&document.to_string()))).await.unwrap();
    assert_eq!(headers["authorization"], "Bearer ya29.token-1");
    let request = desk.last();
    let body = request.split("\r\n\r\n").nth(1).unwrap();
    let form: HashMap<_, _> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let public: aws_lc_rs::encoding::PublicKeyX509Der<'_> =
        aws_lc_rs::signature::KeyPair::public_key(&pair).as_der().unwrap();
    let public = pem::encode(&pem::Pem::new("PUBLIC KEY", public.as_ref()));
    let verify = jsonwebtoken::DecodingKey::from_rsa_pem(public.as_bytes()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    rules.set_audience(&[&desk.url]);
    let token = jsonwebtoken::decode::<serde_json::Value>(&form["assertion"], &verify, &rules).unwrap();
    assert_eq!(token.header.kid.as_deref(), Some("k1"));
    assert_eq!(token.claims["iss"], "me@acme.iam");
    assert_eq!(token.claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
}

#[tokio::test]
async fn another_service_account_is_spoken_for_with_ones_own_token() {
    let desk = Desk::open(
        200,
        r#"{"access_token":"user","accessToken":"theirs","expireTime":"2999-01-01T00:00:00Z"}"#,
    )
    .await;
    let uri = &desk.url;
    let document = key(&format!(
        r#"{{"type":"impersonated_service_account","service_account_impersonation_url":"{uri}","source_credentials":{{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r","token_uri":"{uri}"}}}}"#
    ));
    let (headers, _) = presented(&signer(), &vertex(), Some(&document)).await.unwrap();
    assert_eq!((&headers["authorization"], desk.asked()), (&"Bearer theirs".parse().unwrap(), 2));
    assert!(desk.last().to_ascii_lowercase().contains("authorization: bearer user"), "{}", desk.last());
}

#[tokio::test]
async fn a_google_machine_is_asked_for_its_own_token() {
    let desk = Desk::open(200, TOKEN).await;
    let (headers, _) =
        presented(&signer(), &vertex(), Some(&Key::of_metadata(desk.host.clone()))).await.unwrap();
    assert_eq!(headers["authorization"], "Bearer ya29.token-1");
    let asked = desk.last().to_ascii_lowercase();
    assert!(asked.starts_with("get /computemetadata/v1/instance/service-accounts/default/token"), "{asked}");
    assert!(asked.contains("metadata-flavor: google"), "{asked}");
}

#[tokio::test]
async fn a_sign_in_that_fails_says_whose_fault_it_is() {
    let revoked = r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#;
    let cases = [
        (400, revoked, FailureKind::KeyRejected, "(invalid_grant: Token has been expired or revoked)"),
        (401, "{}", FailureKind::KeyRejected, "Run `gcloud auth application-default login` again"),
        (429, "", FailureKind::RateLimited, "429"),
        (503, "<html>", FailureKind::ServerError, "503"),
        (200, "{}", FailureKind::Malformed, "without a token"),
    ];
    for (status, body, kind, part) in cases {
        let desk = Desk::open(status, body).await;
        let failure = presented(&signer(), &vertex(), Some(&desk.user())).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{status}: {failure:?}");
        assert!(failure.message.contains(part), "{}", failure.message);
        assert!(!failure.message.contains("hunter2"), "{}", failure.message);
    }
    let closed = key(
        r#"{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r","token_uri":"http://127.0.0.1:1/token"}"#,
    );
    let failure = presented(&signer(), &vertex(), Some(&closed)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Connect, "{failure:?}");
    let plain = key(
        r#"{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r","token_uri":"http://tokens.example/"}"#,
    );
    let failure = presented(&signer(), &vertex(), Some(&plain)).await.unwrap_err();
    assert!(failure.message.contains("not https"), "{}", failure.message);
    assert_eq!(failure.kind, FailureKind::CredentialMissing);
}

#[cfg(unix)]
#[tokio::test]
async fn keys_of_a_profile_are_fetched_again_when_aws_says_they_have_expired() {
    let folder = tempfile::tempdir().unwrap();
    let config_file = folder.path().join("config");
    let counter = folder.path().join("count");
    std::fs::write(
        &config_file,
        format!(
            "[default]\ncredential_process = echo x >> {0}; echo '{{\"AccessKeyId\":\"ASIA'$(grep -c x {0})'\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\"}}'\n",
            counter.display()
        ),
    )
    .unwrap();
    let profile = crate::core::vault::AwsProfile {
        name: "default".to_owned(),
        credentials_file: folder.path().join("credentials"),
        config_file,
    };
    let key = Key::of_profile(profile, "");
    let (signer, route) = (signer(), route(r#""kind":"bedrock","region":"us-east-1""#));
    let id = |headers: &HeaderMap| {
        let text = headers["authorization"].to_str().unwrap();
        text.split(['=', '/']).nth(1).unwrap().to_owned()
    };
    let (first, how) = presented(&signer, &route, Some(&key)).await.unwrap();
    assert_eq!((id(&first).as_str(), how), ("ASIA1", Presented::Fetched));
    let (second, how) = presented(&signer, &route, Some(&key)).await.unwrap();
    assert_eq!((id(&second).as_str(), how), ("ASIA1", Presented::Kept));
    let mut said = HeaderMap::new();
    assert!(!signer.outdated(Some(&key), how, StatusCode::FORBIDDEN, &said), "a plain 403 is about rights");
    said.insert("x-amzn-errortype", "ExpiredTokenException:http://internal".parse().unwrap());
    assert!(signer.outdated(Some(&key), how, StatusCode::FORBIDDEN, &said));
    let (third, _) = presented(&signer, &route, Some(&key)).await.unwrap();
    assert_eq!(id(&third), "ASIA2");
}

#[tokio::test]
async fn a_request_whose_token_has_ended_is_posted_once_more_with_a_new_one() {
    use crate::walk::upstream::{OutboundRequest, Secrets, Upstream};
    // Token, request, request refused, token, request.
    let desk = Desk::with(vec![200, 200, 401, 200], TOKEN).await;
    let text = format!(
        r#"{{"providers":{{"vertex":{{"project":"acme","region":"eu","baseUrl":"http://{}","dialect":"gemini"}}}},"hot":[{{"provider":"vertex","model":"m"}}]}}"#,
        desk.host
    );
    let map = map::read(&text, Format::Json, &NoVariables).unwrap();
    let mut upstream = Upstream::all(&map, &[], &crate::walk::upstream::Egress::default()).unwrap().remove(0);
    upstream.signer = signer();
    let (key, mut secrets) = (desk.user(), Secrets::default());
    for (asked, token) in [(2, "ya29.token-1"), (5, "ya29.token-4")] {
        let letter = OutboundRequest {
            route: &map.routes[0],
            endpoint: &upstream.endpoints[0],
            headers: HeaderMap::new(),
            body: bytes::Bytes::from_static(b"{}"),
            key: Some(&key),
            own: None,
        };
        let answer = upstream.post(letter, &mut secrets).await.unwrap();
        assert_eq!((answer.status(), desk.asked()), (StatusCode::OK, asked));
        assert!(desk.last().contains(&format!("authorization: Bearer {token}")), "{}", desk.last());
    }
    let quoting = Failure::new(FailureKind::ServerError, "neither ya29.token-1 nor ya29.token-4 will do");
    let told = secrets.taken_out(quoting, &map.routes[0]);
    assert_eq!(told.message, "neither [redacted] nor [redacted] will do");
}

//! Every OAuth fixture is read as `tests/fixtures/README.md` describes.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use http::{Response, StatusCode};
use kenar::error::{ApiError, ErrorKind};
use kenar::model::Timestamp;
use kenar::oauth::{Callback, CallbackError, Denial, OAuthApp, OAuthState, TokenResponse, TokenSet, TokenType};
use kenar::request::Operation;
use kenar::secret::{AccessToken, AuthorizationCode, ClientSecret, RefreshToken};
use kenar::{Error, Scope};

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn app() -> OAuthApp {
    OAuthApp::new("app-slug", ClientSecret::new("client-secret").unwrap(), "https://addon.example/oauth").unwrap()
}

fn now() -> Timestamp {
    "2025-07-16T10:00:00Z".parse().unwrap()
}

fn an_hour_later() -> Timestamp {
    "2025-07-16T11:00:00Z".parse().unwrap()
}

fn exchanged(status: StatusCode, body: String) -> Result<TokenSet, Error> {
    let exchange = app().exchange_request(AuthorizationCode::new("authorization-code").unwrap(), now());
    exchange.response(Response::builder().status(status).body(Bytes::from(body)).unwrap())
}

/// The expected content of a token response.
struct Row {
    refresh_token: bool,
    expires_in: Option<u64>,
    token_type: Option<TokenType>,
    granted: Option<Vec<Scope>>,
}

fn token_rows() -> Vec<(&'static str, Row)> {
    let send = Scope::conversation_send_message(&"5f8b0f6e-0000-4000-8000-000000000001".into());
    let usual = || Row {
        refresh_token: true,
        expires_in: Some(3600),
        token_type: Some(TokenType::Bearer),
        granted: Some(vec![send.clone(), Scope::offline_access()]),
    };
    vec![
        ("token.json", usual()),
        ("token_without_refresh.json", Row { refresh_token: false, granted: Some(vec![send.clone()]), ..usual() }),
        ("token_scope_list.json", usual()),
        ("token_scope_missing.json", Row { granted: None, ..usual() }),
        ("token_expires_in_string.json", usual()),
        ("token_expires_in_missing.json", Row { expires_in: None, ..usual() }),
        ("token_type_unknown.json", Row { token_type: Some(TokenType::Unknown("mac".to_owned())), ..usual() }),
        ("token_legacy_expires.json", Row { refresh_token: true, expires_in: None, token_type: None, granted: None }),
    ]
}

fn granted(code: &str) -> Result<Callback, CallbackError> {
    Ok(Callback::Granted(AuthorizationCode::new(code).unwrap()))
}

fn denied(error: Option<&str>, description: Option<&str>) -> Result<Callback, CallbackError> {
    Ok(Callback::Denied(Denial::new(error.map(str::to_owned), description.map(str::to_owned))))
}

fn callback_rows() -> Vec<(&'static str, Result<Callback, CallbackError>)> {
    vec![
        ("callback_granted.txt", granted("authorization-code-placeholder")),
        ("callback_granted_extra_parameters.txt", granted("authorization-code-placeholder")),
        ("callback_granted_percent_encoded.txt", granted("code/with+signs=")),
        ("callback_denied.txt", denied(Some("access_denied"), Some("The owner said no"))),
        ("callback_denied_persian.txt", denied(Some("access_denied"), Some("دسترسی داده نشد"))),
        ("callback_denied_state_only.txt", denied(None, None)),
        ("callback_missing_state.txt", Err(CallbackError::MissingState)),
        ("callback_state_mismatch.txt", Err(CallbackError::StateMismatch)),
        ("callback_denied_state_mismatch.txt", Err(CallbackError::StateMismatch)),
        ("callback_duplicate_code.txt", Err(CallbackError::Repeated("code"))),
        ("callback_empty.txt", Err(CallbackError::MissingState)),
    ]
}

#[test]
fn every_fixture_has_a_row() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/oauth");
    let files: BTreeSet<String> =
        std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let rows: BTreeSet<String> = token_rows()
        .iter()
        .map(|(name, _)| *name)
        .chain(callback_rows().iter().map(|(name, _)| *name))
        .chain(["token_without_access_token.json"])
        .map(str::to_owned)
        .collect();
    assert_eq!(files, rows);
}

#[test]
fn token_responses_are_read() {
    for (name, row) in token_rows() {
        let body = fixture(&format!("oauth/{name}"));
        let access_token = AccessToken::new("access-token-placeholder").unwrap();
        let refresh_token = row.refresh_token.then(|| RefreshToken::new("refresh-token-placeholder").unwrap());

        let response: TokenResponse = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(response.access_token, access_token, "{name}");
        assert_eq!(response.refresh_token, refresh_token, "{name}");
        assert_eq!(response.expires_in, row.expires_in, "{name}");
        assert_eq!(response.token_type, row.token_type, "{name}");
        assert_eq!(response.scopes, row.granted, "{name}");

        let tokens = exchanged(StatusCode::OK, body).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(tokens.access_token, access_token, "{name}");
        assert_eq!(tokens.refresh_token, refresh_token, "{name}");
        assert_eq!(tokens.expires_at(), row.expires_in.map(|_| an_hour_later()), "{name}");
        assert_eq!(tokens.scopes(), row.granted.as_deref().unwrap_or_default(), "{name}");
    }
}

#[test]
fn missing_access_token_is_an_error_without_secrets() {
    let body = fixture("oauth/token_without_access_token.json");
    let error = exchanged(StatusCode::OK, body.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(why, "no usable access_token in the response");
    let strict = serde_json::from_str::<TokenResponse>(&body).unwrap_err();
    for text in [error.to_string(), format!("{error:?}"), why, error.body_excerpt().to_owned(), strict.to_string()] {
        assert!(!text.contains("refresh-token-placeholder"), "{text}");
    }
}

#[test]
fn callbacks_are_read() {
    let state = OAuthState::restore("state-placeholder-1").unwrap();
    for (name, expected) in callback_rows() {
        let query = fixture(&format!("oauth/{name}"));
        assert_eq!(app().callback(&query, &state), expected, "{name}");
        for before in ["?", "/oauth?", "oauth?", "https://addon.example/oauth?", "http://127.0.0.1:1/a=b&c?"] {
            for after in ["", "#", "#_=_", "#code=other"] {
                let text = format!("{before}{query}{after}");
                assert_eq!(app().callback(&text, &state), expected, "{name}, as {text}");
            }
        }
    }
}

#[test]
fn token_endpoint_errors_are_read() {
    for (name, status, oauth_error, description) in [
        ("oauth_invalid_grant.json", 400, "invalid_grant", Some("grant placeholder")),
        ("oauth_hydra_extras.json", 400, "invalid_grant", Some("grant placeholder")),
        ("oauth_error_only.json", 500, "server_error", None),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let error = exchanged(status, fixture(&format!("error/{name}"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Api, "{name}");
        assert_eq!(error.status(), Some(status), "{name}");
        assert_eq!(error.operation(), "oauth.exchange_code", "{name}");
        match error.api_error() {
            Some(ApiError::OAuth(error)) => {
                assert_eq!(error.error, oauth_error, "{name}");
                assert_eq!(error.description.as_deref(), description, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(error.is_invalid_grant(), oauth_error == "invalid_grant", "{name}");
        assert_eq!(error.needs_new_permission(), oauth_error == "invalid_grant", "{name}");
    }
}

#[test]
fn token_endpoint_errors_repeat_no_token() {
    const NEW: &str = "QYz8-fresh.token_1";
    for (body, says) in [
        (format!(r#"{{"access_token":"{NEW}","refresh_token":"{NEW}"}}"#), None),
        (format!(r#"{{"message":"made {NEW}","code":13,"details":[{{"token":"{NEW}"}}]}}"#), None),
        (format!(r#"{{"message":"made {NEW}"}}"#), None),
        (format!(r#"{{"error":"{NEW}","error_description":"{NEW}"}}"#), None),
        (format!(r#"{{"error":{{"access_token":"{NEW}"}}}}"#), None),
        (format!("<html>{NEW}</html>"), None),
        (format!("\u{feff}{NEW}"), None),
        (
            format!(
                r#"{{"access_token":"{NEW}","error":"server_error","error_description":"cannot store {NEW}","hint":"{NEW}"}}"#
            ),
            Some(("server_error", "cannot store [redacted]")),
        ),
        (
            format!(r#"{{"error":"invalid_grant","error_description":"no {NEW} here","refresh_token":"{NEW}"}}"#),
            Some(("invalid_grant", "no [redacted] here")),
        ),
    ] {
        for status in [400, 401, 500, 503, 302] {
            let error = exchanged(StatusCode::from_u16(status).unwrap(), body.clone()).unwrap_err();
            for text in [error.to_string(), format!("{error:?}"), error.body_excerpt().to_owned()] {
                assert!(!text.contains("QYz8"), "{status}: {text}");
            }
            let said = match error.api_error() {
                Some(ApiError::OAuth(error)) => Some((error.error.as_str(), error.description.as_deref().unwrap())),
                _ => None,
            };
            assert_eq!(said, says, "{status}: {body}");
        }
    }
    let error = exchanged(StatusCode::UNAUTHORIZED, r#"{"code":16,"message":"no"}"#.to_owned()).unwrap_err();
    assert_eq!(error.to_string(), "HTTP 401 Unauthorized: oauth.exchange_code: code 16 UNAUTHENTICATED");
}

#[test]
fn short_lived_tokens_refresh_after_half_their_lifetime() {
    let tokens = |expires_in: u64| {
        let body = format!(r#"{{"access_token":"a","refresh_token":"b","expires_in":{expires_in}}}"#);
        exchanged(StatusCode::OK, body).unwrap()
    };
    let after = |milliseconds| now().saturating_add(std::time::Duration::from_millis(milliseconds));
    // The lifetime in seconds, and the first millisecond at which a refresh is due.
    for (expires_in, due) in [(1, 500), (59, 29_500), (60, 30_000), (120, 60_000), (121, 61_000), (3600, 3_540_000)] {
        let tokens = tokens(expires_in);
        let stored = serde_json::to_string(&tokens.expose_for_storage()).unwrap();
        let restored = serde_json::from_str::<kenar::oauth::StoredTokens>(&stored).unwrap().into_tokens();
        assert_eq!(restored, tokens);
        for tokens in [tokens, restored] {
            assert!(!tokens.needs_refresh(now()), "{expires_in}");
            assert!(!tokens.needs_refresh(after(due - 1)), "{expires_in}");
            assert!(tokens.needs_refresh(after(due)), "{expires_in}");
            assert!(tokens.is_expired(after(expires_in * 1000)), "{expires_in}");
        }
    }
    // An unset number is 0 in protobuf.
    assert_eq!(tokens(0).expires_at(), None);
    assert!(!tokens(0).needs_refresh(now()));
    // Stored by a version that did not store the lifetime.
    let stored = r#"{"access_token":"a","expires_at":"2025-07-16T11:00:00Z"}"#;
    let tokens = serde_json::from_str::<kenar::oauth::StoredTokens>(stored).unwrap().into_tokens();
    assert!(!tokens.needs_refresh(after(3_539_999)) && tokens.needs_refresh(after(3_540_000)));
}

#[test]
fn responses_without_an_oauth_error_are_errors_too() {
    for (name, status, kind) in [
        ("error/error_is_object.json", 400, ErrorKind::Api),
        ("error/empty_body.txt", 500, ErrorKind::Api),
        ("error/html_page.html", 502, ErrorKind::Api),
        ("api/html_page.html", 200, ErrorKind::UnexpectedResponse),
        ("error/empty_body.txt", 200, ErrorKind::UnexpectedResponse),
        ("error/json_string.json", 200, ErrorKind::UnexpectedResponse),
    ] {
        let error = exchanged(StatusCode::from_u16(status).unwrap(), fixture(name)).unwrap_err();
        assert_eq!(error.kind(), kind, "{name} with {status}");
        assert!(!matches!(error.api_error(), Some(ApiError::OAuth(_) | ApiError::Rpc(_))), "{name} with {status}");
    }
}

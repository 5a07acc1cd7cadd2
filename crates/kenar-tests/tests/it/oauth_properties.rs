//! For any ids, states and secrets: values round-trip, other parsers agree, and no secret appears in a text.

use std::error::Error as StdError;
use std::fmt::Debug;

use bytes::Bytes;
use http::{Response, StatusCode};
use kenar::Scope;
use kenar::model::{ConversationId, Timestamp};
use kenar::oauth::{
    Callback, Denial, OAuthApp, OAuthState, PermissionRequest, StoredTokens, TokenRequest, TokenResponse,
};
use kenar::request::{BaseUrls, Operation};
use kenar::secret::{AccessToken, AuthorizationCode, ClientSecret, RefreshToken};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const REDIRECT_URI: &str = "https://addon.example/oauth/%D8%B4";

fn app(secret: &str) -> OAuthApp {
    OAuthApp::new("app slug&+%", ClientSecret::new(secret).unwrap(), REDIRECT_URI).unwrap()
}

fn now() -> Timestamp {
    "2025-07-16T10:00:00Z".parse().unwrap()
}

/// Printable ASCII without leading or trailing spaces.
fn secret() -> impl Strategy<Value = String> {
    "[!-~]([ -~]{0,30}[!-~])?"
}

/// A secret that no text contains by chance.
fn telling_secret() -> impl Strategy<Value = String> {
    "[A-Z]{3}[0-9]{12}"
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        "[!#-\\[\\]-~]{1,40}".prop_map(|name| Scope::named(name).unwrap()),
        any::<String>().prop_map(|id| Scope::conversation_send_message(&ConversationId::new(id))),
        Just(Scope::offline_access()),
    ]
}

/// The query of a parser that percent-decodes and does not treat `+` as a space.
fn percent_decoded(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

proptest! {
    #[test]
    fn permission_url_is_read_alike_by_other_parsers(scopes in vec(scope(), 0..5), state in "[ -~]{8,40}") {
        let state = OAuthState::restore(state).unwrap();
        let asked = app("placeholder").permission_request(&scopes, state.clone());
        let url = url::Url::parse(asked.url(&BaseUrls::default()).as_str()).unwrap();
        prop_assert_eq!(url.path(), "/oauth2/auth");

        let names: Vec<&str> = scopes.iter().map(Scope::as_str).collect();
        let expected = [
            ("response_type", "code"),
            ("client_id", "app slug&+%"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", &names.join(" ")),
            ("state", state.expose_secret()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        prop_assert_eq!(url.query_pairs().into_owned().collect::<Vec<_>>(), &expected);
        prop_assert_eq!(percent_decoded(url.query().unwrap()), &expected);
        prop_assert_eq!(PermissionRequest::parse(url.query().unwrap()), Ok(asked));
    }

    #[test]
    fn any_scope_is_one_word_and_round_trips(scope in scope()) {
        prop_assert_eq!(scope.as_str().split_whitespace().collect::<Vec<_>>(), [scope.as_str()]);
        prop_assert_eq!(&scope.as_str().parse::<Scope>().unwrap(), &scope);
        let json = serde_json::to_string(&scope).unwrap();
        prop_assert_eq!(serde_json::from_str::<Scope>(&json).unwrap(), scope);
    }

    #[test]
    fn any_callback_round_trips(
        callback in prop_oneof![
            secret().prop_map(|code| Callback::Granted(AuthorizationCode::new(code).unwrap())),
            (option::of(".{1,30}"), option::of(".{1,30}"))
                .prop_map(|(error, description)| Callback::Denied(Denial::new(error, description))),
        ],
    ) {
        let state = OAuthState::random().unwrap();
        prop_assert_eq!(app("placeholder").callback(callback.to_query(&state), &state), Ok(callback.clone()));
        let error = app("placeholder").callback(callback.to_query(&state), &OAuthState::random().unwrap()).unwrap_err();
        prop_assert_eq!(error, kenar::oauth::CallbackError::StateMismatch);
    }

    #[test]
    fn queries_and_forms_never_panic(text in any::<String>(), bytes in vec(any::<u8>(), 0..200)) {
        let state = OAuthState::random().unwrap();
        let query = format!("{text}&state={}", state.expose_secret());
        let _ = app("placeholder").callback(&text, &state);
        let _ = app("placeholder").callback(&query, &state);
        let _ = PermissionRequest::parse(&text);
        let _ = TokenRequest::parse(&bytes);
        prop_assert!(app("placeholder").exchange_request(AuthorizationCode::new("a").unwrap(), now())
            .response(Response::new(Bytes::from(bytes))).is_err());
    }

    #[test]
    fn server_reads_the_sent_form(client_secret in secret(), code in secret(), refresh in secret(), access in secret()) {
        let app = app(&client_secret);
        let sent = |request: http::Request<kenar::request::Body>| {
            TokenRequest::parse(request.body().as_bytes().unwrap()).unwrap()
        };
        let exchange = app.exchange_request(AuthorizationCode::new(code.as_str()).unwrap(), now());
        let asked = sent(exchange.request(&BaseUrls::default()).unwrap());
        prop_assert_eq!(asked.client_id.as_str(), "app slug&+%");
        prop_assert_eq!(asked.client_secret.expose_secret(), client_secret);
        prop_assert_eq!(asked.redirect_uri, REDIRECT_URI);
        prop_assert_eq!(asked.grant, kenar::oauth::Grant::AuthorizationCode(AuthorizationCode::new(code).unwrap()));

        let mut response = TokenResponse::new(AccessToken::new(access).unwrap());
        response.refresh_token = Some(RefreshToken::new(refresh).unwrap());
        let tokens = response.into_tokens(now());
        let asked = sent(app.refresh_request(&tokens, now()).unwrap().request(&BaseUrls::default()).unwrap());
        prop_assert_eq!(asked.grant, kenar::oauth::Grant::RefreshToken {
            refresh_token: tokens.refresh_token.unwrap(),
            access_token: Some(tokens.access_token),
        });
    }

    #[test]
    fn responses_and_stored_tokens_round_trip(
        access in secret(),
        refresh in option::of(secret()),
        expires_in in option::of(0..u64::MAX),
        scopes in option::of(vec(scope(), 0..4)),
    ) {
        let mut response = TokenResponse::new(AccessToken::new(access).unwrap());
        response.refresh_token = refresh.map(|token| RefreshToken::new(token).unwrap());
        response.expires_in = expires_in;
        response.scopes = scopes;
        let json = serde_json::to_string(&response).unwrap();
        prop_assert_eq!(&serde_json::from_str::<TokenResponse>(&json).unwrap(), &response);

        let tokens = response.into_tokens(now());
        let json = serde_json::to_string(&tokens.expose_for_storage()).unwrap();
        prop_assert_eq!(serde_json::from_str::<StoredTokens>(&json).unwrap().into_tokens(), tokens);
    }

    #[test]
    fn secrets_never_appear_in_texts(
        secrets in vec(telling_secret(), 5).prop_filter("all differ", |secrets| {
            secrets.iter().collect::<std::collections::HashSet<_>>().len() == secrets.len()
        }),
    ) {
        let [client_secret, code, access, refresh, state] = <[String; 5]>::try_from(secrets.clone()).unwrap();
        let app = app(&client_secret);
        let state = OAuthState::restore(state).unwrap();
        let callback = Callback::Granted(AuthorizationCode::new(code.as_str()).unwrap());
        let asked = app.permission_request([Scope::user_id()], state.clone());
        let exchange = app.exchange_request(AuthorizationCode::new(code.as_str()).unwrap(), now());
        let mut response = TokenResponse::new(AccessToken::new(access.as_str()).unwrap());
        response.refresh_token = Some(RefreshToken::new(refresh.as_str()).unwrap());
        let tokens = response.clone().into_tokens(now());
        let renew = app.refresh_request(&tokens, now()).unwrap();
        let request = renew.request(&BaseUrls::default()).unwrap();
        let form = TokenRequest::parse(request.body().as_bytes().unwrap()).unwrap();

        let mut shown = vec![
            debug(&app), debug(&state), debug(&asked), debug(&asked.url(&BaseUrls::default())), debug(&callback),
            debug(&exchange), debug(&renew), debug(&response), debug(&tokens), debug(&tokens.expose_for_storage()),
            debug(&form), debug(&request), debug(&exchange.request(&BaseUrls::default()).unwrap()),
        ];

        // Errors of callbacks and requests with secrets.
        let mine = state.expose_secret();
        let other = OAuthState::random().unwrap();
        for query in [
            format!("code={code}"),
            format!("code={code}&state={mine}x"),
            format!("code={code}&code={code}&state={mine}"),
            format!("code={code}%00&state={mine}"),
            format!("code={code}&error={code}&state={mine}"),
        ] {
            shown.extend(chain(&app.callback(&query, &state).unwrap_err()));
            shown.extend(chain(&app.callback(&query, &other).unwrap_err()));
            shown.extend(chain(&PermissionRequest::parse(&query).unwrap_err()));
            shown.extend(chain(&TokenRequest::parse(query.as_bytes()).unwrap_err()));
        }

        // Errors of invalid stored tokens.
        for stored in [
            format!("\"{access}\""),
            format!("[\"{access}\"]"),
            format!("{{\"access_token\":\"{access}\\n\",\"refresh_token\":\"{refresh}\"}}"),
            format!("{{\"access_token\":[\"{access}\"]}}"),
            format!("{{\"refresh_token\":\"{refresh}\"}}"),
            access.clone(),
        ] {
            shown.extend(chain(&serde_json::from_str::<StoredTokens>(&stored).unwrap_err()));
            shown.extend(chain(&serde_json::from_str::<TokenResponse>(&stored).unwrap_err()));
        }

        // Responses that repeat the request, or contain tokens and cannot be read.
        for (status, body) in responses([&code, &client_secret, ""], &access) {
            let error = exchange.response(response_of(status, body)).unwrap_err();
            shown.push(error.body_excerpt().to_owned());
            shown.extend(chain(&error));
        }
        for (status, body) in responses([&refresh, &client_secret, &access], &code) {
            let error = renew.response(response_of(status, body)).unwrap_err();
            shown.push(error.body_excerpt().to_owned());
            shown.extend(chain(&error));
        }

        for text in shown {
            for secret in &secrets {
                prop_assert!(!text.contains(secret.as_str()), "{secret} appears in: {text}");
            }
        }
    }
}

/// Errors that repeat the `sent` secrets, and unreadable successes with a `new` token.
fn responses(sent: [&str; 3], new: &str) -> Vec<(u16, String)> {
    let [one, two, three] = sent;
    vec![
        (400, format!(r#"{{"error":"{one}{two}","error_description":"{two} {three}"}}"#)),
        (400, format!(r#"{{"code":3,"message":"{one}{three}","details":[{{"{one}":"{two}"}}]}}"#)),
        (502, format!("<html>{one} {two} {three}</html>")),
        (200, format!("<html>{one} {two} {three} {new}</html>")),
        (200, format!("\"{new}\"")),
        (200, format!(r#"{{"access_token":"{new}\n","refresh_token":"{new}"}}"#)),
        (200, format!(r#"{{"access_token":["{new}"]}}"#)),
        (200, new.to_owned()),
    ]
}

fn response_of(status: u16, body: String) -> Response<Bytes> {
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(Bytes::from(body)).unwrap()
}

fn debug(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

/// The texts of an error and its sources.
fn chain(error: &dyn StdError) -> Vec<String> {
    let mut texts = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        texts.push(format!("{error} {error:?}"));
        next = error.source();
    }
    texts
}

//! Promise: permission requests and tokens follow RFC 6749 and the platform's documents.

use crate::support::{Ask, REDIRECT, TestResult, grant};
use http::Response;
use kenar::Scope;
use kenar::oauth::{Callback, OAuthState};
use kenar_sandbox::{App, Sandbox};
use serde_json::Value;

const STATE: &str = "12345678";

fn consent(fields: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    format!("/oauth2/auth?{query}")
}

fn location(response: &Response<bytes::Bytes>) -> Option<&str> {
    response.headers().get("location").map(|value| value.to_str().unwrap())
}

/// An app with [`REDIRECT`] registered, and a user.
async fn scene() -> (Sandbox, App) {
    let sandbox = Sandbox::start().await.unwrap();
    let app = sandbox.app("delivery");
    app.oauth(REDIRECT).unwrap();
    sandbox.user("sara");
    (sandbox, app)
}

#[tokio::test]
async fn consent_page_escapes_its_texts() -> TestResult {
    let (sandbox, _) = scene().await;
    sandbox.user("<b>");
    let query = [
        ("response_type", "code"),
        ("client_id", "delivery"),
        ("redirect_uri", REDIRECT),
        ("scope", "USER_ID offline_access"),
        ("state", STATE),
    ];
    let response = Ask::new(&sandbox, "GET", &consent(&query)).send().await;
    let page = std::str::from_utf8(response.body())?;
    assert_eq!(response.status(), 200);
    for part in
        ["<code>USER_ID</code>", "<code>offline_access</code>", "<option>sara</option>", "<option>&lt;b&gt;</option>"]
    {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    Ok(())
}

#[tokio::test]
async fn unregistered_redirect_uri_is_refused() -> TestResult {
    let (sandbox, _) = scene().await;
    for (client_id, redirect_uri) in [
        ("nobody", REDIRECT),
        ("", REDIRECT),
        ("delivery", ""),
        ("delivery", "https://evil.example/"),
        ("delivery", &format!("{REDIRECT}/")),
        ("delivery", &format!("{REDIRECT}?a=b")),
    ] {
        let query = consent(&[
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("state", STATE),
        ]);
        for (method, form) in [("GET", &[][..]), ("POST", &[("user", "sara"), ("decision", "allow")][..])] {
            let response = Ask::new(&sandbox, method, &query).form(form).send().await;
            assert_eq!((response.status().as_u16(), location(&response)), (400, None), "{client_id} {redirect_uri}");
        }
    }
    let journal = sandbox.journal();
    assert!(journal[0].notes[0].to_string().contains("unknown client_id \"nobody\""), "{}", journal[0]);
    Ok(())
}

#[tokio::test]
async fn other_errors_go_to_the_redirect_uri() -> TestResult {
    let (sandbox, _) = scene().await;
    let post = sandbox.add_post(&sandbox.user("sara"));
    let of_unknown = "CONVERSATION_SEND_MESSAGE.5f8b0f6e-0000-4000-8000-000000000001";
    let with_id = format!("USER_ID.{}", post.token());
    for (kind, scope, state, error, said) in [
        ("code", "USER_ID", "1234567", "invalid_state", "7 characters"),
        ("code", "USER_ID", "", "invalid_state", "0 characters"),
        ("token", "USER_ID", STATE, "unsupported_response_type", "`code`"),
        ("code", "CHAT_CONVERSATION_REDE", STATE, "invalid_scope", "unknown scope CHAT_CONVERSATION_REDE"),
        ("code", "CHAT_CONVERSATION_READ", STATE, "invalid_scope", "the resource id is missing"),
        ("code", "CHAT_MESSAGE_SEND", STATE, "invalid_scope", "the resource id is missing"),
        ("code", of_unknown, STATE, "invalid_scope", "conversation not found"),
        ("code", "CHAT_POST_CONVERSATIONS_READ.nothing1", STATE, "invalid_scope", "post not found"),
        ("code", &with_id, STATE, "invalid_scope", "takes no id"),
        ("code", "USER_ID__x", STATE, "invalid_scope", "unknown scope"),
    ] {
        let query = consent(&[
            ("response_type", kind),
            ("client_id", "delivery"),
            ("redirect_uri", REDIRECT),
            ("scope", scope),
            ("state", state),
        ]);
        let response = Ask::new(&sandbox, "GET", &query).send().await;
        assert_eq!(response.status(), 303, "{scope}");
        let (to, query) = location(&response).unwrap().split_once('?').unwrap();
        let fields: std::collections::BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!((to, fields["error"].as_str(), fields["state"].as_str()), (REDIRECT, error, state), "{scope}");
        assert!(fields["error_description"].contains(said), "{fields:?}");
    }
    Ok(())
}

#[tokio::test]
async fn users_can_grant_only_their_own_resources() -> TestResult {
    let (sandbox, app) = scene().await;
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let post = sandbox.add_post(&sara);
    let chat = post.conversation_with(&ali);
    sandbox.user("reza");
    let oauth = app.oauth(REDIRECT)?;
    for (user, scope, granted) in [
        ("sara", Scope::post_conversations_read(post.token()), true),
        ("ali", Scope::post_conversations_read(post.token()), false),
        ("ali", Scope::conversation_send_message(chat.id()), true),
        ("reza", Scope::conversation_send_message(chat.id()), false),
    ] {
        let (url, state) = oauth.permission_url([&scope]);
        let path = url.as_str().strip_prefix(sandbox.url()).unwrap();
        let response = Ask::new(&sandbox, "POST", path).form(&[("user", user), ("decision", "allow")]).send().await;
        let callback = oauth.callback(location(&response).unwrap().split_once('?').unwrap().1, &state)?;
        assert_eq!(matches!(callback, Callback::Granted(_)), granted, "{user} {scope}");
    }
    Ok(())
}

#[tokio::test]
async fn decision_needs_a_person_and_allow_or_deny() -> TestResult {
    let (sandbox, app) = scene().await;
    let (url, state) = app.oauth(REDIRECT)?.permission_url([Scope::user_id()]);
    let path = url.as_str().strip_prefix(sandbox.url()).unwrap();
    for form in [
        &[][..],
        &[("user", "sara")],
        &[("user", "sara"), ("decision", "perhaps")],
        &[("user", "nobody"), ("decision", "allow")],
    ] {
        assert_eq!(Ask::new(&sandbox, "POST", path).form(form).send().await.status(), 400, "{form:?}");
    }
    let denied = Ask::new(&sandbox, "POST", path).form(&[("user", "sara"), ("decision", "deny")]).send().await;
    let callback = app.oauth(REDIRECT)?.callback(location(&denied).unwrap().split_once('?').unwrap().1, &state)?;
    let Callback::Denied(why) = callback else { panic!("{callback:?}") };
    assert_eq!(why.error.as_deref(), Some("access_denied"));
    Ok(())
}

#[tokio::test]
async fn tokens_have_granted_scopes_and_sandbox_prefix() -> TestResult {
    let (sandbox, app) = scene().await;
    let sara = sandbox.user("sara");

    let short = grant(&sandbox, &app, &sara, [Scope::user_id()]).await;
    assert_eq!(short.scopes(), [Scope::user_id()]);
    assert!(short.refresh_token.is_none());
    assert!(short.access_token.expose_secret().starts_with("sandbox-access-token-"));

    let long = grant(&sandbox, &app, &sara, [Scope::user_id(), Scope::offline_access()]).await;
    assert!(long.refresh_token.unwrap().expose_secret().starts_with("sandbox-refresh-token-"));
    let exchange = sandbox.journal().pop().unwrap();
    let response: Value = serde_json::from_str(&exchange.response)?;
    assert_eq!(response["expires_in"], 3600);
    assert_eq!(response["token_type"], "bearer");
    assert_eq!(response["scope"], "USER_ID offline_access");
    Ok(())
}

#[tokio::test]
async fn refresh_returns_new_tokens_and_old_ones_work() -> TestResult {
    let (sandbox, app) = scene().await;
    let oauth = app.oauth(REDIRECT)?;
    let sara = sandbox.user("sara");
    let old = grant(&sandbox, &app, &sara, [Scope::user_id(), Scope::offline_access()]).await;

    let new = oauth.refresh(&old).await?;
    assert_ne!(new.access_token, old.access_token);
    assert_ne!(new.refresh_token, old.refresh_token);
    assert_eq!(new.scopes(), old.scopes());
    for tokens in [&old, &new] {
        kenar::ChatApi::get_user(&app.client(), &tokens.access_token).await?;
        oauth.refresh(tokens).await?;
    }
    Ok(())
}

/// An authorization code, and the form fields of its exchange.
async fn code(sandbox: &Sandbox, app: &App) -> Vec<(String, String)> {
    let oauth = app.oauth(REDIRECT).unwrap();
    let (url, state) = oauth.permission_url([Scope::user_id()]);
    let path = url.as_str().strip_prefix(sandbox.url()).unwrap();
    let response = Ask::new(sandbox, "POST", path).form(&[("user", "sara"), ("decision", "allow")]).send().await;
    let callback = oauth.callback(location(&response).unwrap().split_once('?').unwrap().1, &state).unwrap();
    let Callback::Granted(code) = callback else { panic!("{callback:?}") };
    let request = kenar::request::Operation::request(
        &oauth.app().exchange_request(code, kenar::model::Timestamp::now()),
        sandbox.base_urls(),
    )
    .unwrap();
    let form = request.body().as_bytes().unwrap().clone();
    form_urlencoded::parse(&form).into_owned().collect()
}

async fn exchange(sandbox: &Sandbox, fields: &[(String, String)]) -> (u16, Value) {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Ask::new(sandbox, "POST", "/oauth2/token").form(&fields).json_response().await
}

#[tokio::test]
async fn invalid_exchange_gets_rfc_6749_errors() -> TestResult {
    let (sandbox, app) = scene().await;
    sandbox.app("other").oauth(REDIRECT)?;
    for (field, value, status, error) in [
        ("redirect_uri", None, 400, "invalid_grant"),
        ("redirect_uri", Some("http://127.0.0.1:1/other"), 400, "invalid_grant"),
        ("code", Some("placeholder"), 400, "invalid_grant"),
        ("code", None, 400, "invalid_request"),
        ("grant_type", Some("password"), 400, "unsupported_grant_type"),
        ("grant_type", None, 400, "invalid_request"),
        ("client_secret", Some("placeholder"), 401, "invalid_client"),
        ("client_secret", None, 401, "invalid_client"),
        ("client_id", Some("nobody"), 401, "invalid_client"),
        ("client_id", Some("other"), 401, "invalid_client"),
    ] {
        let mut fields = code(&sandbox, &app).await;
        fields.retain(|(name, _)| name != field);
        fields.extend(value.map(|value| (field.to_owned(), value.to_owned())));
        let (got, response) = exchange(&sandbox, &fields).await;
        assert_eq!((got, response["error"].as_str()), (status, Some(error)), "{field} {value:?}: {response}");
        assert!(response["error_description"].is_string(), "{response}");
    }
    Ok(())
}

#[tokio::test]
async fn code_works_once_and_only_as_a_form() -> TestResult {
    let (sandbox, app) = scene().await;
    let fields = code(&sandbox, &app).await;
    let json: serde_json::Map<_, _> =
        fields.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();

    let (status, response) = Ask::new(&sandbox, "POST", "/oauth2/token").json(json.into()).json_response().await;
    assert_eq!((status, response["error"].as_str()), (400, Some("invalid_request")));

    let (status, _) = exchange(&sandbox, &fields).await;
    assert_eq!(status, 200);
    let (status, response) = exchange(&sandbox, &fields).await;
    assert_eq!((status, response["error"].as_str()), (400, Some("invalid_grant")));
    Ok(())
}

#[tokio::test]
async fn client_flow_works_with_a_stored_state() -> TestResult {
    let (sandbox, app) = scene().await;
    let oauth = app.oauth(REDIRECT)?;
    let (url, state) = oauth.permission_url([Scope::user_phone()]);
    let kept = state.expose_secret().to_owned();
    let path = url.as_str().strip_prefix(sandbox.url()).unwrap();
    let response = Ask::new(&sandbox, "POST", path).form(&[("user", "sara"), ("decision", "allow")]).send().await;
    let query = location(&response).unwrap().split_once('?').unwrap().1;
    let Callback::Granted(code) = oauth.callback(query, &OAuthState::restore(kept)?)? else { panic!("{query}") };
    assert!(oauth.exchange(code).await?.grants(&Scope::user_phone()));
    Ok(())
}

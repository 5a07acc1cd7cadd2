//! The OAuth flow: requests in full, rejected input, and refreshed and stored tokens.

use bytes::Bytes;
use http::{HeaderMap, Method, Response, header};
use kenar::Scope;
use kenar::model::{ConversationId, PostToken, Timestamp};
use kenar::oauth::{
    Callback, CallbackError, Denial, Grant, InvalidOAuthRequest, InvalidRedirectUri, InvalidScope, InvalidState,
    NoRefreshToken, OAuthApp, OAuthState, PermissionRequest, StoredTokens, TokenRequest, TokenResponse, TokenSet,
};
use kenar::request::{BaseUrls, Credential, Operation};
use kenar::secret::{AccessToken, AuthorizationCode, ClientSecret, RefreshToken};

const REDIRECT_URI: &str = "https://addon.example/oauth";

fn app() -> OAuthApp {
    OAuthApp::new("app-slug", ClientSecret::new("secret+/=&").unwrap(), REDIRECT_URI).unwrap()
}

fn code(text: &str) -> AuthorizationCode {
    AuthorizationCode::new(text).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2025-07-16T10:00:00Z")
}

fn tokens() -> TokenSet {
    serde_json::from_str::<TokenResponse>(
        r#"{"access_token":"access-1","refresh_token":"refresh-1","expires_in":3600,"scope":"USER_ID offline_access"}"#,
    )
    .unwrap()
    .into_tokens(now())
}

fn response(body: &str) -> Response<Bytes> {
    Response::new(Bytes::from(body.to_owned()))
}

/// Checks a request, and returns its body.
fn form_of(operation: &impl Operation, base_urls: &BaseUrls, uri: &str) -> String {
    let request = operation.request(base_urls).unwrap();
    assert!(matches!(operation.credential(), Credential::None));
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), uri);
    let form = "application/x-www-form-urlencoded".parse().unwrap();
    assert_eq!(*request.headers(), HeaderMap::from_iter([(header::CONTENT_TYPE, form)]));
    String::from_utf8(request.body().as_bytes().unwrap().to_vec()).unwrap()
}

fn is_idempotent<O: Operation>(_: &O) -> bool {
    O::METADATA.is_idempotent()
}

#[test]
fn code_exchange_sends_a_form() {
    let exchange = app().exchange_request(code("code/+="), now());
    let form = form_of(&exchange, &BaseUrls::default(), "https://oauth.divar.ir/oauth2/token");
    assert_eq!(
        form,
        "grant_type=authorization_code&code=code%2F%2B%3D&client_id=app-slug&client_secret=secret%2B%2F%3D%26\
         &redirect_uri=https%3A%2F%2Faddon.example%2Foauth",
    );
    assert!(!is_idempotent(&exchange), "a code works once");
    assert_eq!(exchange.content_secrets(), ["secret+/=&", "code/+="]);

    let parsed = TokenRequest::parse(form.as_bytes()).unwrap();
    assert_eq!(parsed.client_id.as_str(), "app-slug");
    assert_eq!(parsed.client_secret, ClientSecret::new("secret+/=&").unwrap());
    assert_eq!(parsed.redirect_uri, REDIRECT_URI);
    assert_eq!(parsed.grant, Grant::AuthorizationCode(code("code/+=")));
}

#[test]
fn refresh_form_sends_the_old_access_token_as_code() {
    let refresh = app().refresh_request(&tokens(), now()).unwrap();
    let form =
        form_of(&refresh, &BaseUrls::single("http://127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080/oauth2/token");
    assert_eq!(
        form,
        "grant_type=refresh_token&refresh_token=refresh-1&code=access-1&client_id=app-slug\
         &client_secret=secret%2B%2F%3D%26&redirect_uri=https%3A%2F%2Faddon.example%2Foauth",
    );
    assert!(is_idempotent(&refresh), "the old pair stays valid for two minutes");
    assert_eq!(refresh.content_secrets(), ["secret+/=&", "refresh-1", "access-1"]);
    assert_eq!(
        TokenRequest::parse(form.as_bytes()).unwrap().grant,
        Grant::RefreshToken {
            refresh_token: RefreshToken::new("refresh-1").unwrap(),
            access_token: Some(AccessToken::new("access-1").unwrap()),
        },
    );
}

#[test]
fn refresh_by_token_alone_sends_no_code() {
    let refresh = app().refresh_request_with(RefreshToken::new("refresh-1").unwrap(), now());
    let form = form_of(&refresh, &BaseUrls::default(), "https://oauth.divar.ir/oauth2/token");
    assert_eq!(
        form,
        "grant_type=refresh_token&refresh_token=refresh-1&client_id=app-slug&client_secret=secret%2B%2F%3D%26\
         &redirect_uri=https%3A%2F%2Faddon.example%2Foauth",
    );
    assert_eq!(refresh.content_secrets(), ["secret+/=&", "refresh-1"]);
}

#[test]
fn refresh_without_a_refresh_token_fails() {
    let mut tokens = tokens();
    tokens.refresh_token = None;
    assert_eq!(app().refresh_request(&tokens, now()).unwrap_err(), NoRefreshToken);
}

#[test]
fn refresh_replaces_both_tokens_and_keeps_the_rest() {
    let later = at("2025-07-16T10:59:30Z");
    let refresh = app().refresh_request(&tokens(), later).unwrap();

    let rotated = refresh
        .response(response(
            r#"{"access_token":"access-2","refresh_token":"refresh-2","expires_in":3600,"scope":"USER_ID"}"#,
        ))
        .unwrap();
    assert_eq!(rotated.access_token.expose_secret(), "access-2");
    assert_eq!(rotated.refresh_token.as_ref().unwrap().expose_secret(), "refresh-2");
    assert_eq!(rotated.scopes(), [Scope::user_id()]);
    assert_eq!(rotated.expires_at(), Some(at("2025-07-16T11:59:30Z")));

    let short = refresh.response(response(r#"{"access_token":"access-2"}"#)).unwrap();
    assert_eq!(short.refresh_token.as_ref().unwrap().expose_secret(), "refresh-1");
    assert_eq!(short.scopes(), [Scope::user_id(), Scope::offline_access()]);
    assert_eq!(short.expires_at(), None);
}

#[test]
fn refresh_is_due_a_minute_before_expiry() {
    let tokens = tokens();
    for (now, expired, needs_refresh) in [
        ("2025-07-16T10:58:59.999999Z", false, false),
        ("2025-07-16T10:59:00Z", false, true),
        ("2025-07-16T10:59:59.999999Z", false, true),
        ("2025-07-16T11:00:00Z", true, true),
        ("9999-12-31T23:59:59Z", true, true),
    ] {
        assert_eq!((tokens.is_expired(at(now)), tokens.needs_refresh(at(now))), (expired, needs_refresh), "{now}");
    }
    let mut response = TokenResponse::new(AccessToken::new("access-1").unwrap());
    response.expires_in = None;
    let unknown = response.clone().into_tokens(now());
    assert_eq!((unknown.is_expired(now()), unknown.needs_refresh(now())), (false, false));
    response.expires_in = Some(u64::MAX);
    assert!(!response.into_tokens(now()).is_expired(now()), "the longest lifetime must not overflow");
}

#[test]
fn invalid_lifetimes_count_as_unknown() {
    for lifetime in ["-1", "null", "\"\"", "\"soon\"", "[]", "1.5", "true"] {
        let body = format!(r#"{{"access_token":"access-1","expires_in":{lifetime}}}"#);
        let tokens = app().exchange_request(code("code"), now()).response(response(&body)).unwrap();
        assert_eq!(tokens.expires_at(), None, "{lifetime}");
    }
}

#[test]
fn only_listed_scopes_are_granted() {
    let conversation = ConversationId::new("conversation-1");
    let tokens = serde_json::from_str::<TokenResponse>(
        r#"{"access_token":"access-1","scope":"CONVERSATION_SEND_MESSAGE.conversation-1  OFFLINE_ACCESS \"x\""}"#,
    )
    .unwrap()
    .into_tokens(now());
    assert!(tokens.grants(&Scope::conversation_send_message(&conversation)));
    assert!(tokens.grants(&Scope::offline_access()), "upper case counts too");
    assert!(!tokens.grants(&Scope::conversation_send_message(&ConversationId::new("conversation-2"))));
    assert!(!tokens.grants(&Scope::conversation_read(&conversation)));
    assert_eq!(tokens.scopes().len(), 2, "{:?}", tokens.scopes());
}

#[test]
fn scopes_have_the_platforms_names() {
    let (conversation, post) = (ConversationId::new("c-1"), PostToken::new("QYabcdef"));
    for (scope, wire, resource) in [
        (Scope::conversation_send_message(&conversation), "CONVERSATION_SEND_MESSAGE.c-1", Some("c-1")),
        (Scope::conversation_read(&conversation), "CHAT_CONVERSATION_READ.c-1", Some("c-1")),
        (Scope::post_conversations_read(&post), "CHAT_POST_CONVERSATIONS_READ.QYabcdef", Some("QYabcdef")),
        (
            Scope::post_conversations_message_send(&post),
            "CHAT_POST_CONVERSATIONS_MESSAGE_SEND.QYabcdef",
            Some("QYabcdef"),
        ),
        (Scope::supplier_all_conversations_read(), "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ", None),
        (Scope::supplier_all_conversations_message_send(), "CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND", None),
        (Scope::chat_bot_user_message_send(), "CHAT_BOT_USER_MESSAGE_SEND", None),
        (Scope::user_id(), "USER_ID", None),
        (Scope::user_phone(), "USER_PHONE", None),
        (Scope::user_posts_get(), "USER_POSTS_GET", None),
        (Scope::notification_access_revocation(), "NOTIFICATION_ACCESS_REVOCATION", None),
        (Scope::offline_access(), "offline_access", None),
        (Scope::openid(), "openid", None),
        (Scope::named("OFFLINE_ACCESS").unwrap(), "offline_access", None),
        (Scope::named("OPENID").unwrap(), "openid", None),
        (Scope::named("SUBMIT_USER_POST").unwrap(), "SUBMIT_USER_POST", None),
        (Scope::with_resource("POST_EDIT", "a.b").unwrap(), "POST_EDIT.a.b", Some("a.b")),
    ] {
        assert_eq!(scope.as_str(), wire);
        assert_eq!(scope.to_string(), wire);
        assert_eq!(scope.resource(), resource, "{wire}");
        assert_eq!(Some(scope.name()), wire.split('.').next());
        assert_eq!(wire.parse(), Ok(scope));
    }
}

#[test]
fn invalid_scopes_are_rejected() {
    assert_eq!(Scope::named(""), Err(InvalidScope::Empty));
    for text in ["A B", "A\"", "A\\", "A\n", "A\u{7f}", "دسترسی", " A"] {
        assert_eq!(Scope::named(text), Err(InvalidScope::IllegalCharacter), "{text:?}");
        assert_eq!(Scope::with_resource("A", text), Err(InvalidScope::IllegalCharacter), "{text:?}");
    }
    assert_eq!(Scope::with_resource("", "a"), Err(InvalidScope::Empty));
    assert_eq!(Scope::with_resource("A", ""), Err(InvalidScope::Empty));
    assert_eq!(Scope::with_resource("A.b", "c"), Err(InvalidScope::DotInName));
    assert!(serde_json::from_str::<Scope>("\"A B\"").is_err());
}

#[test]
fn id_cannot_inject_another_scope() {
    let scope = Scope::conversation_read(&ConversationId::new("c-1 USER_PHONE\\\"\nش"));
    assert_eq!(scope.as_str(), "CHAT_CONVERSATION_READ.c-1%20USER_PHONE%5C%22%0A%D8%B4");
    assert_eq!(Scope::named(scope.as_str()), Ok(scope));
}

#[test]
fn permission_url_has_the_documented_form() {
    let state = OAuthState::restore("state/+ 1").unwrap();
    let scopes = [Scope::conversation_send_message(&ConversationId::new("c-1")), Scope::offline_access()];
    let url = app().permission_request(&scopes, state).url(&BaseUrls::default());
    assert_eq!(
        url.as_str(),
        "https://oauth.divar.ir/oauth2/auth?response_type=code&client_id=app-slug\
         &redirect_uri=https%3A%2F%2Faddon.example%2Foauth\
         &scope=CONVERSATION_SEND_MESSAGE.c-1%20offline_access&state=state%2F%2B%201",
    );
    assert_eq!(format!("{url:?}"), "PermissionUrl(https://oauth.divar.ir/oauth2/auth?[redacted])");
}

#[test]
fn random_states_differ_and_are_url_safe() {
    let (first, second) = (OAuthState::random().unwrap(), OAuthState::random().unwrap());
    assert_ne!(first, second);
    assert_eq!(first.expose_secret().len(), 32);
    assert!(first.expose_secret().bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(OAuthState::restore(first.expose_secret()).unwrap(), first);
}

#[test]
fn invalid_states_are_rejected() {
    for text in ["", "1234567", "12345678\n", "حالت-حالت"] {
        assert_eq!(OAuthState::restore(text).unwrap_err(), InvalidState, "{text:?}");
    }
}

#[test]
fn redirect_uri_is_sent_unchanged() {
    for uri in ["https://addon.example", "https://addon.example/", "http://127.0.0.1:80/%D8%B4", "http://[::1]:1/a"] {
        let app = OAuthApp::new("app-slug", ClientSecret::new("placeholder").unwrap(), uri).unwrap();
        assert_eq!(app.redirect_uri(), uri);
        let asked = app.permission_request([Scope::user_id()], OAuthState::random().unwrap());
        assert_eq!(PermissionRequest::parse(&asked.to_query()).unwrap().redirect_uri, uri);
    }
}

#[test]
fn invalid_redirect_uris_are_rejected() {
    let refused = |uri: &str| OAuthApp::new("app-slug", ClientSecret::new("placeholder").unwrap(), uri).unwrap_err();
    assert_eq!(refused("https://addon.example/?a=b"), InvalidRedirectUri::HasQuery);
    assert_eq!(refused("https://addon.example/?"), InvalidRedirectUri::HasQuery);
    assert_eq!(refused("https://addon.example/#a"), InvalidRedirectUri::HasFragment);
    for uri in ["https://addon.example/a b", " https://addon.example/", "https:\\\\addon.example"] {
        assert_eq!(refused(uri), InvalidRedirectUri::IllegalCharacter, "{uri}");
    }
    for uri in ["", "/oauth", "http://addon.example/", "https://user@addon.example/"] {
        assert!(matches!(refused(uri), InvalidRedirectUri::NotAnAppUrl(_)), "{uri}");
    }
}

#[test]
fn non_ascii_redirect_host_suggests_punycode() {
    let refused = |uri| OAuthApp::new("app-slug", ClientSecret::new("secret").unwrap(), uri).unwrap_err();
    let error = refused("https://افزونه.ایران/oauth");
    assert_eq!(error, InvalidRedirectUri::HostNotAscii("xn--mgbw8bvafe.xn--mgba3a4f16a".to_owned()));
    assert_eq!(
        error.to_string(),
        "invalid redirect URI: host is not ASCII; write it in punycode: xn--mgbw8bvafe.xn--mgba3a4f16a"
    );
    let uri = "https://xn--mgbw8bvafe.xn--mgba3a4f16a/oauth";
    assert_eq!(OAuthApp::new("app-slug", ClientSecret::new("secret").unwrap(), uri).unwrap().redirect_uri(), uri);
    // Outside the host, percent-encoding is required.
    for uri in ["https://addon.example/بازگشت", "https://addon.example/a b", "https://addon.example/://افزونه"]
    {
        assert_eq!(refused(uri), InvalidRedirectUri::IllegalCharacter, "{uri}");
    }
}

#[test]
fn invalid_callbacks_are_rejected() {
    let state = OAuthState::restore("state-placeholder-1").unwrap();
    for (query, error) in [
        ("state=state-placeholder-1&state=state-placeholder-1&code=a", CallbackError::Repeated("state")),
        ("state=state-placeholder-1&error=a&error=b", CallbackError::Repeated("error")),
        (
            "state=state-placeholder-1&error_description=a&error_description=b",
            CallbackError::Repeated("error_description"),
        ),
        ("state=&code=a", CallbackError::StateMismatch),
        ("state=state-placeholder-1x&code=a", CallbackError::StateMismatch),
        ("state=state-placeholder-&code=a&code=b", CallbackError::StateMismatch),
        ("state=state-placeholder-1&code=", CallbackError::UnusableCode),
        ("state=state-placeholder-1&code=%FF", CallbackError::UnusableCode),
        ("state=state-placeholder-1&code=%0a", CallbackError::UnusableCode),
        ("state=state-placeholder-1&code=a&error=access_denied", CallbackError::CodeAndError),
        ("STATE=state-placeholder-1&code=a", CallbackError::MissingState),
        ("/state=state-placeholder-1&code=a", CallbackError::MissingState),
        ("/oauth#?state=state-placeholder-1&code=a", CallbackError::MissingState),
        ("https://addon.example/oauth", CallbackError::MissingState),
    ] {
        assert_eq!(app().callback(query, &state), Err(error), "{query}");
    }
    assert_eq!(
        app().callback("code=&error=access_denied&error_description=&state=state-placeholder-1", &state),
        Ok(Callback::Denied(Denial::new(Some("access_denied".to_owned()), None))),
    );
    assert_eq!(
        app().callback("code=a&error=&state=state-placeholder-1", &state),
        Ok(Callback::Granted(code("a"))),
        "an empty parameter counts as missing",
    );
}

#[test]
fn invalid_oauth_requests_are_rejected() {
    let permission = "response_type=code&client_id=a&redirect_uri=b&scope=c&state=12345678";
    assert!(PermissionRequest::parse(permission).is_ok());
    for (query, error) in [
        (permission.replace("response_type=code&", ""), InvalidOAuthRequest::Missing("response_type")),
        (permission.replace("=code&", "=token&"), InvalidOAuthRequest::Unusable("response_type")),
        (permission.replace("client_id=a", "client_id="), InvalidOAuthRequest::Missing("client_id")),
        (permission.replace("&redirect_uri=b", ""), InvalidOAuthRequest::Missing("redirect_uri")),
        (permission.replace("scope=c", "scope=%22"), InvalidOAuthRequest::Unusable("scope")),
        (permission.replace("12345678", "1234567"), InvalidOAuthRequest::Unusable("state")),
        (format!("{permission}&scope=d"), InvalidOAuthRequest::Repeated("scope")),
    ] {
        assert_eq!(PermissionRequest::parse(&query), Err(error), "{query}");
    }

    let token = "grant_type=authorization_code&code=a&client_id=b&client_secret=c&redirect_uri=d";
    assert!(TokenRequest::parse(token.as_bytes()).is_ok());
    for (form, error) in [
        (token.replace("authorization_code", "password"), InvalidOAuthRequest::Unusable("grant_type")),
        (token.replace("authorization_code", "refresh_token"), InvalidOAuthRequest::Missing("refresh_token")),
        (token.replace("&code=a", ""), InvalidOAuthRequest::Missing("code")),
        (token.replace("secret=c", "secret=%FF"), InvalidOAuthRequest::Unusable("client_secret")),
        (token.replace("&redirect_uri=d", ""), InvalidOAuthRequest::Missing("redirect_uri")),
        (format!("{token}&code=e"), InvalidOAuthRequest::Repeated("code")),
        (r#"{"grant_type":"authorization_code"}"#.to_owned(), InvalidOAuthRequest::Missing("grant_type")),
    ] {
        assert_eq!(TokenRequest::parse(form.as_bytes()), Err(error), "{form}");
    }
}

#[test]
fn invalid_oauth_parameter_names_its_rule() {
    for (parameter, message) in [
        ("response_type", "response_type must be code"),
        ("grant_type", "grant_type must be authorization_code or refresh_token"),
        ("state", "state must be at least 8 printable ASCII characters"),
        ("scope", r#"scope must be printable ASCII without " and \"#),
        ("code", "code must be printable ASCII without spaces around it"),
    ] {
        let error = InvalidOAuthRequest::Unusable(parameter);
        assert_eq!(error.to_string(), format!("invalid parameter: {message}"));
    }
}

#[test]
fn stored_tokens_round_trip() {
    let mut tokens = tokens();
    for without_refresh_token in [false, true] {
        if without_refresh_token {
            tokens.refresh_token = None;
        }
        let stored = serde_json::to_value(tokens.expose_for_storage()).unwrap();
        assert_eq!(serde_json::from_value::<StoredTokens>(stored.clone()).unwrap().into_tokens(), tokens, "{stored}");
    }
    assert_eq!(
        serde_json::to_string(&tokens.expose_for_storage()).unwrap(),
        r#"{"access_token":"access-1","expires_at":"2025-07-16T11:00:00Z","expires_in":3600,"scopes":["USER_ID","offline_access"]}"#,
    );
}

//! Checks of OAuth callbacks, permission requests and scopes.

use kenar::Scope;
use kenar::oauth::{Callback, CallbackError, OAuthApp, OAuthState, PermissionRequest, TokenRequest};
use kenar::secret::ClientSecret;

use super::input;

/// The state in the fixtures.
const STATE: &str = "state-placeholder-1";

fn app() -> OAuthApp {
    let secret = ClientSecret::new("placeholder").expect("a secret");
    OAuthApp::new("app-slug", secret, "https://addon.example/oauth").expect("a redirect URI")
}

pub fn callback(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    let state = OAuthState::restore(STATE).expect("a state");
    let named = |wanted: &str| -> Vec<String> {
        let query = input::query_of(query);
        let pairs = form_urlencoded::parse(query.as_bytes());
        pairs.filter(|(name, _)| name == wanted).map(|(_, value)| value.into_owned()).collect()
    };
    let read = app().callback(query, &state);
    match &read {
        Ok(callback) => {
            assert_eq!(named("state"), [STATE], "another state was accepted");
            assert_eq!(app().callback(callback.to_query(&state), &state).as_ref(), Ok(callback));
        }
        Err(CallbackError::MissingState) => assert!(named("state").is_empty()),
        Err(CallbackError::StateMismatch) => assert_ne!(named("state"), [STATE]),
        Err(_) => {}
    }
    match read {
        Ok(Callback::Granted(code)) => {
            assert_eq!(named("code"), [code.expose_secret()]);
            assert!(named("error").iter().all(String::is_empty));
        }
        Ok(Callback::Denied(denial)) => {
            assert!(named("code").iter().all(String::is_empty));
            assert!(denial.error.is_none_or(|error| !error.is_empty()));
        }
        Err(_) => {}
    }
    if let [only] = named("code").as_slice()
        && named("state") == [STATE]
        && !only.is_empty()
    {
        assert!(!matches!(app().callback(query, &state), Ok(Callback::Denied(_))), "a grant was parsed as a denial");
    }
    assert_eq!(
        app().callback(format!("https://addon.example/a=b?{}#c", input::query_of(query)), &state),
        app().callback(format!("?{}", input::query_of(query)), &state),
    );
    let other = OAuthState::restore("state-placeholder-2").expect("a state");
    if named("state") == [STATE] {
        assert_eq!(app().callback(query, &other), Err(CallbackError::StateMismatch));
    }
}

pub fn permission_request(data: &[u8]) {
    let _ = TokenRequest::parse(data);
    let Ok(query) = std::str::from_utf8(data) else { return };
    if let Ok(request) = PermissionRequest::parse(query) {
        let written = request.to_query();
        assert!(written.is_ascii());
        assert_eq!(PermissionRequest::parse(&written), Ok(request.clone()), "from {written}");
        let debug = format!("{request:?}");
        let state = request.state.expose_secret();
        assert!(debug.contains("OAuthState([redacted])"), "{debug}");
        let others = format!("{} {} {:?}", request.client_id, request.redirect_uri, request.scopes);
        let by_chance = others.contains(state) || "PermissionRequest { client_id: AppSlug redirect_uri".contains(state);
        assert!(by_chance || state.len() < 12 || !debug.contains(state), "{debug}");
    }
}

pub fn scope(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let is_token =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    let named = Scope::named(text);
    assert_eq!(named.is_ok(), is_token(text), "{text:?}");
    if let Ok(scope) = named {
        assert_round_trip(&scope);
    }
    let conversation = kenar::model::ConversationId::new(text);
    let about = Scope::conversation_send_message(&conversation);
    assert_round_trip(&about);
    if is_token(text) {
        assert_eq!(about.resource(), Some(text));
        assert_eq!(Scope::with_resource("CONVERSATION_SEND_MESSAGE", text), Ok(about));
    }
    if let Some((name, id)) = text.split_once('\n')
        && let Ok(scope) = Scope::with_resource(name, id)
    {
        assert_eq!((scope.name(), scope.resource()), (name, Some(id)));
    }
}

fn assert_round_trip(scope: &Scope) {
    assert_eq!(scope.as_str().parse().as_ref(), Ok(scope));
    assert_eq!(scope.as_str().split_whitespace().collect::<Vec<_>>(), [scope.as_str()], "more than one scope");
    let whole = scope.resource().map_or(scope.name().to_owned(), |id| format!("{}.{id}", scope.name()));
    assert_eq!(whole, scope.as_str());
    let json = serde_json::to_string(scope).expect("a scope can be serialised");
    assert_eq!(serde_json::from_str::<Scope>(&json).ok().as_ref(), Some(scope));
}

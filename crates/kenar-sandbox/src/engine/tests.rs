//! Tests of the engine alone, without a server and with explicit times.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::reply::Reply;
use super::state::Engine;
use super::world::Between;
use kenar::model::{AppSlug, ConversationId, MessageContent, PostToken, Timestamp};

const REDIRECT: &str = "http://127.0.0.1:1/oauth";

/// Sara is the seller, Ali the buyer, and one app has an API key with every permission.
struct Scene {
    engine: Engine,
    app: AppSlug,
    post: PostToken,
    chat: ConversationId,
    now: Timestamp,
}

impl Scene {
    fn new() -> Self {
        let mut engine = Engine::new(Some(0), "http://127.0.0.1:1".to_owned());
        let app = AppSlug::new("app");
        let panel = engine.world.app(&app);
        panel.redirect_uris.insert(REDIRECT.to_owned());
        panel.events_url = Some("http://127.0.0.1:1/events".parse().unwrap());
        let post = engine.world.post("sara");
        engine.world.person("ali");
        let (seller, buyer) = ("sara".to_owned(), "ali".to_owned());
        let chat = engine.world.talk(Between::Sides { post: post.clone(), seller, buyer });
        Self { engine, app, post, chat, now: "2025-07-16T10:41:42Z".parse().unwrap() }
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.saturating_add(Duration::from_secs(seconds));
    }

    fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.engine.handle(&request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap(), None, self.now)
    }

    fn call(&mut self, method: &str, path: &str, token: &str, body: &Value) -> Reply {
        let key = self.engine.world.apps[&self.app].api_key.expose_secret().to_owned();
        self.ask(method, path, &[("x-api-key", &key), ("authorization", &format!("Bearer {token}"))], &body.to_string())
    }

    fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.ask("POST", path, &[("content-type", "application/x-www-form-urlencoded")], &form)
    }

    fn code(&mut self, user: &str, scope: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", "app")
            .append_pair("redirect_uri", REDIRECT)
            .append_pair("scope", scope)
            .append_pair("state", "12345678")
            .finish();
        let done = self.form(&format!("/oauth2/auth?{query}"), &[("user", user), ("decision", "allow")]);
        let to = done.response.headers()["location"].to_str().unwrap().to_owned();
        let (_, query) = to.split_once('?').unwrap();
        let mut fields = form_urlencoded::parse(query.as_bytes());
        fields.find_map(|(name, value)| (name == "code").then(|| value.into_owned())).unwrap_or_else(|| panic!("{to}"))
    }

    fn exchange(&mut self, grant: [(&str, &str); 2]) -> (StatusCode, Value) {
        let secret = self.engine.world.apps[&self.app].client_secret.expose_secret().to_owned();
        let app = [("client_id", "app"), ("client_secret", secret.as_str()), ("redirect_uri", REDIRECT)];
        let done = self.form("/oauth2/token", &[&grant[..], &app[..]].concat());
        (done.response.status(), serde_json::from_slice(done.response.body()).unwrap())
    }

    /// An access token, and a refresh token if the scope includes one.
    fn tokens(&mut self, user: &str, scope: &str) -> (String, String) {
        let code = self.code(user, scope);
        let (status, response) = self.exchange([("grant_type", "authorization_code"), ("code", &code)]);
        assert_eq!(status, StatusCode::OK, "{response}");
        pair(&response)
    }

    fn refresh(&mut self, token: &str) -> (StatusCode, Value) {
        self.exchange([("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    fn user_status(&mut self, token: &str) -> u16 {
        self.call("GET", "/v1/open-platform/users", token, &json!({})).response.status().as_u16()
    }

    /// The number of events when Ali sends a message.
    fn events(&mut self) -> usize {
        let content = MessageContent::Text("سلام".to_owned());
        self.engine.user_writes("ali", &self.chat, content, self.now).unwrap().1.len()
    }
}

fn pair(response: &Value) -> (String, String) {
    let text = |name: &str| response[name].as_str().unwrap_or_default().to_owned();
    (text("access_token"), text("refresh_token"))
}

#[test]
fn access_token_is_valid_for_an_hour() {
    let mut scene = Scene::new();
    let (access, refresh) = scene.tokens("sara", "USER_ID");
    assert_eq!(refresh, "", "without offline_access");
    scene.wait(3599);
    assert_eq!(scene.user_status(&access), 200);
    scene.wait(1);
    assert_eq!(scene.user_status(&access), 401);
    let last = scene.engine.journal.exchanges().next_back().unwrap();
    assert!(last.response.contains("the access token expired"), "{last}");
}

#[test]
fn code_is_valid_for_ten_minutes() {
    let mut scene = Scene::new();
    let code = scene.code("sara", "USER_ID");
    scene.wait(600);
    let (status, response) = scene.exchange([("grant_type", "authorization_code"), ("code", &code)]);
    assert_eq!((status.as_u16(), response["error"].as_str()), (400, Some("invalid_grant")));
}

#[test]
fn old_tokens_work_two_minutes_after_a_refresh() {
    let mut scene = Scene::new();
    let (access, refresh) = scene.tokens("sara", "USER_ID offline_access");
    let (_, response) = scene.refresh(&refresh);
    let (new_access, new_refresh) = pair(&response);
    scene.wait(119);
    assert_eq!((scene.user_status(&access), scene.user_status(&new_access)), (200, 200));
    assert_eq!(scene.refresh(&refresh).0, StatusCode::OK);
    scene.wait(1);
    assert_eq!((scene.user_status(&access), scene.user_status(&new_access)), (401, 200));
    let (status, response) = scene.refresh(&refresh);
    assert_eq!((status.as_u16(), response["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(scene.refresh(&new_refresh).0, StatusCode::OK);
}

#[test]
fn refresh_does_not_extend_the_old_access_token() {
    let mut scene = Scene::new();
    let (access, refresh) = scene.tokens("sara", "USER_ID offline_access");
    scene.wait(3599);
    scene.refresh(&refresh);
    scene.wait(1);
    assert_eq!(scene.user_status(&access), 401);
}

#[test]
fn refresh_token_is_valid_for_thirty_days() {
    for (days, outcome) in [(29, StatusCode::OK), (30, StatusCode::BAD_REQUEST)] {
        let mut scene = Scene::new();
        let (_, refresh) = scene.tokens("sara", "USER_ID offline_access");
        scene.wait(days * 24 * 3600);
        assert_eq!(scene.refresh(&refresh).0, outcome, "{days}");
    }
}

#[test]
fn subscription_ends_until_renewed_with_a_new_token() {
    let mut scene = Scene::new();
    let scope = format!("CHAT_POST_CONVERSATIONS_READ.{} offline_access", scene.post);
    let (access, refresh) = scene.tokens("sara", &scope);
    let subscription = json!({ "event_type": "NEW_MESSAGE_ON_POST", "event_resource_id": scene.post });
    let path = "/v1/open-platform/events/subscriptions";
    assert_eq!(scene.events(), 0);
    assert_eq!(scene.call("POST", path, &access, &subscription).response.status(), StatusCode::OK);
    assert_eq!(scene.events(), 1);

    let (_, response) = scene.refresh(&refresh);
    assert_eq!(scene.events(), 1, "the old token has two minutes left");
    scene.wait(120);
    assert_eq!(scene.events(), 0);
    let (access, _) = pair(&response);
    for _ in 0..2 {
        scene.call("POST", path, &access, &subscription);
    }
    assert_eq!(scene.events(), 1, "an identical subscription replaces the first");
    scene.wait(3600);
    assert_eq!(scene.events(), 0);
}

#[test]
fn upload_token_is_valid_for_ten_minutes() {
    let mut scene = Scene::new();
    let done = scene.call("POST", "/experimental/open-platform/chat/upload", "", &json!({}));
    let response: Value = serde_json::from_slice(done.response.body()).unwrap();
    let headers = http::HeaderMap::from_iter([(
        http::header::AUTHORIZATION,
        format!("Bearer {}", response["token"].as_str().unwrap()).parse().unwrap(),
    )]);
    let kind = Engine::upload_kind("/upload/image").unwrap();
    scene.wait(599);
    assert!(scene.engine.begin_upload(kind, &headers, scene.now).is_ok());
    scene.wait(1);
    assert_eq!(scene.engine.begin_upload(kind, &headers, scene.now).unwrap_err().status, StatusCode::UNAUTHORIZED);
}

#[test]
fn simultaneous_messages_have_distinct_times() {
    let mut scene = Scene::new();
    for _ in 0..3 {
        scene.events();
    }
    let messages = &scene.engine.world.talks[&scene.chat].messages;
    let times: Vec<_> = messages.iter().map(|message| message.message.sent_at.unwrap().unix_micros()).collect();
    assert_eq!(times, [0, 1, 2].map(|later| scene.now.unix_micros() + later));
    assert_ne!(messages[0].id(), messages[1].id());
}

#[test]
fn message_event_has_the_key_and_the_panel_url() {
    let mut scene = Scene::new();
    let user = "ali".to_owned();
    let bot = scene.engine.world.talk(Between::Chatbot { app: scene.app.clone(), user });
    let content = MessageContent::Text("سلام".to_owned());
    let (_, deliveries) = scene.engine.user_writes("ali", &bot, content, scene.now).unwrap();
    let request = deliveries[0].request.as_ref().unwrap();
    let key = scene.engine.world.apps[&scene.app].identification_key.expose_secret();
    assert_eq!(request.uri(), "http://127.0.0.1:1/events");
    assert_eq!(request.headers()["authorization"], key);
    assert_eq!(request.headers()["content-type"], "application/json");
    assert!(!request.headers().contains_key("api-version"));
}

#[test]
fn open_app_request_has_version_2() {
    let mut scene = Scene::new();
    scene.engine.world.app(&scene.app).open_app_url = Some("http://127.0.0.1:1/open".parse().unwrap());
    let delivery = scene.engine.user_opens("ali", &scene.app, &scene.chat, None).unwrap();
    let request = delivery.request.unwrap();
    assert_eq!(request.headers()["api-version"], "2");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers().get_all("content-type").iter().count(), 1);
}

#[test]
fn user_id_with_slashes_is_one_path_segment() {
    let mut scene = Scene::new();
    let (access, _) = scene.tokens("sara", "CHAT_BOT_USER_MESSAGE_SEND");
    for app in 0.. {
        let slug = AppSlug::new(format!("app {app}"));
        let id = scene.engine.world.ids.user(&slug, "sara");
        if id.as_str().contains('/') && id.as_str().contains('+') {
            let encoded: String = form_urlencoded::byte_serialize(id.as_str().as_bytes()).collect();
            let path = format!("/v1/open-platform/chat/bot/users/{encoded}/messages");
            let done = scene.call("POST", &path, &access, &json!({ "text_message": "سلام" }));
            let response = String::from_utf8_lossy(done.response.body()).into_owned();
            assert!(response.contains(&format!("user not found in this app: {id}")), "{response}");
            break;
        }
    }
}

proptest! {
    /// Every request gets a response and an entry in the journal.
    #[test]
    fn no_request_panics(
        method in prop_oneof![Just("GET"), Just("POST"), Just("DELETE")],
        path in prop_oneof![
            "/[a-z0-9/%.]{0,40}",
            Just("/oauth2/token".to_owned()),
            "/oauth2/auth\\?[a-z_=&%0-9]{0,60}",
            "/oauth2/auth\\?response_type=code&client_id=app&redirect_uri=http://127.0.0.1:1/oauth&state=12345678&scope=[A-Z_.%0-9]{0,40}",
            "/v2/open-platform/conversations/[a-z0-9%]{0,5}/messages",
        ],
        shows_key in any::<bool>(),
        authorization in prop_oneof!["[ -~]{0,20}", Just("Bearer ".to_owned())],
        content_type in prop_oneof![Just("application/json"), Just("application/x-www-form-urlencoded"), Just("")],
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..100),
            "[a-z_=&%0-9]{0,80}".prop_map(String::into_bytes),
            "[{}\\[\\]\",:a-z0-9]{0,80}".prop_map(String::into_bytes),
        ],
    ) {
        let mut scene = Scene::new();
        let key = scene.engine.world.apps[&scene.app].api_key.expose_secret().to_owned();
        let request = Request::builder()
            .method(method)
            .uri(&path)
            .header("x-api-key", if shows_key { &key } else { "" })
            .header("authorization", authorization)
            .header("content-type", content_type)
            .body(Bytes::from(body));
        // Not every string is a URI.
        if let Ok(request) = request {
            let done = scene.engine.handle(&request, None, scene.now);
            prop_assert!(done.response.status().as_u16() >= 200);
            let kept = scene.engine.journal.exchanges().next_back().unwrap();
            prop_assert_eq!(kept.status, Some(done.response.status().as_u16()));
            prop_assert!(!kept.to_string().is_empty());
        }
    }
}

//! Checks that the sandbox responds to any request with a known kind of response.

use std::cell::RefCell;

use bytes::Bytes;
use http::{HeaderName, Method, Request, Response, header};
use kenar::model::Timestamp;
use kenar::request::Operation as _;
use kenar::secret::RefreshToken;
use kenar_sandbox::Sandbox;
use tokio::runtime::Runtime;

use super::input;

const REDIRECT_URI: &str = "http://127.0.0.1:1/oauth";

/// A sandbox and the placeholders of its ids and tokens.
struct Stage {
    runtime: Runtime,
    sandbox: Sandbox,
    names: Vec<(&'static str, String)>,
    requests: u32,
}

impl Stage {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (sandbox, names) = runtime.block_on(async {
            let sandbox = Sandbox::builder().seed(1).chat_page(true).start().await.expect("a sandbox");
            let app = sandbox.app("app");
            let oauth = app.oauth(REDIRECT_URI).expect("a redirect URI");
            let (seller, buyer) = (sandbox.user("sara"), sandbox.user("ali"));
            let post = sandbox.add_post(&seller);
            let chat = post.conversation_with(&buyer);
            let bot = seller.chat_with_bot(&app);
            let names = vec![
                ("{key}", app.api_key().expose_secret().to_owned()),
                ("{chat}", chat.id().to_string()),
                ("{bot}", bot.id().to_string()),
                ("{post}", post.token().to_string()),
                ("{redirect}", REDIRECT_URI.replace(':', "%3A").replace('/', "%2F")),
                ("{slug}", oauth.app().slug().to_string()),
                ("{secret}", secret_of(&oauth)),
                ("{host}", sandbox.url().replace("http://", "")),
            ];
            (sandbox, names)
        });
        Self { runtime, sandbox, names, requests: 0 }
    }

    /// Replaces the placeholders in an input.
    fn resolve(&self, text: &[u8]) -> Vec<u8> {
        let mut resolved = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            match self.names.iter().rev().find(|(name, _)| rest.starts_with(name.as_bytes())) {
                Some((name, value)) => {
                    resolved.extend_from_slice(value.as_bytes());
                    rest = &rest[name.len()..];
                }
                None => {
                    resolved.push(*first);
                    rest = after;
                }
            }
        }
        resolved
    }

    /// Stores tokens and ids of a response for later requests.
    fn learn(&mut self, response: &Response<Bytes>) {
        if let Ok(json) = serde_json::from_slice::<serde_json::Value>(response.body()) {
            let tokens = [
                ("access_token", "{access}"),
                ("refresh_token", "{refresh}"),
                ("token", "{upload}"),
                ("id", "{media}"),
            ];
            for (key, name) in tokens {
                self.names.extend(json[key].as_str().map(|value| (name, value.to_owned())));
            }
        }
        if let Ok(json) = serde_json::from_slice::<serde_json::Value>(response.body()) {
            let last = json["messages"].as_array().and_then(|messages| messages.last());
            let id = last.and_then(|message| message["message"]["id"].as_str());
            self.names.extend(id.map(|id| ("{message}", id.to_owned())));
        }
        let code = location(response).and_then(|to| {
            let query = to.split_once('?')?.1.to_owned();
            form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code").map(|(_, code)| code.into_owned())
        });
        self.names.extend(code.map(|code| ("{code}", code)));
    }
}

/// The client secret, from a refresh request.
fn secret_of(oauth: &kenar::OAuthClient) -> String {
    let refresh =
        oauth.app().refresh_request_with(RefreshToken::new("placeholder").expect("a token"), Timestamp::now());
    refresh.content_secrets()[0].to_owned()
}

fn location(response: &Response<Bytes>) -> Option<String> {
    response.headers().get(header::LOCATION).map(|to| to.to_str().expect("ASCII").to_owned())
}

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

/// Requests with a line `----` between them: each has a line with method and path, header lines, an empty line and a body.
pub fn requests(data: &[u8]) {
    STAGE.with_borrow_mut(|stage| {
        // A new sandbox from time to time keeps inputs independent.
        if stage.as_ref().is_some_and(|stage| stage.requests > 200) {
            *stage = None;
        }
        let stage = stage.get_or_insert_with(Stage::new);
        let named = stage.names.len();
        for text in split(data).into_iter().take(8) {
            send(stage, text);
        }
        stage.names.truncate(named);
    });
}

fn split(data: &[u8]) -> Vec<&[u8]> {
    let mut requests = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(6).position(|line| line == b"\n----\n") {
        requests.push(&rest[..at]);
        rest = &rest[at + 6..];
    }
    requests.push(rest);
    requests
}

fn send(stage: &mut Stage, text: &[u8]) {
    let (head, body) = match text.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&text[..at], &text[at + 2..]),
        None => (text, &b""[..]),
    };
    let head = stage.resolve(head);
    let mut lines = input::lines(&head);
    let first = lines.next().unwrap_or_default();
    let mut words = first.splitn(2, |byte| *byte == b' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return };
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method), http::Uri::try_from(path)) else { return };
    let mut request = Request::new(Bytes::from(stage.resolve(body)));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = input::headers(lines);
    // A request without a host would only be rejected.
    let own = stage.resolve(b"{host}");
    if let Ok(own) = http::HeaderValue::from_bytes(&own) {
        request.headers_mut().entry(header::HOST).or_insert(own);
    }

    stage.requests += 1;
    let line = format!("{} {}", request.method(), request.uri());
    // A tag that the sandbox's own pages do not contain.
    let has_tag = [head.as_slice(), request.body()].iter().any(|part| part.windows(4).any(|tag| tag == b"<zzz"));
    let path = request.uri().path().to_owned();
    let is_page = path.starts_with("/chat/")
        || path.starts_with("/media/")
        || matches!(path.as_str(), "/" | "/chat" | "/favicon.ico");
    if path == "/chat/live" {
        // This response has no end.
        return;
    }
    let response = stage.runtime.block_on(stage.sandbox.respond(request));

    let status = response.status().as_u16();
    // The consent page rejects foreign hosts and origins, too.
    let is_page = is_page || path == "/oauth2/auth" && matches!(status, 403 | 421);
    let context = || format!("{line}: {status}: {:?}", response.body());
    let is_known = match status {
        200 | 303 | 400 | 401 | 403 | 404 | 412 | 413 | 421 | 429 | 501 => true,
        // Only from the chat page.
        206 | 307 | 405 => is_page,
        _ => false,
    };
    assert!(is_known, "{}", context());
    let header = |name: HeaderName| response.headers().get(name).map(|value| value.to_str().expect("ASCII"));
    if is_page {
        assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), Some("nosniff"), "{}", context());
        assert!(header(header::CONTENT_SECURITY_POLICY).is_some(), "{}", context());
    }
    match header(header::CONTENT_TYPE) {
        Some("application/json") => {
            serde_json::from_slice::<serde_json::Value>(response.body()).expect("JSON");
        }
        Some("text/html; charset=utf-8") => {
            let page = std::str::from_utf8(response.body()).expect("UTF-8");
            assert!(!has_tag || !page.contains("<zzz"), "{}", context());
        }
        Some(_) => assert!(is_page, "{}", context()),
        None => assert!(response.body().is_empty(), "{}", context()),
    }
    if status == 303 {
        let to = location(&response).expect("a redirect has a location");
        assert!(to.starts_with(&format!("{REDIRECT_URI}?")), "{line}: redirect to {to}");
    }
    stage.learn(&response);
}

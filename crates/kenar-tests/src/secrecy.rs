//! Random secrets, the calls that use them, and the search for them in a text.

use std::error::Error as StdError;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use kenar::error::StoreError;
use kenar::model::{ConversationId, Timestamp, UserId};
use kenar::oauth::{OAuthApp, OAuthState, TokenResponse};
use kenar::operation::*;
use kenar::secret::{
    AccessToken, ApiKey, AuthorizationCode, ClientSecret, IdentificationKey, RefreshToken, UploadToken,
};
use kenar::tokens::{
    ListedPermission, MemoryPermissions, PermissionKey, PermissionRecord, PermissionStore, PermissionValue, Stamp,
    TokensError,
};
use kenar::transport::MockTransport;
use kenar::{BotMessage, ChatApi as _, Client, ConversationMessage, Error};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::json;

/// The same cases on each run; `PROPTEST_CASES` asks for more of them.
pub fn same_cases() -> Config {
    Config { rng_seed: RngSeed::Fixed(31), failure_persistence: None, ..Config::with_cases(24) }
}

/// A text that no other text contains by chance, with many characters that some format escapes.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof!["[!-~][ -~]{18,40}[!-~]", "[!-~][\"\\\\/%+&=<>'#? A-Z]{18,40}[!-~]", "[A-Za-z0-9+/_-]{20,60}={0,2}"]
}

/// Pieces of secrets that no text may contain, in every escaped form.
pub struct Pieces(Vec<String>);

impl Pieces {
    /// The shortest piece whose appearance is not a coincidence.
    const LENGTH: usize = 10;

    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let windows = secrets
            .into_iter()
            .flat_map(|secret| (0..=secret.len() - Self::LENGTH).map(move |from| &secret[from..from + Self::LENGTH]));
        let mut pieces: Vec<String> = windows.flat_map(writings).collect();
        pieces.sort_unstable();
        pieces.dedup();
        Self(pieces)
    }

    #[track_caller]
    pub fn assert_not_in(&self, text: &str) {
        if let Some(piece) = self.0.iter().find(|piece| text.contains(piece.as_str())) {
            let line = text.lines().find(|line| line.contains(piece)).unwrap_or(text);
            panic!("{piece:?} shows in {line}");
        }
    }
}

/// The text as it is, and as `Debug` (of a text and of bytes), JSON, forms, URLs and HTML write it.
fn writings(text: &str) -> [String; 7] {
    let debug = format!("{text:?}");
    [
        text.to_owned(),
        debug[1..debug.len() - 1].to_owned(),
        format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned(),
        json!(text).to_string().trim_matches('"').replace('/', "\\/"),
        form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string(),
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
    ]
}

pub fn debug(value: &dyn Debug) -> String {
    format!("{value:?}\n{value:#?}")
}

/// The `Display` and `Debug` output of an error and its sources.
pub fn chain(error: &dyn StdError) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        text += &format!("{error}\n{}\n", debug(&error));
        next = error.source();
    }
    text
}

/// One secret of each kind.
#[derive(Clone, Debug)]
pub struct Secrets {
    pub api_key: ApiKey,
    pub identification_key: IdentificationKey,
    pub client_secret: ClientSecret,
    pub access_token: AccessToken,
    pub refresh_token: RefreshToken,
    pub code: AuthorizationCode,
    pub upload_token: UploadToken,
    pub state: OAuthState,
}

impl Secrets {
    fn of(texts: &[String]) -> Self {
        let [a, b, c, d, e, f, g, h] = std::array::from_fn(|index| texts[index].as_str());
        Self {
            api_key: ApiKey::new(a).unwrap(),
            identification_key: IdentificationKey::new(b).unwrap(),
            client_secret: ClientSecret::new(c).unwrap(),
            access_token: AccessToken::new(d).unwrap(),
            refresh_token: RefreshToken::new(e).unwrap(),
            code: AuthorizationCode::new(f).unwrap(),
            upload_token: UploadToken::new(g).unwrap(),
            state: OAuthState::restore(h).unwrap(),
        }
    }

    pub fn app(&self) -> OAuthApp {
        OAuthApp::new("app", self.client_secret.clone(), "https://addon.example/oauth").unwrap()
    }

    pub fn token_response(&self) -> TokenResponse {
        let mut response = TokenResponse::new(self.access_token.clone());
        response.refresh_token = Some(self.refresh_token.clone());
        response
    }

    pub fn all(&self) -> [&str; 8] {
        [
            self.api_key.expose_secret(),
            self.identification_key.expose_secret(),
            self.client_secret.expose_secret(),
            self.access_token.expose_secret(),
            self.refresh_token.expose_secret(),
            self.code.expose_secret(),
            self.upload_token.expose_secret(),
            self.state.expose_secret(),
        ]
    }
}

pub fn secrets() -> impl Strategy<Value = Secrets> {
    proptest::collection::vec(secret(), 8).prop_map(|texts| Secrets::of(&texts))
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// The result of every call that a client has.
pub async fn every_call(client: &Client, secrets: &Secrets) -> [Result<(), Error>; 10] {
    let (by, to) = (&secrets.access_token, ConversationId::new("c-1"));
    let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
    let upload = UploadMedia::new(&media, &secrets.upload_token);
    let oauth = client.oauth(secrets.app());
    [
        client.send_message(&to, &ConversationMessage::text("a"), by).await.map(drop),
        client.get_conversation(&to, by).await.map(drop),
        client.send_bot_message(&to, &BotMessage::text("a")).await.map(drop),
        client.send_bot_message_to_user(&UserId::new("u-1"), &BotMessage::text("a"), by).await.map(drop),
        client.subscribe(&Subscription::to_messages_on_all_posts(), by).await,
        client.get_user(by).await.map(drop),
        client.execute(&CreateUploadToken).await.map(drop),
        client.execute(&upload).await.map(drop),
        oauth.exchange(secrets.code.clone()).await.map(drop),
        oauth.refresh(&secrets.token_response().into_tokens(Timestamp::now())).await.map(drop),
    ]
}

/// A response body that every call accepts.
pub fn well(secrets: &Secrets) -> serde_json::Value {
    let mut response = serde_json::to_value(secrets.token_response()).unwrap();
    response["id"] = json!("m-1");
    response["token"] = json!(secrets.upload_token.expose_secret());
    response
}

/// A store that fails every other replacement with an error that contains the value.
#[derive(Debug, Default)]
struct Talkative(MemoryPermissions, AtomicBool);

#[async_trait]
impl PermissionStore for Talkative {
    async fn read(&self, key: &str) -> Result<Option<PermissionRecord>, StoreError> {
        self.0.read(key).await
    }

    async fn grant(&self, key: &str, grant: Stamp, value: PermissionValue) -> Result<(), StoreError> {
        self.0.grant(key, grant, value).await
    }

    async fn lease(
        &self,
        key: &str,
        lease: Stamp,
        broken: Option<Stamp>,
    ) -> Result<Option<PermissionRecord>, StoreError> {
        self.0.lease(key, lease, broken).await
    }

    async fn replace(
        &self,
        key: &str,
        lease: Stamp,
        value: PermissionValue,
        keep_lease: bool,
    ) -> Result<bool, StoreError> {
        if !self.1.fetch_xor(true, Ordering::Relaxed) {
            let value = String::from_utf8(value.expose_secret().to_vec()).unwrap();
            return Err(std::io::Error::other(format!("cannot write {value}")).into());
        }
        self.0.replace(key, lease, value, keep_lease).await
    }

    async fn release(&self, key: &str, lease: Stamp) -> Result<(), StoreError> {
        self.0.release(key, lease).await
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        self.0.delete(key).await
    }

    async fn list(&self, after: Option<&ListedPermission>, limit: usize) -> Result<Vec<ListedPermission>, StoreError> {
        self.0.list(after, limit).await
    }

    async fn leased(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        self.0.leased(limit).await
    }
}

/// The output of permissions whose refresh succeeds, is not stored, or is refused.
pub async fn permissions(secrets: &Secrets) -> Vec<String> {
    let mock = MockTransport::new();
    let now = Arc::new(AtomicI64::new(1_700_000_000_000_000));
    let clock = Arc::clone(&now);
    let client = Client::builder(secrets.api_key.clone())
        .transport(mock.clone())
        .clock(move || Timestamp::from_unix_micros(clock.load(Ordering::Relaxed)).unwrap())
        .build()
        .unwrap();
    let old = AccessToken::new(secrets.identification_key.expose_secret()).unwrap();
    let mut first = TokenResponse::new(old.clone());
    first.refresh_token = Some(RefreshToken::new(secrets.code.expose_secret()).unwrap());
    let permissions = client.oauth(secrets.app()).permissions(Arc::new(Talkative::default()));
    let key = PermissionKey::new("user");
    permissions.grant(&key, first.into_tokens(Timestamp::from_unix_micros(0).unwrap())).await.unwrap();
    // A token of the last minute is not replaced.
    now.fetch_add(61_000_000, Ordering::Relaxed);

    let mut said = vec![debug(&permissions)];
    let mut says = |outcome: Result<AccessToken, TokensError>, is_given: bool| {
        assert_eq!(outcome.is_ok(), is_given, "{outcome:?}");
        said.push(outcome.map_or_else(|error| chain(&error), |token| debug(&token)));
        said.push(debug(&permissions));
    };
    let asked = [secrets.client_secret.expose_secret(), old.expose_secret(), secrets.code.expose_secret()];
    mock.respond_json(400, &json!({ "error": "invalid_request", "error_description": asked.join(" ") }));
    says(permissions.replace(&key, &old).await, false);
    mock.respond_json(200, &well(secrets));
    says(permissions.replace(&key, &old).await, false);
    says(permissions.replace(&key, &old).await, true);
    says(permissions.replace(&key, &secrets.access_token).await, false);
    permissions.settle().await;
    said
}

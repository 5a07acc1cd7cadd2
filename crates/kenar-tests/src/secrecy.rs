//! Random secrets, where they go in a program, and the search for them in a text.

use std::error::Error as StdError;
use std::fmt::Debug;
use std::sync::Mutex;

use async_trait::async_trait;
use kenar::client::{TokenStore, TokensError};
use kenar::model::{ConversationId, Timestamp, UserId};
use kenar::oauth::{OAuthApp, OAuthState, TokenResponse, TokenSet};
use kenar::operation::*;
use kenar::secret::{
    AccessToken, ApiKey, AuthorizationCode, ClientSecret, IdentificationKey, RefreshToken, UploadToken,
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

/// Long enough to be in no text by chance. Many characters of it are escaped somewhere.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof!["[!-~][ -~]{18,40}[!-~]", "[!-~][\"\\\\/%+&=<>'#? A-Z]{18,40}[!-~]", "[A-Za-z0-9+/_-]{20,60}={0,2}"]
}

/// The pieces of a secret that must be in no text, each as everybody may write it.
pub struct Pieces(Vec<String>);

impl Pieces {
    /// How much of a secret is no more a coincidence.
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

/// As it is, and as `Debug` (of a text, and of bytes), JSON, forms, URLs and HTML write it.
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

/// What an error and its sources say.
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

    pub fn answer(&self) -> TokenResponse {
        let mut answer = TokenResponse::new(self.access_token.clone());
        answer.refresh_token = Some(self.refresh_token.clone());
        answer
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

/// Every call, each with whatever came of it.
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
        oauth.refresh(&secrets.answer().into_tokens(Timestamp::now())).await.map(drop),
    ]
}

/// What every call can make something of.
pub fn well(secrets: &Secrets) -> serde_json::Value {
    let mut answer = serde_json::to_value(secrets.answer()).unwrap();
    answer["id"] = json!("m-1");
    answer["token"] = json!(secrets.upload_token.expose_secret());
    answer
}

/// A store that fails every other time, and says what it had and what it was given.
struct Talkative(Mutex<(TokenSet, bool)>);

#[async_trait]
impl TokenStore for Talkative {
    async fn load(&self) -> Result<Option<TokenSet>, Box<dyn StdError + Send + Sync>> {
        Ok(Some(self.0.lock().unwrap().0.clone()))
    }

    async fn store(&self, tokens: &TokenSet) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let (row, fails) = &mut *self.0.lock().unwrap();
        *fails = !*fails;
        if *fails {
            let row = |tokens: &TokenSet| serde_json::to_string(&tokens.expose_for_storage()).unwrap();
            return Err(std::io::Error::other(format!("cannot write {}", row(tokens))).into());
        }
        *row = tokens.clone();
        Ok(())
    }
}

/// What shared tokens say that are refreshed, are not stored, and are refused.
pub async fn shared_tokens(secrets: &Secrets) -> Vec<String> {
    let mock = MockTransport::new();
    let client = Client::builder(secrets.api_key.clone()).transport(mock.clone()).build().unwrap();
    let old = AccessToken::new(secrets.identification_key.expose_secret()).unwrap();
    let mut first = TokenResponse::new(old.clone());
    first.refresh_token = Some(RefreshToken::new(secrets.code.expose_secret()).unwrap());
    let store = Talkative(Mutex::new((first.into_tokens(Timestamp::now()), false)));
    let tokens = client.oauth(secrets.app()).shared_tokens(store);

    let mut said = vec![debug(&tokens)];
    let mut says = |outcome: Result<AccessToken, TokensError>, is_given: bool| {
        assert_eq!(outcome.is_ok(), is_given, "{outcome:?}");
        said.push(outcome.map_or_else(|error| chain(&error), |token| debug(&token)));
        said.push(debug(&tokens));
    };
    says(tokens.access_token().await, true);
    let asked = [secrets.client_secret.expose_secret(), old.expose_secret(), secrets.code.expose_secret()];
    mock.respond_json(400, &json!({ "error": "invalid_request", "error_description": asked.join(" ") }));
    says(tokens.refresh(&old).await, false);
    mock.respond_json(200, &well(secrets));
    says(tokens.refresh(&old).await, false);
    says(tokens.refresh(&old).await, true);
    says(tokens.refresh(&secrets.access_token).await, false);
    said
}

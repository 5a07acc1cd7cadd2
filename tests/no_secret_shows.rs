//! Promise: no secret shows. Not in what `Debug` prints, not in an error, not in an address, and not in what is
//! serialised, as it is or escaped. The secrets are random, of all characters that a secret can have.

use std::error::Error as StdError;
use std::fmt::Debug;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Request, Uri};
use kenar::oauth::{Denial, Grant, PermissionRequest, State, TokenAnswer, TokenRequest};
use kenar::operation::*;
use kenar::request::{Body, Credential, Hosts};
use kenar::transport::MockTransport;
use kenar::webhook::Verifier;
use kenar::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::json;

/// The same cases on each run; `PROPTEST_CASES` asks for more of them.
fn same_cases() -> Config {
    Config { rng_seed: RngSeed::Fixed(31), failure_persistence: None, ..Config::with_cases(24) }
}

/// Long enough to be in no text by chance. Many characters of it are escaped somewhere.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof!["[!-~][ -~]{18,40}[!-~]", "[!-~][\"\\\\/%+&=<>'#? A-Z]{18,40}[!-~]", "[A-Za-z0-9+/_-]{20,60}={0,2}"]
}

/// The pieces of a secret that must be in no text, each as everybody may write it.
struct Pieces(Vec<String>);

impl Pieces {
    /// How much of a secret is no more a coincidence.
    const LENGTH: usize = 10;

    fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let windows = secrets
            .into_iter()
            .flat_map(|secret| (0..=secret.len() - Self::LENGTH).map(move |from| &secret[from..from + Self::LENGTH]));
        let mut pieces: Vec<String> = windows.flat_map(writings).collect();
        pieces.sort_unstable();
        pieces.dedup();
        Self(pieces)
    }

    #[track_caller]
    fn assert_not_in(&self, text: &str) {
        if let Some(piece) = self.0.iter().find(|piece| text.contains(piece.as_str())) {
            panic!("{piece:?} shows in {text}");
        }
    }
}

/// As it is, and as `Debug`, JSON, forms, URLs and HTML write it.
fn writings(text: &str) -> [String; 6] {
    let debug = format!("{text:?}");
    [
        text.to_owned(),
        debug[1..debug.len() - 1].to_owned(),
        json!(text).to_string().trim_matches('"').replace('/', "\\/"),
        form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string(),
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
    ]
}

fn debug(value: &dyn Debug) -> String {
    format!("{value:?}\n{value:#?}")
}

/// What an error and its sources say.
fn chain(error: &dyn StdError) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        text += &format!("{error}\n{}\n", debug(&error));
        next = error.source();
    }
    text
}

/// One secret of each kind.
#[derive(Debug)]
struct Secrets {
    api_key: ApiKey,
    identification_key: IdentificationKey,
    client_secret: ClientSecret,
    access_token: AccessToken,
    refresh_token: RefreshToken,
    code: AuthorizationCode,
    upload_token: UploadToken,
    state: State,
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
            state: State::restore(h).unwrap(),
        }
    }

    fn app(&self) -> OAuthApp {
        OAuthApp::new("app", self.client_secret.clone(), "https://addon.example/oauth").unwrap()
    }

    fn answer(&self) -> TokenAnswer {
        let mut answer = TokenAnswer::new(self.access_token.clone());
        answer.refresh_token = Some(self.refresh_token.clone());
        answer
    }

    /// Everything that can be printed and holds some of them.
    fn printed(&self) -> Vec<String> {
        let (app, hosts, now) = (self.app(), Hosts::default(), Timestamp::now());
        let tokens = self.answer().into_tokens(now);
        let request = app.permission_request([Scope::user_id()], self.state.clone());
        let exchange = app.exchange(self.code.clone(), now);
        let refresh = app.refresh(&tokens, now).unwrap();
        let parse = |request: Request<Body>| TokenRequest::parse(request.body().as_bytes().unwrap()).unwrap();
        let asked = parse(exchange.request(&hosts).unwrap());
        let verifier = Verifier::new(self.identification_key.clone()).also_accept(self.identification_key.clone());
        let client = Client::builder(self.api_key.clone()).transport(MockTransport::new());
        let mut printed = vec![debug(&client)];
        let client = client.build().unwrap();
        let oauth = client.oauth(app.clone());
        let media = Media::image("a.png", MediaSource::bytes(self.upload_token.expose_secret().to_owned())).unwrap();
        let (to, text) = (ConversationId::new("c-1"), ConversationMessage::text("a"));
        let stored = tokens.expose_for_storage();
        let things: [&dyn Debug; 22] = [
            self,
            &app,
            &tokens,
            &stored,
            &self.answer(),
            &request,
            &request.url(&hosts),
            &Callback::Granted(self.code.clone()),
            &exchange,
            &refresh,
            &exchange.request(&hosts).unwrap(),
            &refresh.request(&hosts).unwrap(),
            &asked,
            &Grant::AuthorizationCode(self.code.clone()),
            &asked.grant,
            &verifier,
            &client,
            &oauth,
            &SendMessage { conversation: &to, message: &text, by: &self.access_token },
            &UploadMedia { media: &media, token: &self.upload_token },
            &Credential::User(&self.access_token),
            &Credential::Upload(&self.upload_token),
        ];
        printed.extend(things.into_iter().map(debug));
        printed
    }

    /// What is said where one of them is wrong, or in the wrong place.
    fn complaints(&self) -> Vec<String> {
        let app = self.app();
        let mut complaints = Vec::new();
        let mut said = |error: &dyn StdError| complaints.push(chain(error));
        for text in [format!("{}\n", self.api_key.expose_secret()), format!("{}ä", self.code.expose_secret())] {
            said(&ApiKey::new(text.as_str()).unwrap_err());
            said(&text.parse::<AccessToken>().unwrap_err());
            if let Err(error) = State::restore(text) {
                said(&error);
            }
        }
        // A header that is not the key, though it is one of the secrets; and a key that is shown twice.
        let verifier = Verifier::new(self.identification_key.clone());
        let header = |text: &str| HeaderValue::from_str(text).unwrap();
        let wrong = HeaderMap::from_iter([(AUTHORIZATION, header(self.access_token.expose_secret()))]);
        said(&verifier.verify(&wrong).unwrap_err());
        let mut twice = HeaderMap::from_iter([(AUTHORIZATION, header(self.identification_key.expose_secret()))]);
        twice.append(AUTHORIZATION, header(self.identification_key.expose_secret()));
        said(&verifier.event(&twice, b"{}").unwrap_err());

        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (code, state) = (encoded(self.code.expose_secret()), encoded(self.state.expose_secret()));
        let queries = [
            format!("code={code}"),
            format!("code={code}&state={state}x"),
            format!("code={code}&state={state}&state={state}"),
            format!("code={code}%00&state={state}"),
            format!("code={code}&error=access_denied&state={state}"),
            format!("response_type={code}&client_id=app&state={state}"),
            format!("grant_type=authorization_code&code={code}%00&client_secret={code}"),
        ];
        for query in queries {
            let errors: [Option<Box<dyn StdError>>; 3] = [
                app.callback(&query, &self.state).err().map(Into::into),
                PermissionRequest::parse(&query).err().map(Into::into),
                TokenRequest::parse(query.as_bytes()).err().map(Into::into),
            ];
            assert!(errors.iter().flatten().count() >= 2, "{query}: hardly an error");
            errors.iter().flatten().for_each(|error| said(&**error));
        }
        complaints
    }

    fn all(&self) -> [&str; 8] {
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

fn secrets() -> impl Strategy<Value = Secrets> {
    proptest::collection::vec(secret(), 8).prop_map(|texts| Secrets::of(&texts))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

/// Every call, with an answer that each can make something of.
async fn every_call(client: &Client, secrets: &Secrets) {
    let (by, to) = (&secrets.access_token, ConversationId::new("c-1"));
    let media = Media::image("a.png", MediaSource::bytes("a")).unwrap();
    client.send_message(&to, &ConversationMessage::text("a"), by).await.unwrap();
    client.get_conversation(&to, by).await.unwrap();
    client.send_bot_message(&to, &BotMessage::text("a")).await.unwrap();
    client.send_bot_message_to_user(&UserId::new("u-1"), &BotMessage::text("a"), by).await.unwrap();
    client.subscribe(&Subscription::to_messages_on_all_posts(), by).await.unwrap();
    client.get_user(by).await.unwrap();
    client.execute(&UploadMedia { media: &media, token: &secrets.upload_token }).await.unwrap();
    let oauth = client.oauth(secrets.app());
    let tokens = oauth.exchange(secrets.code.clone()).await.unwrap();
    oauth.refresh(&tokens).await.unwrap();
}

proptest! {
    #![proptest_config(same_cases())]

    #[test]
    fn nothing_that_is_printed_shows_one(secrets in secrets()) {
        let pieces = Pieces::of(secrets.all());
        secrets.printed().iter().for_each(|text| pieces.assert_not_in(text));
        secrets.complaints().iter().for_each(|text| pieces.assert_not_in(text));
    }

    #[test]
    fn no_address_and_no_printed_request_shows_one(secrets in secrets()) {
        let kenar = MockTransport::new();
        let mut answer = serde_json::to_value(secrets.answer()).unwrap();
        answer["id"] = json!("m-1");
        (0..9).for_each(|_| kenar.answer(200, &answer));
        let client = Client::builder(secrets.api_key.clone()).transport(kenar.clone()).build().unwrap();
        block_on(every_call(&client, &secrets));

        let pieces = Pieces::of(secrets.all());
        let requests = kenar.requests();
        prop_assert_eq!(requests.len(), 9);
        let addresses = requests.iter().map(Request::uri).map(Uri::to_string);
        addresses.for_each(|address| pieces.assert_not_in(&address));
        pieces.assert_not_in(&debug(&kenar));
        for request in &requests {
            // Marked as sensitive, so that whoever prints a request prints no secret of its headers.
            pieces.assert_not_in(&debug(request.headers()));
        }
        // What is answered and not meant to be secret holds none, and can be serialised.
        let denied = Callback::Denied(Denial::default());
        pieces.assert_not_in(&format!("{denied:?} {}", serde_json::to_string(&User::default()).unwrap()));
    }

    #[test]
    fn stored_tokens_that_cannot_be_read_show_nothing(
        secrets in secrets(),
        cut in any::<prop::sample::Index>(),
        other in any::<u8>(),
    ) {
        let tokens = secrets.answer().into_tokens(Timestamp::now());
        let stored = serde_json::to_string(&tokens.expose_for_storage()).unwrap();
        let pieces = Pieces::of([secrets.access_token.expose_secret(), secrets.refresh_token.expose_secret()]);
        let at = cut.index(stored.len());
        let mut damaged = stored.clone().into_bytes();
        damaged[at] = other;
        for bytes in [&stored.as_bytes()[..at], &damaged] {
            if let Err(error) = serde_json::from_slice::<oauth::StoredTokens>(bytes) {
                pieces.assert_not_in(&chain(&error));
            }
            if let Err(error) = serde_json::from_slice::<TokenAnswer>(bytes) {
                pieces.assert_not_in(&chain(&error));
            }
        }
    }
}

//! Promise: no secret shows. Not in what `Debug` prints, not in an error, not in an address, and not in what is
//! serialised, as it is or escaped. The secrets are random, of all characters that a secret can have.

use std::error::Error as StdError;
use std::fmt::Debug;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Request, Uri};
use kenar::model::{ConversationId, Timestamp};
use kenar::oauth::{Callback, Denial, Grant, OAuthState, PermissionRequest, TokenRequest, TokenResponse};
use kenar::operation::{GetUserResponse, Media, MediaSource, SendMessage, UploadMedia};
use kenar::request::Operation as _;
use kenar::request::{BaseUrls, Body, Credential};
use kenar::secret::{AccessToken, ApiKey};
use kenar::transport::MockTransport;
use kenar::webhook::Verifier;
use kenar::{Client, ConversationMessage, Scope};
use kenar_tests::secrecy::{
    Pieces, Secrets, block_on, chain, debug, every_call, permissions, same_cases, secrets, well,
};
use proptest::prelude::*;

/// What the secrets are put into.
/// What a program may do with secrets, printed.
trait Shown {
    fn printed(&self) -> Vec<String>;
    fn complaints(&self) -> Vec<String>;
}

impl Shown for Secrets {
    /// Everything that can be printed and holds some of them.
    fn printed(&self) -> Vec<String> {
        let (app, base_urls, now) = (self.app(), BaseUrls::default(), Timestamp::now());
        let tokens = self.token_response().into_tokens(now);
        let request = app.permission_request([Scope::user_id()], self.state.clone());
        let exchange = app.exchange_request(self.code.clone(), now);
        let refresh = app.refresh_request(&tokens, now).unwrap();
        let parse = |request: Request<Body>| TokenRequest::parse(request.body().as_bytes().unwrap()).unwrap();
        let asked = parse(exchange.request(&base_urls).unwrap());
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
            &self.token_response(),
            &request,
            &request.url(&base_urls),
            &Callback::Granted(self.code.clone()),
            &exchange,
            &refresh,
            &exchange.request(&base_urls).unwrap(),
            &refresh.request(&base_urls).unwrap(),
            &asked,
            &Grant::AuthorizationCode(self.code.clone()),
            &asked.grant,
            &verifier,
            &client,
            &oauth,
            &SendMessage::new(&to, &text, &self.access_token),
            &UploadMedia::new(&media, &self.upload_token),
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
            if let Err(error) = OAuthState::restore(text) {
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
        let mock = MockTransport::new();
        (0..10).for_each(|_| mock.respond_json(200, &well(&secrets)));
        let client = Client::builder(secrets.api_key.clone()).transport(mock.clone()).build().unwrap();
        block_on(every_call(&client, &secrets)).into_iter().for_each(Result::unwrap);

        let pieces = Pieces::of(secrets.all());
        let requests = mock.requests();
        prop_assert_eq!(requests.len(), 10);
        let addresses = requests.iter().map(Request::uri).map(Uri::to_string);
        addresses.for_each(|address| pieces.assert_not_in(&address));
        pieces.assert_not_in(&debug(&mock));
        for request in &requests {
            // Marked as sensitive, so that whoever prints a request prints no secret of its headers.
            pieces.assert_not_in(&debug(request.headers()));
        }
        // What is answered and not meant to be secret holds none, and can be serialised.
        let denied = Callback::Denied(Denial::default());
        pieces.assert_not_in(&format!("{denied:?} {}", serde_json::to_string(&GetUserResponse::default()).unwrap()));
    }

    #[test]
    fn nothing_that_permissions_say_shows_one(secrets in secrets()) {
        let pieces = Pieces::of(secrets.all());
        for text in block_on(permissions(&secrets)) {
            pieces.assert_not_in(&text);
        }
    }

    #[test]
    fn stored_tokens_that_cannot_be_read_show_nothing(
        secrets in secrets(),
        cut in any::<prop::sample::Index>(),
        other in any::<u8>(),
    ) {
        let tokens = secrets.token_response().into_tokens(Timestamp::now());
        let stored = serde_json::to_string(&tokens.expose_for_storage()).unwrap();
        let pieces = Pieces::of([secrets.access_token.expose_secret(), secrets.refresh_token.expose_secret()]);
        let at = cut.index(stored.len());
        let mut damaged = stored.clone().into_bytes();
        damaged[at] = other;
        for bytes in [&stored.as_bytes()[..at], &damaged] {
            if let Err(error) = serde_json::from_slice::<kenar::oauth::StoredTokens>(bytes) {
                pieces.assert_not_in(&chain(&error));
            }
            if let Err(error) = serde_json::from_slice::<TokenResponse>(bytes) {
                pieces.assert_not_in(&chain(&error));
            }
        }
    }
}

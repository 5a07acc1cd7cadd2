//! A process of an add-on: it grants and forgets permissions and gets access tokens, as its standard input says.

use std::fmt;
use std::time::Duration;

use kenar::model::Timestamp;
use kenar::oauth::{OAuthApp, TokenResponse, TokenSet};
use kenar::request::BaseUrls;
use kenar::secret::{AccessToken, ApiKey, ClientSecret, RefreshToken};
use kenar::tokens::{PermissionKey, Permissions};
use kenar::{Client, OAuthClient};

use super::children::{MARK, lines_of_stdin};
use super::place::{STORE, Store};
use super::random;

/// The origin of the token endpoint, in the environment of a process.
pub const ORIGIN: &str = "KENAR_TEST_ORIGIN";

/// The lifetime of an access token, in seconds: long enough to store it, short enough to refresh it often.
pub const LIFETIME: u64 = 2;

/// The name that tokens carry: of the permission, its grant, the call of `grant`, and the refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    pub permission: u64,
    pub grant: u64,
    pub call: u64,
    pub refresh: u64,
}

impl Name {
    /// The name of the first token in a text.
    pub fn find(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("token-")?;
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
        let mut numbers = rest[..end].split('-').map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Self { permission: next()?, grant: next()?, call: next()?, refresh: next()? })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { permission, grant, call, refresh } = self;
        write!(f, "token-{permission}-{grant}-{call}-{refresh}")
    }
}

/// The tests start the test binary again with this test and its variables.
#[test]
#[ignore = "a process that the other tests start"]
fn grant_worker_process() {
    let (Ok(place), Ok(origin)) = (std::env::var(STORE), std::env::var(ORIGIN)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(&place, &origin));
}

async fn run(place: &str, origin: &str) {
    let permissions = oauth(origin).permissions(Store::open(place).await.permissions());
    let mut lines = lines_of_stdin();
    while let Some(line) = lines.recv().await {
        let permissions = permissions.clone();
        tokio::spawn(async move {
            let (id, reply) = reply(&permissions, &line).await;
            println!("{MARK}{id} {reply}");
        });
    }
    tokio::time::timeout(Duration::from_secs(20), permissions.settle()).await.expect("the permissions settle");
}

fn oauth(origin: &str) -> OAuthClient {
    let app = OAuthApp::new("app", ClientSecret::new("placeholder").unwrap(), "https://addon.example/oauth").unwrap();
    let client = Client::builder(ApiKey::new("placeholder").unwrap()).base_urls(BaseUrls::single(origin).unwrap());
    client.build().unwrap().oauth(app)
}

async fn reply(permissions: &Permissions, line: &str) -> (u64, String) {
    let [id, step, permission, grant] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("half a line: {line}") };
    let (id, key): (u64, _) = (id.parse().unwrap(), PermissionKey::new(permission));
    if step != "access_token" {
        // A refresh that began at the same time is under way then.
        tokio::time::sleep(Duration::from_millis(random(id) % 40)).await;
    }
    let done = match step {
        "grant" => {
            let name =
                Name { permission: permission.parse().unwrap(), grant: grant.parse().unwrap(), call: id, refresh: 0 };
            permissions.grant(&key, tokens(name)).await.map(|()| "done".to_owned())
        }
        "forget" => permissions.forget(&key).await.map(|()| "done".to_owned()),
        _ => permissions.access_token(&key).await.map(|token| token.expose_secret().to_owned()),
    };
    let reply = done.unwrap_or_else(|error| if error.needs_new_permission() { "none" } else { "failed" }.to_owned());
    (id, reply)
}

fn tokens(name: Name) -> TokenSet {
    let mut response = TokenResponse::new(AccessToken::new(name.to_string()).unwrap());
    response.refresh_token = Some(RefreshToken::new(name.to_string()).unwrap());
    response.expires_in = Some(LIFETIME);
    response.into_tokens(Timestamp::now())
}

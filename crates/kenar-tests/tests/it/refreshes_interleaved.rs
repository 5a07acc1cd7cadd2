//! Promise: of one permission, one refresh is under way at a time; whoever asks has an outcome, and a token that is good;
//! and what was answered is stored, in order, before anybody has it.
//!
//! A server on loopback answers, delays, breaks off before and after it has given tokens, and falls silent, as a generator
//! decides from a seed; thousands ask, report and are dropped, over the real transport and a store that fails. The time of
//! day moves between rounds. `INTERLEAVING_SEED=7 cargo test --test refreshes_interleaved` takes another course.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kenar::Client;
use kenar::client::{Retry, SharedTokens, TokenStore, TokensError};
use kenar::model::Timestamp;
use kenar::oauth::{Grant, OAuthApp, TokenRequest, TokenResponse, TokenSet};
use kenar::request::{BaseUrls, Body};
use kenar::secret::{AccessToken, ApiKey, ClientSecret, RefreshToken};
use kenar::transport::{HttpTransport, ReqwestTransport, TransportError};
use kenar_tests::interleaving::{Reply, Then, bound, listen, random, response};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const ROUNDS: u64 = 150;
const ASKERS: u64 = 50;

/// In seconds, as the platform documents them.
const ACCESS_TOKEN_LIFE: i64 = 3600;
const REFRESH_TOKEN_LIFE: i64 = 30 * 24 * 3600;
const GRACE: i64 = 120;

/// What may pass between two rounds, in seconds.
const PAUSES: [i64; 8] = [0, 1, 61, 1800, 3541, 3599, 3600, 7200];

/// What the server does with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Gives new tokens, and says so: at once, late, in pieces, and with the connection closed after it.
    Well,
    Late,
    InPieces,
    WellAndClosed,
    /// Gives new tokens, and does not say so.
    ServerError,
    HtmlPage,
    Lost,
    HalfAnswered,
    Silent,
    /// Gives none, and says so.
    Unavailable,
    RateLimited,
    /// Gives none, and breaks off or falls silent.
    Dropped,
    Ignored,
}

const FATES: [Fate; 13] = [
    Fate::Well,
    Fate::Late,
    Fate::InPieces,
    Fate::WellAndClosed,
    Fate::ServerError,
    Fate::HtmlPage,
    Fate::Lost,
    Fate::HalfAnswered,
    Fate::Silent,
    Fate::Unavailable,
    Fate::RateLimited,
    Fate::Dropped,
    Fate::Ignored,
];

impl Fate {
    fn of(turn: u64, chance: u64) -> Self {
        match turn % 80 {
            // Each of these costs its caller the time limit.
            20 => Self::Silent,
            60 => Self::Ignored,
            _ => FATES.into_iter().cycle().filter(Self::is_quick).nth((chance % 100) as usize).unwrap(),
        }
    }

    fn is_quick(&self) -> bool {
        !matches!(self, Self::Silent | Self::Ignored)
    }

    fn gives_tokens(self) -> bool {
        !matches!(self, Self::Unavailable | Self::RateLimited | Self::Dropped | Self::Ignored)
    }
}

/// Until when the two tokens of a set work.
#[derive(Debug)]
struct Given {
    access: i64,
    refresh: i64,
}

/// What is known of one permission, on all sides.
#[derive(Default)]
struct Ledger {
    /// The sets that the server gave, by the numbers in their tokens.
    given: BTreeMap<u64, Given>,
    /// The sets whose answer arrived, and those that were stored, in order.
    arrived: Vec<u64>,
    stored: Vec<u64>,
    row: Option<TokenSet>,
    /// How often the server and the store had a turn, each.
    turns: BTreeMap<&'static str, u64>,
    /// What must never be. Collected, since a task that panics fails no test.
    wrong: Vec<String>,
    /// How often the rest was.
    seen: BTreeMap<String, u64>,
}

#[derive(Clone)]
struct World(Arc<Inner>);

struct Inner {
    seed: u64,
    now: AtomicI64,
    is_refreshing: AtomicBool,
    ledger: Mutex<Ledger>,
}

impl World {
    fn new(seed: u64) -> Self {
        let world = Self(Arc::new(Inner {
            seed,
            now: AtomicI64::new(1_700_000_000),
            is_refreshing: AtomicBool::new(false),
            ledger: Mutex::default(),
        }));
        let first = world.give(&mut world.ledger());
        world.ledger().row = Some(first.into_tokens(world.timestamp()));
        world.ledger().stored.push(1);
        world.ledger().arrived.push(1);
        world
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().unwrap()
    }

    fn now(&self) -> i64 {
        self.0.now.load(Ordering::SeqCst)
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.now() * 1_000_000).unwrap()
    }

    fn random(&self, about: &str, number: u64) -> u64 {
        about.bytes().fold(random(self.0.seed ^ number), |mixed, byte| random(mixed ^ u64::from(byte)))
    }

    /// The number of somebody's turn, and a random one for it.
    fn turn(&self, whose: &'static str) -> (u64, u64) {
        let mut ledger = self.ledger();
        let turn = ledger.turns.entry(whose).or_default();
        *turn += 1;
        (*turn, self.random(whose, *turn))
    }

    fn give(&self, ledger: &mut Ledger) -> TokenResponse {
        let number = ledger.given.len() as u64 + 1;
        let now = self.now();
        ledger.given.insert(number, Given { access: now + ACCESS_TOKEN_LIFE, refresh: now + REFRESH_TOKEN_LIFE });
        let mut answer = TokenResponse::new(AccessToken::new(format!("access-{number}")).unwrap());
        answer.refresh_token = Some(RefreshToken::new(format!("refresh-{number}")).unwrap());
        answer
    }

    /// New tokens for old ones, which go on for two minutes; none where the old ones are too old.
    fn exchange(&self, old: u64) -> Option<TokenResponse> {
        let (now, mut ledger) = (self.now(), self.ledger());
        let retired = ledger.given.get_mut(&old).filter(|given| given.refresh > now)?;
        retired.access = retired.access.min(now + GRACE);
        retired.refresh = retired.refresh.min(now + GRACE);
        Some(self.give(&mut ledger))
    }

    /// The server.
    fn reply(&self, body: &[u8]) -> Reply {
        let (turn, chance) = self.turn("server");
        let fate = Fate::of(turn, chance);
        self.saw(format!("{fate:?}"));
        let mut given = String::new();
        if fate.gives_tokens() {
            let Grant::RefreshToken { refresh_token, .. } = TokenRequest::parse(body).unwrap().grant else { panic!() };
            match self.exchange(number(refresh_token.expose_secret())) {
                Some(answer) => given = serde_json::to_string(&answer).unwrap(),
                None => {
                    let text = response("400 Bad Request", "", r#"{"error":"invalid_grant"}"#);
                    return Reply { text, after: Duration::ZERO, in_pieces: false, then: Then::GoOn };
                }
            }
        }
        let well = response("200 OK", "Content-Type: application/json\r\n", &given);
        let text = match fate {
            Fate::Well | Fate::Late | Fate::InPieces => well,
            Fate::WellAndClosed => response("200 OK", "Connection: close\r\n", &given),
            Fate::ServerError | Fate::Unavailable => response("503 Service Unavailable", "Retry-After: 0\r\n", "busy"),
            Fate::HtmlPage => response("200 OK", "Content-Type: text/html\r\n", "<html></html>"),
            Fate::HalfAnswered => well[..well.len() / 2].to_owned(),
            Fate::RateLimited => response("429 Too Many Requests", "Retry-After: 0\r\n", r#"{"error":"slow_down"}"#),
            Fate::Lost | Fate::Silent | Fate::Dropped | Fate::Ignored => String::new(),
        };
        let late = if fate == Fate::Late { chance / 100 % 10 } else { 0 };
        let then = match fate {
            Fate::Silent | Fate::Ignored => Then::FallSilent,
            Fate::WellAndClosed | Fate::Lost | Fate::HalfAnswered | Fate::Dropped => Then::BreakOff,
            _ => Then::GoOn,
        };
        Reply { text, after: Duration::from_millis(late), in_pieces: fate == Fate::InPieces, then }
    }

    fn saw(&self, what: impl Into<String>) {
        *self.ledger().seen.entry(what.into()).or_default() += 1;
    }

    fn wrong(&self, what: String) {
        self.ledger().wrong.push(what);
    }

    /// That somebody may be given this token.
    fn check(&self, token: &AccessToken) {
        let (now, number) = (self.now(), number(token.expose_secret()));
        let mut ledger = self.ledger();
        let wrong = match ledger.given.get(&number) {
            None => Some(format!("the server never gave set {number}")),
            Some(given) if given.access <= now => Some(format!("set {number} is dead: {given:?}, and it is {now}")),
            Some(_) if !ledger.stored.contains(&number) => Some(format!("set {number} is not stored")),
            Some(_) => None,
        };
        ledger.wrong.extend(wrong);
    }
}

fn number(token: &str) -> u64 {
    token.split_once('-').unwrap().1.parse().unwrap()
}

/// Sees what goes out and what arrives.
#[derive(Debug)]
struct Watched {
    inner: ReqwestTransport,
    world: World,
}

/// A request that is under way, until it is answered or dropped.
struct UnderWay<'a>(&'a World);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.0.is_refreshing.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl HttpTransport for Watched {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        if self.world.0.is_refreshing.swap(true, Ordering::SeqCst) {
            self.world.wrong("two refreshes are under way".to_owned());
        }
        let _under_way = UnderWay(&self.world);
        let response = self.inner.send(request).await?;
        if let Ok(answer) = serde_json::from_slice::<TokenResponse>(response.body()) {
            self.world.ledger().arrived.push(number(answer.access_token.expose_secret()));
        }
        Ok(response)
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

#[async_trait]
impl TokenStore for World {
    async fn load(&self) -> Result<Option<TokenSet>, Box<dyn StdError + Send + Sync>> {
        tokio::task::yield_now().await;
        if self.turn("load").1 % 20 == 0 {
            self.saw("the store could not be read");
            return Err("busy".into());
        }
        Ok(self.ledger().row.clone())
    }

    async fn store(&self, tokens: &TokenSet) -> Result<(), Box<dyn StdError + Send + Sync>> {
        tokio::task::yield_now().await;
        match self.turn("store").1 % 12 {
            0 | 1 => {
                self.saw("the store did not take tokens");
                return Err("busy".into());
            }
            2 => {
                self.saw("the store panicked");
                panic!("the store panics, as this test has it do");
            }
            _ => {}
        }
        let mut ledger = self.ledger();
        ledger.stored.push(number(tokens.access_token.expose_secret()));
        ledger.row = Some(tokens.clone());
        Ok(())
    }
}

fn shared(address: SocketAddr, world: &World) -> SharedTokens {
    let inner = ReqwestTransport::builder().no_proxy().build().unwrap();
    let now = world.clone();
    let client = Client::builder(ApiKey::new("placeholder").unwrap())
        .base_urls(BaseUrls::single(&format!("http://{address}")).unwrap())
        .transport(Watched { inner, world: world.clone() })
        .retry(Retry::default().first_pause(Duration::from_millis(4)))
        .time_limit(Duration::from_millis(600))
        .clock(move || now.timestamp())
        .build()
        .unwrap();
    let app = OAuthApp::new("app", ClientSecret::new("placeholder").unwrap(), "https://addon.example/oauth").unwrap();
    client.oauth(app).shared_tokens(world.clone())
}

/// Asks, and asks again where it does not succeed; some report the token as refused, and have to have another one.
async fn ask(tokens: SharedTokens, world: World, chance: u64) {
    let mut refused = None;
    loop {
        let outcome = match &refused {
            None => tokens.access_token().await,
            Some(token) => tokens.refresh(token).await,
        };
        match outcome {
            Ok(token) => {
                world.check(&token);
                if refused.as_ref() == Some(&token) {
                    world.wrong(format!("{} is given to whom it was no good", token.expose_secret()));
                }
                if refused.is_some() || chance % 4 != 0 {
                    return world.saw("had a token");
                }
                refused = Some(token);
            }
            Err(TokensError::JustRefreshed) if refused.is_some() => return world.saw("reported a new token"),
            Err(TokensError::Refresh(error)) if error.is_invalid_grant() => {
                return world.wrong(format!("the permission is lost: {error}"));
            }
            Err(TokensError::Refresh(_)) => world.saw("was told that the refresh failed"),
            Err(TokensError::Store(_)) => world.saw("was told that the store failed"),
            Err(TokensError::CutOff) => world.saw("was told that the store panicked"),
            Err(other) => return world.wrong(format!("{other:?}")),
        }
    }
}

/// Asks with little patience, as a handler whose browser goes away.
async fn ask_and_be_dropped(tokens: SharedTokens, world: World, chance: u64) {
    let patience = async {
        match chance % 3 {
            0 => tokio::task::yield_now().await,
            _ => tokio::time::sleep(Duration::from_millis(chance / 3 % 12)).await,
        }
    };
    tokio::select! {
        biased;
        () = ask(tokens, world.clone(), chance / 36) => {}
        () = patience => world.saw("was dropped"),
    }
}

async fn round(number: u64, tokens: &SharedTokens, world: &World) {
    let mut askers = JoinSet::new();
    for asker in 0..ASKERS {
        let chance = world.random("asker", number * ASKERS + asker);
        let (tokens, world) = (tokens.clone(), world.clone());
        askers.spawn(async move {
            // Not all at the same moment.
            tokio::time::sleep(Duration::from_millis(chance / 1000 % 4)).await;
            if chance % 3 == 0 {
                ask_and_be_dropped(tokens, world, chance / 3).await;
            } else {
                ask(tokens, world, chance / 3).await;
            }
        });
    }
    let done = tokio::time::timeout(Duration::from_secs(60), askers.join_all()).await;
    assert!(done.is_ok(), "round {number}: somebody has no outcome");
    // What those who were dropped began is to be over before the time of day moves on. A new token says that it is.
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        let Ok(token) = tokens.access_token().await else { continue };
        if matches!(tokens.refresh(&token).await, Ok(_) | Err(TokensError::JustRefreshed)) {
            let ledger = world.ledger();
            assert_eq!(ledger.stored, ledger.arrived, "round {number}: what was stored, and what had arrived");
            return;
        }
    }
    panic!("round {number}: no token to be had");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refresh_at_a_time_and_nothing_is_lost() {
    let seed = std::env::var("INTERLEAVING_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    println!("INTERLEAVING_SEED={seed}");
    let world = World::new(seed);
    // Holds the port, so that it is nobody else's while it is not listened on.
    let holder = bound();
    let address = holder.local_addr().unwrap();
    let first = TcpListener::bind(address).await.unwrap();
    let replies = world.clone();
    let server = tokio::spawn(listen(address, first, move |body| replies.reply(body)));

    let tokens = shared(address, &world);
    for number in 0..ROUNDS {
        round(number, &tokens, &world).await;
        let pause = PAUSES[world.random("pause", number) as usize % PAUSES.len()];
        world.0.now.fetch_add(pause, Ordering::SeqCst);
    }
    server.abort();

    let ledger = world.ledger();
    assert!(ledger.wrong.is_empty(), "{:#?}\n{:#?}", ledger.wrong, ledger.seen);
    // That it all happened, or nothing was shown.
    let said = [
        "had a token",
        "reported a new token",
        "was dropped",
        "was told that the refresh failed",
        "was told that the store failed",
        "was told that the store panicked",
        "the store could not be read",
        "the store did not take tokens",
        "the store panicked",
    ];
    let all = said.map(str::to_owned).into_iter().chain(FATES.map(|fate| format!("{fate:?}")));
    for what in all {
        assert!(ledger.seen.contains_key(&what), "{what} never happened: {:#?}", ledger.seen);
    }
    println!("{} sets, {} stored: {:#?}", ledger.given.len(), ledger.stored.len(), ledger.seen);
}

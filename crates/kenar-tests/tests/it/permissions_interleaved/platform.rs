//! A token endpoint that rotates tokens as Divar documents, with random losses, delays and refusals.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kenar::oauth::{Grant, TokenRequest, TokenResponse};
use kenar::request::Body;
use kenar::secret::{AccessToken, RefreshToken};
use kenar::transport::{HttpTransport, TransportError, TransportErrorKind};
use serde_json::json;
use tokio::time::Instant;

use super::world::{Process, World};

/// The lifetime of an access token, and of the old pair after a refresh.
const LIFETIME: Duration = Duration::from_secs(3600);
const GRACE: Duration = Duration::from_secs(120);

/// The fate of a refresh request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Well,
    Slow,
    /// Carried out, but the response is lost.
    Lost,
    LostAndSilent,
    /// Not carried out.
    Unavailable,
    RateLimited,
    NoConnection,
}

pub const FATES: [Fate; 7] =
    [Fate::Well, Fate::Slow, Fate::Lost, Fate::LostAndSilent, Fate::Unavailable, Fate::RateLimited, Fate::NoConnection];

/// A pair of tokens.
#[derive(Debug)]
struct Pair {
    /// The user's grant.
    grant: u64,
    ends: Instant,
    refresh_ends: Instant,
    rotated_at: Option<Instant>,
}

/// All issued pairs, by the number in their tokens.
#[derive(Debug, Default)]
pub struct Ledger {
    pairs: BTreeMap<u64, Pair>,
    grants: u64,
}

impl Ledger {
    /// Grants a permission.
    pub fn grant(&mut self) -> (u64, TokenResponse) {
        self.grants += 1;
        (self.grants, self.issue(self.grants))
    }

    /// Revokes all tokens.
    pub fn revoke(&mut self) {
        let now = Instant::now();
        for pair in self.pairs.values_mut() {
            (pair.ends, pair.refresh_ends) = (pair.ends.min(now), pair.refresh_ends.min(now));
        }
    }

    pub fn grant_of(&self, token: &AccessToken) -> u64 {
        self.pairs[&number(token.expose_secret())].grant
    }

    pub fn is_of_one_grant(&self, one: u64, another: u64) -> bool {
        self.pairs[&one].grant == self.pairs[&another].grant
    }

    pub fn is_alive(&self, token: &AccessToken) -> bool {
        self.pairs[&number(token.expose_secret())].ends > Instant::now()
    }

    /// The time of a pair's refresh.
    pub fn rotated_at(&self, access_token: &str) -> Option<Instant> {
        self.pairs[&number(access_token)].rotated_at
    }

    fn issue(&mut self, grant: u64) -> TokenResponse {
        let (number, now) = (self.pairs.len() as u64 + 1, Instant::now());
        let refresh_ends = now + 720 * LIFETIME;
        self.pairs.insert(number, Pair { grant, ends: now + LIFETIME, refresh_ends, rotated_at: None });
        let mut response = TokenResponse::new(AccessToken::new(format!("access-{number}")).unwrap());
        response.refresh_token = Some(RefreshToken::new(format!("refresh-{number}")).unwrap());
        response.expires_in = Some(LIFETIME.as_secs());
        response
    }

    /// Refreshes a pair, unless it has expired.
    fn refresh(&mut self, old: u64) -> Option<TokenResponse> {
        let now = Instant::now();
        let pair = self.pairs.get_mut(&old).filter(|pair| pair.refresh_ends > now)?;
        pair.rotated_at.get_or_insert(now);
        (pair.ends, pair.refresh_ends) = (pair.ends.min(now + GRACE), pair.refresh_ends.min(now + GRACE));
        let grant = pair.grant;
        Some(self.issue(grant))
    }
}

fn number(token: &str) -> u64 {
    token.split_once('-').unwrap().1.parse().unwrap()
}

/// One process's connection to Divar.
#[derive(Debug)]
pub struct Way(pub Arc<Process>, pub World);

/// A refresh in flight.
struct InFlight<'a>(&'a Way, u64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let Self(Way(process, world), pair) = self;
        world.state().in_flight.retain(|flight| *flight != (process.number, *pair));
    }
}

#[async_trait]
impl HttpTransport for Way {
    async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let Self(process, world) = self;
        let request = TokenRequest::parse(request.body().as_bytes().unwrap()).unwrap();
        let Grant::RefreshToken { refresh_token, .. } = request.grant else { panic!("only refreshes are sent") };
        let old = number(refresh_token.expose_secret());
        world.begin_refresh(process, old);
        let _in_flight = InFlight(self, old);

        let fate = world.fate();
        world.pause(Duration::from_millis(400)).await;
        if fate == Fate::Slow {
            world.pause(Duration::from_secs(9)).await;
        }
        process.alive().await;
        let carried_out = matches!(fate, Fate::Well | Fate::Slow | Fate::Lost | Fate::LostAndSilent);
        let given = if carried_out { world.state().ledger.refresh(old) } else { None };
        // Dies between Divar's response and the write.
        if carried_out && world.chance(12) {
            world.kill(process);
        }
        world.pause(Duration::from_millis(100)).await;
        process.alive().await;
        match fate {
            Fate::NoConnection => Err(TransportError::new(TransportErrorKind::Connect)),
            Fate::Lost => Err(TransportError::new(TransportErrorKind::Interrupted)),
            Fate::LostAndSilent => std::future::pending().await,
            Fate::Unavailable => Ok(response(503, &json!({ "error": "temporarily_unavailable" }), None)),
            Fate::RateLimited => {
                let seconds = [1, 30, 120, 86_400, u64::MAX][world.below(5) as usize];
                Ok(response(429, &json!({ "error": "slow_down" }), Some(seconds)))
            }
            Fate::Well | Fate::Slow => Ok(match given {
                Some(tokens) => response(200, &serde_json::to_value(tokens).unwrap(), None),
                None => response(400, &json!({ "error": "invalid_grant" }), None),
            }),
        }
    }
}

fn response(status: u16, body: &serde_json::Value, retry_after: Option<u64>) -> Response<Bytes> {
    let mut response = Response::builder().status(status).header("content-type", "application/json");
    if let Some(seconds) = retry_after {
        response = response.header("retry-after", seconds);
    }
    response.body(body.to_string().into()).unwrap()
}

//! Identifiers, keys and tokens, in the shapes that the platform uses.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kenar::model::{AppSlug, ConversationId, MessageId, PostToken, Timestamp, UserId};
use kenar::secret::InvalidSecret;
use uuid::Uuid;

/// The time from the UUID epoch (1582-10-15) to the Unix epoch, in 100 ns.
const GREGORIAN_TO_UNIX: i64 = 0x01b2_1dd2_1381_4000;

/// A generator of identifiers, keys and tokens.
#[derive(Debug)]
pub(crate) struct Ids {
    /// The seed of user ids. Recordings contain it, so no secret may be derived from it.
    user_seed: u64,
    ids: fastrand::Rng,
    secrets: Secrets,
    tokens: u64,
}

/// The source of randomness for keys and tokens.
#[derive(Debug)]
enum Secrets {
    System,
    Seeded(fastrand::Rng),
}

impl Ids {
    /// A generator. With a seed, its output depends only on the order of calls; otherwise, it is random.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let ids = fastrand::Rng::with_seed(seed.unwrap_or_else(system_random));
        let secrets = match seed {
            Some(seed) => Secrets::Seeded(fastrand::Rng::with_seed(!seed)),
            None => Secrets::System,
        };
        Self { user_seed: seed.unwrap_or_else(system_random), ids, secrets, tokens: 0 }
    }

    /// The seed of user ids.
    pub(crate) fn user_seed(&self) -> u64 {
        self.user_seed
    }

    /// Replaces the seed of user ids.
    pub(crate) fn reseed_users(&mut self, seed: u64) {
        self.user_seed = seed;
    }

    /// A post token of eight or nine characters, as seen on the platform.
    ///
    /// Each has one `-` or `_`, so that a route pattern without these characters fails in the sandbox.
    pub(crate) fn post(&mut self) -> PostToken {
        let length = if self.ids.u8(..8) == 0 { 9 } else { 8 };
        let mark = self.ids.usize(1..length - 1);
        let token = (0..length).map(|place| match place == mark {
            true if self.ids.bool() => '-',
            true => '_',
            false => self.ids.alphanumeric(),
        });
        PostToken::new(token.collect::<String>())
    }

    /// A version 4 UUID.
    pub(crate) fn conversation(&mut self) -> ConversationId {
        let random = self.ids.u128(..).to_be_bytes();
        ConversationId::new(uuid::Builder::from_random_bytes(random).into_uuid().to_string())
    }

    /// A version 1 UUID whose timestamp is the time of the message.
    pub(crate) fn message(&mut self, sent_at: Timestamp) -> MessageId {
        let ticks = sent_at.unix_micros().saturating_mul(10).saturating_add(GREGORIAN_TO_UNIX);
        let ticks = u64::try_from(ticks).unwrap_or(0);
        let [.., a, b, c, d, e, f] = self.ids.u64(..).to_be_bytes();
        let id = uuid::Builder::from_gregorian_timestamp(ticks, self.ids.u16(..), &[a, b, c, d, e, f]).into_uuid();
        MessageId::new(id.to_string())
    }

    /// A user id: 44 characters of Base64, stable for each user and app.
    pub(crate) fn user(&self, app: &AppSlug, user: &str) -> UserId {
        let namespace = Uuid::from_u64_pair(0, self.user_seed);
        let half = |half: u8| Uuid::new_v5(&namespace, format!("{half}\0{app}\0{user}").as_bytes()).into_bytes();
        UserId::new(BASE64.encode([half(0), half(1)].concat()))
    }

    /// A secret whose text names its kind and the sandbox.
    #[expect(clippy::expect_used, reason = "no outside input, and tests create one of each kind")]
    pub(crate) fn secret<T: FromStr<Err = InvalidSecret>>(&mut self, kind: &'static str) -> T {
        self.token(kind).parse().expect("a token is printable ASCII")
    }

    /// A token or key whose text names its kind and the sandbox.
    pub(crate) fn token(&mut self, kind: &str) -> String {
        self.tokens = self.tokens.saturating_add(1);
        let random = match &mut self.secrets {
            Secrets::System => system_random(),
            Secrets::Seeded(random) => random.u64(..),
        };
        format!("sandbox-{kind}-{}-{random:016x}", self.tokens)
    }

    /// An upload token, in Base64 as on the platform.
    pub(crate) fn upload_token(&mut self) -> String {
        BASE64.encode(self.token("upload-token"))
    }
}

/// Random bits from the operating system.
#[expect(clippy::expect_used, reason = "tests need an operating system with randomness")]
fn system_random() -> u64 {
    let mut bytes = [0; 8];
    getrandom::getrandom(&mut bytes).expect("the operating system has random bytes");
    u64::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(seed: Option<u64>) -> impl PartialEq + std::fmt::Debug {
        let mut ids = Ids::new(seed);
        let sent_at = Timestamp::from_unix_micros(1_729_429_926_140_000).unwrap();
        (ids.post(), ids.conversation(), ids.message(sent_at), ids.user(&"app".into(), "sara"), ids.token("code"))
    }

    #[test]
    fn ids_depend_only_on_the_seed() {
        assert_eq!(some(Some(1)), some(Some(1)));
        assert_ne!(some(Some(1)), some(Some(2)));
    }

    #[test]
    fn ids_without_a_seed_are_random() {
        let (mut one, mut other) = (Ids::new(None), Ids::new(None));
        assert_ne!(one.token("api-key"), other.token("api-key"));
        assert_ne!((one.post(), one.conversation()), (other.post(), other.conversation()));
        assert_ne!(one.user(&"app".into(), "sara"), other.user(&"app".into(), "sara"));
        // The seed in a recording does not determine keys.
        let mut again = Ids::new(Some(one.user_seed()));
        one.tokens = 0;
        assert_ne!(again.token("api-key"), one.token("api-key"));
    }

    #[test]
    fn conversation_ids_are_version_4_uuids() {
        let mut ids = Ids::new(Some(0));
        let conversation = ids.conversation().to_string();
        assert_eq!(Uuid::parse_str(&conversation).unwrap().get_version_num(), 4, "{conversation}");
        assert!(ids.token("access-token").starts_with("sandbox-access-token-1-"));
    }

    #[test]
    fn post_tokens_contain_dashes_and_underscores() {
        let mut ids = Ids::new(Some(0));
        let posts: Vec<_> = (0..100).map(|_| ids.post()).collect();
        for post in &posts {
            let text = post.as_str();
            assert!(text.len() == 8 || text.len() == 9, "{post}");
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{post}");
            let ends = text.starts_with(['-', '_']) || text.ends_with(['-', '_']);
            assert!(text.contains(['-', '_']) && !ends, "{post}");
        }
        for mark in ['-', '_'] {
            assert!(posts.iter().any(|post| post.as_str().contains(mark)), "{mark}");
        }
        assert!(posts.iter().any(|post| post.as_str().len() == 9));
    }

    #[test]
    fn message_id_contains_the_time_of_the_message() {
        let sent_at = Timestamp::from_unix_micros(1_729_429_926_140_000).unwrap();
        let id = Uuid::parse_str(Ids::new(Some(0)).message(sent_at).as_str()).unwrap();
        let (ticks, _) = id.get_timestamp().unwrap().to_gregorian();
        assert_eq!((ticks as i64 - GREGORIAN_TO_UNIX) / 10, sent_at.unix_micros(), "{id}");
        assert_eq!(id.get_version_num(), 1, "{id}");
    }

    #[test]
    fn user_ids_need_percent_encoding() {
        let ids = Ids::new(Some(0));
        let all: Vec<_> = (0..50).map(|user| ids.user(&"app".into(), &format!("user {user}"))).collect();
        assert!(all.iter().all(|id| id.as_str().len() == 44 && id.as_str().ends_with('=')), "{all:?}");
        assert!(all.iter().any(|id| id.as_str().contains('/')) && all.iter().any(|id| id.as_str().contains('+')));
        assert_ne!(ids.user(&"a".into(), "bc"), ids.user(&"ab".into(), "c"));
    }
}

//! Identifiers and tokens, shaped as those on the wire.

use std::str::FromStr;

use kenar::model::{AppSlug, ConversationId, MessageId, PostToken, Timestamp, UserId};
use kenar::secret::InvalidSecret;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE62: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// From 1582-10-15, where the time of a UUID begins, to 1970-01-01, in steps of 100 ns.
const GREGORIAN_TO_UNIX: i64 = 0x01b2_1dd2_1381_4000;

/// Makes identifiers from a seed: the same calls in the same order give the same ones.
#[derive(Debug)]
pub(crate) struct Ids {
    seed: u64,
    random: Random,
    tokens: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, random: Random(seed), tokens: 0 }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Has the ids of users follow from another seed.
    pub(crate) fn reseed_users(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Eight characters.
    pub(crate) fn post(&mut self) -> PostToken {
        let number = self.random.next();
        PostToken::new((0..8).map(|place| symbol(BASE62, number >> (place * 8))).collect::<String>())
    }

    /// A UUID of version 4.
    pub(crate) fn conversation(&mut self) -> ConversationId {
        ConversationId::new(uuid(4, self.random.next(), self.random.next()))
    }

    /// A UUID of version 1, whose time is that of the message.
    pub(crate) fn message(&mut self, sent_at: Timestamp) -> MessageId {
        let ticks = sent_at.unix_micros().saturating_mul(10).saturating_add(GREGORIAN_TO_UNIX);
        let ticks = u64::try_from(ticks).unwrap_or(0);
        let time = ticks << 32 | (ticks >> 32 & 0xffff) << 16 | ticks >> 48 & 0xfff;
        MessageId::new(uuid(1, time, self.random.next()))
    }

    /// Forty-four characters ending in `=`; the same for each visit of the user to the app.
    pub(crate) fn user(&self, app: &AppSlug, user: &str) -> UserId {
        let mut random = Random(hash(self.seed, &[app.as_str(), user]));
        let bytes: Vec<u8> = (0..4).flat_map(|_| random.next().to_be_bytes()).collect();
        UserId::new(base64(&bytes))
    }

    /// A secret that says what it is and where it comes from.
    #[expect(clippy::expect_used, reason = "nothing from outside is in it, and a test makes one of each kind")]
    pub(crate) fn secret<T: FromStr<Err = InvalidSecret>>(&mut self, kind: &'static str) -> T {
        self.token(kind).parse().expect("a token is printable ASCII")
    }

    /// A token or key that says what it is and where it comes from.
    pub(crate) fn token(&mut self, kind: &str) -> String {
        self.tokens += 1;
        format!("sandbox-{kind}-{}-{:016x}", self.tokens, self.random.next())
    }
}

/// The generator of Steele, Lea and LoadReport's "Fast splittable pseudorandom number generators" (2014).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// FNV-1a.
fn hash(seed: u64, texts: &[&str]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn uuid(version: u64, high: u64, low: u64) -> String {
    let high = high & !0xf000 | version << 12;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

fn symbol(alphabet: &[u8], number: u64) -> char {
    let place = number % alphabet.len() as u64;
    alphabet.iter().zip(0..).find_map(|(symbol, at)| (at == place).then_some(char::from(*symbol))).unwrap_or('0')
}

/// RFC 4648, with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().chain(&[0, 0]).take(3).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        let filled = chunk.len() + 1;
        text.extend([18, 12, 6, 0].into_iter().take(filled).map(|shift| symbol(BASE64, bits >> shift)));
        text.extend(std::iter::repeat_n('=', 4 - filled));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_another_seed_others() {
        let ids = |seed| {
            let mut ids = Ids::new(seed);
            let sent_at = Timestamp::from_unix_micros(1_729_429_926_140_000).unwrap();
            (ids.post(), ids.conversation(), ids.message(sent_at), ids.user(&"app".into(), "sara"), ids.token("code"))
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
    }

    #[test]
    fn ids_have_the_shapes_of_the_wire() {
        let mut ids = Ids::new(0);
        let post = ids.post();
        assert!(post.as_str().len() == 8 && post.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric()), "{post}");
        let conversation = ids.conversation().to_string();
        assert_eq!(conversation.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{conversation}");
        assert_eq!(conversation.as_bytes()[14], b'4', "{conversation}");
        assert!(ids.token("access-token").starts_with("sandbox-access-token-1-"));
    }

    #[test]
    fn the_time_of_a_message_id_is_that_of_the_message() {
        // The instant of the platform's own example, and the time fields of that example's id.
        let sent_at = Timestamp::from_unix_micros(1_729_429_926_140_000).unwrap();
        let id = Ids::new(0).message(sent_at).to_string();
        let field = |from: usize, to: usize| u64::from_str_radix(&id[from..to], 16).unwrap();
        let ticks = (field(14, 18) & 0xfff) << 48 | field(9, 13) << 32 | field(0, 8);
        assert_eq!((ticks as i64 - GREGORIAN_TO_UNIX) / 10, sent_at.unix_micros(), "{id}");
        assert_eq!(id.as_bytes()[14], b'1', "{id}");
    }

    #[test]
    fn user_ids_need_percent_encoding() {
        let ids = Ids::new(0);
        let all: Vec<_> = (0..50).map(|user| ids.user(&"app".into(), &format!("user {user}"))).collect();
        assert!(all.iter().all(|id| id.as_str().len() == 44 && id.as_str().ends_with('=')), "{all:?}");
        assert!(all.iter().any(|id| id.as_str().contains('/')) && all.iter().any(|id| id.as_str().contains('+')));
        assert_ne!(ids.user(&"a".into(), "bc"), ids.user(&"ab".into(), "c"));
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}

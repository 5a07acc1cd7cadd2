//! Promise: other libraries agree on timestamps (jiff) and paths (`url`, as in reqwest).

use jiff::civil::DateTime;
use kenar::error::ErrorKind;
use kenar::model::{ConversationId, Timestamp, UserId};
use kenar::operation::{GetConversation, SendBotMessageToUser, SendMessage};
use kenar::request::{BaseUrls, Operation};
use kenar::secret::AccessToken;
use kenar::{BotMessage, ConversationMessage};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use url::Url;

/// Uses the same cases in each run. `PROPTEST_CASES` sets their number.
fn same_cases() -> Config {
    Config { rng_seed: RngSeed::Fixed(29), failure_persistence: None, ..Config::with_cases(1024) }
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
const FIRST: i64 = -62_167_219_200_000_000;
const LAST: i64 = 253_402_300_799_999_999;
const DAY: i64 = 86_400_000_000;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(micros).expect("within the years 0 to 9999")
}

/// The date and time in UTC. jiff's instants end a day before the year 9999.
fn by_jiff(micros: i64) -> DateTime {
    let span = jiff::SignedDuration::from_micros(micros);
    EPOCH.checked_add(span).expect("in the range of jiff's dates")
}

#[track_caller]
fn assert_agrees(micros: i64) {
    let text = at(micros).to_string();
    assert_eq!(text, format!("{}Z", by_jiff_text(micros)), "{micros}");
    assert_eq!(text.parse(), Ok(at(micros)), "{text}");
}

/// The text with six fraction digits or none.
fn by_jiff_text(micros: i64) -> String {
    let civil = by_jiff(micros);
    if civil.subsec_nanosecond() == 0 { format!("{civil}") } else { format!("{civil:.6}") }
}

#[test]
fn every_day_of_four_centuries_agrees_with_jiff() {
    // The calendar repeats after 400 years.
    for day in 0..146_097 {
        assert_agrees(day * DAY + 86_399_999_999);
    }
}

#[test]
fn limits_and_new_years_agree_with_jiff() {
    for micros in [FIRST, FIRST + 1, -DAY, -1_000_001, -1_000_000, -999_999, -1, 0, 1, 999_999, LAST - 1, LAST] {
        assert_agrees(micros);
    }
    for micros in [FIRST - 1, LAST + 1, i64::MIN, i64::MAX] {
        assert_eq!(Timestamp::from_unix_micros(micros), None, "{micros}");
    }
    for year in 0..=9999 {
        let new_year = DateTime::new(year, 1, 1, 0, 0, 0, 0).unwrap().duration_since(EPOCH).as_micros();
        let new_year = i64::try_from(new_year).unwrap();
        assert_agrees(new_year);
        if year > 0 {
            assert_agrees(new_year - 1);
        }
    }
}

proptest! {
    #![proptest_config(same_cases())]

    #[test]
    fn any_instant_is_written_like_jiff(micros in FIRST..=LAST) {
        assert_agrees(micros);
    }

    #[test]
    fn any_rfc_3339_text_is_parsed_like_jiff(
        // jiff's range of instants is 26 hours shorter at either end, and ours begins with the year 0.
        micros in FIRST + 2 * DAY..LAST - 2 * DAY,
        offset_minutes in -1439_i32..=1439,
        digits in 0_usize..=9,
        nanos in 0_u32..1_000_000_000,
        separator in prop::sample::select(vec!['T', 't', ' ']),
    ) {
        let second = micros.div_euclid(1_000_000);
        let local = by_jiff((second + i64::from(offset_minutes) * 60) * 1_000_000).to_string().replace('T', &separator.to_string());
        let fraction = if digits == 0 { String::new() } else { format!(".{}", &format!("{nanos:09}")[..digits]) };
        let sign = if offset_minutes < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset_minutes.abs() / 60, offset_minutes.abs() % 60);
        let text = format!("{local}{fraction}{sign}{hours:02}:{minutes:02}");

        let by_jiff: jiff::Timestamp = text.parse().unwrap();
        let micros = i64::try_from(by_jiff.as_nanosecond().div_euclid(1000)).unwrap();
        prop_assert_eq!(text.parse(), Ok(at(micros)), "{}", text);
    }

    #[test]
    fn any_instant_converts_to_system_time_and_back(micros in FIRST..=LAST) {
        let clock = std::time::SystemTime::from(at(micros));
        prop_assert_eq!(Timestamp::from(clock), at(micros));
        if let Ok(by_jiff) = jiff::Timestamp::from_microsecond(micros) {
            prop_assert_eq!(jiff::Timestamp::try_from(clock).unwrap(), by_jiff);
        }
    }

    #[test]
    fn any_identifier_is_one_path_segment(id in prop_oneof![any::<String>(), "[ -~]{1,40}", "[./%\\\\?#]{1,6}"]) {
        let (base_urls, by) = (BaseUrls::default(), AccessToken::new("placeholder").unwrap());
        let (conversation, user) = (ConversationId::new(id.as_str()), UserId::new(id.as_str()));
        let (text, bot_text) = (ConversationMessage::text("a"), BotMessage::text("a"));
        let requests = [
            (3, SendMessage::new(&conversation, &text, &by).request(&base_urls)),
            (4, GetConversation::new(&conversation, &by).request(&base_urls)),
            (5, SendBotMessageToUser::new(&user, &bot_text, &by).request(&base_urls)),
        ];
        for (index, request) in requests {
            if matches!(id.as_str(), "" | "." | "..") {
                prop_assert_eq!(request.unwrap_err().kind(), ErrorKind::InvalidRequest);
                continue;
            }
            let uri = request.unwrap().uri().to_string();
            let url = Url::parse(&uri).unwrap();
            prop_assert_eq!(url.as_str(), &uri, "the URL is not normalised");
            prop_assert_eq!((url.query(), url.fragment()), (None, None));
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            let decoded = percent_encoding::percent_decode_str(segments[index]).decode_utf8().unwrap();
            prop_assert_eq!(&decoded, &id, "{}", uri);
            let others = segments.iter().enumerate().filter(|(number, _)| *number != index);
            prop_assert!(others.into_iter().all(|(_, segment)| segment.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric())), "{uri}");
            prop_assert_eq!(segments.len(), uri.matches('/').count() - 2);
        }
    }
}

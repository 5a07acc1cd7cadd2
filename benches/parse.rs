//! The cost of reading: a verified and typed webhook, and a long conversation.

#[path = "../crates/kenar-tests/tests/allocation_support/mod.rs"]
mod allocation_support;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use allocation_support::counted;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use kenar::model::ConversationId;
use kenar::operation::GetConversation;
use kenar::request::Operation as _;
use kenar::secret::{AccessToken, IdentificationKey};
use kenar::webhook::{Event, OpenApp, Verifier};
use serde::de::DeserializeOwned;
use serde_json::Value;
use support::{Contestant, Effort, Times, cpu_time, measure, median, plain, print_table};

const EVENT_TEXT: &str = r#"{"type":"NEW_CHATBOT_MESSAGE","new_chatbot_message":{"id":"7651e770-6231-11f0-8000-000000000001","conversation":{"id":"5f8b0f6e-0000-4000-8000-0000000000b0","type":"BOT"},"sender":{"type":"USER"},"type":"TEXT","sent_at":1752662502648410,"text":"سلام، سفارش من کجاست؟"}}"#;
const EVENT_IMAGE: &str = r#"{"type":"NEW_MESSAGE","metadata":{"key":"value"},"new_message":{"id":"5ed447c0-8ee5-11ef-8000-000000000001","conversation":{"id":"5f8b0f6e-0000-4000-8000-000000000001","type":"POST","post_token":"QYabcdef"},"sender":{"side":"BUYER","type":"USER"},"type":"IMAGE","sent_at":1729430126140000,"image_data":{"link":"https://example.com/media/image-1.jpg","size_bytes":204800,"height_px":1080,"width_px":1920}}}"#;
const OPEN_APP: &str = r#"{"source":"CHAT_MESSAGE_ACTION","post_token":"QYabcdef","conversation_id":"5f8b0f6e-0000-4000-8000-000000000001","user_id":"dXNlci0yLW9mLXRoaXMtYXBw","user_side":"DEMAND","extra_data":{"order":"order-7","step":"confirm"},"return_url":"https://open-platform-redirect.divar.ir/completion"}"#;

const OURS: &str = "kenar";
const DERIVE: &str = "derive";

fn main() {
    let verifier = Verifier::new(IdentificationKey::new("placeholder-of-thirty-two-letters").unwrap());
    let headers =
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("placeholder-of-thirty-two-letters"))]);

    webhook(
        "text event",
        EVENT_TEXT,
        [
            (OURS, &|body| drop(black_box(Event::from_unverified_body(body).unwrap()))),
            ("kenar, verified", &|body| drop(black_box(verifier.event(&headers, body).unwrap()))),
            (DERIVE, &|body| read::<plain::Event>(body)),
            ("Value", &|body| read::<Value>(body)),
        ],
    );
    webhook(
        "image event",
        EVENT_IMAGE,
        [
            (OURS, &|body| drop(black_box(Event::from_unverified_body(body).unwrap()))),
            ("kenar, verified", &|body| drop(black_box(verifier.event(&headers, body).unwrap()))),
            (DERIVE, &|body| read::<plain::Event>(body)),
            ("Value", &|body| read::<Value>(body)),
        ],
    );
    webhook(
        "open-app",
        OPEN_APP,
        [
            (OURS, &|body| drop(black_box(OpenApp::from_unverified_body(&headers, body).unwrap()))),
            ("kenar, verified", &|body| drop(black_box(verifier.open_app(&headers, body).unwrap()))),
            (DERIVE, &|body| read::<plain::OpenApp>(body)),
            ("Value", &|body| read::<Value>(body)),
        ],
    );
    webhook(
        "open-app, and the button's data as a type",
        OPEN_APP,
        [
            (OURS, &|body| {
                let opened = OpenApp::from_unverified_body(&headers, body).unwrap();
                black_box(opened.data::<plain::Order>().unwrap());
            }),
            ("kenar, verified", &|body| {
                let opened = verifier.open_app(&headers, body).unwrap();
                black_box(opened.data::<plain::Order>().unwrap());
            }),
            (DERIVE, &|body| read::<plain::OpenApp<plain::Order>>(body)),
            ("Value", &|body| read::<Value>(body)),
        ],
    );

    let [few, _, many] = [10, 1_000, 10_000].map(conversation);
    println!("\ncost per message, 10,000 messages relative to 10");
    for ((name, few), (_, many)) in few.iter().zip(&many) {
        println!("{name:<34} {:.2}", many / few);
    }
}

type Read<'a> = (&'static str, &'a dyn Fn(&Bytes));

fn webhook(title: &str, body: &'static str, contestants: [Read<'_>; 4]) {
    let effort = Effort::of_command_line(201, Duration::from_millis(2));
    let body = Bytes::from_static(body.as_bytes());
    let (times, allocations) = compare(effort, &body, &contestants);
    print_table(&format!("{title}, {} bytes", body.len()), DERIVE, &times, |name| {
        format!("{} allocations", allocations(name))
    });
}

/// Prints a table, and returns each contestant's time per message.
fn conversation(messages: u32) -> [(&'static str, f64); 3] {
    let turn = Duration::from_millis(if messages > 1_000 { 20 } else { 4 });
    let effort = Effort::of_command_line(if messages > 1_000 { 41 } else { 101 }, turn);
    let body = Bytes::from(history(messages));
    let id = ConversationId::new("5f8b0f6e-0000-4000-8000-000000000001");
    let token = AccessToken::new("placeholder").unwrap();
    let operation = GetConversation::new(&id, &token);
    let contestants: [Read<'_>; 3] = [
        (OURS, &|body| drop(black_box(operation.response(Response::new(body.clone())).unwrap()))),
        (DERIVE, &|body| read::<plain::History>(body)),
        ("Value", &|body| read::<Value>(body)),
    ];
    let (times, allocations) = compare(effort, &body, &contestants);
    for base in [DERIVE, "Value"] {
        print_table(&format!("conversation of {messages} messages, {} bytes", body.len()), base, &times, |name| {
            format!("{:.2} allocations per message", allocations(name) as f64 / f64::from(messages))
        });
    }
    [0, 1, 2].map(|index| (times[index].name, median(&times[index].cpu) / f64::from(messages)))
}

/// The times and the allocations of each contestant.
fn compare(effort: Effort, body: &Bytes, contestants: &[Read<'_>]) -> (Vec<Times>, impl Fn(&str) -> usize) {
    let allocations: Vec<_> = contestants.iter().map(|(name, read)| (*name, counted(|| read(body)).1)).collect();
    let loops = contestants.iter().map(|(name, read)| {
        Contestant::new(name, move |times| {
            for _ in 0..times {
                read(black_box(body));
            }
        })
    });
    let times = measure(effort, cpu_time, loops.collect());
    (times, move |name: &str| allocations.iter().find(|(own, _)| *own == name).map_or(0, |(_, count)| *count))
}

fn read<T: DeserializeOwned>(body: &[u8]) {
    drop(black_box(serde_json::from_slice::<T>(body).unwrap()));
}

fn history(messages: u32) -> String {
    let conversation = r#"{"id":"5f8b0f6e-0000-4000-8000-000000000001","type":"POST","post_token":"QYabcdef"}"#;
    let mut body = format!(r#"{{"conversation":{conversation},"messages":["#);
    for number in 0..messages {
        let (comma, side) = if number == 0 { ("", "BUYER") } else { (",", "SELLER") };
        let time = 1_729_429_926_140_000 + u64::from(number) * 1_000_000;
        write!(
            body,
            r#"{comma}{{"id":"{number:08x}-8ee4-11ef-8000-000000000001","conversation":{conversation},"sender":{{"side":"{side}","type":"USER"}},"type":"TEXT","sent_at":{time},"text":"سلام، پیام شمارهٔ {number} از گفت‌وگویی دراز است."}}"#
        )
        .unwrap();
    }
    body + "]}"
}

//! Promise: what is parsed costs one heap allocation for each text that is kept, and no other.

mod allocation_support;

use allocation_support::counted;
use http::HeaderMap;
use kenar::operation::GetConversationResponse;
use kenar::webhook::{Event, OpenApp};

#[test]
fn chatbot_text_costs_three_allocations() {
    let body = include_bytes!("../../../tests/fixtures/event/chatbot_text.json");
    let (event, spent) = counted(|| Event::from_unverified_body(body));
    assert!(matches!(event, Ok(Event::ChatbotMessage(_))), "{event:?}");
    assert_eq!(spent, 3, "allocations for one chatbot text: two ids, and what was written");
}

#[test]
fn image_costs_four_allocations() {
    let body = include_bytes!("../../../tests/fixtures/event/message_image.json");
    let (event, spent) = counted(|| Event::from_unverified_body(body));
    assert!(matches!(event, Ok(Event::NewMessage(_))), "{event:?}");
    assert_eq!(spent, 4, "allocations for one picture: two ids, the post's token, and the link");
}

#[test]
fn opening_the_app_costs_an_allocation_for_each_text() {
    let body = include_bytes!("../../../tests/fixtures/open_app/v2_touchpoints_demand.json");
    let (opened, spent) = counted(|| OpenApp::from_unverified_body(&HeaderMap::new(), body));
    assert!(opened.is_ok(), "{opened:?}");
    assert_eq!(spent, 2, "allocations for one opening: the post's token, and the address to go back to");
}

#[test]
fn message_of_a_conversation_costs_four_allocations() {
    let (few, spent_for_few) = history(10);
    let (many, spent_for_many) = history(1_010);
    assert_eq!(many.messages.len() - few.messages.len(), 1_000);
    // The list doubles as it grows: 7 times more on the way from 10 to 1,010.
    let for_lists = spent_for_many - spent_for_few - 4 * 1_000;
    assert!(
        for_lists <= 2 * 7,
        "{for_lists} allocations beside two ids, the post's token and the text of each message"
    );
}

fn history(messages: usize) -> (GetConversationResponse, usize) {
    let conversation = r#"{"id":"5f8b0f6e-0000-4000-8000-000000000001","type":"POST","post_token":"QYabcdef"}"#;
    let message = format!(
        r#"{{"id":"e79eb3c0-8ee4-11ef-8000-000000000001","conversation":{conversation},"sender":{{"side":"SELLER","type":"HUMAN"}},"type":"TEXT","sent_at":"2025-07-16T10:41:42.648410Z","text":"hello"}}"#
    );
    let messages = vec![message; messages].join(",");
    let body = format!(r#"{{"conversation":{conversation},"messages":[{messages}]}}"#);
    let (history, spent) = counted(|| serde_json::from_str(&body));
    (history.unwrap(), spent)
}

//! Promise: every event of Divar is read with all of its known data.

use std::collections::BTreeMap;

use crate::support::webhook::{Summary, check_folder, files, fixture};
use kenar::model::{
    Contact, Conversation, ConversationKind, File, Image, Message, MessageContent, RawJson, Sender, SenderKind, Side,
    UnknownContent, Video, Voice,
};
use kenar::webhook::{
    AccessRevoked, Event, EventKind, MessageEvent, PaymentTransaction, PostUpdate, PostUpdateKind, Rejection,
    StartCommand, TouchPoint, TransactionState, UndecodableReason,
};

fn read(body: &[u8]) -> Result<Event, Rejection> {
    Event::from_unverified_body(body)
}

fn compact(json: &RawJson) -> String {
    let value: serde_json::Value = json.parse().unwrap();
    value.to_string()
}

fn summary(event: &Event) -> String {
    match event {
        Event::NewMessage(event) => message("NewMessage", event),
        Event::ChatbotMessage(event) => message("ChatbotMessage", event),
        Event::AccessRevoked(event) => Summary::of("AccessRevoked")
            .with("user", Some(&event.user_id))
            .with("metadata", event.metadata.as_ref().map(compact))
            .to_string(),
        Event::PostUpdate(event) => post_update(event),
        Event::PaymentTransaction(event) => payment(event),
        Event::Undecodable(event) => format!("Undecodable {:?}: {}", event.kind, event.reason),
        Event::Unknown(event) => format!("Unknown {:?}", event.kind),
        _ => panic!("a kind of event without a summary: {event:?}"),
    }
}

fn message(kind: &str, event: &MessageEvent) -> String {
    Summary::of(kind)
        .with("id", event.id.as_ref())
        .with("in", Some(&event.conversation.id))
        .with("of", event.conversation.kind.as_ref().map(|kind| format!("{kind:?}")))
        .with("post", event.conversation.post_token.as_ref())
        .with("side", event.sender.side.as_ref().map(|side| format!("{side:?}")))
        .with("by", event.sender.kind.as_ref().map(|kind| format!("{kind:?}")))
        .with("at", event.sent_at)
        .with("says", Some(content(&event.content)))
        .with("text", event.text())
        .with("start", event.start_command().map(|start| format!("{:?} {:?}", start.touch_point, start.argument)))
        .with("metadata", event.metadata.as_ref().map(compact))
        .to_string()
}

fn content(content: &MessageContent) -> String {
    let summary = match content {
        MessageContent::Text(_) => Summary::of("Text"),
        MessageContent::Image(image) => Summary::of("Image")
            .with("link", image.link.as_ref())
            .with("bytes", image.size_bytes)
            .with("height", image.height_px)
            .with("width", image.width_px),
        MessageContent::File(file) => Summary::of("File")
            .with("link", file.link.as_ref())
            .with("name", file.name.as_ref())
            .with("bytes", file.size_bytes),
        MessageContent::Voice(voice) => {
            Summary::of("Voice").with("link", voice.link.as_ref()).with("bytes", voice.size_bytes)
        }
        MessageContent::Video(video) => Summary::of("Video")
            .with("link", video.link.as_ref())
            .with("thumbnail", video.thumbnail_link.as_ref())
            .with("bytes", video.size_bytes),
        MessageContent::Location(place) => {
            Summary::of("Location").with("at", place.map(|place| format!("{}, {}", place.latitude, place.longitude)))
        }
        MessageContent::Contact(contact) => {
            Summary::of("Contact").with("name", contact.name.as_ref()).with("phone", contact.phone.as_ref())
        }
        MessageContent::Unknown(unknown) => Summary::of("Unknown")
            .with("kind", unknown.kind.as_ref())
            .with("keys", Some(unknown.fields.keys().cloned().collect::<Vec<_>>().join("+"))),
        _ => panic!("content without a summary: {content:?}"),
    };
    summary.to_string()
}

fn post_update(event: &PostUpdate) -> String {
    let post = &event.post;
    Summary::of("PostUpdate")
        .with("kind", event.kind.as_ref().map(|kind| format!("{kind:?}")))
        .with("post", post.token.as_ref())
        .with("category", post.category.as_ref())
        .with("city", post.city.as_ref())
        .with("district", post.district.as_ref())
        .with("phone hidden", post.is_phone_hidden)
        .with("assistant", post.supplier_chat_assistant_enabled)
        .with("chat", post.chat_enabled)
        .with("published", post.first_published_at)
        .with("data", post.data.as_ref().map(compact))
        .with("metadata", event.metadata.as_ref().map(compact))
        .to_string()
}

fn payment(event: &PaymentTransaction) -> String {
    Summary::of("Payment")
        .with("id", event.id.as_ref())
        .with("rials", event.cost_rials)
        .with("details", event.extra_details.as_ref())
        .with("state", event.state.as_ref().map(|state| format!("{state:?}")))
        .with("kind", event.kind.as_ref().map(|kind| format!("{kind:?}")))
        .with("app", event.app_slug.as_ref())
        .with("created", event.created_at)
        .with("metadata", event.metadata.as_ref().map(compact))
        .to_string()
}

/// Abbreviations in the table.
const PARTS: &[(&str, &str)] = &[
    ("$id", "id e79eb3c0-8ee4-11ef-8000-000000000001"),
    ("$in", "in 5f8b0f6e-0000-4000-8000-000000000001; of Post; post QYabcdef"),
    ("$bh", "side Demand; by Human"),
    ("$sh", "side Supply; by Human"),
    ("$at", "at 2024-10-20T13:12:06.140000Z"),
    ("$hi", "says Text; text hello"),
    ("$md", r#"metadata {"n":7,"tenant":"tenant-1"}"#),
    (
        "$bot",
        "id 7651e770-6231-11f0-8000-000000000001; in 5f8b0f6e-0000-4000-8000-0000000000b0; of Bot; \
         by Human; at 2025-07-16T10:41:42.648410Z",
    ),
];

fn expand(expected: &str) -> String {
    PARTS.iter().fold(expected.to_owned(), |text, (name, part)| text.replace(name, part))
}

const TABLE: &[(&str, &str)] = &[
    ("access_revocation.json", "AccessRevoked; user user-1"),
    ("body_is_array.json", "400 Bad Request: invalid body: JSON, but not an object"),
    ("chatbot_message_text.json", "ChatbotMessage; $bot; $hi"),
    ("chatbot_payload_missing.json", "Undecodable ChatbotMessage: missing payload"),
    (
        "chatbot_start_chat.json",
        r#"ChatbotMessage; $bot; says Text; text /start CHAT 5f8b0f6e-0000-4000-8000-0000000000c7; start Chat Some("5f8b0f6e-0000-4000-8000-0000000000c7")"#,
    ),
    ("chatbot_start_chat_without_argument.json", "ChatbotMessage; $bot; says Text; text /start CHAT; start Chat None"),
    (
        "chatbot_start_demand_post.json",
        r#"ChatbotMessage; $bot; says Text; text /start DEMAND_POST QYabcdef; start DemandPost Some("QYabcdef")"#,
    ),
    ("chatbot_start_divar_pro.json", "ChatbotMessage; $bot; says Text; text /start DIVAR_PRO; start DivarPro None"),
    ("chatbot_start_lookalike.json", "ChatbotMessage; $bot; says Text; text /startle MY_POST QYabcdef"),
    (
        "chatbot_start_loose_white_space.json",
        "ChatbotMessage; $bot; says Text; text   /start \t MY_POST   QYabcdef\n; start MyPost Some(\"QYabcdef\")",
    ),
    ("chatbot_start_my_divar.json", "ChatbotMessage; $bot; says Text; text /start MY_DIVAR; start MyDivar None"),
    (
        "chatbot_start_my_post.json",
        r#"ChatbotMessage; $bot; says Text; text /start MY_POST QYabcdef; start MyPost Some("QYabcdef")"#,
    ),
    (
        "chatbot_start_unknown_touch_point.json",
        r#"ChatbotMessage; $bot; says Text; text /start STORE store-1; start Unknown("STORE") Some("store-1")"#,
    ),
    ("chatbot_text.json", "ChatbotMessage; $bot; $hi"),
    ("chatbot_text_and_message_text.json", "ChatbotMessage; $bot; says Text; text new"),
    ("chatbot_text_null_message_text.json", "ChatbotMessage; $bot; $hi"),
    ("chatbot_without_text.json", "ChatbotMessage; $bot; says Text"),
    ("conversation_id_missing.json", "Undecodable NewMessage: missing conversation id of the message"),
    ("conversation_missing.json", "Undecodable NewMessage: missing conversation id of the message"),
    (
        "conversation_type_unknown.json",
        r#"NewMessage; $id; in 5f8b0f6e-0000-4000-8000-000000000001; of Unknown("SUPPORT"); $bh; $at; $hi"#,
    ),
    ("empty_object.json", "Unknown None"),
    ("legacy_chat_message_captured.json", r#"Unknown Some("CHAT_MESSAGE")"#),
    ("legacy_chat_message_documented.json", r#"Unknown Some("CHAT_MESSAGE")"#),
    ("legacy_chat_message_from_to.json", r#"Unknown Some("CHAT_MESSAGE")"#),
    (
        "message_contact.json",
        "NewMessage; id 88da39c0-8ee6-11ef-8000-000000000001; $in; $sh; at 2024-10-20T13:23:46.140000Z; says Contact; name Contact One; phone +989990000000",
    ),
    (
        "message_contact_specification.json",
        "NewMessage; id 88da39c0-8ee6-11ef-8000-000000000001; $in; $sh; at 2024-10-20T13:23:46.140000Z; says Contact; name Contact One; phone +989990000000",
    ),
    ("message_contact_without_name.json", "NewMessage; $id; $in; $bh; $at; says Contact; phone +989990000000"),
    (
        "message_file.json",
        "NewMessage; id not-a-uuid-file; $in; $sh; at 2024-10-20T13:17:06.140000Z; says File; link https://example.com/media/file-1.pdf; name file-1.pdf; bytes 1048576",
    ),
    (
        "message_file_size_over_2_53.json",
        "NewMessage; $id; $in; $bh; $at; says File; link https://example.com/media/file-1.pdf; name file-1.pdf; bytes 9007199254740993",
    ),
    (
        "message_file_specification.json",
        "NewMessage; id 9a6f11c0-8ee5-11ef-8000-000000000001; $in; $sh; at 2024-10-20T13:17:06.140000Z; says File; link https://example.com/media/file-1.pdf; name file-1.pdf; bytes 1048576",
    ),
    ("message_id_not_a_uuid.json", "NewMessage; id message-zz-1; $in; $bh; $at; $hi"),
    (
        "message_image.json",
        "NewMessage; id 5ed447c0-8ee5-11ef-8000-000000000001; $in; $bh; at 2024-10-20T13:15:26.140000Z; says Image; link https://example.com/media/image-1.jpg; bytes 204800; height 1080; width 1920",
    ),
    (
        "message_image_data_nulls.json",
        "NewMessage; $id; $in; $bh; $at; says Image; link https://example.com/media/image-1.jpg",
    ),
    (
        "message_image_specification.json",
        "NewMessage; id 5ed447c0-8ee5-11ef-8000-000000000001; $in; $bh; at 2024-10-20T13:15:26.140000Z; says Image; link https://example.com/media/image-1.jpg; bytes 204800; height 1080; width 1920",
    ),
    ("message_image_without_data.json", "NewMessage; $id; $in; $bh; $at; says Image"),
    (
        "message_location.json",
        "NewMessage; id 11a4a5c0-8ee6-11ef-8000-000000000001; $in; $sh; at 2024-10-20T13:20:26.140000Z; says Location; at 35.6892, 51.389",
    ),
    ("message_location_garbage.json", "NewMessage; $id; $in; $bh; $at; says Location"),
    (
        "message_location_specification.json",
        "NewMessage; id 11a4a5c0-8ee6-11ef-8000-000000000001; $in; $sh; at 2024-10-20T13:20:26.140000Z; says Location; at 35.6892, 51.389",
    ),
    ("message_location_strings.json", "NewMessage; $id; $in; $bh; $at; says Location; at 35.6892, 51.389"),
    ("message_nulls_beside_used_keys.json", "NewMessage; $id; $in; $bh; $at; $hi"),
    ("message_type_keys_and_unknown_keys.json", "NewMessage; $id; $in; $bh; $at; $hi"),
    ("message_type_missing.json", "NewMessage; $id; $in; $bh; $at; $hi"),
    ("message_type_unknown.json", "NewMessage; $id; $in; $bh; $at; says Unknown; kind STICKER; keys sticker_data"),
    (
        "message_video.json",
        "NewMessage; id 4d3f6fc0-8ee6-11ef-8000-000000000001; $in; $bh; at 2024-10-20T13:22:06.140000Z; says Video; link https://example.com/media/video-1.mp4; thumbnail https://example.com/media/video-1.jpg; bytes 20971520",
    ),
    (
        "message_video_specification.json",
        "NewMessage; id 4d3f6fc0-8ee6-11ef-8000-000000000001; $in; $bh; at 2024-10-20T13:22:06.140000Z; says Video; link https://example.com/media/video-1.mp4; thumbnail https://example.com/media/video-1.jpg; bytes 20971520",
    ),
    (
        "message_voice.json",
        "NewMessage; id d609dbc0-8ee5-11ef-8000-000000000001; $in; $bh; at 2024-10-20T13:18:46.140000Z; says Voice; link https://example.com/media/voice-1.ogg; bytes 512000",
    ),
    (
        "message_voice_specification.json",
        "NewMessage; id d609dbc0-8ee5-11ef-8000-000000000001; $in; $bh; at 2024-10-20T13:18:46.140000Z; says Voice; link https://example.com/media/voice-1.ogg; bytes 512000",
    ),
    ("metadata.json", "NewMessage; $id; $in; $bh; $at; $hi; $md"),
    ("metadata_meta_data.json", "NewMessage; $id; $in; $bh; $at; $hi; $md"),
    ("metadata_null.json", "NewMessage; $id; $in; $bh; $at; $hi"),
    ("metadata_null_beside_meta_data.json", "NewMessage; $id; $in; $bh; $at; $hi; $md"),
    ("new_message_payload_array.json", "Undecodable NewMessage: missing payload"),
    ("new_message_payload_missing.json", "Undecodable NewMessage: missing payload"),
    ("new_message_payload_number.json", "Undecodable NewMessage: missing payload"),
    ("new_message_payload_string.json", "Undecodable NewMessage: missing payload"),
    ("new_message_text.json", r#"NewMessage; $id; $in; side Supply; by Bot; $at; $hi; metadata {"key":"value"}"#),
    ("new_message_text_escaped.json", "NewMessage; $id; $in; $bh; $at; says Text; text سلام 🚚"),
    ("new_message_text_specification.json", "NewMessage; $id; $in; $bh; $at; says Text; text سلام، هنوز موجود است؟ 🚚"),
    ("no_type.json", "Unknown None"),
    (
        "payment_null_beside_used_key.json",
        "Payment; id 5f8b0f6e-0000-4000-8000-0000000000f1; rials 100000; details details-1; state Completed; kind Reorder",
    ),
    ("payment_payload_missing.json", "Undecodable PaymentTransaction: missing payload"),
    (
        "payment_payment_transaction_key.json",
        r#"Payment; id 5f8b0f6e-0000-4000-8000-0000000000f1; rials 100000; details details-1; state Completed; kind Reorder; metadata {"key":"value"}"#,
    ),
    (
        "payment_specification.json",
        "Payment; id 5f8b0f6e-0000-4000-8000-0000000000f1; rials 100000; details details-1; state Pending; kind Submit; app app-slug; created 2025-01-02T03:04:05.678000Z",
    ),
    (
        "payment_state_number_2.json",
        "Payment; id 5f8b0f6e-0000-4000-8000-0000000000f1; rials 100000; details details-1; state Completed; kind Reorder",
    ),
    (
        "payment_state_number_unknown.json",
        r#"Payment; id 5f8b0f6e-0000-4000-8000-0000000000f1; rials 100000; details details-1; state Unknown("9"); kind Reorder"#,
    ),
    (
        "payment_state_unknown.json",
        r#"Payment; id 5f8b0f6e-0000-4000-8000-0000000000f1; rials 100000; details details-1; state Unknown("TRANSACTION_STATE_DISPUTED"); kind Reorder"#,
    ),
    (
        "payment_transaction_key.json",
        "Payment; id 5f8b0f6e-0000-4000-8000-0000000000f1; rials 100000; details details-1; state Completed; kind Reorder",
    ),
    (
        "payment_type_unknown.json",
        r#"Payment; id 5f8b0f6e-0000-4000-8000-0000000000f1; rials 100000; details details-1; state Completed; kind Unknown("TRANSACTION_TYPE_PROMOTE")"#,
    ),
    ("post_update_archive.json", "PostUpdate; kind Archive; post QYabcdef"),
    (
        "post_update_publish.json",
        r#"PostUpdate; kind Publish; post QYabcdef; category category-slug; city city-slug; district district-slug; phone hidden true; assistant false; chat true; published 2025-01-02T03:04:05Z; data {"price":1000,"title":"A placeholder post"}; $md"#,
    ),
    (
        "post_update_publish_null_first_published_at.json",
        r#"PostUpdate; kind Publish; post QYabcdef; category category-slug; city city-slug; district district-slug; phone hidden true; assistant false; chat true; data {"price":1000,"title":"A placeholder post"}"#,
    ),
    ("post_update_retire.json", "PostUpdate; kind Retire; post QYabcdef"),
    ("post_update_unknown_type.json", r#"PostUpdate; kind Unknown("PAUSE"); post QYabcdef"#),
    ("sender_missing.json", "NewMessage; $id; $in; $at; $hi"),
    ("sender_null.json", "NewMessage; $id; $in; $at; $hi"),
    ("sender_nulls.json", "NewMessage; $id; $in; $at; $hi"),
    ("sender_side_lower_case.json", "NewMessage; $id; $in; $sh; $at; $hi"),
    ("sender_side_supply_word.json", "NewMessage; $id; $in; $sh; $at; $hi"),
    ("sender_type_is_side.json", "NewMessage; $id; $in; side Supply; $at; $hi"),
    ("sender_type_is_side_but_side_given.json", r#"NewMessage; $id; $in; side Demand; by Unknown("SELLER"); $at; $hi"#),
    ("sender_unknown_side.json", r#"NewMessage; $id; $in; side Unknown("MEDIATOR"); by Human; $at; $hi"#),
    ("sender_unknown_type.json", r#"NewMessage; $id; $in; side Supply; by Unknown("ASSISTANT"); $at; $hi"#),
    ("sent_at_garbage.json", "NewMessage; $id; $in; $bh; $hi"),
    ("sent_at_impossible_date.json", "NewMessage; $id; $in; $bh; $hi"),
    ("sent_at_micros_number.json", "NewMessage; $id; $in; $bh; $at; $hi"),
    ("sent_at_micros_string.json", "NewMessage; $id; $in; $bh; $at; $hi"),
    ("sent_at_millis_number.json", "NewMessage; $id; $in; $bh; $at; $hi"),
    ("sent_at_millis_string.json", "NewMessage; $id; $in; $bh; $at; $hi"),
    ("sent_at_missing.json", "NewMessage; $id; $in; $bh; $hi"),
    ("sent_at_nanos_number.json", "NewMessage; $id; $in; $bh; $at; $hi"),
    ("sent_at_nanos_string.json", "NewMessage; $id; $in; $bh; $at; $hi"),
    ("sent_at_null.json", "NewMessage; $id; $in; $bh; $hi"),
    ("sent_at_object.json", "NewMessage; $id; $in; $bh; $hi"),
    ("sent_at_overflow.json", "NewMessage; $id; $in; $bh; $hi"),
    ("sent_at_rfc3339_nine_digits.json", "NewMessage; $id; $in; $bh; at 2024-10-20T13:12:06.140123Z; $hi"),
    ("sent_at_rfc3339_no_fraction.json", "NewMessage; $id; $in; $bh; at 2024-10-20T13:12:06Z; $hi"),
    ("sent_at_rfc3339_offset.json", "NewMessage; $id; $in; $bh; $at; $hi"),
    ("sent_at_seconds_number.json", "NewMessage; $id; $in; $bh; at 2024-10-20T13:12:06Z; $hi"),
    ("sent_at_seconds_string.json", "NewMessage; $id; $in; $bh; at 2024-10-20T13:12:06Z; $hi"),
    ("sent_at_zero.json", "NewMessage; $id; $in; $bh; $hi"),
    ("unknown_event_type.json", r#"Unknown Some("CONVERSATION_ARCHIVED")"#),
];

#[test]
fn every_fixture_matches_its_row() {
    let table: Vec<_> = TABLE.iter().map(|(file, expected)| (*file, expand(expected))).collect();
    let table: Vec<_> = table.iter().map(|(file, expected)| (*file, expected.as_str())).collect();
    check_folder("event", &table, |body| match read(body) {
        Ok(event) => summary(&event),
        Err(rejection) => format!("{}: {rejection}", rejection.status()),
    });
}

#[test]
fn unknown_events_keep_their_json() {
    for file in files("event") {
        let body = fixture("event", &file);
        let raw = match read(&body) {
            Ok(Event::Unknown(event)) => event.raw,
            Ok(Event::Undecodable(event)) => event.raw,
            _ => continue,
        };
        assert_eq!(raw.get(), std::str::from_utf8(&body).unwrap().trim(), "{file}");
    }
}

#[test]
fn read_values_round_trip() {
    for file in files("event") {
        let Ok(event) = read(&fixture("event", &file)) else { continue };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(read(json.as_bytes()).unwrap(), event, "{file}, written as {json}");
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event, "{file}, by serde");
    }
}

#[test]
fn event_has_divars_form() {
    let conversation = Conversation::new("c-1");
    let text = MessageContent::Text("سلام".to_owned());
    let message = Message::new(conversation, Sender::default(), text);
    let said = r#"{"conversation":{"id":"c-1"},"sender":{},"type":"TEXT","text":"سلام"}"#;
    let with_metadata = MessageEvent::new(message.clone()).metadata(RawJson::of(&7).unwrap());
    for (event, json) in [
        (Event::NewMessage(with_metadata), format!(r#"{{"type":"NEW_MESSAGE","metadata":7,"new_message":{said}}}"#)),
        (
            Event::ChatbotMessage(MessageEvent::new(message)),
            format!(r#"{{"type":"NEW_CHATBOT_MESSAGE","new_chatbot_message":{said}}}"#),
        ),
        (
            Event::AccessRevoked(AccessRevoked::new("user-1")),
            r#"{"type":"USER_ACCESS_REVOCATION","user_access_revocation":{"user_id":"user-1"}}"#.to_owned(),
        ),
        (
            Event::PostUpdate(PostUpdate::new(PostUpdateKind::Retire, "QYabcdef")),
            r#"{"type":"POST_UPDATE","post_update":{"type":"RETIRE","post":{"token":"QYabcdef"}}}"#.to_owned(),
        ),
        (
            Event::PaymentTransaction(PaymentTransaction::new("t-1", TransactionState::Refunded)),
            r#"{"type":"PAYMENT_TRANSACTION","payment_transaction":{"id":"t-1","state":"TRANSACTION_STATE_REFUNDED"}}"#
                .to_owned(),
        ),
    ] {
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
    }
}

#[test]
fn type_after_the_payload_selects_it() {
    let body: &[u8] = br#"{
        "new_message": { "conversation": { "id": "c-1" }, "text": "one" },
        "new_chatbot_message": { "conversation": { "id": "c-2" }, "text": "two" },
        "type": "NEW_CHATBOT_MESSAGE"
    }"#;
    let Ok(Event::ChatbotMessage(event)) = read(body) else { panic!("{:?}", read(body)) };
    assert_eq!(event.text(), Some("two"));
}

#[test]
fn repeated_payload_without_an_id_is_ignored() {
    for later in ["null", "7", "[]", "{}", r#"{ "text": "no conversation" }"#] {
        let body = format!(
            r#"{{ "type": "NEW_MESSAGE", "new_message": {{ "conversation": {{ "id": "c-1" }}, "text": "one" }},
                 "new_message": {later} }}"#
        );
        let Ok(Event::NewMessage(event)) = read(body.as_bytes()) else { panic!("{later}") };
        assert_eq!(event.text(), Some("one"), "{later}");
    }
}

#[test]
fn deep_nesting_is_accepted() {
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    for body in [
        format!(r#"{{ "type": "NEWER", "deep": {deep} }}"#),
        format!(r#"{{ "type": {deep} }}"#),
        format!(r#"{{ "type": "NEW_MESSAGE", "new_message": {deep} }}"#),
        format!(r#"{{ "type": "NEW_MESSAGE", "metadata": {deep}, "new_message": {{ "conversation": {deep} }} }}"#),
        format!(r#"{{ "type": "NEW_MESSAGE", "new_message": {{ "conversation": {{ "id": "c" }}, "new": {deep} }} }}"#),
    ] {
        let event = read(body.as_bytes()).unwrap_or_else(|rejection| panic!("{rejection}"));
        if let Event::Unknown(event) = event {
            assert_eq!(event.raw.get(), body);
        }
    }
}

#[test]
fn revocation_without_a_user_is_undecodable() {
    for payload in ["{}", r#"{ "user_id": "" }"#, r#"{ "user_id": null }"#] {
        let body = format!(r#"{{ "type": "USER_ACCESS_REVOCATION", "user_access_revocation": {payload} }}"#);
        let Ok(Event::Undecodable(event)) = read(body.as_bytes()) else { panic!("{payload}") };
        assert_eq!((event.kind, event.reason), (EventKind::AccessRevoked, UndecodableReason::NoUserId));
    }
}

#[test]
fn only_non_objects_are_rejected() {
    for body in ["", " ", "{", "{}}", "{\"type\":}", "<html>", "\u{feff}", "{'type':1}", "{} {}", "nul"] {
        assert!(matches!(read(body.as_bytes()), Err(Rejection::NotJson(_))), "{body}: {:?}", read(body.as_bytes()));
    }
    assert!(matches!(read(b"{\"type\":\"\xff\"}"), Err(Rejection::NotJson(_))));
    for body in ["null", "true", "1.5", "\"{}\"", "[]", "[{}]"] {
        assert!(matches!(read(body.as_bytes()), Err(Rejection::NotAnObject)), "{body}: {:?}", read(body.as_bytes()));
    }
}

#[test]
fn start_commands_are_recognised() {
    let start = |touch_point, argument: Option<&str>| Some(StartCommand::new(touch_point, argument.map(Into::into)));
    for (text, command) in [
        ("/start CHAT c-1", start(TouchPoint::Chat, Some("c-1"))),
        ("\u{a0}/start\nchat\u{2003}c-1 and more", start(TouchPoint::Chat, Some("c-1"))),
        ("/start MY_POST QYabcdef", start(TouchPoint::MyPost, Some("QYabcdef"))),
        ("/start DEMAND_POST", start(TouchPoint::DemandPost, None)),
        ("/start DIVAR_PRO x", start(TouchPoint::DivarPro, Some("x"))),
        ("/start سلام", start(TouchPoint::Unknown("سلام".to_owned()), None)),
        ("/start", None),
        (" /start ", None),
        ("/started CHAT", None),
        ("/startCHAT", None),
        ("/START CHAT", None),
        ("please /start CHAT", None),
        ("", None),
    ] {
        assert_eq!(StartCommand::parse(text), command, "{text:?}");
        if let Some(command) = command {
            assert_eq!(StartCommand::parse(&command.to_string()), Some(command), "written, of {text:?}");
        }
    }

    let ids = |text| {
        let command = StartCommand::parse(text).unwrap();
        (command.conversation_id().map(String::from), command.post_token().map(String::from))
    };
    assert_eq!(ids("/start CHAT x"), (Some("x".to_owned()), None));
    assert_eq!(ids("/start MY_POST x"), (None, Some("x".to_owned())));
    assert_eq!(ids("/start DEMAND_POST x"), (None, Some("x".to_owned())));
    assert_eq!(ids("/start MY_DIVAR x"), (None, None));
    assert_eq!(ids("/start CHAT"), (None, None));
}

#[test]
fn built_content_has_divars_form() {
    let link = "https://example.com/1";
    for (content, written) in [
        (
            MessageContent::Image(Image::new(link).size_bytes(3).height_px(2).width_px(1)),
            r#""type":"IMAGE","image_data":{"link":"https://example.com/1","size_bytes":3,"height_px":2,"width_px":1}"#,
        ),
        (
            MessageContent::File(File::new(link).name("a.pdf").size_bytes(3)),
            r#""type":"FILE","file_data":{"link":"https://example.com/1","name":"a.pdf","size_bytes":3}"#,
        ),
        (
            MessageContent::Voice(Voice::new(link).size_bytes(3)),
            r#""type":"VOICE","voice_data":{"link":"https://example.com/1","size_bytes":3}"#,
        ),
        (
            MessageContent::Video(Video::new(link).thumbnail_link("https://example.com/2")),
            r#""type":"VIDEO","video_data":{"link":"https://example.com/1","thumbnail_link":"https://example.com/2"}"#,
        ),
        (
            MessageContent::Contact(Contact::new("1").name("2")),
            r#""type":"CONTACT","contact_data":{"name":"2","phone":"1"}"#,
        ),
        (
            MessageContent::Unknown(UnknownContent::new("POLL", BTreeMap::new()).text("3")),
            r#""type":"POLL","text":"3""#,
        ),
    ] {
        let sender = Sender::new(SenderKind::Human).side(Side::Demand);
        let conversation = Conversation::new("c-1").kind(ConversationKind::Post).post_token("p");
        let message = Message::new(conversation, sender, content).id("m-1");
        assert_eq!(
            serde_json::to_string(&message).unwrap(),
            format!(
                r#"{{"id":"m-1","conversation":{{"id":"c-1","type":"POST","post_token":"p"}},"sender":{{"side":"BUYER","type":"HUMAN"}},{written}}}"#
            )
        );
        let read: Message = serde_json::from_str(&serde_json::to_string(&message).unwrap()).unwrap();
        assert_eq!(read, message);
    }
}

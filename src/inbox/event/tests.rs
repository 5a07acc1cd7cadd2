use super::*;

const WINDOW: Duration = Duration::from_secs(60);

fn stored(body: &str) -> NewEvent {
    NewEvent::of(&ReceivedEvent::from_unverified_body(body.to_owned()).unwrap(), WINDOW).unwrap()
}

#[test]
fn message_has_its_id_as_key_and_its_conversation_as_lane() {
    let body = r#"{"type":"NEW_MESSAGE","new_message":{"id":"m-1","conversation":{"id":"c-1"},"type":"TEXT"},"x":1}"#;
    let event = stored(body);
    assert_eq!((&*event.key, event.key_lifetime, &*event.lane), ("message:m-1", None, "conversation:c-1"));
    assert_eq!(event.body, body, "the bytes that arrived are stored");
}

#[test]
fn event_without_an_id_has_a_hash_as_key() {
    let body = r#"{"type":"USER_ACCESS_REVOCATION","user_access_revocation":{"user_id":"u-1"}}"#;
    let event = stored(body);
    assert_eq!((event.key_lifetime, &*event.lane), (Some(WINDOW), "user:u-1"));
    assert_eq!(event.key, stored(body).key);
    assert_ne!(event.key, stored(&body.replace("u-1", "u-2")).key);
    // `printf abc | sha256sum`: the same in every version and process.
    assert_eq!(content_key(b"abc"), "content:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn unknown_event_has_its_own_lane() {
    let event = stored(r#"{"type":"NEWER_THAN_THIS_CRATE"}"#);
    assert_eq!(event.lane, event.key);
}

#[test]
fn stored_json_is_read_as_an_equal_event() {
    let body = br#"{"type":"NEW_CHATBOT_MESSAGE","new_chatbot_message":{"id":"m-1","conversation":{"id":"c-1"}}}"#;
    let event = Event::from_unverified_body(body).unwrap();
    let stored = NewEvent::of(&event, WINDOW).unwrap();
    assert_eq!(Event::from_unverified_body(&stored.body).unwrap(), event);
}

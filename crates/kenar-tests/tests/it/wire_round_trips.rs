//! Promise: every wire type round-trips through JSON with any content, so that the crate and the sandbox agree.

use std::fmt::Debug;

use kenar::model::icon::Icon;
use kenar::model::*;
use kenar::operation::{
    GetConversationResponse, GetUserResponse, SendBotMessage, SendBotMessageResponse, SendMessage, SendMessageResponse,
    Subscription, SubscriptionEvent,
};
use kenar::request::{BaseUrls, Operation};
use kenar::secret::AccessToken;
use kenar::webhook::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

/// Uses the same cases in each run. `PROPTEST_CASES` sets their number.
fn same_cases() -> Config {
    Config { rng_seed: RngSeed::Fixed(23), failure_persistence: None, ..Config::default() }
}

fn assert_round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let json = serde_json::to_string(value).unwrap_or_else(|error| panic!("cannot serialise {value:?}: {error}"));
    match serde_json::from_str::<T>(&json) {
        Ok(again) => assert_eq!(again, *value, "from {json}"),
        Err(error) => panic!("cannot parse {json}, the JSON of {value:?}: {error}"),
    }
    // A `Value` has another order of keys, and its texts cannot be borrowed.
    let by_value: T = serde_json::from_value(serde_json::to_value(value).unwrap()).unwrap();
    assert_eq!(by_value, *value, "from the value of {json}");
}

/// The text of a request is not written by `serde`.
fn assert_sent_as_serialised(operation: &impl Operation, message: &impl Serialize) {
    // An empty text is not sent.
    let Ok(request) = operation.request(&BaseUrls::default()) else { return };
    let sent = std::str::from_utf8(request.body().as_bytes().unwrap()).unwrap();
    assert_eq!(sent, serde_json::to_string(message).unwrap());
}

/// A text with characters that need escapes. Not empty: Divar treats an empty text as missing.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{1,12}", "[\\x00-\\x7f]{1,12}", "[\"\\\\/%+&=<>'\u{200c}\u{feff}آ🚚]{1,8}"]
}

/// A name unknown to all enumerations.
fn newer() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("NEWER_{text}"))
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (-62_167_219_200_000_000_i64..=253_402_300_799_999_999)
        .prop_map(|micros| Timestamp::from_unix_micros(micros).expect("within the years 0 to 9999"))
}

fn json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let key = prop_oneof![text(), Just("provider_data".to_owned()), Just("location".to_owned())];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map(key.clone(), inner, 0..3).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
    .boxed()
}

/// Any JSON except `null`, which counts as missing.
fn raw_json() -> BoxedStrategy<RawJson> {
    json()
        .prop_filter("null counts as missing", |json| !json.is_null())
        .prop_map(|json| RawJson::of(&json).unwrap())
        .boxed()
}

fn data() -> impl Strategy<Value = ButtonData> {
    btree_map(text(), json(), 0..3).prop_map(ButtonData::new)
}

fn link() -> impl Strategy<Value = Url> {
    let web = (text(), text(), option::of(text())).prop_map(|(path, query, fragment)| {
        let mut url = Url::parse("https://addon.example/").unwrap();
        url.path_segments_mut().unwrap().push(&path);
        url.query_pairs_mut().append_pair("q", &query);
        url.set_fragment(fragment.as_deref());
        url
    });
    prop_oneof![web, Just("tel:0912".parse().unwrap()), Just("divar://post/QYabcdef".parse().unwrap())]
}

fn action() -> BoxedStrategy<Action> {
    prop_oneof![
        link().prop_map(Action::open_link),
        data().prop_map(Action::OpenServerLink),
        data().prop_map(Action::GetDynamicAction),
        text().prop_map(|post| Action::OpenPostPage(PostToken::new(post))),
        text().prop_map(|post| Action::OpenPostManagePage(PostToken::new(post))),
    ]
    .boxed()
}

fn button() -> BoxedStrategy<Button> {
    (prop_oneof![Just(String::new()), text()], action(), option::of(text()))
        .prop_map(|(caption, action, icon)| {
            let button = Button::new(caption, action);
            icon.into_iter().fold(button, |button, icon| button.icon(Icon::named(icon)))
        })
        .boxed()
}

fn grid() -> BoxedStrategy<ButtonGrid> {
    let row = vec(button(), 1..=3).prop_map(|buttons| ButtonRow::try_from(buttons).unwrap());
    vec(row, 1..=3).prop_map(|rows| ButtonGrid::try_from(rows).unwrap()).boxed()
}

fn content() -> impl Strategy<Value = OutgoingContent> {
    prop_oneof![
        Just(OutgoingContent::Text(String::new())),
        text().prop_map(OutgoingContent::Text),
        text().prop_map(|token| OutgoingContent::Media(MediaToken::new(token))),
    ]
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Supply), Just(Side::Demand), newer().prop_map(Side::Unknown)]
}

fn location() -> impl Strategy<Value = Location> {
    let degrees = || prop_oneof![-180.0..=180.0, any::<f64>().prop_filter("finite", |degrees| degrees.is_finite())];
    (degrees(), degrees()).prop_map(|(latitude, longitude)| Location { latitude, longitude })
}

fn conversation() -> BoxedStrategy<Conversation> {
    let kind = prop_oneof![
        Just(ConversationKind::Post),
        Just(ConversationKind::Bot),
        newer().prop_map(ConversationKind::Unknown)
    ];
    (text(), option::of(kind), option::of(text()))
        .prop_map(|(id, kind, post)| {
            let mut conversation = Conversation::new(id);
            conversation.kind = kind;
            conversation.post_token = post.map(PostToken::new);
            conversation
        })
        .boxed()
}

fn sender() -> impl Strategy<Value = Sender> {
    let kind = prop_oneof![Just(SenderKind::Human), Just(SenderKind::Bot), newer().prop_map(SenderKind::Unknown)];
    (option::of(side()), option::of(kind)).prop_map(|(side, kind)| {
        let mut sender = Sender::default();
        (sender.side, sender.kind) = (side, kind);
        sender
    })
}

/// The optional details of a medium.
fn details() -> impl Strategy<Value = ([Option<String>; 2], [Option<u64>; 3])> {
    let texts = [option::of(text()), option::of(text())];
    let numbers = [option::of(any::<u64>()), option::of(any::<u64>()), option::of(any::<u64>())];
    (texts, numbers)
}

fn message_content() -> BoxedStrategy<MessageContent> {
    prop_oneof![
        any::<String>().prop_map(MessageContent::Text),
        details().prop_map(|([link, _], [size, height, width])| {
            let mut image = Image::default();
            (image.link, image.size_bytes, image.height_px, image.width_px) = (link, size, height, width);
            MessageContent::Image(image)
        }),
        details().prop_map(|([link, name], [size, ..])| {
            let mut file = File::default();
            (file.link, file.name, file.size_bytes) = (link, name, size);
            MessageContent::File(file)
        }),
        details().prop_map(|([link, _], [size, ..])| {
            let mut voice = Voice::default();
            (voice.link, voice.size_bytes) = (link, size);
            MessageContent::Voice(voice)
        }),
        details().prop_map(|([link, thumbnail], [size, ..])| {
            let mut video = Video::default();
            (video.link, video.thumbnail_link, video.size_bytes) = (link, thumbnail, size);
            MessageContent::Video(video)
        }),
        option::of(location()).prop_map(MessageContent::Location),
        details().prop_map(|([name, phone], _)| {
            let mut contact = Contact::default();
            (contact.name, contact.phone) = (name, phone);
            MessageContent::Contact(contact)
        }),
        (newer(), option::of(text()), btree_map(newer(), raw_json(), 0..3)).prop_map(|(kind, text, fields)| {
            let mut unknown = UnknownContent::default();
            (unknown.kind, unknown.text, unknown.fields) = (Some(kind), text, fields);
            MessageContent::Unknown(unknown)
        }),
    ]
    .boxed()
}

fn message() -> BoxedStrategy<Message> {
    (option::of(text()), conversation(), sender(), option::of(instant()), message_content())
        .prop_map(|(id, conversation, sender, sent_at, content)| {
            let mut message = Message::new(conversation, sender, content);
            message.id = id.map(MessageId::new);
            message.sent_at = sent_at;
            message
        })
        .boxed()
}

fn post_update() -> BoxedStrategy<PostUpdate> {
    use PostUpdateKind::{Archive, Ongoing, Publish, Retire, Unknown};
    let kind = prop_oneof![Just(Publish), Just(Retire), Just(Ongoing), Just(Archive), newer().prop_map(Unknown)];
    let texts = [option::of(any::<String>()), option::of(any::<String>()), option::of(any::<String>())];
    let flags = any::<[Option<bool>; 3]>();
    (kind, text(), texts, flags, option::of(instant()), option::of(raw_json()))
        .prop_map(|(kind, token, [category, city, district], [hidden, assistant, chat], at, data)| {
            let mut update = PostUpdate::new(kind, token);
            let post = &mut update.post;
            (post.category, post.city, post.district) = (category, city, district);
            (post.is_phone_hidden, post.supplier_chat_assistant_enabled, post.chat_enabled) = (hidden, assistant, chat);
            (post.first_published_at, post.data) = (at, data);
            update
        })
        .boxed()
}

fn payment() -> BoxedStrategy<PaymentTransaction> {
    use TransactionState::{Completed, Failed, Pending, Refunded, Unknown};
    let state = prop_oneof![Just(Pending), Just(Completed), Just(Failed), Just(Refunded), newer().prop_map(Unknown)];
    let kind = prop_oneof![Just(TransactionKind::Submit), newer().prop_map(TransactionKind::Unknown)];
    (
        text(),
        state,
        option::of(kind),
        any::<Option<i64>>(),
        any::<Option<String>>(),
        option::of(text()),
        option::of(instant()),
    )
        .prop_map(|(id, state, kind, cost, details, app, at)| {
            let mut payment = PaymentTransaction::new(id, state);
            (payment.kind, payment.cost_rials, payment.extra_details) = (kind, cost, details);
            (payment.app_slug, payment.created_at) = (app.map(AppSlug::new), at);
            payment
        })
        .boxed()
}

fn event() -> BoxedStrategy<Event> {
    let message_event = || message().prop_map(MessageEvent::new);
    let events = prop_oneof![
        message_event().prop_map(Event::NewMessage),
        message_event().prop_map(Event::ChatbotMessage),
        text().prop_map(|user| Event::AccessRevoked(AccessRevoked::new(user))),
        post_update().prop_map(Event::PostUpdate),
        payment().prop_map(Event::PaymentTransaction),
    ];
    (events, option::of(raw_json()))
        .prop_map(|(mut event, metadata)| {
            match &mut event {
                Event::NewMessage(event) | Event::ChatbotMessage(event) => event.metadata = metadata,
                Event::AccessRevoked(event) => event.metadata = metadata,
                Event::PostUpdate(event) => event.metadata = metadata,
                Event::PaymentTransaction(event) => event.metadata = metadata,
                other => panic!("{other:?}"),
            }
            event
        })
        .boxed()
}

fn opened() -> BoxedStrategy<OpenApp> {
    let ids = [option::of(text()), option::of(text()), option::of(text()), option::of(text())];
    let source = prop_oneof![Just(Source::Chat), Just(Source::PostAddon), newer().prop_map(Source::Unknown)];
    let about = (any::<bool>(), option::of(source), option::of(side()), option::of(text()), option::of(text()));
    let brought = (option::of(raw_json()), option::of(location()), option::of(text()));
    (about, ids, brought)
        .prop_map(|((is_v1, source, side, post, conversation), ids, (extra, location, url))| {
            let mut opened = OpenApp::builder().version(if is_v1 { ApiVersion::V1 } else { ApiVersion::V2 });
            let [user, peer, supplier, demand] = ids;
            opened = source.into_iter().fold(opened, OpenAppBuilder::source);
            opened = side.into_iter().fold(opened, OpenAppBuilder::user_side);
            opened = post.into_iter().fold(opened, OpenAppBuilder::post_token);
            opened = conversation.into_iter().fold(opened, OpenAppBuilder::conversation_id);
            opened = user.into_iter().fold(opened, OpenAppBuilder::user_id);
            opened = peer.into_iter().fold(opened, OpenAppBuilder::peer_id);
            opened = supplier.into_iter().fold(opened, OpenAppBuilder::supplier_id);
            opened = demand.into_iter().fold(opened, OpenAppBuilder::demand_id);
            opened = extra.into_iter().fold(opened, OpenAppBuilder::data);
            opened = location.into_iter().fold(opened, OpenAppBuilder::location);
            url.into_iter().fold(opened, OpenAppBuilder::return_url).build()
        })
        .boxed()
}

fn pressed() -> BoxedStrategy<DynamicAction> {
    let point = prop_oneof![Just(TouchPoint::Chat), newer().prop_map(TouchPoint::Unknown)];
    let ids = [option::of(text()), option::of(text()), option::of(text())];
    (option::of(point), ids, option::of(side()), option::of(raw_json()))
        .prop_map(|(point, ids, side, extra)| {
            let [post, conversation, user] = ids;
            let mut pressed = DynamicAction::builder();
            pressed = point.into_iter().fold(pressed, DynamicActionBuilder::touch_point);
            pressed = post.into_iter().fold(pressed, DynamicActionBuilder::post_token);
            pressed = conversation.into_iter().fold(pressed, DynamicActionBuilder::conversation_id);
            pressed = user.into_iter().fold(pressed, DynamicActionBuilder::user_id);
            pressed = side.into_iter().fold(pressed, DynamicActionBuilder::user_side);
            extra.into_iter().fold(pressed, DynamicActionBuilder::data).build()
        })
        .boxed()
}

proptest! {
    #![proptest_config(same_cases())]

    #[test]
    fn outgoing_messages_round_trip(
        content in content(),
        sender_buttons in option::of(grid()),
        receiver_buttons in option::of(grid()),
    ) {
        let mut to_bot = BotMessage::text("");
        (to_bot.content, to_bot.buttons) = (content.clone(), sender_buttons.clone());
        assert_round_trip(&to_bot);
        assert_sent_as_serialised(&SendBotMessage::new(&ConversationId::new("c"), &to_bot), &to_bot);
        let mut message = ConversationMessage::text("");
        message.content = content;
        (message.sender_buttons, message.receiver_buttons) = (sender_buttons, receiver_buttons);
        assert_round_trip(&message);
        let token = AccessToken::new("placeholder").unwrap();
        assert_sent_as_serialised(&SendMessage::new(&ConversationId::new("c"), &message, &token), &message);
    }

    #[test]
    fn buttons_and_actions_round_trip(grid in grid()) {
        assert_round_trip(&grid);
        for row in grid.rows() {
            assert_round_trip(row);
            row.buttons().iter().for_each(assert_round_trip);
            row.buttons().iter().for_each(|button| assert_round_trip(&button.action));
        }
    }

    #[test]
    fn messages_and_conversations_round_trip(conversation in conversation(), messages in vec(message(), 0..3)) {
        messages.iter().for_each(assert_round_trip);
        messages.iter().for_each(|message| assert_round_trip(&message.sender));
        assert_round_trip(&conversation);
        assert_round_trip(&GetConversationResponse::new(conversation, messages));
    }

    #[test]
    fn events_round_trip(event in event()) {
        let json = serde_json::to_string(&event).unwrap();
        prop_assert_eq!(Event::from_unverified_body(json.as_bytes()).unwrap(), event.clone(), "from {}", json);
        assert_text_round_trip(&event);
    }

    #[test]
    fn opened_apps_round_trip(opened in opened()) {
        let json = serde_json::to_string(&opened).unwrap();
        let again = OpenApp::from_unverified_body(&opened.headers(), json.as_bytes()).unwrap();
        prop_assert_eq!(again, opened, "from {}", json);
    }

    #[test]
    fn presses_round_trip(pressed in pressed()) {
        let json = serde_json::to_string(&pressed).unwrap();
        prop_assert_eq!(DynamicAction::from_unverified_body(json.as_bytes()).unwrap(), pressed, "from {}", json);
    }

    #[test]
    fn replies_round_trip(action in option::of(action()), toast in option::of(any::<String>()), path in text()) {
        let reply = action.into_iter().fold(DynamicActionReply::empty(), DynamicActionReply::with_action);
        assert_round_trip(&toast.into_iter().fold(reply, DynamicActionReply::with_toast));

        let page: AppUrl = "https://addon.example".parse().unwrap();
        let page = page.join([&path]).with_query("q", &path);
        assert_round_trip(&page);
        for version in [ApiVersion::V1, ApiVersion::V2] {
            assert_round_trip(&OpenApp::builder().version(version).build().reply(page.clone()));
        }
    }

    #[test]
    fn responses_round_trip(
        texts in [option::of(text()), option::of(text()), option::of(text())],
        status in any::<Option<i32>>(),
    ) {
        let [message, id, phone] = texts;
        let mut sent = SendMessageResponse::default();
        (sent.status, sent.message) = (status, message);
        assert_round_trip(&sent);
        let mut sent = SendBotMessageResponse::default();
        sent.conversation_id = id.clone().map(ConversationId::new);
        assert_round_trip(&sent);
        let mut user = GetUserResponse::default();
        (user.user_id, user.phone_number) = (id.map(UserId::new), phone);
        assert_round_trip(&user);
    }

    #[test]
    fn subscriptions_round_trip(
        event in prop_oneof![
            Just(SubscriptionEvent::NewMessageOnPost),
            Just(SubscriptionEvent::PostUpdate),
            newer().prop_map(SubscriptionEvent::Unknown),
        ],
        resource in option::of(any::<String>()),
        metadata in option::of(btree_map(text(), text(), 0..3)),
    ) {
        let subscription = Subscription::to(event, resource.map(PostToken::new));
        assert_round_trip(&metadata.into_iter().fold(subscription, Subscription::metadata));
    }

    #[test]
    fn scalars_round_trip(text in any::<String>(), at in instant(), place in location(), side in side()) {
        assert_round_trip(&ConversationId::new(text.as_str()));
        assert_round_trip(&Icon::named(text));
        assert_round_trip(&at);
        assert_round_trip(&place);
        assert_round_trip(&side);
    }

    #[test]
    fn start_commands_round_trip(
        point in prop_oneof![
            Just(TouchPoint::Chat), Just(TouchPoint::MyPost), Just(TouchPoint::MyDivar), Just(TouchPoint::DemandPost),
            "NEWER_[^\\s]{0,9}".prop_map(TouchPoint::Unknown),
        ],
        argument in option::of("[^\\s]{1,20}"),
    ) {
        let start = StartCommand::new(point, argument);
        prop_assert_eq!(StartCommand::parse(&start.to_string()), Some(start));
    }

    #[test]
    fn list_of_up_to_nine_buttons_is_a_grid(buttons in vec(button(), 0..12)) {
        let grid = ButtonGrid::try_from(buttons.clone());
        prop_assert_eq!(grid.is_ok(), (1..=9).contains(&buttons.len()));
        prop_assert_eq!(ButtonRow::try_from(buttons.clone()).is_ok(), (1..=3).contains(&buttons.len()));
        if let Ok(grid) = grid {
            prop_assert_eq!(grid.buttons().cloned().collect::<Vec<_>>(), buttons);
            let (last, before) = grid.rows().split_last().unwrap();
            prop_assert!(before.iter().all(|row| row.buttons().len() == 3), "a row is not full");
            prop_assert!((1..=3).contains(&last.buttons().len()));
        }
    }

    #[test]
    fn grid_of_other_sizes_is_rejected(rows in vec(vec(button(), 0..5), 0..5)) {
        let fits = (1..=3).contains(&rows.len()) && rows.iter().all(|row| (1..=3).contains(&row.len()));
        let json = serde_json::json!({
            "rows": rows.iter().map(|row| serde_json::json!({ "buttons": row })).collect::<Vec<_>>(),
        });
        let read = serde_json::from_value::<ButtonGrid>(json);
        prop_assert_eq!(read.is_ok(), fits);
        prop_assert!(read.is_err() || read.unwrap().buttons().eq(rows.iter().flatten()));
    }
}

/// Like [`assert_round_trip`], for types with `RawJson`, which only JSON text can represent.
fn assert_text_round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&json).unwrap(), *value, "from {json}");
}

//! Checks that every parsed wire type round-trips through JSON.

use std::fmt::Debug;

use kenar::model::icon::Icon;
use kenar::model::{
    Action, AppUrl, BotMessage, Button, ButtonData, ButtonGrid, ButtonRow, Contact, Conversation, ConversationKind,
    ConversationMessage, File, Image, Location, Message, MessageKind, RawJson, Sender, SenderKind, Side, Timestamp,
    Video, Voice,
};
use kenar::oauth::{Scope, StoredTokens, TokenResponse};
use kenar::operation::{
    GetConversationResponse, GetUserResponse, SendBotMessageResponse, SendMessageResponse, Subscription,
};
use kenar::webhook::{DynamicAction, DynamicActionReply, Event, OpenApp, OpenAppReply, Post};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub fn types(data: &[u8]) {
    assert_round_trip::<Action>(data);
    assert_round_trip::<ButtonData>(data);
    assert_round_trip::<AppUrl>(data);
    assert_round_trip::<BotMessage>(data);
    assert_round_trip::<Button>(data);
    assert_round_trip::<ButtonGrid>(data);
    assert_round_trip::<ButtonRow>(data);
    assert_round_trip::<Contact>(data);
    assert_round_trip::<Conversation>(data);
    assert_round_trip::<ConversationKind>(data);
    assert_round_trip::<ConversationMessage>(data);
    assert_round_trip::<File>(data);
    assert_round_trip::<Icon>(data);
    assert_round_trip::<Image>(data);
    assert_round_trip::<Location>(data);
    assert_round_trip::<Message>(data);
    assert_round_trip::<MessageKind>(data);
    assert_round_trip::<RawJson>(data);
    assert_round_trip::<Sender>(data);
    assert_round_trip::<SenderKind>(data);
    assert_round_trip::<Side>(data);
    assert_round_trip::<Timestamp>(data);
    assert_round_trip::<Video>(data);
    assert_round_trip::<Voice>(data);
    assert_round_trip::<Scope>(data);
    assert_round_trip::<StoredTokens>(data);
    assert_round_trip::<TokenResponse>(data);
    assert_round_trip::<SendBotMessageResponse>(data);
    assert_round_trip::<GetConversationResponse>(data);
    assert_round_trip::<SendMessageResponse>(data);
    assert_round_trip::<Subscription>(data);
    assert_round_trip::<GetUserResponse>(data);
    assert_round_trip::<DynamicAction>(data);
    assert_round_trip::<DynamicActionReply>(data);
    assert_round_trip::<Event>(data);
    assert_round_trip::<OpenApp>(data);
    assert_round_trip::<OpenAppReply>(data);
    assert_round_trip::<Post>(data);
    if let Ok(grid) = serde_json::from_slice::<ButtonGrid>(data) {
        assert!((1..=3).contains(&grid.rows().len()), "{grid:?}");
        assert!(grid.rows().iter().all(|row| (1..=3).contains(&row.buttons().len())), "{grid:?}");
    }
}

fn assert_round_trip<T: DeserializeOwned + Serialize + PartialEq + Debug>(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(data) else { return };
    let written = serde_json::to_string(&value).expect("a parsed value can be serialised");
    match serde_json::from_str::<T>(&written) {
        Ok(again) => assert_eq!(again, value, "from {written}"),
        Err(error) => panic!("cannot parse {written}, the JSON of {value:?}: {error}"),
    }
}

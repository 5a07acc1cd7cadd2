//! Every wire type: what was read is written so that it is read as the same.

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
    comes_back::<Action>(data);
    comes_back::<ButtonData>(data);
    comes_back::<AppUrl>(data);
    comes_back::<BotMessage>(data);
    comes_back::<Button>(data);
    comes_back::<ButtonGrid>(data);
    comes_back::<ButtonRow>(data);
    comes_back::<Contact>(data);
    comes_back::<Conversation>(data);
    comes_back::<ConversationKind>(data);
    comes_back::<ConversationMessage>(data);
    comes_back::<File>(data);
    comes_back::<Icon>(data);
    comes_back::<Image>(data);
    comes_back::<Location>(data);
    comes_back::<Message>(data);
    comes_back::<MessageKind>(data);
    comes_back::<RawJson>(data);
    comes_back::<Sender>(data);
    comes_back::<SenderKind>(data);
    comes_back::<Side>(data);
    comes_back::<Timestamp>(data);
    comes_back::<Video>(data);
    comes_back::<Voice>(data);
    comes_back::<Scope>(data);
    comes_back::<StoredTokens>(data);
    comes_back::<TokenResponse>(data);
    comes_back::<SendBotMessageResponse>(data);
    comes_back::<GetConversationResponse>(data);
    comes_back::<SendMessageResponse>(data);
    comes_back::<Subscription>(data);
    comes_back::<GetUserResponse>(data);
    comes_back::<DynamicAction>(data);
    comes_back::<DynamicActionReply>(data);
    comes_back::<Event>(data);
    comes_back::<OpenApp>(data);
    comes_back::<OpenAppReply>(data);
    comes_back::<Post>(data);
    if let Ok(grid) = serde_json::from_slice::<ButtonGrid>(data) {
        assert!((1..=3).contains(&grid.rows().len()), "{grid:?}");
        assert!(grid.rows().iter().all(|row| (1..=3).contains(&row.buttons().len())), "{grid:?}");
    }
}

fn comes_back<T: DeserializeOwned + Serialize + PartialEq + Debug>(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(data) else { return };
    let written = serde_json::to_string(&value).expect("what was read can be written");
    match serde_json::from_str::<T>(&written) {
        Ok(again) => assert_eq!(again, value, "written as {written}"),
        Err(error) => panic!("{value:?} is written as {written}, which is not read: {error}"),
    }
}

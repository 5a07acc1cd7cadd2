//! Reads JSON bodies by the rules of protobuf's JSON, as the platform's gateway does.
//!
//! An unset field may be missing, `null` or, for a string, empty. Unknown fields are ignored. The SDK's own types parse
//! the rest.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use kenar::model::icon::Icon;

use super::api_error::ApiError;

/// The type of a field in the OpenAPI file.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Text,
    /// The add-on's own data, kept unchanged.
    Data,
    Object(&'static [(&'static str, Self)]),
    List(&'static Self),
    Button,
}

const DATA: Shape = Shape::Object(&[("data", Shape::Data)]);
const POST: Shape = Shape::Object(&[("post_token", Shape::Text)]);
const ACTION: Shape = Shape::Object(&[
    ("open_direct_link", Shape::Text),
    ("open_server_link", DATA),
    ("get_dynamic_action", DATA),
    ("open_post_page", POST),
    ("open_post_manage_page", POST),
]);
const BUTTON: &[(&str, Shape)] =
    &[("action", ACTION), ("icon", Shape::Text), ("icon_name", Shape::Text), ("caption", Shape::Text)];
const ROW: Shape = Shape::Object(&[("buttons", Shape::List(&Shape::Button))]);
const GRID: Shape = Shape::Object(&[("rows", Shape::List(&ROW))]);

/// The body of `SendMessage`. `type` is in the documents, but not in the OpenAPI file.
pub(super) const CONVERSATION_MESSAGE: Shape = Shape::Object(&[
    ("type", Shape::Text),
    ("message", Shape::Text),
    ("media_token", Shape::Text),
    ("sender_buttons", GRID),
    ("receiver_buttons", GRID),
]);
/// The body of a chatbot's message. The OpenAPI file repeats the path's conversation id, and once had the user id.
pub(super) const BOT_MESSAGE: Shape = Shape::Object(&[
    ("type", Shape::Text),
    ("conversation_id", Shape::Text),
    ("user_id", Shape::Text),
    ("text_message", Shape::Text),
    ("media_token", Shape::Text),
    ("buttons", GRID),
]);
pub(super) const SUBSCRIPTION: Shape =
    Shape::Object(&[("event_type", Shape::Text), ("event_resource_id", Shape::Text), ("metadata", Shape::Data)]);

/// The JSON of a body without unset fields, and notes for the journal.
#[derive(Debug, Default)]
pub(super) struct Cleared {
    pub(super) json: String,
    pub(super) notes: Vec<String>,
}

/// Checks a body against a shape and removes its unset fields.
pub(super) fn clear(shape: Shape, body: &[u8]) -> Result<Cleared, ApiError> {
    let mut notes = Vec::new();
    let json = parse(body).and_then(|json| shape.cleared(json, "the body", &mut notes)).map_err(ApiError::invalid)?;
    Ok(Cleared { json, notes })
}

/// Reads an object, since derived readers also accept an array of the fields.
pub(crate) fn read_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let json = parse(body)?;
    match kind(json) {
        "an object" => serde_json::from_slice(body).map_err(|error| error.to_string()),
        other => Err(format!("expected an object, got {other}")),
    }
}

fn parse(body: &[u8]) -> Result<&RawValue, String> {
    if body.trim_ascii().is_empty() {
        return Err("empty body: expected an object".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| format!("invalid JSON in the body: {error}"))
}

/// An error message without its line and column, which refer to the cleared body.
pub(super) fn without_place(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(message, _)| message)
}

impl Shape {
    /// The JSON without its unset fields.
    fn cleared(self, json: &RawValue, place: &str, notes: &mut Vec<String>) -> Result<String, String> {
        match (self, json.get().as_bytes().first()) {
            (Self::Text, Some(b'"')) | (Self::Data, Some(b'{')) => Ok(json.get().to_owned()),
            (Self::Object(fields), Some(b'{')) => Ok(object(&members(json, fields, place, notes)?)),
            (Self::Button, Some(b'{')) => button(json, place, notes),
            (Self::List(of), Some(b'[')) => list(*of, json, place, notes),
            _ => Err(format!("invalid type of {place}: expected {}, got {}", self.name(), kind(json))),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Data | Self::Object(_) | Self::Button => "an object",
            Self::List(_) => "an array",
        }
    }

    /// Returns `true` for a value that protobuf's JSON treats as unset.
    fn is_unset(self, json: &str) -> bool {
        json == "null" || (matches!(self, Self::Text) && json == r#""""#)
    }
}

/// The fields of an object that are set.
fn members(
    json: &RawValue,
    fields: &[(&'static str, Shape)],
    place: &str,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<&'static str, String>, String> {
    let all: BTreeMap<String, &RawValue> =
        serde_json::from_str(json.get()).map_err(|error| format!("invalid JSON in {place}: {error}"))?;
    let mut set = BTreeMap::new();
    for (name, value) in all {
        match fields.iter().find(|(known, _)| *known == name) {
            Some((_, shape)) if shape.is_unset(value.get()) => {}
            Some((known, shape)) => {
                let place = if place == "the body" { name } else { format!("{place}.{name}") };
                set.insert(*known, shape.cleared(value, &place, notes)?);
            }
            None => notes.push(format!("unknown field {name:?} in {place}: ignored")),
        }
    }
    Ok(set)
}

fn list(of: Shape, json: &RawValue, place: &str, notes: &mut Vec<String>) -> Result<String, String> {
    let items: Vec<&RawValue> =
        serde_json::from_str(json.get()).map_err(|error| format!("invalid JSON in {place}: {error}"))?;
    let items: Result<Vec<_>, _> =
        items.iter().enumerate().map(|(at, item)| of.cleared(item, &format!("{place}[{at}]"), notes)).collect();
    Ok(format!("[{}]", items?.join(",")))
}

/// Clears a button. Its caption may be missing, and its icon may have the deprecated name.
fn button(json: &RawValue, place: &str, notes: &mut Vec<String>) -> Result<String, String> {
    let mut set = members(json, BUTTON, place, notes)?;
    if let Some(deprecated) = set.remove("icon_name") {
        if set.contains_key("icon") {
            notes.push(format!("deprecated field {place}.icon_name: ignored, since icon is set"));
        } else {
            notes.push(format!("deprecated field {place}.icon_name: use icon"));
            set.insert("icon", deprecated);
        }
    }
    if let Some(Ok(icon)) = set.get("icon").map(|icon| serde_json::from_str::<Icon>(icon)) {
        if !Icon::ALL.contains(&icon) {
            notes.push(format!("unknown icon {:?} in {place}.icon", icon.name()));
        }
    }
    set.entry("caption").or_insert_with(|| r#""""#.to_owned());
    Ok(object(&set))
}

fn object(members: &BTreeMap<&'static str, String>) -> String {
    let mut json = "{".to_owned();
    for (name, value) in members {
        let comma = if json.len() > 1 { "," } else { "" };
        // The names need no escaping, and writing to a string cannot fail.
        let _ = write!(json, "{comma}\"{name}\":{value}");
    }
    json + "}"
}

fn kind(json: &RawValue) -> &'static str {
    match json.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

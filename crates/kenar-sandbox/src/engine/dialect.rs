//! Contradictory wire forms in the platform's documents, OpenAPI file and traffic.

use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::delivery::Delivery;
use super::note::Note;
use kenar::model::Timestamp;

/// A wire form in which the platform's documents, OpenAPI file and traffic contradict each other.
///
/// It converts into a fault of a call ([`Fault::dialect`](crate::Fault::dialect)) or of a webhook
/// ([`WebhookFault::Dialect`](crate::WebhookFault::Dialect)), which leaves unrelated fields unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// `sent_at` of a message in this form.
    SentAt(TimeForm),
    /// `message_text` for the text of a message, as in the documents of early 2025.
    MessageText,
    /// A text message without its text, as in the first documents on chatbots.
    NoText,
    /// `meta_data` for `metadata`, as on a migration page.
    MetaData,
    /// `transaction` for `payment_transaction`, as in the table of events.
    Transaction,
    /// The sender type `USER` for `HUMAN`, as in the examples on media.
    SenderUser,
    /// The side as the sender type, as in the documents of October 2024.
    SenderSideAsType,
    /// `provider_data` for `extra_data`, as in examples of version 2.
    ProviderData,
    /// `provider_data` inside `extra_data`, as in version 1.
    WrappedExtraData,
    /// `touchpoint` for `source`, as in dynamic actions.
    Touchpoint,
    /// `POST_ADODN` for `POST_ADDON`, a typo in a table of the documents.
    MisspeltSource,
    /// The sides `Supply` and `Demand`, as in the documents on buttons.
    TitleCaseSide,
    /// `Supplier` for `supplier`, as in version 1 until 2024.
    CapitalSupplier,
    /// A `return_url`, as in version 2 until September 2025.
    #[doc(alias = "return_url")]
    ReturnUrl,
    /// A `completion_url`, as in the documents on touch points.
    CompletionUrl,
    /// The header `API_VERSION` for `API-Version`.
    UnderscoreHeader,
    /// A missing `API-Version` header.
    NoVersionHeader,
    /// `phone_numbers`, a list, for `phone_number`; the OpenAPI file has both.
    PhoneNumbers,
    /// Numbers as strings, as protobuf's JSON writes 64-bit integers.
    NumbersAsTexts,
    /// `null` for unset fields.
    Nulls,
    /// Unknown keys in every object, such as protobuf's `@type`.
    UnknownKeys,
    /// Unknown values of every enumeration.
    UnknownValues,
    /// A successful response without a body.
    EmptyResponse,
}

/// A form of a time. Not all of them were seen or documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeForm {
    /// A number of seconds.
    Seconds,
    /// A number of milliseconds.
    Millis,
    /// A number of microseconds, as in the documents.
    Micros,
    /// A number of nanoseconds.
    Nanos,
    /// A string of microseconds, as in a webhook of 2024.
    MicrosText,
    /// RFC 3339 with Iran's UTC offset.
    Offset,
    /// `null`.
    Null,
    /// A missing field.
    Missing,
}

impl Dialect {
    /// All wire forms.
    pub const ALL: &'static [Self] = &[
        Self::SentAt(TimeForm::Seconds),
        Self::SentAt(TimeForm::Millis),
        Self::SentAt(TimeForm::Micros),
        Self::SentAt(TimeForm::Nanos),
        Self::SentAt(TimeForm::MicrosText),
        Self::SentAt(TimeForm::Offset),
        Self::SentAt(TimeForm::Null),
        Self::SentAt(TimeForm::Missing),
        Self::MessageText,
        Self::NoText,
        Self::MetaData,
        Self::Transaction,
        Self::SenderUser,
        Self::SenderSideAsType,
        Self::ProviderData,
        Self::WrappedExtraData,
        Self::Touchpoint,
        Self::MisspeltSource,
        Self::TitleCaseSide,
        Self::CapitalSupplier,
        Self::ReturnUrl,
        Self::CompletionUrl,
        Self::UnderscoreHeader,
        Self::NoVersionHeader,
        Self::PhoneNumbers,
        Self::NumbersAsTexts,
        Self::Nulls,
        Self::UnknownKeys,
        Self::UnknownValues,
        Self::EmptyResponse,
    ];

    /// The name in the journal and on the chat page, such as `sent_at_seconds`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SentAt(TimeForm::Seconds) => "sent_at_seconds",
            Self::SentAt(TimeForm::Millis) => "sent_at_millis",
            Self::SentAt(TimeForm::Micros) => "sent_at_micros",
            Self::SentAt(TimeForm::Nanos) => "sent_at_nanos",
            Self::SentAt(TimeForm::MicrosText) => "sent_at_micros_text",
            Self::SentAt(TimeForm::Offset) => "sent_at_offset",
            Self::SentAt(TimeForm::Null) => "sent_at_null",
            Self::SentAt(TimeForm::Missing) => "sent_at_missing",
            Self::MessageText => "message_text",
            Self::NoText => "no_text",
            Self::MetaData => "meta_data",
            Self::Transaction => "transaction",
            Self::SenderUser => "sender_user",
            Self::SenderSideAsType => "sender_side_as_type",
            Self::ProviderData => "provider_data",
            Self::WrappedExtraData => "wrapped_extra_data",
            Self::Touchpoint => "touchpoint",
            Self::MisspeltSource => "misspelt_source",
            Self::TitleCaseSide => "title_case_side",
            Self::CapitalSupplier => "capital_supplier",
            Self::ReturnUrl => "return_url",
            Self::CompletionUrl => "completion_url",
            Self::UnderscoreHeader => "underscore_header",
            Self::NoVersionHeader => "no_version_header",
            Self::PhoneNumbers => "phone_numbers",
            Self::NumbersAsTexts => "numbers_as_texts",
            Self::Nulls => "nulls",
            Self::UnknownKeys => "unknown_keys",
            Self::UnknownValues => "unknown_values",
            Self::EmptyResponse => "empty_response",
        }
    }

    /// The wire form with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|dialect| dialect.name() == name)
    }

    pub(super) fn apply(self, delivery: &mut Delivery) {
        const API_VERSION: HeaderName = HeaderName::from_static("api-version");
        match self {
            Self::UnderscoreHeader => {
                if delivery.header(API_VERSION, None) {
                    let underscore = HeaderName::from_static("api_version");
                    delivery.header(underscore, Some(HeaderValue::from_static("2")));
                }
            }
            Self::NoVersionHeader => drop(delivery.header(API_VERSION, None)),
            // It affects only responses.
            Self::EmptyResponse => return,
            _ => {
                if let Some(body) = self.rewrite(&delivery.body()) {
                    delivery.rewrite(body);
                }
            }
        }
        delivery.note(Note::Fault(format!("wire form {self}")));
    }

    /// Rewrites a JSON body in this form. `None` if the body is not JSON.
    pub(super) fn rewrite(self, body: &Bytes) -> Option<Bytes> {
        if self == Self::EmptyResponse {
            return Some(Bytes::new());
        }
        let mut value: Value = serde_json::from_slice(body).ok()?;
        if let Value::Object(top) = &mut value {
            self.top(top);
        }
        self.everywhere(&mut value, "");
        serde_json::to_vec(&value).ok().map(Bytes::from)
    }

    /// Rewrites the top-level object.
    fn top(self, object: &mut Map<String, Value>) {
        match self {
            Self::MetaData => rename(object, "metadata", "meta_data"),
            Self::Transaction => rename(object, "payment_transaction", "transaction"),
            // Only version 2 of the open-app request has this form.
            Self::ProviderData | Self::WrappedExtraData if !object.contains_key("source") => {}
            Self::ProviderData => rename(object, "extra_data", "provider_data"),
            Self::Touchpoint => rename(object, "source", "touchpoint"),
            Self::CapitalSupplier => rename(object, "supplier", "Supplier"),
            Self::MisspeltSource => replace(object, "source", |source| match source {
                "POST_ADDON" => Some("POST_ADODN"),
                _ => None,
            }),
            Self::TitleCaseSide => replace(object, "user_side", |side| match side {
                "SUPPLY" => Some("Supply"),
                "DEMAND" => Some("Demand"),
                _ => None,
            }),
            Self::WrappedExtraData => {
                if let Some(data) = object.remove("extra_data") {
                    object.insert("extra_data".to_owned(), serde_json::json!({ "provider_data": data }));
                }
            }
            Self::ReturnUrl | Self::CompletionUrl if object.contains_key("source") => {
                let key = if self == Self::ReturnUrl { "return_url" } else { "completion_url" };
                object.insert(key.to_owned(), kenar::webhook::COMPLETION_URL.into());
            }
            Self::PhoneNumbers => {
                if let Some(number) = object.remove("phone_number") {
                    object.insert("phone_numbers".to_owned(), vec![number].into());
                }
            }
            Self::Nulls => {
                for key in TOP_KEYS {
                    object.entry(*key).or_insert(Value::Null);
                }
            }
            _ => {}
        }
    }

    /// Rewrites nested values by their key. The items of a list have the key of the list.
    fn everywhere(self, value: &mut Value, key: &str) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.everywhere(item, key)),
            // The add-on's own data stays unchanged.
            Value::Object(_) if matches!(key, "metadata" | "meta_data" | "extra_data" | "provider_data") => {}
            Value::Object(object) => {
                object.iter_mut().for_each(|(key, value)| self.everywhere(value, key));
                self.object(object, key);
            }
            Value::Number(number) if self == Self::NumbersAsTexts => *value = number.to_string().into(),
            _ => {}
        }
    }

    fn object(self, object: &mut Map<String, Value>, key: &str) {
        let is_message = matches!(key, "new_message" | "new_chatbot_message" | "messages");
        match self {
            Self::SentAt(form) if is_message => form.write(object),
            Self::MessageText if is_message => rename(object, "text", "message_text"),
            Self::NoText if is_message => drop(object.remove("text")),
            Self::SenderUser if key == "sender" => {
                replace(object, "type", |kind| (kind == "HUMAN").then_some("USER"));
            }
            Self::SenderSideAsType if key == "sender" => {
                if let Some(side) = object.remove("side") {
                    object.insert("type".to_owned(), side);
                }
            }
            Self::Nulls => {
                let keys = match key {
                    _ if is_message => MESSAGE_KEYS,
                    "conversation" => &["post_token"],
                    "sender" => &["side", "type"],
                    "post" => &["category", "city", "district", "first_published_at", "data"],
                    _ => &[],
                };
                for key in keys {
                    object.entry(*key).or_insert(Value::Null);
                }
            }
            Self::UnknownKeys => {
                object.insert("@type".to_owned(), "type.googleapis.com/newer.Than".into());
                object.insert("newer_than_every_crate".to_owned(), serde_json::json!({ "a": [1, null, {}] }));
            }
            Self::UnknownValues => {
                let keys: &[&str] = match key {
                    _ if is_message => &["type"],
                    "conversation" | "sender" | "post_update" | "payment_transaction" => &["type", "side", "state"],
                    "" => &["source", "touchpoint", "user_side"],
                    _ => &[],
                };
                for key in keys {
                    replace(object, key, |_| Some("NEWER_THAN_EVERY_CRATE"));
                }
            }
            _ => {}
        }
    }
}

const TOP_KEYS: &[&str] =
    &["metadata", "post_token", "conversation_id", "user_id", "user_side", "extra_data", "phone_numbers", "status"];

const MESSAGE_KEYS: &[&str] =
    &["text", "image_data", "file_data", "voice_data", "video_data", "location_data", "contact_data", "from", "to"];

fn rename(object: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = object.remove(from) {
        object.insert(to.to_owned(), value);
    }
}

fn replace(object: &mut Map<String, Value>, key: &str, with: impl Fn(&str) -> Option<&'static str>) {
    if let Some(value) = object.get_mut(key) {
        if let Some(new) = value.as_str().and_then(with) {
            *value = new.into();
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TimeForm {
    fn write(self, message: &mut Map<String, Value>) {
        let Some(at) = message.get("sent_at").and_then(Value::as_str).and_then(|at| at.parse::<Timestamp>().ok())
        else {
            return;
        };
        let micros = at.unix_micros();
        let form = match self {
            Self::Seconds => (micros / 1_000_000).into(),
            Self::Millis => (micros / 1000).into(),
            Self::Micros => micros.into(),
            Self::Nanos => micros.saturating_mul(1000).into(),
            Self::MicrosText => micros.to_string().into(),
            Self::Offset => in_iran(at).into(),
            Self::Null => Value::Null,
            Self::Missing => return drop(message.remove("sent_at")),
        };
        message.insert("sent_at".to_owned(), form);
    }
}

/// The same instant with the offset `+03:30`.
fn in_iran(at: Timestamp) -> String {
    let there = at.saturating_add(std::time::Duration::from_secs(12_600)).to_string();
    format!("{}+03:30", there.trim_end_matches('Z'))
}

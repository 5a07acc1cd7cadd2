use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap};
use serde::{Deserialize, Deserializer};

use super::lenient::{Fields, Nowhere};
use super::wire::{deserialize, fields, open_enum, serialize, setters, wire};
use super::{RawJson, lenient};

/// Declares the kinds of content whose details are an object under their own key.
macro_rules! contents {
    ($($(#[$doc:meta])* $kind:ident($type:ty) = $wire:literal, $key:literal => $read:ident: $read_type:ty;)*) => {
        /// The content of a message. Divar may omit any detail of a medium.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum MessageContent {
            /// A text, empty if Divar sent none.
            Text(String),
            $($(#[$doc])* $kind($type),)*
            /// A kind unknown to this version of the crate.
            Unknown(UnknownContent),
        }

        open_enum! {
            /// The kind of a message's content.
            MessageKind {
                /// [`MessageContent::Text`]
                Text = "TEXT",
                $(#[doc = concat!("[`MessageContent::", stringify!($kind), "`]")] $kind = $wire,)*
            }
        }

        fields! {
            pub(super) struct ContentFields {
                kind: Option<MessageKind> = "type",
                text: Option<String>,
                message_text: Option<String>,
                $($read: Option<$read_type> = $key,)*
                any_type: Nowhere = "@type",
                .. unknown: BTreeMap<String, RawJson>,
            }
        }

        impl ContentFields {
            /// Takes the content by reference: the struct is too large to move.
            pub(super) fn take(&mut self) -> MessageContent {
                match self.kind.take().or_else(|| self.kind_by_details()) {
                    Some(MessageKind::Text) => MessageContent::Text(self.take_text().unwrap_or_default()),
                    $(Some(MessageKind::$kind) => MessageContent::$kind(Details::of_read(self.$read.take())),)*
                    Some(MessageKind::Unknown(kind)) => MessageContent::Unknown(self.take_unknown(Some(kind))),
                    None => MessageContent::Unknown(self.take_unknown(None)),
                }
            }

            fn kind_by_details(&self) -> Option<MessageKind> {
                if self.text.is_some() || self.message_text.is_some() {
                    return Some(MessageKind::Text);
                }
                $(if self.$read.is_some() {
                    return Some(MessageKind::$kind);
                })*
                None
            }

            fn take_unknown(&mut self, kind: Option<String>) -> UnknownContent {
                let text = self.take_text();
                let mut fields = std::mem::take(&mut self.unknown);
                $(if let Some(read) = self.$read.take() {
                    let details = <$type>::of_read(Some(read));
                    let json = details.written().and_then(|details| RawJson::of(details).ok());
                    fields.extend(json.map(|json| ($key.to_owned(), json)));
                })*
                UnknownContent { kind, text, fields }
            }
        }

        impl MessageContent {
            /// The kind; `None` if it is unknown and the message has no `type`.
            #[must_use]
            pub fn kind(&self) -> Option<MessageKind> {
                Some(match self {
                    Self::Text(_) => MessageKind::Text,
                    $(Self::$kind(_) => MessageKind::$kind,)*
                    Self::Unknown(unknown) => MessageKind::Unknown(unknown.kind.clone()?),
                })
            }

            pub(super) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                match self {
                    Self::Text(text) => map.serialize_entry("text", text),
                    $(Self::$kind(details) => {
                        details.written().map_or(Ok(()), |details| map.serialize_entry($key, details))
                    })*
                    Self::Unknown(unknown) => {
                        if let Some(text) = &unknown.text {
                            map.serialize_entry("text", text)?;
                        }
                        unknown.fields.iter().try_for_each(|(key, json)| map.serialize_entry(key, json))
                    }
                }
            }
        }
    };
}

contents! {
    /// A picture.
    #[doc(alias = "image_data")]
    Image(Image) = "IMAGE", "image_data" => image: Image;
    /// A document.
    File(File) = "FILE", "file_data" => file: File;
    /// A voice recording.
    Voice(Voice) = "VOICE", "voice_data" => voice: Voice;
    /// A video.
    Video(Video) = "VIDEO", "video_data" => video: Video;
    /// A place; `None` if a coordinate is missing.
    Location(Option<Location>) = "LOCATION", "location_data" => location: LocationFields;
    /// A contact card.
    Contact(Contact) = "CONTACT", "contact_data" => contact: Contact;
}

impl ContentFields {
    fn take_text(&mut self) -> Option<String> {
        self.text.take().or_else(|| self.message_text.take())
    }
}

trait Details {
    type Read;
    type Written: Serialize;

    fn of_read(read: Option<Self::Read>) -> Self;
    fn written(&self) -> Option<&Self::Written>;
}

impl<T: Fields + Default + Serialize> Details for T {
    type Read = T;
    type Written = T;

    fn of_read(read: Option<T>) -> T {
        read.unwrap_or_default()
    }

    fn written(&self) -> Option<&T> {
        Some(self)
    }
}

impl Details for Option<Location> {
    type Read = LocationFields;
    type Written = Location;

    fn of_read(read: Option<LocationFields>) -> Self {
        read.and_then(LocationFields::whole)
    }

    fn written(&self) -> Option<&Location> {
        self.as_ref()
    }
}

/// Content of a kind unknown to this version of the crate.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct UnknownContent {
    /// The `type` of the message, if any.
    pub kind: Option<String>,
    /// The text, if any.
    pub text: Option<String>,
    /// The other fields of the message, as JSON.
    pub fields: BTreeMap<String, RawJson>,
}

wire! {
    /// A picture in a message.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Image {
        /// The download address.
        pub link: Option<String>,
        /// The size in bytes.
        pub size_bytes: Option<u64>,
        /// The height in pixels.
        pub height_px: Option<u64>,
        /// The width in pixels.
        pub width_px: Option<u64>,
    }
}

wire! {
    /// A document in a message.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct File {
        /// The download address.
        pub link: Option<String>,
        /// The file name.
        pub name: Option<String>,
        /// The size in bytes.
        pub size_bytes: Option<u64>,
    }
}

wire! {
    /// A voice recording in a message.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Voice {
        /// The download address.
        pub link: Option<String>,
        /// The size in bytes.
        pub size_bytes: Option<u64>,
    }
}

wire! {
    /// A video in a message.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Video {
        /// The download address.
        pub link: Option<String>,
        /// The address of the preview picture.
        pub thumbnail_link: Option<String>,
        /// The size in bytes.
        pub size_bytes: Option<u64>,
    }
}

wire! {
    /// A contact card in a message.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Contact {
        /// The name, if any.
        pub name: Option<String>,
        /// The phone number, in any format.
        pub phone: Option<String>,
    }
}

serialize! { Image File Voice Video Contact }
deserialize! { Image File Voice Video Contact }

macro_rules! with_link {
    ($($name:ident)*) => {$(
        impl $name {
            /// A medium with this download address.
            #[must_use]
            pub fn new(link: impl Into<String>) -> Self {
                Self { link: Some(link.into()), ..Self::default() }
            }
        }
    )*};
}

with_link! { Image File Voice Video }

setters! { Image { size_bytes: u64, height_px: u64, width_px: u64 } }

setters! { File { name: impl Into<String>, size_bytes: u64 } }

setters! { Voice { size_bytes: u64 } }

setters! { Video { thumbnail_link: impl Into<String>, size_bytes: u64 } }

impl Contact {
    /// A contact with this phone number.
    #[must_use]
    pub fn new(phone: impl Into<String>) -> Self {
        Self { phone: Some(phone.into()), name: None }
    }
}

setters! { Contact { name: impl Into<String> } }

impl UnknownContent {
    /// Content with this kind and these fields.
    #[must_use]
    pub fn new(kind: impl Into<String>, fields: BTreeMap<String, RawJson>) -> Self {
        Self { kind: Some(kind.into()), text: None, fields }
    }
}

setters! { UnknownContent { text: impl Into<String> } }

wire! {
    /// A place in degrees (WGS 84). Parsed from numbers or texts, serialised as numbers.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Location {
        /// Degrees north of the equator, -90 to 90.
        pub latitude: f64,
        /// Degrees east of Greenwich, -180 to 180.
        pub longitude: f64,
    }
    read by pub(crate) LocationFields {}
}

serialize! { Location }

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object::<LocationFields, D>(deserializer)?
            .whole()
            .ok_or_else(|| serde::de::Error::custom("a location needs a latitude and a longitude"))
    }
}

//! Macros that declare wire types: their fields, wire names and serialisation.
//!
//! - A field has its Rust name on the wire, unless `= "name"` follows. `= "name" | "alias"` parses both.
//! - `None` is omitted. Any field that is not an `Option` is required, and needs a `read by` struct: its `whole` returns `None`
//!   if a required field is missing. Fields in its braces are only parsed.
//! - `=> path` names a function that converts a value for writing.
//! - Fields after a `;` are not on the wire, or are handled by hand.
//! - In [`fields!`], `.. field` is a struct that receives unknown keys.
//!
//! The macros implement [`Fields`](super::lenient::Fields) and [`Written`]; [`serialize!`] and [`deserialize!`] implement the
//! traits of `serde` by them.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::lenient::Item;

pub(crate) trait Field: Sized {
    type Item: Item;

    fn value(&self) -> Option<&Self::Item>;

    fn of_read(read: Option<Self::Item>) -> Option<Self>;
}

impl<T: Item> Field for T {
    type Item = T;

    fn value(&self) -> Option<&T> {
        Some(self)
    }

    fn of_read(read: Option<T>) -> Option<T> {
        read
    }
}

impl<T: Item> Field for Option<T> {
    type Item = T;

    fn value(&self) -> Option<&T> {
        self.as_ref()
    }

    #[allow(clippy::option_option)]
    fn of_read(read: Self) -> Option<Self> {
        Some(read)
    }
}

pub(crate) trait Written {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

pub(crate) struct AsObject<'a, T>(pub(crate) &'a T);

impl<T: Written> Serialize for AsObject<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write(&mut map)?;
        map.end()
    }
}

/// Declares a struct that is only parsed. Its fields are [`Place`](super::lenient::Place)s.
macro_rules! fields {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty $(= $wire:literal $(| $alias:literal)*)?,)*
            $(; $($(#[$beside_meta:meta])* $beside_vis:vis $beside:ident: $beside_type:ty,)*)?
            $(.. $rest:ident: $rest_type:ty,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Default)]
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type,)*
            $($($(#[$beside_meta])* $beside_vis $beside: $beside_type,)*)?
            $($rest: $rest_type,)?
        }

        impl $crate::model::lenient::Fields for $name {
            fn slot(&mut self, key: &str) -> $crate::model::lenient::Slot<'_> {
                match key {
                    $($crate::model::wire::name!($field $($wire)?) $($(| $alias)*)? => {
                        $crate::model::lenient::Place::slot(&mut self.$field)
                    })*
                    _ => $crate::model::wire::rest!(self key $($rest)?),
                }
            }
        }

        impl $crate::model::lenient::Item for $name {
            fn slot(place: &mut Option<Self>) -> $crate::model::lenient::Slot<'_> {
                $crate::model::lenient::Slot::Object(place)
            }
        }
    };
}

macro_rules! wire {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty
                $(= $wire:literal $(| $alias:literal)*)? $(=> $write:path)?,)*
            $(; $($(#[$beside_meta:meta])* $beside_vis:vis $beside:ident: $beside_type:ty,)*)?
        }
    ) => {
        $crate::model::wire::fields! {
            $(#[$meta])*
            $vis struct $name {
                $($(#[$field_meta])* $field_vis $field: $type $(= $wire $(| $alias)*)?,)*
                $(; $($(#[$beside_meta])* $beside_vis $beside: $beside_type,)*)?
            }
        }

        $crate::model::wire::written!($name { $($field $($wire)? $(=> $write)?,)* });
    };
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty
                $(= $wire:literal $(| $alias:literal)*)? $(=> $write:path)?,)*
            $(; $($(#[$beside_meta:meta])* $beside_vis:vis $beside:ident: $beside_type:ty,)*)?
        }
        read by $fields_vis:vis $fields:ident {
            $($only_read:ident: $only_read_type:ty $(= $only_read_wire:literal)?,)*
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type,)*
            $($($(#[$beside_meta])* $beside_vis $beside: $beside_type,)*)?
        }

        $crate::model::wire::fields! {
            $fields_vis struct $fields {
                $($field_vis $field: Option<<$type as $crate::model::wire::Field>::Item> $(= $wire $(| $alias)*)?,)*
                $($only_read: $only_read_type $(= $only_read_wire)?,)*
            }
        }

        impl $fields {
            /// `None` if a required field is missing.
            $fields_vis fn whole(self) -> Option<$name> {
                Some($name {
                    $($field: $crate::model::wire::Field::of_read(self.$field)?,)*
                    $($($beside: Default::default(),)*)?
                })
            }
        }

        $crate::model::wire::written!($name { $($field $($wire)? $(=> $write)?,)* });
    };
}

macro_rules! written {
    ($name:ident { $($field:ident $($wire:literal)? $(=> $write:path)?,)* }) => {
        impl $crate::model::wire::Written for $name {
            fn write<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                $(if let Some(value) = $crate::model::wire::Field::value(&self.$field) {
                    map.serialize_entry(
                        $crate::model::wire::name!($field $($wire)?),
                        $crate::model::wire::value!(value $($write)?),
                    )?;
                })*
                Ok(())
            }
        }
    };
}

macro_rules! name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $wire:literal) => {
        $wire
    };
}

macro_rules! value {
    ($value:ident) => {
        $value
    };
    ($value:ident $write:path) => {
        &$write($value)
    };
}

macro_rules! rest {
    ($self:ident $key:ident) => {
        $crate::model::lenient::Slot::Ignored
    };
    ($self:ident $key:ident $rest:ident) => {
        $crate::model::lenient::Fields::slot(&mut $self.$rest, $key)
    };
}

macro_rules! serialize {
    ($($name:ident)*) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde::Serialize::serialize(&$crate::model::wire::AsObject(self), serializer)
            }
        }
    )*};
}

/// Implements [`Deserialize`](serde::Deserialize) for wire types without required fields.
macro_rules! deserialize {
    ($($name:ident)*) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::model::lenient::object(deserializer)
            }
        }
    )*};
}

macro_rules! setters {
    ($name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        impl $name {
            $(#[doc = concat!("Sets `", stringify!($field), "`.")]
            #[must_use]
            pub fn $field(mut self, $field: $type) -> Self {
                self.$field = Some($field.into());
                self
            })*
        }
    };
}

pub(crate) use {deserialize, fields, name, rest, serialize, setters, value, wire, written};

/// Defines an enumeration of wire names, with aliases that are only parsed.
macro_rules! open_enum {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$variant_doc:meta])* $variant:ident = $wire:literal $(| $alias:literal)*,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A value unknown to this version of the crate. A later version may add it as a variant, so compare
            /// [`as_str`](Self::as_str) instead.
            Unknown(String),
        }

        impl $name {
            /// The name on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $wire,)*
                    Self::Unknown(name) => name,
                }
            }

            /// The value of a wire name in any case; [`Unknown`](Self::Unknown) for any other text.
            #[must_use]
            pub fn from_name(name: &str) -> Self {
                $(if name.eq_ignore_ascii_case($wire) $(|| name.eq_ignore_ascii_case($alias))* {
                    return Self::$variant;
                })*
                Self::Unknown(name.to_owned())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::from_name(name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Ok(Self::from_name(&name))
            }
        }

        impl $crate::model::lenient::FromScalar for $name {
            /// Divar's server may send an empty text for "none".
            fn from_text(text: &str) -> Option<Self> {
                (!text.is_empty()).then(|| Self::from_name(text))
            }
        }
    };
}

pub(crate) use open_enum;

//! How what Divar sends is read: key by key, and no value is an error.
//!
//! Divar's server is a JSON gateway before protobuf messages. 64-bit integers may be texts, fields that are not set
//! may be missing, `null` or empty, and its documents and its traffic disagree about names and types. So a known key
//! with a value of the wrong type counts as missing, a repeated key keeps its last useful value, and a key that is
//! not known is passed over. Only text that is not JSON at all fails.
//!
//! A type says what its keys are in [`FromObject::set`]; everything is decided there, in one pass and without
//! buffering.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::RawJson;

/// A value read from one JSON text, number or boolean.
pub(crate) trait FromScalar: Sized {
    fn from_text(text: &str) -> Option<Self>;

    fn from_integer(number: i128) -> Option<Self> {
        Self::from_text(&number.to_string())
    }

    fn from_float(number: f64) -> Option<Self> {
        Self::from_text(&number.to_string())
    }

    fn from_bool(_: bool) -> Option<Self> {
        None
    }
}

impl FromScalar for String {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl FromScalar for $integer {
            fn from_text(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }

            fn from_integer(number: i128) -> Option<Self> {
                number.try_into().ok()
            }

            fn from_float(number: f64) -> Option<Self> {
                // Doubles are exact for integers up to 2^53; beyond, the number was written as no integer at all.
                #[allow(clippy::cast_possible_truncation)]
                (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0)
                    .then_some(number as i128)
                    .and_then(Self::from_integer)
            }
        }
    )*};
}

integers!(u64 i64 i32);

impl FromScalar for f64 {
    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn from_integer(number: i128) -> Option<Self> {
        #[allow(clippy::cast_precision_loss)]
        Some(number as f64)
    }

    fn from_float(number: f64) -> Option<Self> {
        Some(number)
    }
}

impl FromScalar for bool {
    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }

    fn from_integer(number: i128) -> Option<Self> {
        match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

/// A value read from one JSON object, key by key.
pub(crate) trait FromObject: Default {
    /// Takes the value of `key`. A key that is not known gets [`Entry::skip`].
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error>;
}

/// The value of one key, not read yet. Each method reads it whole and fails only where the text is not JSON.
pub(crate) struct Entry<'a, A>(&'a mut A);

impl<'de, A: MapAccess<'de>> Entry<'_, A> {
    /// Fills `slot` where the value is a scalar that makes a `T`.
    pub(crate) fn scalar<T: FromScalar>(self, slot: &mut Option<T>) -> Result<(), A::Error> {
        fill(slot, self.0.next_value_seed(Scalar(PhantomData))?);
        Ok(())
    }

    /// Fills `slot` where the value is an object.
    pub(crate) fn object<T: FromObject>(self, slot: &mut Option<T>) -> Result<(), A::Error> {
        fill(slot, self.0.next_value_seed(Object(PhantomData))?);
        Ok(())
    }

    /// Fills `slot` where the value is an array, with those of its elements that are objects.
    pub(crate) fn objects<T: FromObject>(self, slot: &mut Option<Vec<T>>) -> Result<(), A::Error> {
        fill(slot, self.0.next_value_seed(List(Object(PhantomData)))?);
        Ok(())
    }

    /// Fills `slot` where the value is an array, with those of its elements that make a `T`.
    pub(crate) fn scalars<T: FromScalar>(self, slot: &mut Option<Vec<T>>) -> Result<(), A::Error> {
        fill(slot, self.0.next_value_seed(List(Scalar(PhantomData)))?);
        Ok(())
    }

    /// Keeps the value as the text it was sent as; `null` counts as missing.
    pub(crate) fn json(self, slot: &mut Option<RawJson>) -> Result<(), A::Error> {
        let raw: Box<RawValue> = self.0.next_value()?;
        fill(slot, Some(RawJson::from(raw)).filter(|raw| !raw.is_null()));
        Ok(())
    }

    pub(crate) fn skip(self) -> Result<(), A::Error> {
        self.0.next_value::<IgnoredAny>().map(drop)
    }
}

fn fill<T>(slot: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *slot = value;
    }
}

/// Reads a scalar, for `Deserialize` implementations.
pub(crate) fn scalar<'de, T: FromScalar, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Scalar(PhantomData).deserialize(deserializer)
}

/// Reads an object, for `Deserialize` implementations and for [`from_slice`].
pub(crate) fn object<'de, T: FromObject, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Object(PhantomData).deserialize(deserializer)?.ok_or_else(|| serde::de::Error::custom("expected a JSON object"))
}

/// Reads a whole body: `Ok(None)` where it is JSON but no object.
pub(crate) fn from_slice<T: FromObject>(body: &[u8]) -> Result<Option<T>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = Object(PhantomData).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

struct Scalar<T>(PhantomData<T>);
struct Object<T>(PhantomData<T>);
struct List<S>(S);

impl<T> Clone for Scalar<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for Object<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

/// The parts of a visitor that accept whatever the type is not made of, and answer `None`.
macro_rules! pass_over {
    ($($part:ident)*) => {$(pass_over!(@ $part);)*};
    (@ scalars) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(None)
        }
    };
    (@ null) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    };
    (@ array) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(None)
        }
    };
    (@ object) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(None)
        }
    };
}

impl<'de, T: FromScalar> DeserializeSeed<'de> for Scalar<T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: FromScalar> Visitor<'de> for Scalar<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::from_text(text))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(T::from_bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(T::from_integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(T::from_integer(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(T::from_float(number))
    }

    pass_over!(null array object);
}

impl<'de, T: FromObject> DeserializeSeed<'de> for Object<T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: FromObject> Visitor<'de> for Object<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = T::default();
        while let Some(key) = map.next_key_seed(Key)? {
            object.set(&key, Entry(&mut map))?;
        }
        Ok(Some(object))
    }

    pass_over!(null array scalars);
}

impl<'de, T, S: DeserializeSeed<'de, Value = Option<T>> + Clone> DeserializeSeed<'de> for List<S> {
    type Value = Option<Vec<T>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T, S: DeserializeSeed<'de, Value = Option<T>> + Clone> Visitor<'de> for List<S> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element_seed(self.0.clone())? {
            list.extend(element);
        }
        Ok(Some(list))
    }

    pass_over!(null object scalars);
}

/// A key, borrowed from the input where it holds no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text))
    }
}

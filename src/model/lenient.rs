//! How what Divar sends is read: key by key, and no value is an error.
//!
//! Divar's server is a JSON gateway before protobuf messages. 64-bit integers may be texts, fields that are not set
//! may be missing, `null` or empty, and its documents and its traffic disagree about names and types. So a known key
//! with a value of the wrong type counts as missing, a repeated key keeps its last useful value, and a key that is
//! not known is passed over. Only text that is not JSON at all fails; what JSON can write and no value can be is read as
//! [`tolerant`](super::tolerant) says.
//!
//! A type says what its keys are in [`FromObject::set`]; everything is decided there, in one pass and without
//! buffering. Values are written where they belong, since a value that is handed up from call to call is copied by each
//! of them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::RawJson;
use super::tolerant::Tolerant;

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
        self.0.next_value_seed(Scalar(slot))
    }

    /// Fills `slot` where the value is an object.
    pub(crate) fn object<T: FromObject>(self, slot: &mut Option<T>) -> Result<(), A::Error> {
        self.0.next_value_seed(Object(slot))
    }

    /// Fills `slot` where the value is an array, with what `finish` makes of those of its elements that are objects.
    pub(crate) fn objects<T: FromObject, U>(
        self,
        slot: &mut Option<Vec<U>>,
        finish: fn(&mut T) -> U,
    ) -> Result<(), A::Error> {
        self.0.next_value_seed(Objects(slot, finish))
    }

    /// Fills `slot` where the value is an array, with those of its elements that make a `T`.
    pub(crate) fn scalars<T: FromScalar>(self, slot: &mut Option<Vec<T>>) -> Result<(), A::Error> {
        self.0.next_value_seed(Scalars(slot))
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
    let mut slot = None;
    Scalar(&mut slot).deserialize(deserializer)?;
    Ok(slot)
}

/// Reads an object, for `Deserialize` implementations.
pub(crate) fn object<'de, T: FromObject, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let mut slot = None;
    Object(&mut slot).deserialize(deserializer)?;
    slot.ok_or_else(|| serde::de::Error::custom("expected a JSON object"))
}

/// Reads a whole body: `Ok(None)` where it is JSON but no object.
pub(crate) fn from_slice<T: FromObject>(body: &[u8]) -> Result<Option<T>, serde_json::Error> {
    let body = without_bom(body);
    let read = match std::str::from_utf8(body) {
        // One look at the whole is quicker than one at each text in it.
        Ok(text) => whole(serde_json::Deserializer::from_str(text)),
        // What is not passed over has to be UTF-8 all the same.
        Err(_) => whole(serde_json::Deserializer::from_slice(body)),
    };
    read.or_else(|error| {
        // JSON by its grammar may hold what no value can be.
        let raw: &RawValue = serde_json::from_slice(body).map_err(|_| error)?;
        let mut slot = None;
        Object(&mut slot).deserialize(Tolerant::new(raw))?;
        Ok(slot)
    })
}

/// The body without the byte order mark that some writers begin with; RFC 8259, section 8.1, lets a reader pass it over.
pub(crate) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body)
}

fn whole<'de, T: FromObject, R: serde_json::de::Read<'de>>(
    mut deserializer: serde_json::Deserializer<R>,
) -> Result<Option<T>, serde_json::Error> {
    let mut slot = None;
    Object(&mut slot).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(slot)
}

/// Where some crate in the build turns `serde_json/arbitrary_precision` on, a number is handed over as an object of this
/// one key.
const NUMBER: &str = "$serde_json::private::Number";

/// Each of these fills its slot with a value of its kind, and leaves it as it is where the value is of another kind.
struct Scalar<'a, T>(&'a mut Option<T>);
struct Scalars<'a, T>(&'a mut Option<Vec<T>>);
struct Object<'a, T>(&'a mut Option<T>);
struct Objects<'a, T, U>(&'a mut Option<Vec<U>>, fn(&mut T) -> U);

/// The parts of a visitor that pass over whatever fills no slot of its kind.
macro_rules! pass_over {
    ($($part:ident)*) => {$(pass_over!(@ $part);)*};
    (@ scalars) => {
        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            Ok(())
        }
        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            Ok(())
        }
        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            Ok(())
        }
        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            Ok(())
        }
        fn visit_str<E>(self, _: &str) -> Result<(), E> {
            Ok(())
        }
    };
    (@ null) => {
        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any JSON value")
        }
    };
    (@ array) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(())
        }
    };
    (@ object) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(())
        }
    };
}

impl<'de, T: FromScalar> DeserializeSeed<'de> for Scalar<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: FromScalar> Visitor<'de> for Scalar<'_, T> {
    type Value = ();

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        fill(self.0, T::from_text(text));
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        fill(self.0, T::from_bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        fill(self.0, T::from_integer(number.into()));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        fill(self.0, T::from_integer(number.into()));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        fill(self.0, T::from_float(number));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            if key == NUMBER {
                let number = map.next_value::<Cow<'de, str>>()?;
                let integer = || number.parse().ok().and_then(T::from_integer);
                let float = || number.parse().ok().filter(|number: &f64| number.is_finite()).and_then(T::from_float);
                fill(self.0, integer().or_else(float));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    pass_over!(null array);
}

impl<'de, T: FromObject> DeserializeSeed<'de> for Object<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: FromObject> Visitor<'de> for Object<'_, T> {
    type Value = ();

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut key = map.next_key_seed(Key)?;
        if key.as_deref() == Some(NUMBER) {
            return map.next_value::<IgnoredAny>().map(drop);
        }
        let object = self.0.insert(T::default());
        while let Some(name) = key {
            object.set(&name, Entry(&mut map))?;
            key = map.next_key_seed(Key)?;
        }
        Ok(())
    }

    pass_over!(null array scalars);
}

impl<'de, T: FromScalar> DeserializeSeed<'de> for Scalars<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: FromScalar> Visitor<'de> for Scalars<'_, T> {
    type Value = ();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let list = self.0.insert(Vec::new());
        let mut element = None;
        while seq.next_element_seed(Scalar(&mut element))?.is_some() {
            list.extend(element.take());
        }
        Ok(())
    }

    pass_over!(null object scalars);
}

impl<'de, T: FromObject, U> DeserializeSeed<'de> for Objects<'_, T, U> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: FromObject, U> Visitor<'de> for Objects<'_, T, U> {
    type Value = ();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let list = self.0.insert(Vec::new());
        let mut element = None;
        while seq.next_element_seed(Object(&mut element))?.is_some() {
            list.extend(element.as_mut().map(self.1));
            element = None;
        }
        Ok(())
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

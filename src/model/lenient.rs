//! Lenient parsing of JSON from Divar: no field value is an error.
//!
//! Divar's server is a JSON gateway to protobuf messages. It may send 64-bit integers as texts, and unset fields as `null`,
//! empty or not at all. So a known key with a value of the wrong type counts as missing, the last usable value of a repeated
//! key wins, and unknown keys are ignored. Only text that is not JSON fails.
//!
//! A type maps each key to a [`Slot`], a trait object, so that the visitor that fills them is compiled once per JSON
//! deserializer, and not once per type.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::RawJson;
use super::json::{self, ReadInto};

#[derive(Clone, Copy)]
pub(crate) enum Scalar<'a> {
    Text(&'a str),
    Integer(i128),
    Float(f64),
    Bool(bool),
}

impl<'a> Scalar<'a> {
    /// The text, or that of a number in the buffer.
    pub(crate) fn text(self, number: &'a mut String) -> Option<&'a str> {
        match self {
            Self::Text(text) => return Some(text),
            Self::Integer(integer) => *number = integer.to_string(),
            Self::Float(float) => *number = float.to_string(),
            Self::Bool(_) => return None,
        }
        Some(number)
    }

    /// The integer, including one in a text or a float.
    pub(crate) fn integer(self) -> Option<i128> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Integer(number) => Some(number),
            // Doubles represent integers exactly up to 2^53.
            #[allow(clippy::cast_possible_truncation)]
            Self::Float(number) => {
                (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i128)
            }
            Self::Bool(_) => None,
        }
    }
}

pub(crate) trait FromScalar: Sized {
    fn from_text(text: &str) -> Option<Self>;

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        Self::from_text(scalar.text(&mut String::new())?)
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
                Self::from_scalar(Scalar::Text(text))
            }

            fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
                scalar.integer()?.try_into().ok()
            }
        }
    )*};
}

integers!(u64 i64 i32);

impl FromScalar for f64 {
    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Text(text) => Self::from_text(text),
            #[allow(clippy::cast_precision_loss)]
            Scalar::Integer(number) => Some(number as f64),
            Scalar::Float(number) => Some(number),
            Scalar::Bool(_) => None,
        }
    }
}

impl FromScalar for bool {
    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Text(text) => Self::from_text(text),
            Scalar::Integer(0) => Some(false),
            Scalar::Integer(1) => Some(true),
            Scalar::Bool(value) => Some(value),
            Scalar::Integer(_) | Scalar::Float(_) => None,
        }
    }
}

pub(crate) trait Fields {
    fn slot(&mut self, key: &str) -> Slot<'_>;
}

/// The destination of a value. A value of another kind is ignored.
pub(crate) enum Slot<'a> {
    /// A text, number or boolean.
    Scalar(&'a mut dyn ScalarSlot),
    /// An array of texts, numbers or booleans.
    Scalars(&'a mut dyn ScalarSlot),
    /// An object.
    Object(&'a mut dyn ObjectSlot),
    /// An array of objects.
    Objects(&'a mut dyn ObjectSlot),
    /// Any value, kept as JSON text; `null` counts as missing.
    Json(&'a mut Option<RawJson>),
    /// Any value, stored under its key.
    Other(&'a mut BTreeMap<String, RawJson>),
    /// No value.
    Ignored,
}

pub(crate) trait ScalarSlot {
    /// Keeps the previous value if the scalar cannot be converted.
    fn set(&mut self, scalar: Scalar<'_>);

    fn begin_list(&mut self) {}
}

impl<T: FromScalar> ScalarSlot for Option<T> {
    fn set(&mut self, scalar: Scalar<'_>) {
        let value = match scalar {
            Scalar::Text(text) => T::from_text(text),
            scalar => T::from_scalar(scalar),
        };
        if value.is_some() {
            *self = value;
        }
    }
}

impl<T: FromScalar> ScalarSlot for Option<Vec<T>> {
    fn set(&mut self, scalar: Scalar<'_>) {
        self.get_or_insert_default().extend(T::from_scalar(scalar));
    }

    fn begin_list(&mut self) {
        *self = Some(Vec::new());
    }
}

pub(crate) trait ObjectSlot {
    fn begin(&mut self) -> &mut dyn Fields;

    fn end(&mut self) {}

    fn begin_list(&mut self) {}
}

impl<T: Fields + Default> ObjectSlot for Option<T> {
    fn begin(&mut self) -> &mut dyn Fields {
        self.insert(T::default())
    }
}

impl<T: Fields + Default> ObjectSlot for T {
    fn begin(&mut self) -> &mut dyn Fields {
        *self = T::default();
        self
    }
}

impl Fields for BTreeMap<String, RawJson> {
    fn slot(&mut self, _key: &str) -> Slot<'_> {
        Slot::Other(self)
    }
}

pub(crate) trait Item: Sized {
    fn slot(place: &mut Option<Self>) -> Slot<'_>;
}

impl<T: FromScalar> Item for T {
    fn slot(place: &mut Option<Self>) -> Slot<'_> {
        Slot::Scalar(place)
    }
}

impl<T: FromScalar> Item for Vec<T> {
    fn slot(place: &mut Option<Self>) -> Slot<'_> {
        Slot::Scalars(place)
    }
}

impl Item for RawJson {
    fn slot(place: &mut Option<Self>) -> Slot<'_> {
        Slot::Json(place)
    }
}

pub(crate) trait Place {
    fn slot(&mut self) -> Slot<'_>;
}

impl<T: Item> Place for Option<T> {
    fn slot(&mut self) -> Slot<'_> {
        T::slot(self)
    }
}

impl<T: Fields + Default> Place for T {
    fn slot(&mut self) -> Slot<'_> {
        Slot::Object(self)
    }
}

#[derive(Default)]
pub(crate) struct Nowhere;

impl Place for Nowhere {
    fn slot(&mut self) -> Slot<'_> {
        Slot::Ignored
    }
}

pub(crate) fn scalar<'de, T: FromScalar, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let mut value = None;
    Reader(Slot::Scalar(&mut value)).deserialize(deserializer)?;
    Ok(value)
}

pub(crate) fn object<'de, T: Fields + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let mut object = None;
    Reader(Slot::Object(&mut object)).deserialize(deserializer)?;
    object.ok_or_else(not_an_object)
}

pub(crate) fn not_an_object<E: serde::de::Error>() -> E {
    E::custom("expected a JSON object")
}

/// Parses a complete body; `Ok(false)` if it is JSON but not an object.
pub(crate) fn read(body: &[u8], object: &mut dyn ObjectSlot) -> Result<bool, serde_json::Error> {
    let mut whole = Whole { object, is_object: false };
    json::read(without_bom(body), &mut whole)?;
    Ok(whole.is_object)
}

struct Whole<'a> {
    object: &'a mut dyn ObjectSlot,
    is_object: bool,
}

impl ObjectSlot for Whole<'_> {
    fn begin(&mut self) -> &mut dyn Fields {
        self.is_object = true;
        self.object.begin()
    }
}

impl ReadInto for Whole<'_> {
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        Reader(Slot::Object(self)).deserialize(deserializer)
    }
}

/// Strips a byte order mark, as RFC 8259, section 8.1, permits.
pub(crate) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body)
}

/// The only key of the object by which `serde_json/arbitrary_precision`, if enabled in the build, represents a number.
const NUMBER: &str = "$serde_json::private::Number";

struct Reader<'a>(Slot<'a>);

impl Reader<'_> {
    fn set<E>(self, scalar: Scalar<'_>) -> Result<(), E> {
        if let Slot::Scalar(slot) = self.0 {
            slot.set(scalar);
        }
        Ok(())
    }

    fn set_number<E>(self, digits: Option<String>) -> Result<(), E> {
        let Some(digits) = digits else { return Ok(()) };
        let float = || digits.parse().ok().filter(|number: &f64| number.is_finite()).map(Scalar::Float);
        match digits.parse().ok().map(Scalar::Integer).or_else(float) {
            Some(number) => self.set(number),
            None => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.set(Scalar::Text(text))
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.set(Scalar::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.set(Scalar::Integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.set(Scalar::Integer(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.set(Scalar::Float(number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        match self.0 {
            Slot::Scalars(list) => {
                list.begin_list();
                while seq.next_element_seed(Reader(Slot::Scalar(&mut *list)))?.is_some() {}
            }
            Slot::Objects(list) => {
                list.begin_list();
                while seq.next_element_seed(Reader(Slot::Object(&mut *list)))?.is_some() {}
            }
            _ => while seq.next_element::<IgnoredAny>()?.is_some() {},
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut next = map.next_key()?;
        let object = match self.0 {
            Slot::Object(object) if !matches!(&next, Some(Key(key)) if key == NUMBER) => object,
            slot => {
                let mut number = None;
                while let Some(Key(key)) = next {
                    let is_number = key == NUMBER;
                    map.next_value_seed(Reader(if is_number { Slot::Scalar(&mut number) } else { Slot::Ignored }))?;
                    next = map.next_key()?;
                }
                return Reader(slot).set_number(number);
            }
        };
        let fields = object.begin();
        while let Some(Key(key)) = next {
            match fields.slot(&key) {
                Slot::Ignored => drop(map.next_value::<IgnoredAny>()?),
                Slot::Json(place) => {
                    if let Some(json) = raw_json(&mut map)? {
                        *place = Some(json);
                    }
                }
                Slot::Other(places) => {
                    if let Some(json) = raw_json(&mut map)? {
                        places.insert(key.into_owned(), json);
                    }
                }
                slot => map.next_value_seed(Reader(slot))?,
            }
            next = map.next_key()?;
        }
        object.end();
        Ok(())
    }
}

fn raw_json<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<RawJson>, A::Error> {
    let raw: Box<RawValue> = map.next_value()?;
    Ok(Some(RawJson::from(raw)).filter(|raw| !raw.is_null()))
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests;

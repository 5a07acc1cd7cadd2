//! JSON parsing: fast first, then tolerant, then once more to locate an error.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) trait ReadInto {
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error>;
}

impl<T: DeserializeOwned> ReadInto for Option<T> {
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        *self = Some(T::deserialize(deserializer)?);
        Ok(())
    }
}

pub(crate) fn read(text: &[u8], place: &mut impl ReadInto) -> Result<(), serde_json::Error> {
    let text = utf8(text);
    let mut json = serde_json::Deserializer::from_str(&text);
    place.read(&mut json).and_then(|()| json.end()).or_else(|error| {
        // Valid JSON may contain values that `serde_json` rejects.
        let Cow::Borrowed(text) = text else { return Err(error) };
        let raw: &RawValue = serde_json::from_str(text).map_err(|_| error)?;
        place.read(Tolerant::new(raw))
    })
}

/// One check of the whole text is faster than one per string.
fn utf8(text: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(text).map_or_else(|_| Cow::Owned(marked(text)), Cow::Borrowed)
}

/// Marks invalid UTF-8 by a lone surrogate, which `serde_json` accepts only in ignored values too. What is before or after it
/// can use up one of its neighbours.
fn marked(text: &[u8]) -> String {
    let mut marked = String::new();
    for chunk in text.utf8_chunks() {
        marked.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            marked.push_str(r"\ud800\ud800\ud800");
        }
    }
    marked
}

pub(crate) fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    let mut value = None;
    read(text, &mut value)?;
    value.ok_or_else(|| serde::de::Error::custom("no value"))
}

/// Parses strictly.
pub(crate) fn from_utf8<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_str(std::str::from_utf8(text).map_err(serde_json::Error::custom)?)
}

/// Parses a text again, more slowly, for the path to the value that does not fit.
pub(crate) fn misfit<T: DeserializeOwned>(text: &[u8]) -> Option<serde_path_to_error::Error<serde_json::Error>> {
    let text = utf8(text);
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let error = serde_path_to_error::deserialize::<_, T>(&mut deserializer).err()?;
    error.path().iter().next().is_some().then_some(error)
}

/// A valid JSON value.
#[derive(Clone, Copy)]
pub(super) struct Tolerant<'de> {
    raw: &'de RawValue,
    depth: u8,
}

impl<'de> Tolerant<'de> {
    /// Has the recursion limit of `serde_json`, so that no nesting overflows the stack.
    pub(super) fn new(raw: &'de RawValue) -> Self {
        Self { raw, depth: 128 }
    }

    /// Returns `true` for `null` and for a number out of range.
    fn is_missing(self) -> bool {
        let text = self.raw.get();
        text == "null"
            || text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
                && text.parse().is_ok_and(f64::is_infinite)
    }
}

/// The type name by which `serde_json` deserialises a [`RawValue`].
const RAW_VALUE: &str = "$serde_json::private::RawValue";

impl<'de> Deserializer<'de> for Tolerant<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let text = self.raw.get();
        let mut json = serde_json::Deserializer::from_str(text);
        match text.as_bytes().first() {
            Some(b'{' | b'[') => match self.depth.checked_sub(1) {
                Some(depth) => json.deserialize_any(Inner { inner: visitor, depth }),
                None => Err(Self::Error::custom("recursion limit exceeded")),
            },
            Some(b'"') => visitor.visit_string(Lossy.deserialize(&mut json)?),
            _ if self.is_missing() => visitor.visit_unit(),
            _ => json.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.is_missing() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if name == RAW_VALUE {
            serde_json::Deserializer::from_str(self.raw.get()).deserialize_newtype_struct(name, visitor)
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        serde_json::Deserializer::from_str(self.raw.get()).deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

/// A visitor, or access to a map or a list, whose values are parsed tolerantly.
struct Inner<T> {
    inner: T,
    depth: u8,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Inner<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Inner { inner: map, depth: self.depth })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Inner { inner: seq, depth: self.depth })
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Inner<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.inner.next_key_seed(Lossy)?.map(|key| seed.deserialize(key.into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        let raw = self.inner.next_value()?;
        seed.deserialize(Tolerant { raw, depth: self.depth }).map_err(A::Error::custom)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Inner<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        let element = self.inner.next_element()?;
        element.map(|raw| seed.deserialize(Tolerant { raw, depth: self.depth }).map_err(A::Error::custom)).transpose()
    }
}

/// Parses a text, with U+FFFD for each run of lone surrogates, which `serde_json` returns as bytes.
struct Lossy;

impl<'de> DeserializeSeed<'de> for Lossy {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for Lossy {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            // Each byte of a lone surrogate is a separate chunk.
            if !chunk.valid().is_empty() || !text.ends_with(char::REPLACEMENT_CHARACTER) {
                text.push_str(chunk.valid());
                if !chunk.invalid().is_empty() {
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
        Ok(text)
    }
}

/// A JSON value as its original text: your own data, or fields newer than this crate.
///
/// Values are equal if their texts are. Only `serde_json` can parse and serialise it, and not in a `#[serde(flatten)]`,
/// `untagged` or internally tagged type: their buffers do not keep the text.
#[derive(Clone)]
pub struct RawJson(String);

impl RawJson {
    /// Serialises a value.
    ///
    /// # Errors
    ///
    /// If the value's `Serialize` fails, or if a map has keys that are not texts.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Result<Self, serde_json::Error> {
        // Few are longer. `to_string` begins with 128 bytes, which costs more to allocate and to free.
        let mut json = Vec::with_capacity(64);
        serde_json::to_writer(&mut json, value)?;
        String::from_utf8(json).map(Self).map_err(serde_json::Error::custom)
    }

    /// The JSON text.
    #[must_use]
    pub fn get(&self) -> &str {
        &self.0
    }

    /// Deserialises the value.
    ///
    /// # Errors
    ///
    /// If the JSON does not fit the type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.get())
    }

    pub(crate) fn is_null(&self) -> bool {
        self.get() == "null"
    }

    pub(crate) fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }
}

impl From<Value> for RawJson {
    fn from(value: Value) -> Self {
        Self(value.to_string())
    }
}

impl From<Box<RawValue>> for RawJson {
    fn from(raw: Box<RawValue>) -> Self {
        Self(Box::<str>::from(raw).into())
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl fmt::Display for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for RawJson {}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self::from)
    }
}

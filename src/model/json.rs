//! JSON parsing: fast first, then tolerant, then once more to locate an error.

use serde::de::{DeserializeOwned, Deserializer};
use serde_json::value::RawValue;

use super::tolerant::Tolerant;

/// A value that is parsed in place.
pub(crate) trait ReadInto {
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error>;
}

impl<T: DeserializeOwned> ReadInto for Option<T> {
    fn read<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        *self = Some(T::deserialize(deserializer)?);
        Ok(())
    }
}

/// Parses a complete text.
pub(crate) fn read(text: &[u8], place: &mut impl ReadInto) -> Result<(), serde_json::Error> {
    let read = match std::str::from_utf8(text) {
        // One UTF-8 check of the whole text is faster than one per string.
        Ok(text) => whole(serde_json::Deserializer::from_str(text), place),
        // Ignored values need not be UTF-8.
        Err(_) => whole(serde_json::Deserializer::from_slice(text), place),
    };
    read.or_else(|error| {
        // Valid JSON may contain values that `serde_json` rejects.
        let raw: &RawValue = serde_json::from_slice(text).map_err(|_| error)?;
        place.read(Tolerant::new(raw))
    })
}

fn whole<'de, R: serde_json::de::Read<'de>>(
    mut deserializer: serde_json::Deserializer<R>,
    place: &mut impl ReadInto,
) -> Result<(), serde_json::Error> {
    place.read(&mut deserializer)?;
    deserializer.end()
}

/// Parses a value from a complete text.
pub(crate) fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    let mut value = None;
    read(text, &mut value)?;
    value.ok_or_else(|| serde::de::Error::custom("no value"))
}

/// Parses a text again, more slowly, for the path to the value that does not fit.
pub(crate) fn misfit<T: DeserializeOwned>(text: &[u8]) -> Option<serde_path_to_error::Error<serde_json::Error>> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let error = serde_path_to_error::deserialize::<_, T>(&mut deserializer).err()?;
    error.path().iter().next().is_some().then_some(error)
}

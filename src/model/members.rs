//! Outgoing JSON: a type declares its members once, for the text of a request and for `serde`.
//!
//! `serde_json` tests each byte of a text for escapes, which took a fifth of a send.

use serde::ser::{Error as _, SerializeMap};
use serde_json::Value;

use super::wire::{AsObject, Written};
use super::{ButtonData, InvalidButtonData};

/// An object to send.
pub(crate) trait Members {
    fn members<O: Object>(&self, object: &mut O) -> Result<(), O::Error>;
}

/// An object that is being written.
pub(crate) trait Object {
    type Error;

    fn text(&mut self, name: &'static str, text: &str) -> Result<(), Self::Error>;

    fn data(&mut self, name: &'static str, data: &ButtonData) -> Result<(), Self::Error>;

    fn object(&mut self, name: &'static str, value: &impl Members) -> Result<(), Self::Error>;

    fn objects(&mut self, name: &'static str, values: &[impl Members]) -> Result<(), Self::Error>;
}

/// The JSON text of an object.
pub(crate) fn json_text(value: &impl Members, capacity: usize) -> Result<String, InvalidButtonData> {
    let mut text = Text(String::with_capacity(capacity));
    text.value(value)?;
    Ok(text.0)
}

struct Text(String);

impl Text {
    fn value(&mut self, value: &impl Members) -> Result<(), InvalidButtonData> {
        self.0.push('{');
        value.members(self)?;
        self.0.push('}');
        Ok(())
    }

    /// Names need no escapes.
    fn name(&mut self, name: &'static str) {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
    }
}

impl Object for Text {
    type Error = InvalidButtonData;

    fn text(&mut self, name: &'static str, text: &str) -> Result<(), InvalidButtonData> {
        self.name(name);
        // Looks at all bytes, so that the compiler can look at several at once.
        let must_escape = |found, byte| found | (byte < b' ') | (byte == b'"') | (byte == b'\\');
        if text.bytes().fold(false, must_escape) {
            self.0.push_str(&Value::from(text).to_string());
        } else {
            self.0.push('"');
            self.0.push_str(text);
            self.0.push('"');
        }
        Ok(())
    }

    fn data(&mut self, name: &'static str, data: &ButtonData) -> Result<(), InvalidButtonData> {
        let json = data.json()?;
        self.name(name);
        self.0.push_str(json.get());
        Ok(())
    }

    fn object(&mut self, name: &'static str, value: &impl Members) -> Result<(), InvalidButtonData> {
        self.name(name);
        self.value(value)
    }

    fn objects(&mut self, name: &'static str, values: &[impl Members]) -> Result<(), InvalidButtonData> {
        self.name(name);
        self.0.push('[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            self.value(value)?;
        }
        self.0.push(']');
        Ok(())
    }
}

impl<T: Members> Written for T {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.members(&mut Map(map))
    }
}

struct Map<'a, M>(&'a mut M);

impl<M: SerializeMap> Object for Map<'_, M> {
    type Error = M::Error;

    fn text(&mut self, name: &'static str, text: &str) -> Result<(), M::Error> {
        self.0.serialize_entry(name, text)
    }

    fn data(&mut self, name: &'static str, data: &ButtonData) -> Result<(), M::Error> {
        self.0.serialize_entry(name, data.json().map_err(M::Error::custom)?)
    }

    fn object(&mut self, name: &'static str, value: &impl Members) -> Result<(), M::Error> {
        self.0.serialize_entry(name, &AsObject(value))
    }

    fn objects(&mut self, name: &'static str, values: &[impl Members]) -> Result<(), M::Error> {
        self.0.serialize_entry(name, &values.iter().map(AsObject).collect::<Vec<_>>())
    }
}

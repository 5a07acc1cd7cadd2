use serde::{Deserialize, Deserializer, Serialize};

use super::lenient::{self, Entry, FromObject};

/// A place on Earth, in degrees of WGS 84. Read from numbers and from texts; written as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Location {
    /// Degrees north of the equator, -90 to 90.
    pub latitude: f64,
    /// Degrees east of Greenwich, -180 to 180.
    pub longitude: f64,
}

#[derive(Default)]
pub(crate) struct LocationFields {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl FromObject for LocationFields {
    fn set<'de, A: serde::de::MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "latitude" => entry.scalar(&mut self.latitude),
            "longitude" => entry.scalar(&mut self.longitude),
            _ => entry.skip(),
        }
    }
}

impl LocationFields {
    /// A location needs both of its coordinates.
    pub(crate) fn location(self) -> Option<Location> {
        Some(Location { latitude: self.latitude?, longitude: self.longitude? })
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::object::<LocationFields, D>(deserializer)?
            .location()
            .ok_or_else(|| serde::de::Error::custom("a location needs a latitude and a longitude"))
    }
}

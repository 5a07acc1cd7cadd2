use serde::{Deserialize, Deserializer};

use super::lenient;
use super::wire::{serialize, wire};

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

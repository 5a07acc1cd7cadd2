//! Reading and writing of the request. Divar's documents mix the versions, so one pass reads both.

use serde::de::{Deserialize, Deserializer};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::{ApiVersion, OpenApp, Party, Source};
use crate::model::lenient::{self, Fields, FromScalar, Place as _, Slot};
use crate::model::wire::{Written as _, fields};
use crate::model::{Location, LocationFields, RawJson};

fields! {
    pub(super) struct OpenAppFields {
        touchpoint: Option<Source>,
        extra_data: Option<RawJson>,
        provider_data: Option<RawJson>,
        callback_url: Option<NonEmpty>,
        return_url: Option<NonEmpty>,
        completion_url: Option<NonEmpty>,
        .. opened: OpenApp,
    }
}

impl OpenAppFields {
    pub(super) fn open_app(self, stated: Option<ApiVersion>) -> OpenApp {
        let version = stated.unwrap_or_else(|| self.version_by_keys());
        let (data, location) = match self.extra_data {
            Some(extra_data) => unwrap_extra(version, extra_data),
            None => (None, None),
        };
        let mut opened = self.opened;
        opened.version = version;
        opened.source = opened.source.or(self.touchpoint);
        opened.supplier = opened.supplier.filter(|supplier| supplier.id.is_some());
        opened.demand = opened.demand.filter(|demand| demand.id.is_some());
        opened.data = data.or(self.provider_data);
        opened.location = location;
        opened.return_url = self.completion_url.or(self.return_url).or(self.callback_url).map(|url| url.0);
        opened
    }

    fn version_by_keys(&self) -> ApiVersion {
        let OpenApp { peer_id, supplier, demand, .. } = &self.opened;
        let is_v1 = self.callback_url.is_some() || peer_id.is_some() || supplier.is_some() || demand.is_some();
        if is_v1 { ApiVersion::V1 } else { ApiVersion::V2 }
    }
}

struct NonEmpty(String);

impl FromScalar for NonEmpty {
    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

/// The wrapper of a button's data in version 1: `{"provider_data": …, "location": …}`, both optional. Version 2, and the
/// first documents of version 1, have the bare data.
#[derive(Default)]
struct Wrapper {
    provider_data: Option<RawJson>,
    location: Option<LocationFields>,
    has_provider_data: bool,
    has_location: bool,
    has_others: bool,
}

impl Fields for Wrapper {
    fn slot(&mut self, key: &str) -> Slot<'_> {
        match key {
            "provider_data" => {
                self.has_provider_data = true;
                self.provider_data.slot()
            }
            "location" => {
                self.has_location = true;
                self.location.slot()
            }
            "@type" => Slot::Ignored,
            _ => {
                self.has_others = true;
                Slot::Ignored
            }
        }
    }
}

impl Wrapper {
    fn of(json: &RawJson) -> Option<Self> {
        let mut wrapper = Self::default();
        lenient::read(json.get().as_bytes(), &mut wrapper).ok()?;
        ((wrapper.has_provider_data || wrapper.has_location) && !wrapper.has_others).then_some(wrapper)
    }
}

/// The button's data and the place. In version 2, a single `location` may be the app's own data, so it counts as both.
fn unwrap_extra(version: ApiVersion, extra_data: RawJson) -> (Option<RawJson>, Option<Location>) {
    let Some(wrapper) = Wrapper::of(&extra_data) else {
        return (Some(extra_data), None);
    };
    let location = wrapper.location.and_then(LocationFields::whole);
    if wrapper.has_provider_data || version == ApiVersion::V1 {
        (wrapper.provider_data, location)
    } else {
        (Some(extra_data), location)
    }
}

/// Derives the version from the keys.
impl<'de> Deserialize<'de> for OpenApp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(lenient::object::<OpenAppFields, D>(deserializer)?.open_app(None))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum ExtraOut<'a> {
    Bare(&'a RawJson),
    Wrapped {
        /// In version 2, `null` marks a location that is not the app's own data.
        #[serde(skip_serializing_if = "Option::is_none")]
        provider_data: Option<Option<&'a RawJson>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<Location>,
    },
}

impl<'a> ExtraOut<'a> {
    /// Wrapped in version 1, and if bare data would look like the wrapper.
    fn of(opened: &'a OpenApp) -> Option<Self> {
        match (&opened.data, opened.location) {
            (None, None) => None,
            (Some(data), None) if opened.version == ApiVersion::V2 && Wrapper::of(data).is_none() => {
                Some(Self::Bare(data))
            }
            (None, location) if opened.version == ApiVersion::V1 => {
                Some(Self::Wrapped { provider_data: None, location })
            }
            (data, location) => Some(Self::Wrapped { provider_data: Some(data.as_ref()), location }),
        }
    }
}

/// Writes the form of its version. Version 1 always has a `supplier`, which identifies it.
impl Serialize for OpenApp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_v1 = self.version == ApiVersion::V1;
        let mut map = serializer.serialize_map(None)?;
        self.write(&mut map)?;
        if is_v1 && self.supplier.is_none() {
            map.serialize_entry("supplier", &Party::default())?;
        }
        if let Some(extra_data) = ExtraOut::of(self) {
            map.serialize_entry("extra_data", &extra_data)?;
        }
        if let Some(url) = &self.return_url {
            map.serialize_entry(if is_v1 { "callback_url" } else { "completion_url" }, url)?;
        }
        map.end()
    }
}

//! How the request is read and written: all of its versions in one pass, since Divar's documents mix them.

use serde::de::{Deserialize, Deserializer, MapAccess};
use serde::{Serialize, Serializer};

use super::{ApiVersion, OpenApp, Source};
use crate::model::lenient::{self, Entry, FromObject, FromScalar};
use crate::model::{ConversationId, Location, LocationFields, PostToken, RawJson, Side, UserId};

/// The keys on the wire, of all versions.
#[derive(Default)]
pub(super) struct OpenAppFields {
    source: Option<Source>,
    touchpoint: Option<Source>,
    post_token: Option<PostToken>,
    conversation_id: Option<ConversationId>,
    user_id: Option<UserId>,
    peer_id: Option<UserId>,
    supplier: Option<PartyFields>,
    demand: Option<PartyFields>,
    user_side: Option<Side>,
    extra_data: Option<RawJson>,
    provider_data: Option<RawJson>,
    callback_url: Option<NonEmpty>,
    return_url: Option<NonEmpty>,
    completion_url: Option<NonEmpty>,
}

impl FromObject for OpenAppFields {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "source" => entry.scalar(&mut self.source),
            "touchpoint" => entry.scalar(&mut self.touchpoint),
            "post_token" => entry.scalar(&mut self.post_token),
            "conversation_id" => entry.scalar(&mut self.conversation_id),
            "user_id" => entry.scalar(&mut self.user_id),
            "peer_id" => entry.scalar(&mut self.peer_id),
            "supplier" | "Supplier" => entry.object(&mut self.supplier),
            "demand" | "Demand" => entry.object(&mut self.demand),
            "user_side" => entry.scalar(&mut self.user_side),
            "extra_data" => entry.json(&mut self.extra_data),
            "provider_data" => entry.json(&mut self.provider_data),
            "callback_url" => entry.scalar(&mut self.callback_url),
            "return_url" => entry.scalar(&mut self.return_url),
            "completion_url" => entry.scalar(&mut self.completion_url),
            _ => entry.skip(),
        }
    }
}

impl OpenAppFields {
    pub(super) fn open_app(self, stated: Option<ApiVersion>) -> OpenApp {
        let version = stated.unwrap_or_else(|| self.version_by_keys());
        let (data, location) = match self.extra_data {
            Some(extra_data) => unwrap_extra(version, extra_data),
            None => (None, None),
        };
        OpenApp {
            version,
            source: self.source.or(self.touchpoint),
            post_token: self.post_token,
            conversation_id: self.conversation_id,
            user_id: self.user_id,
            peer_id: self.peer_id,
            supplier_id: self.supplier.and_then(|supplier| supplier.id),
            demand_id: self.demand.and_then(|demand| demand.id),
            user_side: self.user_side,
            data: data.or(self.provider_data),
            location,
            return_url: self.completion_url.or(self.return_url).or(self.callback_url).map(|url| url.0),
        }
    }

    fn version_by_keys(&self) -> ApiVersion {
        let is_v1 =
            self.callback_url.is_some() || self.peer_id.is_some() || self.supplier.is_some() || self.demand.is_some();
        if is_v1 { ApiVersion::V1 } else { ApiVersion::V2 }
    }
}

/// One side of the post, in version 1.
#[derive(Default)]
struct PartyFields {
    id: Option<UserId>,
}

impl FromObject for PartyFields {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "id" => entry.scalar(&mut self.id),
            _ => entry.skip(),
        }
    }
}

/// A text, where an empty one is none.
struct NonEmpty(String);

impl FromScalar for NonEmpty {
    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

/// What version 1 wraps a button's data in: `{"provider_data": …, "location": …}`, both parts optional. Documents of
/// version 2 show the data bare; the very first ones of version 1 did, too.
#[derive(Default)]
struct Wrapper {
    provider_data: Option<RawJson>,
    location: Option<LocationFields>,
    has_provider_data: bool,
    has_location: bool,
    has_others: bool,
}

impl FromObject for Wrapper {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "provider_data" => {
                self.has_provider_data = true;
                entry.json(&mut self.provider_data)
            }
            "location" => {
                self.has_location = true;
                entry.object(&mut self.location)
            }
            "@type" => entry.skip(),
            _ => {
                self.has_others = true;
                entry.skip()
            }
        }
    }
}

impl Wrapper {
    /// The wrapper that a JSON text may be: an object with one of the two keys, and with no other.
    fn of(json: &RawJson) -> Option<Self> {
        let wrapper: Self = lenient::from_slice(json.get().as_bytes()).ok()??;
        ((wrapper.has_provider_data || wrapper.has_location) && !wrapper.has_others).then_some(wrapper)
    }
}

/// The button's data, and the place. In version 2, a lone `location` may as well be the app's own data: it counts as
/// both.
fn unwrap_extra(version: ApiVersion, extra_data: RawJson) -> (Option<RawJson>, Option<Location>) {
    let Some(wrapper) = Wrapper::of(&extra_data) else {
        return (Some(extra_data), None);
    };
    let location = wrapper.location.and_then(LocationFields::location);
    if wrapper.has_provider_data || version == ApiVersion::V1 {
        (wrapper.provider_data, location)
    } else {
        (Some(extra_data), location)
    }
}

/// Reads by the keys, since there are no headers.
impl<'de> Deserialize<'de> for OpenApp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(lenient::object::<OpenAppFields, D>(deserializer)?.open_app(None))
    }
}

#[derive(Serialize)]
struct OpenAppOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_token: Option<&'a PostToken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<&'a ConversationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_id: Option<&'a UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier: Option<PartyOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    demand: Option<PartyOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_side: Option<&'a Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_data: Option<ExtraOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_url: Option<&'a str>,
}

#[derive(Serialize)]
struct PartyOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a UserId>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ExtraOut<'a> {
    Bare(&'a RawJson),
    Wrapped {
        /// In version 2, `null` tells that the location is not the app's own data.
        #[serde(skip_serializing_if = "Option::is_none")]
        provider_data: Option<Option<&'a RawJson>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<Location>,
    },
}

impl<'a> ExtraOut<'a> {
    /// Wrapped in version 1, and wherever bare data would be taken for the wrapper.
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

/// Writes the form of the value's version. That of version 1 always has a `supplier`, by which it is known.
impl Serialize for OpenApp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_v1 = self.version == ApiVersion::V1;
        OpenAppOut {
            source: self.source(),
            callback_url: self.given_return_url().filter(|_| is_v1),
            post_token: self.post_token(),
            conversation_id: self.conversation_id(),
            user_id: self.user_id(),
            peer_id: self.peer_id(),
            supplier: (is_v1 || self.supplier_id.is_some()).then(|| PartyOut { id: self.supplier_id() }),
            demand: self.demand_id.is_some().then(|| PartyOut { id: self.demand_id() }),
            user_side: self.user_side.as_ref(),
            extra_data: ExtraOut::of(self),
            completion_url: self.given_return_url().filter(|_| !is_v1),
        }
        .serialize(serializer)
    }
}

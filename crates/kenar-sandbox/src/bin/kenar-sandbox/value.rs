//! The values of settings, from the command line, the environment or the TOML file.

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::uri::Authority;
use kenar::model::AppUrl;
use kenar::oauth::OAuthApp;
use kenar::secret::ClientSecret;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The value of a setting.
pub(crate) trait Value: Sized {
    /// The valid values, for errors.
    const EXPECTED: &'static str;

    /// `true` if TOML quotes it.
    const IS_TEXT: bool = true;

    fn read(text: &str) -> Option<Self>;

    /// Reads a value. The error quotes it and says what is valid.
    fn parse(text: &str) -> Result<Self, String> {
        // A URL may contain a password.
        let quoted = if text.contains('@') { String::new() } else { format!(" {text:?}") };
        Self::read(text).ok_or_else(|| format!("invalid value{quoted}: expected {}", Self::EXPECTED))
    }
}

/// A URL of an add-on. `Settings::check` checks its host when all settings are known.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct AddOnUrl(pub(crate) AppUrl);

/// A host name, with or without a port.
#[derive(Clone, Debug)]
pub(crate) struct Host(pub(crate) String);

/// An OAuth redirect URI.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct RedirectUri(pub(crate) String);

/// The version of the open-app request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenAppVersion {
    V1,
    V2,
}

/// A positive number of seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seconds(pub(crate) Duration);

impl Value for AddOnUrl {
    const EXPECTED: &'static str = "an https or http URL without a user name or password";

    fn read(text: &str) -> Option<Self> {
        AppUrl::insecure(text).map(Self).ok()
    }
}

impl Value for Host {
    const EXPECTED: &'static str = "a host name, without a scheme or path";

    fn read(text: &str) -> Option<Self> {
        text.parse::<Authority>().ok().filter(|_| !text.contains('@')).map(|_| Self(text.to_owned()))
    }
}

impl Value for RedirectUri {
    const EXPECTED: &'static str = "an https URL, or http on a loopback address, without a query or fragment";

    fn read(text: &str) -> Option<Self> {
        OAuthApp::new("app", ClientSecret::new("unused").ok()?, text).ok().map(|_| Self(text.to_owned()))
    }
}

impl Value for OpenAppVersion {
    const EXPECTED: &'static str = "1 or 2";
    const IS_TEXT: bool = false;

    fn read(text: &str) -> Option<Self> {
        match text {
            "1" => Some(Self::V1),
            "2" => Some(Self::V2),
            _ => None,
        }
    }
}

impl Value for Seconds {
    const EXPECTED: &'static str = "a positive number of seconds";
    const IS_TEXT: bool = false;

    fn read(text: &str) -> Option<Self> {
        Duration::try_from_secs_f64(text.parse().ok()?).ok().filter(|duration| !duration.is_zero()).map(Self)
    }
}

impl Value for String {
    const EXPECTED: &'static str = "a text that is not empty";

    fn read(text: &str) -> Option<Self> {
        (!text.trim().is_empty()).then(|| text.to_owned())
    }
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "the path of a file";

    fn read(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.into())
    }
}

macro_rules! parsed {
    ($($type:ty: $expected:literal, $is_text:literal;)*) => {$(
        impl Value for $type {
            const EXPECTED: &'static str = $expected;
            const IS_TEXT: bool = $is_text;

            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}

parsed! {
    bool: "true or false", false;
    u16: "a port from 0 to 65535", false;
    u32: "a number from 0 to 4294967295", false;
    u64: "a number from 0 to 18446744073709551615", false;
    IpAddr: "an IP address", true;
}

/// A value in a TOML file.
struct InFile<T>(T);

impl<'de, T: Value> Deserialize<'de> for InFile<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(PhantomData)).map(Self)
    }
}

struct Reader<T>(PhantomData<T>);

impl<T: Value> Reader<T> {
    fn read<E: Error>(&self, text: &str, found: Unexpected<'_>) -> Result<T, E> {
        T::read(text).filter(|_| !T::IS_TEXT).ok_or_else(|| E::invalid_value(found, self))
    }
}

impl<T: Value> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        self.read(&value.to_string(), Unexpected::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        self.read(&value.to_string(), Unexpected::Signed(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        self.read(&value.to_string(), Unexpected::Unsigned(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        // `Debug` writes a decimal point, which no integer has.
        self.read(&format!("{value:?}"), Unexpected::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        if T::IS_TEXT { T::parse(text).map_err(E::custom) } else { Err(E::invalid_type(Unexpected::Str(text), &self)) }
    }
}

pub(super) fn one<'de, D: Deserializer<'de>, T: Value>(deserializer: D) -> Result<T, D::Error> {
    InFile::deserialize(deserializer).map(|InFile(value)| value)
}

pub(super) fn optional<'de, D: Deserializer<'de>, T: Value>(deserializer: D) -> Result<Option<T>, D::Error> {
    one(deserializer).map(Some)
}

pub(super) fn list<'de, D: Deserializer<'de>, T: Value>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let values = Vec::deserialize(deserializer)?;
    Ok(values.into_iter().map(|InFile(value)| value).collect())
}

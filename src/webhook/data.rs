//! The data of a button, coming back.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::model::{RawJson, json};

/// Why the data of a button cannot be had as the type asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The request brought no data: the app was not opened with a button, or the button had none.
    #[error("the request brought no data of a button")]
    Missing,
    /// The data does not fit the type, as that of a button sent by an older version of your add-on may not.
    #[error("the data of the button does not fit{}: {error}", at(path))]
    Mismatch {
        /// Where in the data, as keys and indices; empty at its top.
        path: String,
        /// What is wrong there.
        error: Arc<serde_json::Error>,
    },
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(", at `{path}`") }
}

/// The data that a request is built with; `null` is none.
pub(super) fn given(data: RawJson) -> Option<RawJson> {
    Some(data).filter(|data| !data.is_null())
}

/// Reads the data as a `T`. None at all is read as `null`, so that an `Option` can be asked for.
pub(super) fn read<T: DeserializeOwned>(data: Option<&RawJson>) -> Result<T, DataError> {
    match data {
        Some(data) => data.parse().map_err(|error| {
            let path = json::misfit::<T>(data.get().as_bytes()).map(|misfit| misfit.path().to_string());
            DataError::Mismatch { path: path.unwrap_or_default(), error: Arc::new(error) }
        }),
        None => serde_json::from_str("null").map_err(|_| DataError::Missing),
    }
}

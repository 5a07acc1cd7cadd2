use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::model::{RawJson, json};

/// The reason why a button's data cannot be read as the requested type.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The request has no data: no button was pressed, or the button had none.
    #[error("missing button data")]
    Missing,
    /// The data has another type, for example because an older add-on sent the button.
    #[error("button data mismatch{}: {error}", at(path))]
    Mismatch {
        /// The path in the data, as keys and indices; empty at the top level.
        path: String,
        /// The mismatch.
        error: Arc<serde_json::Error>,
    },
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" at `{path}`") }
}

/// The data that a request is built with; `null` counts as missing.
pub(super) fn given(data: RawJson) -> Option<RawJson> {
    Some(data).filter(|data| !data.is_null())
}

/// Reads the data as a `T`. Missing data is read as `null`, so that `T` may be an `Option`.
pub(super) fn read<T: DeserializeOwned>(data: Option<&RawJson>) -> Result<T, DataError> {
    match data {
        Some(data) => data.parse().map_err(|error| {
            let path = json::misfit::<T>(data.get().as_bytes()).map(|misfit| misfit.path().to_string());
            DataError::Mismatch { path: path.unwrap_or_default(), error: Arc::new(error) }
        }),
        None => serde_json::from_str("null").map_err(|_| DataError::Missing),
    }
}

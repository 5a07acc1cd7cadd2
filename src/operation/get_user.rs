use std::borrow::Cow;

use bytes::Bytes;
use http::Response;
use serde::de::MapAccess;
use serde::{Deserialize, Deserializer, Serialize};

use crate::model::UserId;
use crate::model::lenient::{self, Entry, FromObject};
use crate::request::response::{self, UnexpectedResponse};
use crate::request::{
    ApiKeyPermission, Credential, IncomingRequest, InvalidRequest, Metadata, Operation, ParseOperation, ScopeKind,
};
use crate::secret::AccessToken;

/// Asks who granted a token.
///
/// API-key permission: `USER_RETRIEVE`. OAuth scopes: `USER_ID` for the id and `USER_PHONE` for the number; what was not
/// granted is missing from the answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GetUser<'a> {
    /// The access token of the user.
    pub by: Cow<'a, AccessToken>,
}

impl<'a> GetUser<'a> {
    /// The user who granted the token.
    #[must_use]
    pub fn new(by: &'a AccessToken) -> Self {
        Self { by: Cow::Borrowed(by) }
    }
}

/// Who granted a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GetUserResponse {
    /// The user's id for your app, with the scope `USER_ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The telephone number, with the scope `USER_PHONE`: `09…`, as far as is known. Divar asks that it be kept only
    /// where it is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

impl Operation for GetUser<'_> {
    type Response = GetUserResponse;

    const METADATA: Metadata = Metadata::get("user.get", "/v1/open-platform/users")
        .with_permission(ApiKeyPermission::USER_RETRIEVE)
        .for_user(&[ScopeKind::USER_ID, ScopeKind::USER_PHONE]);

    fn credential(&self) -> Credential<'_> {
        Credential::User(&self.by)
    }

    fn read(&self, response: &Response<Bytes>) -> Result<GetUserResponse, UnexpectedResponse> {
        response::json(response)
    }
}

impl ParseOperation for GetUser<'_> {
    fn parse(request: &IncomingRequest<'_>) -> Result<Self, InvalidRequest> {
        Ok(Self { by: Cow::Owned(request.access_token()?) })
    }
}

#[derive(Default)]
struct UserFields {
    user_id: Option<UserId>,
    phone_number: Option<String>,
    phone_numbers: Option<Vec<String>>,
}

impl FromObject for UserFields {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "user_id" => entry.scalar(&mut self.user_id),
            "phone_number" => entry.scalar(&mut self.phone_number),
            // Deprecated, and for a while the only one.
            "phone_numbers" => entry.scalars(&mut self.phone_numbers),
            _ => entry.skip(),
        }
    }
}

impl<'de> Deserialize<'de> for GetUserResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let UserFields { user_id, phone_number, phone_numbers } = lenient::object(deserializer)?;
        let given = |number: &String| !number.is_empty();
        let phone_number =
            phone_number.filter(given).or_else(|| phone_numbers.unwrap_or_default().into_iter().find(given));
        Ok(Self { user_id, phone_number })
    }
}

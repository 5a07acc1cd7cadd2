use std::borrow::Cow;

use bytes::Bytes;
use http::Response;
use serde::{Deserialize, Deserializer};

use crate::model::UserId;
use crate::model::lenient;
use crate::model::wire::{fields, serialize, setters, wire};
use crate::request::response::{self, UnexpectedResponse};
use crate::request::{
    ApiKeyPermission, Credential, IncomingRequest, InvalidRequest, Metadata, Operation, ParseOperation, ScopeKind,
};
use crate::secret::AccessToken;

/// Reads the id and the phone number of the user who granted the token.
///
/// API-key permission: `USER_RETRIEVE`. OAuth scopes: `USER_ID` for the id, `USER_PHONE` for the number. The response
/// contains only what was granted.
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

wire! {
    /// The user who granted an access token.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct GetUserResponse {
        /// The user's id for your app, with the scope `USER_ID`.
        pub user_id: Option<UserId>,
        /// The phone number, with the scope `USER_PHONE`. The documented example is local: `09…`. Divar's policy is to
        /// store it only if necessary.
        pub phone_number: Option<String>,
    }
}

serialize! { GetUserResponse }

setters! { GetUserResponse { user_id: impl Into<UserId>, phone_number: impl Into<String> } }

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

fields! {
    struct UserFields {
        /// Deprecated; older responses contain only this key.
        phone_numbers: Option<Vec<String>>,
        .. user: GetUserResponse,
    }
}

impl<'de> Deserialize<'de> for GetUserResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let UserFields { user, phone_numbers } = lenient::object(deserializer)?;
        let mut numbers = user.phone_number.into_iter().chain(phone_numbers.into_iter().flatten());
        Ok(Self { phone_number: numbers.find(|number| !number.is_empty()), ..user })
    }
}

//! Routing of requests by the metadata of operations.

use http::Method;

use kenar::oauth::{ExchangeCode, PermissionRequest};
use kenar::operation::{
    CreateUploadToken, GetConversation, GetUser, MediaKind, SendBotMessage, SendBotMessageToUser, SendMessage,
    Subscribe, UploadMedia,
};
use kenar::request::{Authentication, Operation as _};

use super::api_error::ApiError;
use super::assets::{LIST_PERMISSIONS, LIST_SCOPES};
use super::rest::Route;
use super::{retired, token};

/// The routes of the API. Uploads are streamed, so the router handles them separately.
static ROUTES: [Route; 7] = [
    Route::of::<SendMessage<'static>>(),
    Route::of::<GetConversation<'static>>(),
    Route::of::<SendBotMessage<'static>>(),
    Route::of::<SendBotMessageToUser<'static>>(),
    Route::of::<CreateUploadToken>(),
    Route::of::<Subscribe<'static>>(),
    Route::of::<GetUser<'static>>(),
];

/// The name in the journal for a person's decision on the consent page.
const DECIDE_CONSENT: &str = "oauth.decide_consent";

/// A known call.
#[derive(Clone, Copy)]
pub(super) enum Call {
    Operation(&'static Route),
    ListScopes,
    ListPermissions,
    AskConsent,
    DecideConsent,
    Token,
}

impl Call {
    pub(super) fn name(self, body: &[u8]) -> &'static str {
        match self {
            Self::Operation(route) => route.operation.name(),
            Self::ListScopes => LIST_SCOPES.name(),
            Self::ListPermissions => LIST_PERMISSIONS.name(),
            Self::AskConsent => PermissionRequest::METADATA.name(),
            Self::DecideConsent => DECIDE_CONSENT,
            Self::Token => token::operation(body),
        }
    }

    /// Returns `true` if the call takes an API key. The lists take none in the OpenAPI file.
    pub(super) fn takes_api_key(self) -> bool {
        match self {
            Self::Operation(route) => {
                matches!(route.operation.authentication(), Authentication::ApiKey | Authentication::User)
            }
            Self::ListScopes | Self::ListPermissions | Self::AskConsent | Self::DecideConsent | Self::Token => false,
        }
    }

    pub(super) fn of(method: &Method, path: &str) -> Result<Self, ApiError> {
        let consent = PermissionRequest::METADATA;
        let calls = ROUTES.iter().map(|route| (route.operation, route.operation.method(), Self::Operation(route)));
        let calls = calls.chain([
            (LIST_SCOPES, LIST_SCOPES.method(), Self::ListScopes),
            (LIST_PERMISSIONS, LIST_PERMISSIONS.method(), Self::ListPermissions),
            (consent, consent.method(), Self::AskConsent),
            (consent, &Method::POST, Self::DecideConsent),
            (ExchangeCode::METADATA, ExchangeCode::METADATA.method(), Self::Token),
        ]);
        let mut path_is_known = false;
        for (operation, expected, call) in calls {
            if operation.matches(path).is_some() {
                if method == expected {
                    return Ok(call);
                }
                path_is_known = true;
            }
        }
        let unknown = || if path_is_known { ApiError::wrong_method() } else { ApiError::not_found("Not Found") };
        Err(retired::error(method, path).unwrap_or_else(unknown))
    }
}

/// The media kind of an upload path. `None` for other paths.
pub(super) fn upload_kind(path: &str) -> Option<MediaKind> {
    let parameters = UploadMedia::METADATA.matches(path)?;
    let kind = parameters.first()?;
    MediaKind::ALL.iter().copied().find(|known| known.as_str() == kind)
}

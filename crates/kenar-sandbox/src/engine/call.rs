//! Which call a request is, found by the declarations of the operations.

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

/// The operations of the API, each with what carries it out. Uploads are streamed, so the router has them apart.
static ROUTES: [Route; 7] = [
    Route::of::<SendMessage<'static>>(),
    Route::of::<GetConversation<'static>>(),
    Route::of::<SendBotMessage<'static>>(),
    Route::of::<SendBotMessageToUser<'static>>(),
    Route::of::<CreateUploadToken>(),
    Route::of::<Subscribe<'static>>(),
    Route::of::<GetUser<'static>>(),
];

/// The name in the journal of what a person answered on the consent page.
const DECIDE_CONSENT: &str = "oauth.decide_consent";

/// One of the calls that the sandbox knows.
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

    /// Whether it takes an API key. The OpenAPI file has none for the lists.
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
        for (operation, its_method, call) in calls {
            if operation.matches(path).is_some() {
                if method == its_method {
                    return Ok(call);
                }
                path_is_known = true;
            }
        }
        let unknown = || if path_is_known { ApiError::wrong_method() } else { ApiError::not_found("Not Found") };
        Err(retired::refusal(method, path).unwrap_or_else(unknown))
    }
}

/// Which kind of medium a path is for, if it is for uploads.
pub(super) fn upload_kind(path: &str) -> Option<MediaKind> {
    let parameters = UploadMedia::METADATA.matches(path)?;
    let kind = parameters.first()?;
    MediaKind::ALL.iter().copied().find(|known| known.as_str() == kind)
}

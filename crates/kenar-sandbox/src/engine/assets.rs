//! The platform's lists of scopes and API-key permissions.

use serde::Serialize;

use kenar::request::{ApiKeyPermission, Authentication, Metadata, ScopeKind};

use super::consent_page::meaning;
use super::note::Note;
use super::reply::Reply;

/// The operation that lists scopes.
pub(super) const LIST_SCOPES: Metadata =
    Metadata::get("assets.list_scopes", "/v1/open-platform/assets/oauth-scope").authenticated_by(Authentication::None);

/// The operation that lists API-key permissions.
pub(super) const LIST_PERMISSIONS: Metadata =
    Metadata::get("assets.list_permissions", "/v1/open-platform/assets/permission")
        .authenticated_by(Authentication::None);

#[derive(Serialize)]
struct Listed {
    slug: String,
    display: String,
    description: String,
    lifecycle_state: &'static str,
}

/// The list of scopes.
pub(super) fn scopes() -> Reply {
    let scopes: Vec<_> =
        ScopeKind::ALL.iter().map(|kind| listed(kind.name(), meaning(*kind).map(|(persian, _)| persian))).collect();
    guessed(Reply::ok(&serde_json::json!({ "scopes": scopes })))
}

/// The list of API-key permissions.
pub(super) fn permissions() -> Reply {
    let permissions: Vec<_> = ApiKeyPermission::ALL.iter().map(|one| listed(one.as_str(), None)).collect();
    guessed(Reply::ok(&serde_json::json!({ "permissions": permissions })))
}

/// An item of a list, with its name in capitals. The platform does so even for `openid` and `offline_access`.
fn listed(name: &str, meaning: Option<&str>) -> Listed {
    let display = meaning.unwrap_or(name).to_owned();
    Listed { slug: name.to_uppercase(), description: display.clone(), display, lifecycle_state: "ACTIVE" }
}

fn guessed(done: Reply) -> Reply {
    done.note(Note::Guess("texts and lifecycle state; only the names are the platform's"))
}

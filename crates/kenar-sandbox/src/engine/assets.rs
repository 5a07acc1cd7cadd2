//! The lists that the platform publishes of its scopes and API-key permissions.

use serde::Serialize;

use kenar::request::{ApiKeyPermission, Authentication, Metadata, ScopeKind};

use super::consent_page::meaning;
use super::note::Note;
use super::reply::Reply;

/// The declaration of the list of scopes.
pub(super) const LIST_SCOPES: Metadata =
    Metadata::get("assets.list_scopes", "/v1/open-platform/assets/oauth-scope").authenticated_by(Authentication::None);

/// The declaration of the list of API-key permissions.
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

/// Answers with the list of scopes.
pub(super) fn scopes() -> Reply {
    let scopes: Vec<_> =
        ScopeKind::ALL.iter().map(|kind| listed(kind.name(), meaning(*kind).map(|(persian, _)| persian))).collect();
    guessed(Reply::ok(&serde_json::json!({ "scopes": scopes })))
}

/// Answers with the list of API-key permissions.
pub(super) fn permissions() -> Reply {
    let permissions: Vec<_> = ApiKeyPermission::ALL.iter().map(|one| listed(one.as_str(), None)).collect();
    guessed(Reply::ok(&serde_json::json!({ "permissions": permissions })))
}

/// The list writes all names in capitals, the two of OAuth included, which the wire does not.
fn listed(name: &str, meaning: Option<&str>) -> Listed {
    let display = meaning.unwrap_or(name).to_owned();
    Listed { slug: name.to_uppercase(), description: display.clone(), display, lifecycle_state: "ACTIVE" }
}

fn guessed(done: Reply) -> Reply {
    done.note(Note::Guess("the names are the platform's; the texts and the lifecycle state are the sandbox's"))
}

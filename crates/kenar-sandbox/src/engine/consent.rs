//! The consent page and its redirects.

use http::{HeaderValue, StatusCode, header};

use kenar::model::{AppSlug, ConversationId, PostToken, Timestamp};
use kenar::oauth::{Callback, Denial, PermissionRequest, Scope};
use kenar::request::Resource;
use kenar::secret::AuthorizationCode;

use super::consent_page;
use super::grants::Grant;
use super::note::Note;
use super::reply::Reply;
use super::reply::response;
use super::state::Engine;
use super::world::App;

/// An error in a permission request.
enum ConsentError {
    /// Shown on a page: without a known app and redirect URI, no redirect is possible.
    Page(String),
    /// Sent to the redirect URI.
    Back { redirect_uri: String, state: Option<String>, error: &'static str, why: String },
}

impl Engine {
    /// The consent page.
    pub(super) fn ask_consent(&self, query: &str) -> Reply {
        match self.permission_request(query) {
            Ok(request) => {
                let app = self.world.apps.get(&request.client_id).map_or(request.client_id.as_str(), App::title);
                let people = self.world.people.keys().map(String::as_str);
                page(StatusCode::OK, consent_page::asking(app, &request.scopes, people))
            }
            Err(refused) => refused.into_reply(),
        }
    }

    /// A person's decision: a `POST` with the query of the page. The form field `user` names the person.
    pub(super) fn decide_consent(&mut self, query: &str, form: &[u8], now: Timestamp) -> Reply {
        let field = |name| form_urlencoded::parse(form).find_map(|(key, value)| (key == name).then_some(value));
        let user = field("user").unwrap_or_default();
        let allowed = match field("decision").as_deref() {
            Some("allow") => true,
            Some("deny") => false,
            _ => return ConsentError::Page("invalid decision: expected `allow` or `deny`".to_owned()).into_reply(),
        };
        let request = match self.permission_request(query) {
            Ok(request) => request,
            Err(refused) => return refused.into_reply(),
        };
        if !self.world.people.contains_key(&*user) {
            return ConsentError::Page(format!("person not found: {user:?}")).into_reply();
        }
        let foreign = request.scopes.iter().find(|scope| !self.may_grant(&user, scope));
        let callback = match foreign {
            Some(scope) => {
                return refused(
                    &request,
                    "invalid_scope",
                    format!("{user} cannot grant {scope}: it belongs to someone else"),
                )
                .into_reply();
            }
            None if allowed => self.grant_code(&request, &user, now),
            None => Callback::Denied(Denial::new(
                Some("access_denied".to_owned()),
                Some("The resource owner denied the request.".to_owned()),
            )),
        };
        see_other(&format!("{}?{}", request.redirect_uri, callback.to_query(&request.state)))
    }

    fn grant_code(&mut self, request: &PermissionRequest, user: &str, now: Timestamp) -> Callback {
        let code: AuthorizationCode = self.world.ids.secret("code");
        let grant = Grant { app: request.client_id.clone(), user: user.to_owned(), scopes: request.scopes.clone() };
        self.grants.add_code(code.expose_secret().to_owned(), grant, request.redirect_uri.clone(), now);
        Callback::Granted(code)
    }

    fn permission_request(&self, query: &str) -> Result<PermissionRequest, ConsentError> {
        let field = |name: &str| {
            form_urlencoded::parse(query.as_bytes()).find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        let client_id = AppSlug::new(field("client_id").unwrap_or_default());
        let redirect_uri = field("redirect_uri").unwrap_or_default();
        let app = self.world.apps.get(&client_id);
        let app = app.ok_or_else(|| ConsentError::Page(format!("unknown client_id {:?}", client_id.as_str())))?;
        if !app.redirect_uris.contains(&redirect_uri) {
            let registered: Vec<_> = app.redirect_uris.iter().map(String::as_str).collect();
            return Err(ConsentError::Page(format!(
                "redirect_uri {redirect_uri:?} is not registered for {client_id}; registered, for an exact match: [{}]",
                registered.join(", "),
            )));
        }
        let back = |error, why: String| ConsentError::Back {
            redirect_uri: redirect_uri.clone(),
            state: field("state"),
            error,
            why,
        };
        let state_length = field("state").unwrap_or_default().len();
        if state_length < 8 {
            return Err(back(
                "invalid_state",
                format!("state is too short: {state_length} characters, at least 8 required"),
            ));
        }
        if field("response_type").is_some_and(|kind| kind != "code") {
            return Err(back("unsupported_response_type", "unsupported response_type: expected `code`".to_owned()));
        }
        let request = PermissionRequest::parse(query).map_err(|why| back("invalid_request", why.to_string()))?;
        match request.scopes.iter().find_map(|scope| self.scope_error(scope)) {
            Some(why) => Err(refused(&request, "invalid_scope", why)),
            None => Ok(request),
        }
    }

    /// The reason why a scope is invalid for every user, if it is.
    fn scope_error(&self, scope: &Scope) -> Option<String> {
        let Some(kind) = scope.kind() else { return Some(format!("unknown scope {scope}")) };
        match (kind.resource(), scope.resource()) {
            (None, None) => None,
            (None, Some(_)) => Some(format!("invalid scope {scope}: {kind} takes no id")),
            (Some(_), None) => Some(format!("invalid scope {scope}: the resource id is missing, as in {scope}.ID")),
            (Some(Resource::Conversation), Some(id)) => {
                let known = self.world.talks.contains_key(&ConversationId::new(id));
                (!known).then(|| format!("invalid scope {scope}: conversation not found"))
            }
            (Some(Resource::Post), Some(id)) => {
                let known = self.world.posts.contains_key(&PostToken::new(id));
                (!known).then(|| format!("invalid scope {scope}: post not found"))
            }
            // The sandbox has no such resources, so it accepts any id.
            (Some(_), Some(_)) => None,
        }
    }

    /// Returns `true` if the scope's resource belongs to the user.
    fn may_grant(&self, user: &str, scope: &Scope) -> bool {
        match (scope.kind().and_then(|kind| kind.resource()), scope.resource()) {
            (Some(Resource::Conversation), Some(id)) => {
                self.world.talks.get(&ConversationId::new(id)).is_some_and(|talk| talk.between.includes(user))
            }
            (Some(Resource::Post), Some(id)) => {
                self.world.posts.get(&PostToken::new(id)).is_some_and(|owner| owner == user)
            }
            _ => true,
        }
    }
}

/// An error for the redirect URI of a valid request.
fn refused(request: &PermissionRequest, error: &'static str, why: String) -> ConsentError {
    let state = Some(request.state.expose_secret().to_owned());
    ConsentError::Back { redirect_uri: request.redirect_uri.clone(), state, error, why }
}

impl ConsentError {
    fn into_reply(self) -> Reply {
        match self {
            Self::Page(why) => page(StatusCode::BAD_REQUEST, consent_page::refusing(&why)).note(Note::remark(why)),
            Self::Back { redirect_uri, state, error, why } => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                query.append_pair("error", error).append_pair("error_description", &why);
                if let Some(state) = &state {
                    query.append_pair("state", state);
                }
                see_other(&format!("{redirect_uri}?{}", query.finish())).note(Note::remark(why))
            }
        }
    }
}

fn page(status: StatusCode, html: String) -> Reply {
    let mut response = response(status, "text/html; charset=utf-8", html);
    let policy = HeaderValue::from_static(consent_page::POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Reply::new(response)
}

fn see_other(to: &str) -> Reply {
    let mut reply = page(StatusCode::SEE_OTHER, String::new());
    if let Ok(to) = HeaderValue::try_from(to) {
        reply.response.headers_mut().insert(header::LOCATION, to);
    }
    reply
}

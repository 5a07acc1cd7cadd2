//! The consent page, and what it sends users back with.

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

/// Why there is nothing to consent to.
enum ConsentError {
    /// Nobody can be sent back: the app or the redirect URI is not known. Said on a page.
    Page(String),
    /// The user is sent back with an error.
    Back { redirect_uri: String, state: Option<String>, error: &'static str, why: String },
}

impl Engine {
    /// The page that asks.
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

    /// A `POST` with the query of the page: what a person answered. A platform's own page would know who
    /// they are; this one is told, in `user`.
    pub(super) fn decide_consent(&mut self, query: &str, form: &[u8], now: Timestamp) -> Reply {
        let field = |name| form_urlencoded::parse(form).find_map(|(key, value)| (key == name).then_some(value));
        let user = field("user").unwrap_or_default();
        let allowed = match field("decision").as_deref() {
            Some("allow") => true,
            Some("deny") => false,
            _ => return ConsentError::Page("`decision` must be `allow` or `deny`".to_owned()).into_reply(),
        };
        let request = match self.permission_request(query) {
            Ok(request) => request,
            Err(refused) => return refused.into_reply(),
        };
        if !self.world.people.contains_key(&*user) {
            return ConsentError::Page(format!("there is nobody called {user:?}")).into_reply();
        }
        let foreign = request.scopes.iter().find(|scope| !self.may_grant(&user, scope));
        let callback = match foreign {
            Some(scope) => {
                return refused(&request, "invalid_scope", format!("{scope} is not {user}'s to grant")).into_reply();
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
        let app =
            app.ok_or_else(|| ConsentError::Page(format!("no app has the client_id {:?}", client_id.as_str())))?;
        if !app.redirect_uris.contains(&redirect_uri) {
            let registered: Vec<_> = app.redirect_uris.iter().map(String::as_str).collect();
            return Err(ConsentError::Page(format!(
                "the redirect_uri {redirect_uri:?} is not registered for {client_id}, letter by letter; registered: [{}]",
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
            return Err(back("invalid_state", format!("the state has {state_length} characters, and needs 8 or more")));
        }
        if field("response_type").is_some_and(|kind| kind != "code") {
            return Err(back("unsupported_response_type", "response_type must be `code`".to_owned()));
        }
        let request = PermissionRequest::parse(query).map_err(|why| back("invalid_request", why.to_string()))?;
        match request.scopes.iter().find_map(|scope| self.wrong_with(scope)) {
            Some(why) => Err(refused(&request, "invalid_scope", why)),
            None => Ok(request),
        }
    }

    /// What is wrong with a scope, whoever is asked for it.
    fn wrong_with(&self, scope: &Scope) -> Option<String> {
        let Some(kind) = scope.kind() else { return Some(format!("{scope} is not a scope of the platform's")) };
        match (kind.resource(), scope.resource()) {
            (None, None) => None,
            (None, Some(_)) => Some(format!("{kind} takes no id, but {scope} has one")),
            (Some(_), None) => Some(format!("{scope} needs the id of what it is about: {scope}.ID")),
            (Some(Resource::Conversation), Some(id)) => {
                let known = self.world.talks.contains_key(&ConversationId::new(id));
                (!known).then(|| format!("{scope}: there is no such conversation"))
            }
            (Some(Resource::Post), Some(id)) => {
                let known = self.world.posts.contains_key(&PostToken::new(id));
                (!known).then(|| format!("{scope}: there is no such post"))
            }
            // The sandbox has none of these, so any id is as good as another.
            (Some(_), Some(_)) => None,
        }
    }

    /// Whether a scope's resource is the user's own.
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

/// The user is sent back, to the app that asked.
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

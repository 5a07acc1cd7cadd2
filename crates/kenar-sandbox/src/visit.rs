//! A small browser, in which a person opens an app.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use url::Url;

use crate::error::SandboxError;
use crate::shared::Shared;
use kenar::model::PostToken;
use kenar::oauth::PermissionRequest;
use kenar::request::Body;
use kenar::webhook::COMPLETION_URL;

/// The maximum number of redirects in a row, to stop redirect loops.
const MAX_REDIRECTS: usize = 20;

/// The result of pressing a button.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pressed {
    /// The text in the add-on's reply to a dynamic action.
    pub toast: Option<String>,
    /// The page that was opened.
    pub opened: Option<Opened>,
}

/// A page that a button opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Opened {
    /// A web page.
    Page(Visit),
    /// The page of a post.
    Post(PostToken),
    /// The management page of a post.
    PostManagement(PostToken),
}

impl Pressed {
    /// The web page that was opened, if any.
    #[must_use]
    pub fn page(self) -> Option<Visit> {
        match self.opened {
            Some(Opened::Page(visit)) => Some(visit),
            _ => None,
        }
    }
}

/// A page in the person's browser.
///
/// The browser keeps cookies and follows redirects, but runs no scripts. It loads pages from this machine and from
/// [allowed add-on hosts](crate::SandboxBuilder::add_on_host), and stops at any other URL without loading it.
#[derive(Clone)]
pub struct Visit {
    shared: Arc<Shared>,
    user: String,
    cookies: Arc<Mutex<Vec<Cookie>>>,
    page: Fetched,
}

#[derive(Clone)]
struct Fetched {
    url: Url,
    status: StatusCode,
    body: Bytes,
}

struct Cookie {
    authority: String,
    name: String,
    value: String,
}

impl Visit {
    pub(crate) async fn begin(shared: &Arc<Shared>, user: &str, url: Url) -> Result<Self, SandboxError> {
        let page = Fetched { url: url.clone(), status: StatusCode::OK, body: Bytes::new() };
        let visit = Self { shared: Arc::clone(shared), user: user.to_owned(), cookies: Arc::default(), page };
        visit.go(Method::GET, url, None).await
    }

    /// The URL of the page.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.page.url
    }

    /// The HTTP status of the page.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.page.status
    }

    /// The body of the page, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.page.body).into_owned()
    }

    /// Returns `true` if the person was redirected back to Divar.
    #[must_use]
    pub fn has_returned(&self) -> bool {
        self.page.url.as_str().starts_with(COMPLETION_URL)
    }

    /// Returns `true` on the consent page.
    #[must_use]
    pub fn asks_permission(&self) -> bool {
        let url = &self.page.url;
        self.page.status == StatusCode::OK
            && url.path() == PermissionRequest::METADATA.path()
            && self.shared.platform.base_urls.oauth().as_str().starts_with(&format!("{}://", url.scheme()))
            && self.shared.platform.names.include(url.authority())
    }

    /// Follows a link on the page.
    ///
    /// # Errors
    ///
    /// The link is invalid, or the page cannot be loaded.
    pub async fn follow(&self, link: &str) -> Result<Self, SandboxError> {
        self.go(Method::GET, self.resolve(link)?, None).await
    }

    /// Submits a form of the page.
    ///
    /// # Errors
    ///
    /// `action` is an invalid link, or the next page cannot be loaded.
    #[doc(alias = "submit")]
    pub async fn post_form(&self, action: &str, fields: &[(&str, &str)]) -> Result<Self, SandboxError> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.go(Method::POST, self.resolve(action)?, Some(form.into())).await
    }

    /// Grants the requested permissions.
    ///
    /// # Errors
    ///
    /// The page is not the consent page, or the next page cannot be loaded.
    pub async fn allow(&self) -> Result<Self, SandboxError> {
        self.decide("allow").await
    }

    /// Refuses the requested permissions.
    ///
    /// # Errors
    ///
    /// The page is not the consent page, or the next page cannot be loaded.
    pub async fn deny(&self) -> Result<Self, SandboxError> {
        self.decide("deny").await
    }

    async fn decide(&self, decision: &str) -> Result<Self, SandboxError> {
        if !self.asks_permission() {
            let Fetched { url, status, .. } = &self.page;
            return Err(self.error(format!("not the consent page: {} is on {url} ({status})", self.user)));
        }
        self.post_form("", &[("user", &self.user), ("decision", decision)]).await
    }

    fn resolve(&self, link: &str) -> Result<Url, SandboxError> {
        self.page.url.join(link).map_err(|error| self.error(format!("invalid link {link:?}: {error}")))
    }

    async fn go(&self, mut method: Method, mut url: Url, mut form: Option<Bytes>) -> Result<Self, SandboxError> {
        for _ in 0..MAX_REDIRECTS {
            let uri = Uri::try_from(without_fragment(&url)).map_err(|error| self.error(format!("{url}: {error}")))?;
            if !self.shared.reaches(&uri) {
                return Ok(self.at(Fetched { url, status: StatusCode::OK, body: Bytes::new() }));
            }
            let request = self.request(method.clone(), uri, form.clone());
            let response = self.shared.browse(request).await.map_err(|why| self.error(why))?;
            self.keep_cookies(&url, response.headers());
            let status = response.status();
            let location = response.headers().get(header::LOCATION).filter(|_| status.is_redirection());
            let Some(location) = location.and_then(|location| location.to_str().ok()) else {
                return Ok(self.at(Fetched { url, status, body: response.into_body() }));
            };
            url = url
                .join(location)
                .map_err(|error| self.error(format!("invalid redirect from {url} to {location:?}: {error}")))?;
            if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
                (method, form) = (Method::GET, None);
            }
        }
        Err(self.error(format!("too many redirects: more than {MAX_REDIRECTS}, the last one to {url}")))
    }

    fn request(&self, method: Method, uri: Uri, form: Option<Bytes>) -> Request<Body> {
        let cookies = self.cookies_for(&uri);
        let mut request = Request::new(form.as_ref().map_or_else(Body::empty, |form| form.clone().into()));
        (*request.method_mut(), *request.uri_mut()) = (method, uri);
        if form.is_some() {
            let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(header::CONTENT_TYPE, form_type);
        }
        request.headers_mut().extend(cookies.map(|cookies| (header::COOKIE, cookies)));
        request
    }

    fn cookies_for(&self, uri: &Uri) -> Option<HeaderValue> {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let own = cookies.iter().filter(|cookie| uri.authority().is_some_and(|own| own.as_str() == cookie.authority));
        let pairs: Vec<_> = own.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        HeaderValue::try_from(pairs.join("; ")).ok().filter(|value| !value.is_empty())
    }

    /// Stores cookies by host and port until they are deleted; their path is ignored.
    fn keep_cookies(&self, url: &Url, headers: &HeaderMap) {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        for set in headers.get_all(header::SET_COOKIE) {
            let Some((pair, attributes)) = set.to_str().ok().map(|set| set.split_once(';').unwrap_or((set, ""))) else {
                continue;
            };
            let Some((name, value)) = pair.split_once('=') else { continue };
            let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
            let authority = url.authority().to_owned();
            let deleted = attributes.split(';').any(deletes_cookie);
            cookies.retain(|cookie| cookie.authority != authority || cookie.name != name);
            if !deleted {
                cookies.push(Cookie { authority, name, value });
            }
        }
    }

    fn at(&self, page: Fetched) -> Self {
        Self { page, ..self.clone() }
    }

    fn error(&self, what: impl Into<String>) -> SandboxError {
        self.shared.platform.error(what, None)
    }
}

/// Returns `true` for an attribute that deletes the cookie: `Max-Age` up to 0, or a past `Expires`.
fn deletes_cookie(attribute: &str) -> bool {
    let Some((name, value)) = attribute.split_once('=') else { return false };
    match name.trim().to_ascii_lowercase().as_str() {
        "max-age" => value.trim().parse::<i64>().is_ok_and(|seconds| seconds <= 0),
        "expires" => httpdate::parse_http_date(value.trim()).is_ok_and(|at| at <= SystemTime::now()),
        _ => false,
    }
}

fn without_fragment(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    url.into()
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Visit({} is on {}, {})", self.user, self.page.url, self.page.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_is_deleted_by_max_age_or_past_expires() {
        for (attribute, deletes) in [
            (" Max-Age=0", true),
            ("max-age=-1", true),
            (" Expires=Thu, 01 Jan 1970 00:00:00 GMT", true),
            ("Max-Age=3600", false),
            ("Expires=Fri, 31 Dec 9999 23:59:59 GMT", false),
            ("Expires=never", false),
            ("HttpOnly", false),
            ("Path=/", false),
        ] {
            assert_eq!(deletes_cookie(attribute), deletes, "{attribute}");
        }
    }
}

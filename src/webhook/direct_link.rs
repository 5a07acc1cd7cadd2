//! The query of a page that Divar opens directly, without asking your add-on.

use url::Url;

use super::return_url;
use crate::model::{PostToken, query_of};

/// What a page was opened with, where Divar's app opens it directly: the query of a `GET` of the
/// "Fallback URL" in the [panel](crate::guide#panel).
///
/// **Nothing in it is authentic.** Anybody can write such a link. A post token in it names a post, and proves nothing of
/// who came; ask for permission (OAuth) before showing or doing anything that is not for everybody.
///
/// ```
/// use kenar::webhook::UntrustedDirectLink;
///
/// let link = UntrustedDirectLink::parse("post_token=QYabcdef&return_url=https%3A%2F%2Fexample.com&city=tehran");
/// assert_eq!(link.post_token().unwrap().as_str(), "QYabcdef");
/// assert_eq!(link.parameter("city"), Some("tehran"));
/// assert_eq!(link.return_url().as_str(), "https://open-platform-redirect.divar.ir/completion");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntrustedDirectLink {
    post_token: Option<PostToken>,
    return_url: Option<String>,
    parameters: Vec<(String, String)>,
}

impl UntrustedDirectLink {
    /// Reads a query, with or without its question mark, or the path or absolute URL that it is in. Never fails: what is not
    /// percent-encoded UTF-8 is replaced.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let mut link = Self { post_token: None, return_url: None, parameters: Vec::new() };
        for (name, value) in form_urlencoded::parse(query_of(query).as_bytes()) {
            match &*name {
                _ if value.is_empty() => {}
                "post_token" => link.post_token = link.post_token.or_else(|| Some(PostToken::new(value))),
                "completion_url" | "return_url" | "callback_url" => {
                    link.return_url = link.return_url.or_else(|| Some(value.into_owned()));
                }
                _ => link.parameters.push((name.into_owned(), value.into_owned())),
            }
        }
        link
    }

    /// The post it was opened about.
    #[must_use]
    pub fn post_token(&self) -> Option<&PostToken> {
        self.post_token.as_ref()
    }

    /// Where to send the user who is done: as [`OpenApp::return_url`](super::OpenApp::return_url), an address of
    /// Divar's and never another.
    #[must_use]
    pub fn return_url(&self) -> Url {
        return_url::safe(self.given_return_url())
    }

    /// The address in the query, as it was written. Do not redirect to it.
    #[must_use]
    pub fn given_return_url(&self) -> Option<&str> {
        self.return_url.as_deref()
    }

    /// A further parameter by its name, such as `city` or `category`; the first one, where there are several.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters().find_map(|(other, value)| (other == name).then_some(value))
    }

    /// All further parameters that have a value, in their order.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

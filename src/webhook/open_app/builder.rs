//! Requests made for tests.

use super::{ApiVersion, OpenApp, Source};
use crate::model::{ConversationId, Location, PostToken, RawJson, Side, UserId};

/// Builds an [`OpenApp`], for tests.
///
/// ```
/// use kenar::model::Side;
/// use kenar::webhook::{OpenApp, Source};
///
/// let opened = OpenApp::builder().source(Source::Chat).post_token("QYabcdef").user_side(Side::Supply).build();
/// assert_eq!(
///     serde_json::to_string(&opened)?,
///     r#"{"source":"CHAT","post_token":"QYabcdef","user_side":"SUPPLY"}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct OpenAppBuilder(pub(super) OpenApp);

impl OpenAppBuilder {
    /// The form of the request; version 2 unless said.
    pub fn version(mut self, version: ApiVersion) -> Self {
        self.0.version = version;
        self
    }

    /// Where the app is opened.
    pub fn source(mut self, source: Source) -> Self {
        self.0.source = Some(source);
        self
    }

    /// The post it is opened about.
    pub fn post_token(mut self, post: impl Into<PostToken>) -> Self {
        self.0.post_token = Some(post.into());
        self
    }

    /// The conversation it is opened from.
    pub fn conversation_id(mut self, conversation: impl Into<ConversationId>) -> Self {
        self.0.conversation_id = Some(conversation.into());
        self
    }

    /// Who opens it.
    pub fn user_id(mut self, user: impl Into<UserId>) -> Self {
        self.0.user_id = Some(user.into());
        self
    }

    /// Who is on the other side, which Divar tells in version 1.
    pub fn peer_id(mut self, peer: impl Into<UserId>) -> Self {
        self.0.peer_id = Some(peer.into());
        self
    }

    /// Who owns the post, which Divar tells in version 1.
    pub fn supplier_id(mut self, supplier: impl Into<UserId>) -> Self {
        self.0.supplier_id = Some(supplier.into());
        self
    }

    /// Who asks about the post, which Divar tells in version 1.
    pub fn demand_id(mut self, demand: impl Into<UserId>) -> Self {
        self.0.demand_id = Some(demand.into());
        self
    }

    /// The side of who opens it, which Divar tells in version 2.
    pub fn user_side(mut self, side: Side) -> Self {
        self.0.user_side = Some(side);
        self
    }

    /// The data of the button that opens it; see [`RawJson::of`].
    pub fn data(mut self, data: RawJson) -> Self {
        self.0.data = Some(data).filter(|data| !data.is_null());
        self
    }

    /// The place of the location message whose button opens it.
    pub fn location(mut self, location: Location) -> Self {
        self.0.location = Some(location);
        self
    }

    /// Where the user shall go back to.
    pub fn return_url(mut self, url: impl Into<String>) -> Self {
        self.0.return_url = Some(url.into());
        self
    }

    /// The request.
    #[must_use]
    pub fn build(self) -> OpenApp {
        self.0
    }
}

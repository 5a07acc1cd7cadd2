//! Requests made for tests.

use super::{ApiVersion, OpenApp, Party, Source};
use crate::model::{ConversationId, Location, PostToken, RawJson, Side, UserId};
use crate::webhook::builder::builder;
use crate::webhook::data;

builder! {
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
    OpenAppBuilder builds OpenApp {
        /// The form of the request; version 2 unless said.
        version: ApiVersion => |opened: &mut OpenApp, version| opened.version = version,
        /// Where the app is opened.
        source: Source,
        /// The post it is opened about.
        post_token: impl Into<PostToken>,
        /// The conversation it is opened from.
        conversation_id: impl Into<ConversationId>,
        /// Who opens it.
        user_id: impl Into<UserId>,
        /// Who is on the other side, which Divar tells in version 1.
        peer_id: impl Into<UserId>,
        /// Who owns the post, which Divar tells in version 1.
        supplier_id: impl Into<UserId> => |opened: &mut OpenApp, id| opened.supplier = Some(Party { id: Some(id) }),
        /// Who asks about the post, which Divar tells in version 1.
        demand_id: impl Into<UserId> => |opened: &mut OpenApp, id| opened.demand = Some(Party { id: Some(id) }),
        /// The side of who opens it, which Divar tells in version 2.
        user_side: Side,
        /// The data of the button that opens it; see [`RawJson::of`].
        data: RawJson => |opened: &mut OpenApp, data| opened.data = data::given(data),
        /// The place of the location message whose button opens it.
        location: Location,
        /// Where the user shall go back to.
        return_url: impl Into<String>,
    }
}

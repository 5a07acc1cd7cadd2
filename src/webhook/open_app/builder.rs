use super::{ApiVersion, OpenApp, Party, Source};
use crate::model::{ConversationId, Location, PostToken, RawJson, Side, UserId};
use crate::webhook::builder::builder;
use crate::webhook::data;

builder! {
    /// Builds an [`OpenApp`], for tests.
    OpenAppBuilder builds OpenApp {
        /// Sets the version; 2 by default.
        version: ApiVersion => |opened: &mut OpenApp, version| opened.version = version,
        /// Sets the place from which the app is opened.
        source: Source,
        /// Sets the post.
        post_token: impl Into<PostToken>,
        /// Sets the conversation.
        conversation_id: impl Into<ConversationId>,
        /// Sets the user who opens the app.
        user_id: impl Into<UserId>,
        /// Sets the user on the other side (version 1).
        peer_id: impl Into<UserId>,
        /// Sets the owner of the post (version 1).
        supplier_id: impl Into<UserId> => |opened: &mut OpenApp, id| opened.supplier = Some(Party { id: Some(id) }),
        /// Sets the buyer (version 1).
        demand_id: impl Into<UserId> => |opened: &mut OpenApp, id| opened.demand = Some(Party { id: Some(id) }),
        /// Sets the side of the user who opens the app (version 2).
        user_side: Side,
        /// Sets the button's data; see [`RawJson::of`].
        data: RawJson => |opened: &mut OpenApp, data| opened.data = data::given(data),
        /// Sets the place of the location message whose button opens the app.
        location: Location,
        /// Sets the URL that returns the user to Divar.
        return_url: impl Into<String>,
    }
}

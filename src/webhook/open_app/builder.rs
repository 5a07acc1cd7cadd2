use super::{ApiVersion, OpenApp, Party, Source};
use crate::model::{ConversationId, Location, PostToken, RawJson, Side, UserId};
use crate::webhook::builder::builder;
use crate::webhook::data;

builder! {
    /// Builds an [`OpenApp`], for tests.
    OpenAppBuilder builds OpenApp {
        /// Version 2 by default.
        version: ApiVersion => |opened: &mut OpenApp, version| opened.version = version,
        source: Source,
        post_token: impl Into<PostToken>,
        conversation_id: impl Into<ConversationId>,
        user_id: impl Into<UserId>,
        /// Only in version 1.
        peer_id: impl Into<UserId>,
        /// Only in version 1.
        supplier_id: impl Into<UserId> => |opened: &mut OpenApp, id| opened.supplier = Some(Party { id: Some(id) }),
        /// Only in version 1.
        demand_id: impl Into<UserId> => |opened: &mut OpenApp, id| opened.demand = Some(Party { id: Some(id) }),
        /// Only in version 2.
        user_side: Side,
        /// Make it by [`RawJson::of`].
        data: RawJson => |opened: &mut OpenApp, data| opened.data = data::given(data),
        location: Location,
        return_url: impl Into<String>,
    }
}

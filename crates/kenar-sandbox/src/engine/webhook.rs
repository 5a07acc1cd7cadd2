//! The webhooks of an add-on.

/// A kind of webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Webhook {
    /// A user opens the app ("session initialization").
    #[doc(alias = "session initialization")]
    OpenApp,
    /// An event, such as a new message.
    Event,
    /// A user presses a `get_dynamic_action` button.
    #[doc(alias = "get_dynamic_action")]
    DynamicAction,
}

impl Webhook {
    /// All kinds.
    pub const ALL: &'static [Self] = &[Self::OpenApp, Self::Event, Self::DynamicAction];

    /// The name in the journal, such as `webhook.event`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenApp => "webhook.open_app",
            Self::Event => "webhook.event",
            Self::DynamicAction => "webhook.dynamic_action",
        }
    }
}

//! The webhooks of an add-on.

/// What the platform calls on an add-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Webhook {
    /// A user opens the app.
    OpenApp,
    /// Something happened.
    Event,
    /// A user presses a button that asks the add-on what to do.
    DynamicAction,
}

impl Webhook {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::OpenApp, Self::Event, Self::DynamicAction];

    /// Its name in the journal, such as `webhook.event`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenApp => "webhook.open_app",
            Self::Event => "webhook.event",
            Self::DynamicAction => "webhook.dynamic_action",
        }
    }
}

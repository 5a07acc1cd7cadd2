use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use super::action::InvalidButtonData;
use super::icon::Icon;
use super::members::{Members, Object};
use super::wire::serialize;
use super::{Action, PostToken};

/// A button under a message: a caption, an action and an optional icon.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Button {
    /// The effect of a press.
    pub action: Action,
    /// The icon.
    pub icon: Option<Icon>,
    /// The text. Divar documents no length limit.
    pub caption: String,
}

impl Button {
    /// A button with any action.
    #[must_use]
    pub fn new(caption: impl Into<String>, action: Action) -> Self {
        Self { action, icon: None, caption: caption.into() }
    }

    /// A button that opens an address.
    #[doc(alias = "open_direct_link")]
    #[must_use]
    pub fn open_link(caption: impl Into<String>, url: impl Into<Url>) -> Self {
        Self::new(caption, Action::open_link(url))
    }

    /// A button that opens your add-on.
    ///
    /// The press arrives as an [`OpenApp`](crate::webhook::OpenApp) with this [data](super::ButtonData::new).
    #[doc(alias("open_server_link", "server link"))]
    #[must_use]
    pub fn server_link(caption: impl Into<String>, data: impl Serialize) -> Self {
        Self::new(caption, Action::server_link(data))
    }

    /// A button that asks your add-on for an action.
    ///
    /// The press arrives as a [`DynamicAction`](crate::webhook::DynamicAction) with this [data](super::ButtonData::new).
    #[doc(alias = "get_dynamic_action")]
    #[must_use]
    pub fn dynamic_action(caption: impl Into<String>, data: impl Serialize) -> Self {
        Self::new(caption, Action::dynamic_action(data))
    }

    /// A button that opens a post's page.
    #[doc(alias = "open_post_page")]
    #[must_use]
    pub fn post_page(caption: impl Into<String>, post: &PostToken) -> Self {
        Self::new(caption, Action::post_page(post))
    }

    /// A button that opens the page on which the owner manages a post.
    #[doc(alias = "open_post_manage_page")]
    #[must_use]
    pub fn post_manage_page(caption: impl Into<String>, post: &PostToken) -> Self {
        Self::new(caption, Action::post_manage_page(post))
    }

    /// Sets the icon.
    #[must_use]
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }
}

/// One to three buttons side by side.
///
/// `try_from` checks the length of a list; the compiler checks that of an array:
///
/// ```compile_fail
/// # use kenar::Button;
/// # use kenar::model::{ButtonRow, PostToken};
/// # let button = || Button::post_page("آگهی", &PostToken::new("QYabcdef"));
/// let row = ButtonRow::from([button(), button(), button(), button()]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ButtonRow {
    #[serde(deserialize_with = "ButtonRow::read")]
    buttons: Vec<Button>,
}

/// One to three rows of buttons under a message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ButtonGrid {
    #[serde(deserialize_with = "ButtonGrid::read")]
    rows: Vec<ButtonRow>,
}

/// The error for a list with too few or too many buttons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidButtons {
    /// The list is empty.
    #[error("a list of buttons must not be empty: omit the grid to send no buttons")]
    Empty,
    /// A row has more than three buttons.
    #[error("a row holds at most 3 buttons, not {0}")]
    TooManyInRow(usize),
    /// A grid has more than three rows.
    #[error("a grid holds at most 3 rows, not {0}")]
    TooManyRows(usize),
    /// A grid has more than nine buttons.
    #[error("a grid holds at most 9 buttons, not {0}")]
    TooManyButtons(usize),
}

impl ButtonRow {
    /// The maximum number of buttons.
    pub const MAX: usize = 3;

    /// The buttons in order: right to left on a Persian screen.
    #[must_use]
    pub fn buttons(&self) -> &[Button] {
        &self.buttons
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Button>, D::Error> {
        let row = Self::try_from(Vec::deserialize(deserializer)?).map_err(D::Error::custom)?;
        Ok(row.buttons)
    }
}

impl ButtonGrid {
    /// The maximum number of rows.
    pub const MAX: usize = 3;

    /// The rows, top to bottom.
    #[must_use]
    pub fn rows(&self) -> &[ButtonRow] {
        &self.rows
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ButtonRow>, D::Error> {
        let grid = Self::try_from(Vec::<ButtonRow>::deserialize(deserializer)?).map_err(D::Error::custom)?;
        Ok(grid.rows)
    }

    /// All buttons, row by row.
    pub fn buttons(&self) -> impl Iterator<Item = &Button> {
        self.rows.iter().flat_map(|row| &row.buttons)
    }

    pub(crate) fn check(&self) -> Result<(), InvalidButtonData> {
        self.buttons().try_for_each(|button| button.action.check())
    }
}

impl Members for Button {
    fn members<O: Object>(&self, object: &mut O) -> Result<(), O::Error> {
        object.object("action", &self.action)?;
        if let Some(icon) = &self.icon {
            object.text("icon", icon.name())?;
        }
        object.text("caption", &self.caption)
    }
}

impl Members for ButtonRow {
    fn members<O: Object>(&self, object: &mut O) -> Result<(), O::Error> {
        object.objects("buttons", &self.buttons)
    }
}

impl Members for ButtonGrid {
    fn members<O: Object>(&self, object: &mut O) -> Result<(), O::Error> {
        object.objects("rows", &self.rows)
    }
}

serialize! { Button ButtonRow ButtonGrid }

macro_rules! from_arrays {
    ($($length:literal)*) => {$(
        impl From<[Button; $length]> for ButtonRow {
            fn from(buttons: [Button; $length]) -> Self {
                Self { buttons: buttons.into() }
            }
        }

        impl<R: Into<ButtonRow>> From<[R; $length]> for ButtonGrid {
            fn from(rows: [R; $length]) -> Self {
                Self { rows: rows.into_iter().map(Into::into).collect() }
            }
        }
    )*};
}

from_arrays!(1 2 3);

impl From<Button> for ButtonRow {
    fn from(button: Button) -> Self {
        Self { buttons: vec![button] }
    }
}

impl TryFrom<Vec<Button>> for ButtonRow {
    type Error = InvalidButtons;

    fn try_from(buttons: Vec<Button>) -> Result<Self, InvalidButtons> {
        match buttons.len() {
            0 => Err(InvalidButtons::Empty),
            1..=Self::MAX => Ok(Self { buttons }),
            count => Err(InvalidButtons::TooManyInRow(count)),
        }
    }
}

impl TryFrom<Vec<ButtonRow>> for ButtonGrid {
    type Error = InvalidButtons;

    fn try_from(rows: Vec<ButtonRow>) -> Result<Self, InvalidButtons> {
        match rows.len() {
            0 => Err(InvalidButtons::Empty),
            1..=Self::MAX => Ok(Self { rows }),
            count => Err(InvalidButtons::TooManyRows(count)),
        }
    }
}

/// Fills rows of three in order.
impl TryFrom<Vec<Button>> for ButtonGrid {
    type Error = InvalidButtons;

    fn try_from(buttons: Vec<Button>) -> Result<Self, InvalidButtons> {
        let count = buttons.len();
        if count > ButtonRow::MAX * Self::MAX {
            return Err(InvalidButtons::TooManyButtons(count));
        }
        let mut buttons = buttons.into_iter().peekable();
        let mut rows = Vec::new();
        while buttons.peek().is_some() {
            rows.push(ButtonRow { buttons: buttons.by_ref().take(ButtonRow::MAX).collect() });
        }
        Self::try_from(rows)
    }
}

use super::open_enum::open_enum;

open_enum! {
    /// A [side](crate::guide#side) of a post's conversation.
    ///
    /// Divar sends `SUPPLY` and `DEMAND` when a user opens your app or presses a button, and `SELLER` and `BUYER` in messages.
    Side {
        /// The post's owner, or seller.
        #[doc(alias = "supplier")]
        Supply = "SUPPLY" | "SELLER",
        /// The person who enquires about the post, or buyer.
        Demand = "DEMAND" | "BUYER",
    }
}

impl Side {
    /// The other side; `None` for an unknown one.
    #[must_use]
    pub fn opposite(&self) -> Option<Self> {
        match self {
            Self::Supply => Some(Self::Demand),
            Self::Demand => Some(Self::Supply),
            Self::Unknown(_) => None,
        }
    }

    /// The name in messages.
    pub(crate) fn in_messages(&self) -> &str {
        match self {
            Self::Supply => "SELLER",
            Self::Demand => "BUYER",
            Self::Unknown(name) => name,
        }
    }
}

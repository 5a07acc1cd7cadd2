use super::open_enum::open_enum;

open_enum! {
    /// A [side](crate::guide#side) of a post's conversation.
    ///
    /// Divar says `SUPPLY` and `DEMAND` when it opens your app or delivers a button press, and `SELLER` and `BUYER` in
    /// messages; they are read as one.
    Side {
        /// The post's owner: the seller.
        Supply = "SUPPLY" | "SELLER",
        /// The one who asks about the post: the buyer.
        Demand = "DEMAND" | "BUYER",
    }
}

impl Side {
    /// The other side; `None` where this one is unknown.
    #[must_use]
    pub fn opposite(&self) -> Option<Self> {
        match self {
            Self::Supply => Some(Self::Demand),
            Self::Demand => Some(Self::Supply),
            Self::Unknown(_) => None,
        }
    }

    /// The name that messages have for it.
    pub(crate) fn in_messages(&self) -> &str {
        match self {
            Self::Supply => "SELLER",
            Self::Demand => "BUYER",
            Self::Unknown(name) => name,
        }
    }
}

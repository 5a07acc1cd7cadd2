use crate::model::wire::{open_enum, setters, wire};
use crate::model::{AppSlug, RawJson, Timestamp, TransactionId};

open_enum! {
    /// The state of a payment, read from its name or its number.
    TransactionState {
        /// It was created.
        Pending = "TRANSACTION_STATE_PENDING" | "1",
        /// It was paid.
        Completed = "TRANSACTION_STATE_COMPLETED" | "2",
        /// It failed.
        Failed = "TRANSACTION_STATE_FAILED" | "3",
        /// It was refunded.
        Refunded = "TRANSACTION_STATE_REFUNDED" | "4",
    }
}

open_enum! {
    /// The service that is paid for.
    TransactionKind {
        /// The submission of a post.
        Submit = "TRANSACTION_TYPE_SUBMIT",
        /// The renewal of a post.
        Renew = "TRANSACTION_TYPE_RENEW",
        /// A move of a post to the top of the list.
        Reorder = "TRANSACTION_TYPE_REORDER",
    }
}

wire! {
    /// A payment whose state changed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct PaymentTransaction {
        /// The id from its creation.
        pub id: Option<TransactionId>,
        /// The state.
        pub state: Option<TransactionState>,
        /// The service that is paid for.
        pub kind: Option<TransactionKind> = "type",
        /// The cost for your app, in Iranian rials.
        pub cost_rials: Option<i64>,
        /// The details that your app gave with its request.
        pub extra_details: Option<String>,
        /// The app that requested it.
        pub app_slug: Option<AppSlug>,
        /// The time of its creation.
        pub created_at: Option<Timestamp>,
        ;
        /// The metadata of the event.
        pub metadata: Option<RawJson>,
    }
}

impl PaymentTransaction {
    /// An event, for tests.
    #[must_use]
    pub fn new(id: impl Into<TransactionId>, state: TransactionState) -> Self {
        Self { id: Some(id.into()), state: Some(state), ..Self::default() }
    }
}

setters! { PaymentTransaction {
    kind: TransactionKind,
    cost_rials: i64,
    extra_details: impl Into<String>,
    app_slug: impl Into<AppSlug>,
    created_at: Timestamp,
    metadata: RawJson,
} }

//! A payment that went on.

use crate::model::open_enum::open_enum;
use crate::model::wire::{setters, wire};
use crate::model::{AppSlug, RawJson, Timestamp, TransactionId};

open_enum! {
    /// How far a payment is. Read from its name or from its number.
    TransactionState {
        /// It was begun.
        Pending = "TRANSACTION_STATE_PENDING" | "1",
        /// It was paid.
        Completed = "TRANSACTION_STATE_COMPLETED" | "2",
        /// It failed.
        Failed = "TRANSACTION_STATE_FAILED" | "3",
        /// It was paid back.
        Refunded = "TRANSACTION_STATE_REFUNDED" | "4",
    }
}

open_enum! {
    /// What is paid for.
    TransactionKind {
        /// Submitting a post.
        Submit = "TRANSACTION_TYPE_SUBMIT",
        /// Renewing a post.
        Renew = "TRANSACTION_TYPE_RENEW",
        /// Moving a post up the list again.
        Reorder = "TRANSACTION_TYPE_REORDER",
    }
}

wire! {
    /// A payment went on.
    ///
    /// ```
    /// use kenar::webhook::{Event, TransactionState};
    ///
    /// let body = br#"{
    ///     "type": "PAYMENT_TRANSACTION",
    ///     "transaction": { "id": "t-1", "cost_rials": "100000", "state": "TRANSACTION_STATE_COMPLETED" }
    /// }"#;
    /// let Event::PaymentTransaction(payment) = Event::from_unverified_body(body)? else { panic!() };
    /// assert_eq!(payment.state, Some(TransactionState::Completed));
    /// assert_eq!(payment.cost_rials, Some(100_000));
    /// # Ok::<(), kenar::webhook::Rejection>(())
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct PaymentTransaction {
        /// Which payment it is: the id it was created with.
        pub id: Option<TransactionId>,
        /// How far it is.
        pub state: Option<TransactionState>,
        /// What is paid for.
        pub kind: Option<TransactionKind> = "type",
        /// What it costs your app, in rials, the currency of Iran.
        pub cost_rials: Option<i64>,
        /// What your app said of it when it asked for the payment.
        pub extra_details: Option<String>,
        /// The app that asked for it.
        pub app_slug: Option<AppSlug>,
        /// When it was begun.
        pub created_at: Option<Timestamp>,
        ;
        /// What your app gave when it subscribed.
        pub metadata: Option<RawJson>,
    }
}

impl PaymentTransaction {
    /// An event as Divar would send it, for tests.
    #[must_use]
    pub fn new(id: impl Into<TransactionId>, state: TransactionState) -> Self {
        Self { id: Some(id.into()), state: Some(state), ..Self::default() }
    }
}

setters! { PaymentTransaction {
    /// Sets what is paid for.
    kind: TransactionKind,
    /// Sets the cost in rials, the currency of Iran.
    cost_rials: i64,
    /// Sets what your app said of it when it asked for the payment.
    extra_details: impl Into<String>,
    /// Sets the app that asked for it.
    app_slug: impl Into<AppSlug>,
    /// Sets when it was begun.
    created_at: Timestamp,
    /// Sets the data that your app gave when it subscribed.
    metadata: RawJson,
} }

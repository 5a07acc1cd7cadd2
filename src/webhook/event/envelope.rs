//! Reading of an event in one pass: each payload by its key, since `type` may follow the payload.

use super::{
    AccessRevoked, Event, EventKind, MessageEvent, PaymentTransaction, PostUpdate, RevocationFields, UndecodableEvent,
    UndecodableReason, UnknownEvent,
};
use crate::model::json;
use crate::model::lenient::{self, Fields, ObjectSlot, Place, Slot};
use crate::model::wire::fields;
use crate::model::{Message, MessageFields, RawJson};
use crate::webhook::Rejection;

pub(super) fn read(body: &[u8]) -> Result<Event, Rejection> {
    // Read in place, since it is too large to move.
    let mut envelope = Envelope::default();
    Rejection::unless_object(body, &mut envelope)?;
    envelope.event().or_else(|misfit| {
        let raw: RawJson = json::from_utf8(lenient::without_bom(body)).map_err(Rejection::not_json)?;
        Ok(misfit.with(raw))
    })
}

fields! {
    struct Envelope {
        kind: Option<EventKind> = "type",
        metadata: Option<RawJson>,
        meta_data: Option<RawJson>,
        new_message: Payload<MessageFields>,
        new_chatbot_message: Payload<MessageFields>,
        user_access_revocation: Payload<RevocationFields>,
        post_update: Option<PostUpdate>,
        transaction: Option<PaymentTransaction>,
        payment_transaction: Option<PaymentTransaction>,
    }
}

/// A payload that requires an id. If the key is repeated, a payload without an id never replaces one with an id.
struct Payload<F: PayloadFields> {
    fields: Option<F>,
    found: Found<F::Whole>,
}

enum Found<T> {
    Nothing,
    NoId,
    Whole(T),
}

trait PayloadFields: Fields + Default {
    type Whole;

    fn whole(&mut self) -> Option<Self::Whole>;
}

impl PayloadFields for MessageFields {
    type Whole = Message;

    fn whole(&mut self) -> Option<Message> {
        self.message()
    }
}

impl PayloadFields for RevocationFields {
    type Whole = AccessRevoked;

    fn whole(&mut self) -> Option<AccessRevoked> {
        std::mem::take(self).whole()
    }
}

impl<F: PayloadFields> Default for Payload<F> {
    fn default() -> Self {
        Self { fields: None, found: Found::Nothing }
    }
}

impl<F: PayloadFields> Place for Payload<F> {
    fn slot(&mut self) -> Slot<'_> {
        Slot::Object(self)
    }
}

impl<F: PayloadFields> ObjectSlot for Payload<F> {
    fn begin(&mut self) -> &mut dyn Fields {
        self.fields.insert(F::default())
    }

    fn end(&mut self) {
        match self.fields.as_mut().and_then(F::whole) {
            Some(payload) => self.found = Found::Whole(payload),
            None if matches!(self.found, Found::Nothing) => self.found = Found::NoId,
            None => {}
        }
    }
}

impl<F: PayloadFields> Payload<F> {
    fn take(&mut self, without_id: UndecodableReason) -> Result<F::Whole, UndecodableReason> {
        match std::mem::replace(&mut self.found, Found::Nothing) {
            Found::Nothing => Err(UndecodableReason::NoPayload),
            Found::NoId => Err(without_id),
            Found::Whole(payload) => Ok(payload),
        }
    }
}

enum Misfit {
    Undecodable(EventKind, UndecodableReason),
    Unknown(Option<String>),
}

impl Misfit {
    fn with(self, raw: RawJson) -> Event {
        match self {
            Self::Undecodable(kind, reason) => Event::Undecodable(UndecodableEvent { kind, reason, raw }),
            Self::Unknown(kind) => Event::Unknown(UnknownEvent { kind, raw }),
        }
    }
}

impl Envelope {
    fn event(&mut self) -> Result<Event, Misfit> {
        use UndecodableReason::{NoConversationId, NoPayload, NoUserId};

        let metadata = self.metadata.take().or(self.meta_data.take());
        let Some(kind) = self.kind.take() else {
            return Err(Misfit::Unknown(None));
        };
        let event = match kind {
            EventKind::Unknown(name) => return Err(Misfit::Unknown(Some(name))),
            EventKind::NewMessage => self
                .new_message
                .take(NoConversationId)
                .map(|message| Event::NewMessage(MessageEvent { message, metadata })),
            EventKind::ChatbotMessage => self
                .new_chatbot_message
                .take(NoConversationId)
                .map(|message| Event::ChatbotMessage(MessageEvent { message, metadata })),
            EventKind::AccessRevoked => self
                .user_access_revocation
                .take(NoUserId)
                .map(|revoked| Event::AccessRevoked(AccessRevoked { metadata, ..revoked })),
            EventKind::PostUpdate => self
                .post_update
                .take()
                .ok_or(NoPayload)
                .map(|update| Event::PostUpdate(PostUpdate { metadata, ..update })),
            EventKind::PaymentTransaction => self
                .payment_transaction
                .take()
                .or(self.transaction.take())
                .ok_or(NoPayload)
                .map(|payment| Event::PaymentTransaction(PaymentTransaction { metadata, ..payment })),
        };
        event.map_err(|reason| Misfit::Undecodable(kind, reason))
    }
}

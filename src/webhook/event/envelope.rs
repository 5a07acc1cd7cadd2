//! How an event is read: one pass over the body, each payload by its key, since `type` may come after the payload.

use serde::de::MapAccess;
use serde_json::value::RawValue;

use super::post_update::PostUpdateFields;
use super::{
    AccessRevoked, Event, EventKind, MessageEvent, PaymentTransaction, UndecodableEvent, UndecodableReason,
    UnknownEvent,
};
use crate::model::lenient::{self, Entry, FromObject};
use crate::model::{Message, MessageFields, RawJson, UserId};
use crate::webhook::Rejection;

pub(super) fn read(body: &[u8]) -> Result<Event, Rejection> {
    let envelope: Envelope = Rejection::unless_object(lenient::from_slice(body))?;
    envelope.event().or_else(|misfit| {
        let raw = serde_json::from_slice::<Box<RawValue>>(lenient::without_bom(body)).map_err(Rejection::not_json)?;
        Ok(misfit.with(RawJson::from(raw)))
    })
}

/// The keys of all events.
#[derive(Default)]
struct Envelope {
    kind: Option<EventKind>,
    metadata: Option<RawJson>,
    meta_data: Option<RawJson>,
    new_message: Payload<Message>,
    new_chatbot_message: Payload<Message>,
    user_access_revocation: Payload<UserId>,
    post_update: Option<PostUpdateFields>,
    transaction: Option<PaymentTransaction>,
    payment_transaction: Option<PaymentTransaction>,
}

/// A payload that is worth nothing without its id.
#[derive(Default)]
enum Payload<T> {
    #[default]
    Missing,
    WithoutId,
    Whole(T),
}

/// Why an envelope makes no event of a known kind.
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

impl FromObject for Envelope {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "type" => entry.scalar(&mut self.kind),
            "metadata" => entry.json(&mut self.metadata),
            "meta_data" => entry.json(&mut self.meta_data),
            "new_message" => self.new_message.set(entry, MessageFields::message),
            "new_chatbot_message" => self.new_chatbot_message.set(entry, MessageFields::message),
            "user_access_revocation" => {
                self.user_access_revocation.set(entry, |fields: &mut RevocationFields| fields.user_id.take())
            }
            "post_update" => entry.object(&mut self.post_update),
            "transaction" => entry.object(&mut self.transaction),
            "payment_transaction" => entry.object(&mut self.payment_transaction),
            _ => entry.skip(),
        }
    }
}

impl<T> Payload<T> {
    /// Takes a payload; one without an id never replaces a whole one, nor does what is no object replace anything.
    fn set<'de, F: FromObject, A: MapAccess<'de>>(
        &mut self,
        entry: Entry<'_, A>,
        whole: impl FnOnce(&mut F) -> Option<T>,
    ) -> Result<(), A::Error> {
        let mut fields = None;
        entry.object(&mut fields)?;
        match fields.as_mut().map(whole) {
            Some(Some(payload)) => *self = Self::Whole(payload),
            Some(None) if matches!(self, Self::Missing) => *self = Self::WithoutId,
            Some(None) | None => {}
        }
        Ok(())
    }

    fn or_reason(self, without_id: UndecodableReason) -> Result<T, UndecodableReason> {
        match self {
            Self::Missing => Err(UndecodableReason::NoPayload),
            Self::WithoutId => Err(without_id),
            Self::Whole(payload) => Ok(payload),
        }
    }
}

#[derive(Default)]
struct RevocationFields {
    user_id: Option<UserId>,
}

impl FromObject for RevocationFields {
    fn set<'de, A: MapAccess<'de>>(&mut self, key: &str, entry: Entry<'_, A>) -> Result<(), A::Error> {
        match key {
            "user_id" => entry.scalar(&mut self.user_id),
            _ => entry.skip(),
        }
    }
}

impl Envelope {
    /// The event that the type names, of the payload that goes with it.
    fn event(self) -> Result<Event, Misfit> {
        use UndecodableReason::{NoConversationId, NoPayload, NoUserId};

        let metadata = self.metadata.or(self.meta_data);
        let Some(kind) = self.kind else {
            return Err(Misfit::Unknown(None));
        };
        let event = match kind {
            EventKind::Unknown(name) => return Err(Misfit::Unknown(Some(name))),
            EventKind::NewMessage => self
                .new_message
                .or_reason(NoConversationId)
                .map(|message| Event::NewMessage(MessageEvent { message, metadata })),
            EventKind::ChatbotMessage => self
                .new_chatbot_message
                .or_reason(NoConversationId)
                .map(|message| Event::ChatbotMessage(MessageEvent { message, metadata })),
            EventKind::AccessRevoked => self
                .user_access_revocation
                .or_reason(NoUserId)
                .map(|user_id| Event::AccessRevoked(AccessRevoked { user_id, metadata })),
            EventKind::PostUpdate => {
                self.post_update.ok_or(NoPayload).map(|fields| Event::PostUpdate(fields.post_update(metadata)))
            }
            EventKind::PaymentTransaction => self
                .payment_transaction
                .or(self.transaction)
                .ok_or(NoPayload)
                .map(|payment| Event::PaymentTransaction(PaymentTransaction { metadata, ..payment })),
        };
        event.map_err(|reason| Misfit::Undecodable(kind, reason))
    }
}

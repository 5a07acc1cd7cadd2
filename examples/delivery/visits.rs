//! The visits under way: a user's work in the add-on, from being opened in a conversation to going back there.
//!
//! A visit's id is in the address of its pages. Nobody can guess it, so a form sent to that address was filled in by who
//! was given it: no other site can have it sent.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kenar::model::ConversationId;
use kenar::oauth::OAuthState;
use url::Url;

use super::order::{Draft, Form, Purpose};
use super::random::{NoRandomness, random_id};

#[derive(Clone)]
pub struct Visit {
    pub id: String,
    pub conversation: ConversationId,
    pub purpose: Purpose,
    pub return_url: Url,
    /// What the user has filled in last.
    pub form: Form,
    /// What the consent page gives back. It is one for the visit, so that a form that is sent twice leads to one answer.
    pub state: OAuthState,
    pub stage: Stage,
    begun: Instant,
}

#[derive(Clone)]
pub enum Stage {
    /// The user fills in the form.
    Filling,
    /// The user is asked for permission.
    Asked(Draft),
    /// The permission is being used, or was.
    Done,
}

/// All visits, in memory. An add-on that runs on several machines keeps them in a store they share.
pub struct Visits {
    all: Mutex<HashMap<String, Visit>>,
    lifetime: Duration,
}

impl Visits {
    /// Visits that end by themselves after this time.
    pub fn lasting(lifetime: Duration) -> Self {
        Self { all: Mutex::default(), lifetime }
    }

    pub fn begin(
        &self,
        conversation: ConversationId,
        purpose: Purpose,
        return_url: Url,
    ) -> Result<Visit, NoRandomness> {
        let (form, stage, begun) = (Form::default(), Stage::Filling, Instant::now());
        let (id, state) = (random_id()?, OAuthState::random()?);
        let visit = Visit { id: id.clone(), conversation, purpose, return_url, form, state, stage, begun };
        let mut all = self.all();
        all.retain(|_, visit| visit.begun.elapsed() < self.lifetime);
        all.insert(id, visit.clone());
        Ok(visit)
    }

    /// The visit with this id; `None` where there is none, or it has ended by itself.
    pub fn get(&self, id: &str) -> Option<Visit> {
        self.all().get(id).filter(|visit| visit.begun.elapsed() < self.lifetime).cloned()
    }

    /// Replaces what is kept of a visit.
    pub fn keep(&self, visit: Visit) {
        self.all().insert(visit.id.clone(), visit);
    }

    /// Ends a visit whose user gave permission, and gives what is to be done. Only the first who asks gets it.
    pub fn finish(&self, id: &str) -> Option<Draft> {
        let mut all = self.all();
        let stage = &mut all.get_mut(id)?.stage;
        let Stage::Asked(draft) = stage else { return None };
        let draft = draft.clone();
        *stage = Stage::Done;
        Some(draft)
    }

    /// Lets the user try again, with another state: each is for one answer.
    pub fn reopen(&self, id: &str) -> Result<(), NoRandomness> {
        let state = OAuthState::random()?;
        if let Some(visit) = self.all().get_mut(id) {
            (visit.state, visit.stage) = (state, Stage::Filling);
        }
        Ok(())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Visit>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

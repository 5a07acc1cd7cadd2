//! The current visits. A visit lasts from opening the add-on in a conversation to returning there.
//!
//! The URLs of a visit's pages contain its id, which is secret. So another site cannot send its form.

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
    /// The last form that the user sent.
    pub form: Form,
    /// One state for the visit, so that a form sent twice leads to one response.
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
    /// The permission is in use, or was used.
    Done,
}

/// All visits, in memory. An add-on in several processes needs a shared store.
pub struct Visits {
    all: Mutex<HashMap<String, Visit>>,
    lifetime: Duration,
}

impl Visits {
    /// Visits that expire after this time.
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

    /// The visit with this id; `None` if it is unknown or has expired.
    pub fn get(&self, id: &str) -> Option<Visit> {
        self.all().get(id).filter(|visit| visit.begun.elapsed() < self.lifetime).cloned()
    }

    /// Stores a visit.
    pub fn keep(&self, visit: Visit) {
        self.all().insert(visit.id.clone(), visit);
    }

    /// Ends a visit whose user gave permission, and returns the draft once.
    pub fn finish(&self, id: &str) -> Option<Draft> {
        let mut all = self.all();
        let stage = &mut all.get_mut(id)?.stage;
        let Stage::Asked(draft) = stage else { return None };
        let draft = draft.clone();
        *stage = Stage::Done;
        Some(draft)
    }

    /// Lets the user try again, with a new state, since each is for one response.
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

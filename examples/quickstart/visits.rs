//! The visits under way, in memory. An add-on that runs on several machines keeps them in a store they share.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kenar::model::ConversationId;
use kenar::oauth::{NoRandomness, OAuthState};
use url::Url;

/// How long a user may take, from opening the add-on to giving permission.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// One user's work in the add-on, from being opened in a conversation to going back there.
#[derive(Clone)]
pub struct Visit {
    /// In the address of its pages; nobody can guess it.
    pub id: String,
    pub conversation: ConversationId,
    pub return_url: Url,
    /// What the consent page gives back.
    pub state: OAuthState,
    begun: Instant,
}

#[derive(Default)]
pub struct Visits(Mutex<HashMap<String, Visit>>);

impl Visits {
    pub fn begin(&self, conversation: ConversationId, return_url: Url) -> Result<Visit, NoRandomness> {
        let id = OAuthState::random()?.expose_secret().to_owned(); // another 128 bits that nobody can guess
        let visit =
            Visit { id: id.clone(), conversation, return_url, state: OAuthState::random()?, begun: Instant::now() };
        let mut visits = self.all();
        visits.retain(|_, visit| visit.begun.elapsed() < LIFETIME);
        visits.insert(id, visit.clone());
        Ok(visit)
    }

    pub fn get(&self, id: &str) -> Option<Visit> {
        self.all().get(id).filter(|visit| visit.begun.elapsed() < LIFETIME).cloned()
    }

    /// The visit, for the last time: who comes back from the consent page twice has been served.
    pub fn end(&self, id: &str) -> Option<Visit> {
        self.all().remove(id).filter(|visit| visit.begun.elapsed() < LIFETIME)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Visit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The visits under way, in memory. An add-on that runs on several machines keeps them in a store they share.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kenar::ConversationId;
use kenar::oauth::State;
use url::Url;

/// One user's work in the add-on, from being opened in a conversation to going back there.
#[derive(Clone)]
pub struct Visit {
    pub conversation: ConversationId,
    pub return_url: Url,
    /// Kept from the moment when the user is sent to the consent page.
    pub state: Option<State>,
}

#[derive(Default)]
pub struct Visits(Mutex<HashMap<String, Visit>>);

impl Visits {
    /// Begins a visit, and gives the id that its pages' addresses hold. Nobody can guess it.
    pub fn begin(&self, visit: Visit) -> Result<String, getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let id = format!("{:032x}", u128::from_be_bytes(random));
        self.keep(id.clone(), visit);
        Ok(id)
    }

    pub fn get(&self, id: &str) -> Option<Visit> {
        self.all().get(id).cloned()
    }

    pub fn keep(&self, id: String, visit: Visit) {
        self.all().insert(id, visit);
    }

    /// Ends the visit that a callback's query belongs to. The query is checked against its state after that.
    pub fn take_by_state(&self, query: &str) -> Option<(Visit, State)> {
        let (_, given) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "state")?;
        let given = State::restore(given).ok()?;
        let mut visits = self.all();
        let id = visits.iter().find(|(_, visit)| visit.state.as_ref() == Some(&given))?.0.clone();
        Some((visits.remove(&id)?, given))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Visit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

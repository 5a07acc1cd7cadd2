//! One permission's tokens, refreshed once for all who ask.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{OAuthClient, TokenStore, TokensError};
use crate::error::{BoxError, Error};
use crate::model::Timestamp;
use crate::oauth::TokenSet;
use crate::redact::Secrets;
use crate::secret::{AccessToken, RefreshToken};

/// One permission's tokens, for all who make calls with them: [`access_token`](Self::access_token) gives one that is not
/// too old, and refreshes where it has to. Made by [`OAuthClient::shared_tokens`]; cheap to clone.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use std::error::Error;
/// # use std::sync::{Arc, Mutex};
/// # #[derive(Clone)]
/// # struct Database(Arc<Mutex<BTreeMap<String, String>>>);
/// # impl Database {
/// #     async fn tokens_of(&self, user: &str) -> Result<Option<String>, std::io::Error> { Ok(self.0.lock().unwrap().get(user).cloned()) }
/// #     async fn set_tokens_of(&self, user: &str, tokens: String) -> Result<(), std::io::Error> { self.0.lock().unwrap().insert(user.into(), tokens); Ok(()) }
/// # }
/// use async_trait::async_trait;
/// use kenar::{ChatApi, Client, ConversationMessage};
/// use kenar::client::{SharedTokens, TokenStore};
/// use kenar::model::ConversationId;
/// use kenar::oauth::{StoredTokens, TokenSet};
///
/// /// The tokens of one user.
/// struct Row { database: Database, user: String }
///
/// #[async_trait]
/// impl TokenStore for Row {
///     async fn load(&self) -> Result<Option<TokenSet>, Box<dyn Error + Send + Sync>> {
///         let Some(json) = self.database.tokens_of(&self.user).await? else { return Ok(None) };
///         Ok(Some(serde_json::from_str::<StoredTokens>(&json)?.into_tokens()))
///     }
///
///     async fn store(&self, tokens: &TokenSet) -> Result<(), Box<dyn Error + Send + Sync>> {
///         let json = serde_json::to_string(&tokens.expose_for_storage())?;
///         Ok(self.database.set_tokens_of(&self.user, json).await?)
///     }
/// }
///
/// // Once for each permission, kept where all handlers find it:
/// # fn shared(oauth: kenar::OAuthClient, database: Database) {
/// let tokens: SharedTokens = oauth.shared_tokens(Row { database, user: "u-1".to_owned() });
/// # }
///
/// // And in a handler:
/// # async fn handler(client: Client, tokens: SharedTokens, to: ConversationId) -> Result<(), Box<dyn Error>> {
/// let message = ConversationMessage::text("سفارش شما ثبت شد");
/// let by = tokens.access_token().await?;
/// if let Err(error) = client.send_message(&to, &message, &by).await {
///     if !error.needs_new_permission() {
///         return Err(error.into());
///     }
///     // Refused before its time: once more, with another one.
///     let by = tokens.refresh(&by).await?;
///     client.send_message(&to, &message, &by).await?;
/// }
/// # Ok(()) }
/// ```
///
/// # What it does
///
/// - **One refresh at a time.** Whoever asks meanwhile waits for it and has its outcome, good or bad.
/// - **Stored before used.** A new set is given to the [`TokenStore`] before anybody has its tokens. Where the store
///   cannot be read, nothing is refreshed, since what comes of it could not be kept.
/// - **Nothing is lost with a handler.** A refresh runs in a task of its own, and is carried through when everyone who
///   waits for it is dropped.
/// - **Nothing is lost with an answer.** The old pair works for two more minutes after a refresh. Where new tokens may
///   exist whose answer did not arrive, or which the store did not take, it is tried again within that time, whether or
///   not anybody asks.
/// - **A failure is no failure while the old token is good.** A token is refreshed a [minute](TokenSet::REFRESH_MARGIN)
///   before it expires. Where that fails and the permission is not over, the old one is given until then.
/// - **What is over is left alone.** After `invalid_grant` there is the same error for everyone, and Divar is not asked
///   again, until other tokens are in the store: those that you put there when the user gives permission again. Where
///   Divar asks to wait with `Retry-After`, nothing is sent before.
///
/// # What it leaves to you
///
/// - **One for each permission** in your program, such as in a map by user. Two for the same one, as in two processes,
///   share what they store, but may refresh at the same moment; each then has tokens, and the last stored stay.
/// - **Events.** A subscription ends with its access token: subscribe again in [`TokenStore::refreshed`]. Where you wait
///   for events and make no calls, ask for the access token every half a minute, so that it is refreshed in time.
/// - **Thirty days.** So long lives a refresh token: ask once in that time, or the user has to give permission again.
#[derive(Clone)]
pub struct SharedTokens(Arc<Inner>);

struct Inner {
    oauth: OAuthClient,
    store: Box<dyn TokenStore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is stored, as far as is known here.
    current: Option<TokenSet>,
    /// Until when another refresh of them would be of no use, since they come from one.
    fresh_until: Option<Timestamp>,
    /// New ones that the store has not taken yet.
    unstored: Option<TokenSet>,
    /// Of a set that Divar may have replaced, with an answer that was lost.
    doubtful: Option<AccessToken>,
    over: Option<Over>,
    wait: Option<Wait>,
    flight: Option<Flight>,
    /// Tries again while there is something to be lost.
    insister: Option<JoinHandle<()>>,
}

/// A permission that Divar says is over.
struct Over {
    of: RefreshToken,
    why: Error,
}

/// What Divar asked with `Retry-After`.
struct Wait {
    until: Timestamp,
    why: Error,
}

type Outcome = Result<AccessToken, TokensError>;

/// What those who wait for a refresh look at. Its sender is gone where the task that refreshed is.
type Flight = watch::Receiver<Option<Outcome>>;
type Landing = watch::Sender<Option<Outcome>>;

/// For how long new tokens are not refreshed again: what is refused then is not their age.
const FRESH: Duration = Duration::from_secs(60);

/// The pauses before refreshing again although nobody asks. With the attempts, they take less than the two minutes that
/// the old pair has.
const INSISTENCE: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(9),
    Duration::from_secs(27),
    Duration::from_secs(60),
];

impl OAuthClient {
    /// The tokens of one permission, to be shared by all who make calls with them. They are read from the store when the
    /// first one is asked for, so store what [`exchange`](Self::exchange) gives.
    #[must_use]
    pub fn shared_tokens(&self, store: impl TokenStore) -> SharedTokens {
        SharedTokens(Arc::new(Inner { oauth: self.clone(), store: Box::new(store), state: Mutex::default() }))
    }
}

impl SharedTokens {
    /// An access token that is good for calls: the one there is, or a new one where it is too old.
    ///
    /// It returns at once, but for the first time and a refresh. Then it takes as long as your store and a call, whose
    /// time limit is the [`Client`](crate::Client)'s.
    ///
    /// # Errors
    ///
    /// [`TokensError`], which says whether to ask the user for permission again.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, where it has to read the store.
    pub async fn access_token(&self) -> Result<AccessToken, TokensError> {
        self.ask(None).await
    }

    /// Another access token than this one, with which a call was refused
    /// ([`Error::needs_new_permission`](crate::Error::needs_new_permission)). Where somebody had the tokens refreshed
    /// since, there is one already, and nothing is refreshed.
    ///
    /// # Errors
    ///
    /// [`TokensError::JustRefreshed`] where this one comes from a refresh of the last minute; and as
    /// [`access_token`](Self::access_token).
    ///
    /// # Panics
    ///
    /// As [`access_token`](Self::access_token).
    pub async fn refresh(&self, refused: &AccessToken) -> Result<AccessToken, TokensError> {
        self.ask(Some(refused)).await
    }

    async fn ask(&self, refused: Option<&AccessToken>) -> Outcome {
        loop {
            let mut flight = match self.known_or_flight(refused) {
                Ok(known) => return known,
                Err(flight) => flight,
            };
            let landed = flight.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
            match landed.unwrap_or(Err(TokensError::CutOff)) {
                // Somebody else's flight, which had no reason to replace it.
                Ok(token) if Some(&token) == refused => {}
                Ok(token) => return Ok(token),
                Err(why) => return self.state().unexpired(refused, self.now()).ok_or(why),
            }
        }
    }

    /// What can be said at once; else the refresh under way, or one that begins.
    fn known_or_flight(&self, refused: Option<&AccessToken>) -> Result<Outcome, Flight> {
        let now = self.now();
        let mut state = self.state();
        if let Some(known) = state.known(refused, now) {
            return Ok(known);
        }
        let (flight, landing) = state.join();
        drop(state);
        if let Some(landing) = landing {
            let (tokens, refused) = (self.clone(), refused.cloned());
            tokio::spawn(async move {
                tokens.fly(landing, refused.as_ref()).await;
                tokens.insist_where_needed();
            });
        }
        Err(flight)
    }

    async fn fly(&self, landing: Landing, refused: Option<&AccessToken>) {
        let outcome = self.renew(refused).await;
        // Under one lock, so that nobody joins a flight that is over.
        let mut state = self.state();
        state.flight = None;
        landing.send_replace(Some(outcome));
    }

    /// Finds good tokens: those that wait to be stored, those that are stored, or new ones.
    async fn renew(&self, refused: Option<&AccessToken>) -> Outcome {
        let unstored = self.state().unstored.clone();
        if let Some(new) = unstored {
            return self.keep(new).await;
        }
        let stored = self.load().await?;
        if self.state().takes(&stored, refused, self.now()) {
            return Ok(stored.access_token);
        }
        let new = self.replace(&stored).await?;
        self.keep(new).await
    }

    /// What is stored becomes what is current, unless it is over.
    async fn load(&self) -> Result<TokenSet, TokensError> {
        let loaded = self.0.store.load().await.map_err(|error| self.store_error(error))?;
        let mut state = self.state();
        state.current = None;
        let stored = loaded.ok_or(TokensError::NothingStored)?;
        if let Some(over) = state.over.as_ref().filter(|over| stored.refresh_token.as_ref() == Some(&over.of)) {
            return Err(TokensError::Refresh(over.why.clone()));
        }
        state.current = Some(stored.clone());
        Ok(stored)
    }

    /// Asks Divar for new tokens.
    async fn replace(&self, stored: &TokenSet) -> Result<TokenSet, TokensError> {
        let refresh_token = stored.refresh_token.as_ref().ok_or(TokensError::NoRefreshToken)?;
        let now = self.now();
        if let Some(wait) = self.state().wait.as_ref().filter(|wait| now < wait.until) {
            return Err(TokensError::Refresh(wait.why.clone()));
        }
        let outcome = self.0.oauth.refresh(stored).await;
        let mut state = self.state();
        match outcome {
            Ok(new) => {
                state.doubtful = None;
                state.unstored = Some(new.clone());
                Ok(new)
            }
            Err(why) => {
                state.note(&why, stored, refresh_token, self.now());
                Err(TokensError::Refresh(why))
            }
        }
    }

    /// Has new tokens stored; then they are current.
    async fn keep(&self, new: TokenSet) -> Outcome {
        self.0.store.store(&new).await.map_err(|error| self.store_error(error))?;
        let token = new.access_token.clone();
        let mut state = self.state();
        state.unstored = None;
        state.fresh_until = Some(self.now().saturating_add(FRESH));
        state.current = Some(new.clone());
        drop(state);
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move { inner.store.refreshed(&new).await });
        Ok(token)
    }

    fn insist_where_needed(&self) {
        let mut state = self.state();
        if state.is_at_stake() && state.insister.as_ref().is_none_or(JoinHandle::is_finished) {
            state.insister = Some(tokio::spawn(self.clone().insist()));
        }
    }

    async fn insist(self) {
        let Some(timer) = self.0.oauth.client.0.timer.clone() else { return };
        for pause in INSISTENCE {
            timer.sleep(pause).await;
            if !self.state().is_at_stake() {
                return;
            }
            let (_, landing) = self.state().join();
            if let Some(landing) = landing {
                self.fly(landing, None).await;
            }
        }
    }

    /// The store's error, without the tokens that there are, should it repeat them.
    fn store_error(&self, error: BoxError) -> TokensError {
        let state = self.state();
        let sets = [&state.current, &state.unstored].into_iter().flatten();
        let secrets = sets.flat_map(|set| {
            [Some(set.access_token.expose_secret()), set.refresh_token.as_ref().map(RefreshToken::expose_secret)]
        });
        let error: Arc<dyn StdError + Send + Sync> = match Secrets::new(secrets.flatten()).scrubbed_chain(&*error) {
            Some(said) => BoxError::from(said).into(),
            None => error.into(),
        };
        TokensError::Store(error)
    }

    fn now(&self) -> Timestamp {
        self.0.oauth.client.now()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What can be said without a refresh.
    fn known(&self, refused: Option<&AccessToken>, now: Timestamp) -> Option<Outcome> {
        let current = self.current.as_ref()?;
        if Some(&current.access_token) == refused {
            return self.fresh_until.is_some_and(|until| now < until).then_some(Err(TokensError::JustRefreshed));
        }
        (!current.needs_refresh(now)).then(|| Ok(current.access_token.clone()))
    }

    /// The access token there is, for as long as it has not expired.
    fn unexpired(&self, refused: Option<&AccessToken>, now: Timestamp) -> Option<AccessToken> {
        let current = self.current.as_ref().filter(|current| !current.is_expired(now))?;
        (Some(&current.access_token) != refused).then(|| current.access_token.clone())
    }

    /// The flight under way; or a new one, with what it is to be landed by.
    fn join(&mut self) -> (Flight, Option<Landing>) {
        if let Some(flight) = self.flight.as_ref().filter(|flight| flight.has_changed().is_ok()) {
            return (flight.clone(), None);
        }
        let (landing, flight) = watch::channel(None);
        self.flight = Some(flight.clone());
        (flight, Some(landing))
    }

    /// Whether what is stored will do as it is.
    fn takes(&mut self, stored: &TokenSet, refused: Option<&AccessToken>, now: Timestamp) -> bool {
        let token = Some(&stored.access_token);
        let takes = token != refused && token != self.doubtful.as_ref() && !stored.needs_refresh(now);
        if takes {
            // Whatever became of the others, these are in their place.
            self.doubtful = None;
        }
        takes
    }

    /// Notes what follows from a refresh that failed.
    fn note(&mut self, why: &Error, stored: &TokenSet, of: &RefreshToken, now: Timestamp) {
        if why.is_invalid_grant() {
            (self.current, self.doubtful) = (None, None);
            self.over = Some(Over { of: of.clone(), why: why.clone() });
        } else if why.may_have_been_processed() {
            self.doubtful = Some(stored.access_token.clone());
        }
        self.wait = why.retry_after().map(|pause| Wait { until: now.saturating_add(pause), why: why.clone() });
    }

    /// Whether there are, or may be, new tokens that are not stored.
    fn is_at_stake(&self) -> bool {
        self.unstored.is_some() || self.doubtful.is_some()
    }
}

impl fmt::Debug for SharedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.state().current.clone();
        f.debug_struct("SharedTokens").field("oauth", &self.0.oauth).field("current", &current).finish_non_exhaustive()
    }
}

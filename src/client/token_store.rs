use std::error::Error as StdError;

use async_trait::async_trait;

use crate::oauth::TokenSet;

/// Where you keep one permission's tokens, such as a row of your database, for [`SharedTokens`](super::SharedTokens) to
/// read and to write.
///
/// `load` and `store` are called one at a time, in a task of their own, and everyone who waits for a token waits for
/// them: give them a time limit. Their errors reach the waiting as [`TokensError::Store`](super::TokensError::Store);
/// where they repeat tokens that `SharedTokens` has, these are taken out.
#[async_trait]
pub trait TokenStore: Send + Sync + 'static {
    /// Reads what was stored last; `None` where nothing is.
    ///
    /// Called for the first token and before each refresh. So several processes can share a store: what one of them has
    /// refreshed, the others take from here.
    async fn load(&self) -> Result<Option<TokenSet>, Box<dyn StdError + Send + Sync>>;

    /// Keeps a new set in place of the old one, as a whole, in one write.
    ///
    /// Nobody has the tokens until this has succeeded, and Divar gives no others for the old ones: where it fails, it is
    /// called again with the same set.
    async fn store(&self, tokens: &TokenSet) -> Result<(), Box<dyn StdError + Send + Sync>>;

    /// Called after a refresh, in a task of its own, once the new set is stored: the place to
    /// [subscribe](crate::ChatApi::subscribe) again, since subscriptions end with the access token they were made with.
    /// The old one goes on for two minutes. Does nothing, unless you have it do something.
    ///
    /// A program that stops between the two does not come here, so subscribe when it starts, too.
    async fn refreshed(&self, tokens: &TokenSet) {
        let _ = tokens;
    }
}

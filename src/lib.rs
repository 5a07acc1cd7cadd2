//! kenar
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod error;
pub mod model;
pub mod operation;
mod redact;
pub mod request;
mod secret;
pub mod transport;
pub mod webhook;

#[cfg(feature = "tokio")]
pub use client::TokioTimer;
pub use client::{ChatApi, Client, ClientBuilder, ClientSetupError, Retry, Timer};
pub use error::{ApiError, Error, ErrorKind, OAuthError, RpcCode, RpcStatus};
pub use model::{
    Action, ActionData, AppSlug, AppUrl, BotMessage, Button, ButtonGrid, ButtonRow, ConversationId,
    ConversationMessage, Icon, MediaToken, Message, MessageContent, MessageId, PostToken, RawJson, Side, Timestamp,
    UserId,
};
pub use request::Operation;
pub use secret::{
    AccessToken, ApiKey, AuthorizationCode, ClientSecret, IdentificationKey, InvalidSecret, RefreshToken, UploadToken,
};

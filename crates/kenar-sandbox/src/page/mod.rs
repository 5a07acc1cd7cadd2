//! The chat page: Divar's side of the sandbox as a chat client in the browser.
//!
//! The sandbox serves all of it. Data comes as JSON, and the script shows it as text; content security policies enforce
//! that.
//!
//! An add-on's page is shown in a frame, which may load pages from this machine only. When the add-on redirects its user to
//! [`COMPLETION_URL`](kenar::webhook::COMPLETION_URL), the browser blocks that navigation and reports it to the page, which
//! returns to the chat.

mod act;
mod assets;
mod chat_page;
mod faults;
mod guard;
mod live;
mod reply;
mod serve;
mod session;
mod view;
mod wire;

pub(crate) use self::chat_page::{ChatPage, PATH};
pub(crate) use self::reply::secured;
pub(crate) use self::serve::consent_asset;

//! The chat page: Divar's side of the sandbox as a chat client in a browser.
//!
//! It is served by the sandbox itself, and needs nothing from elsewhere. What the server gives is data, and the page's
//! script shows it as text; the policies below keep a browser from doing anything else.
//!
//! An add-on's page is shown in a frame, which may go to this machine only. That is also how the way back is noticed:
//! an add-on sends its user to [`COMPLETION_URL`](kenar::webhook::COMPLETION_URL), the browser refuses to go there
//! before anything leaves the machine, and tells the page, which goes back to the chat.

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

//! The JSON views of the chat page, from a person's point of view.

use serde::Serialize;

use super::faults::Active;
use crate::engine::{self, Author, Between, ChatMessage, Engine, Talk};
use kenar::model::{Action, Button, ButtonGrid, Message, PostToken, Side};

/// The maximum number of messages in one response.
const MAX_MESSAGES: usize = 200;

/// All people, apps and posts, and the conversations of one person.
#[derive(Serialize)]
pub(super) struct Overview<'a> {
    people: Vec<Person<'a>>,
    apps: Vec<ShownApp<'a>>,
    posts: Vec<ShownPost<'a>>,
    chats: Vec<ShownChat<'a>>,
    /// The pending faults.
    faults: Vec<Active<'a>>,
    /// The number of the last exchange in the journal.
    journal: u64,
}

#[derive(Serialize)]
struct Person<'a> {
    name: &'a str,
    phone: &'a str,
}

#[derive(Serialize)]
struct ShownApp<'a> {
    slug: &'a str,
    title: &'a str,
    /// `true` if it can be opened from a conversation.
    opens: bool,
    /// `true` if it has a chatbot.
    chats: bool,
    /// `true` if it has a Fallback URL.
    links: bool,
}

#[derive(Serialize)]
struct ShownPost<'a> {
    token: &'a PostToken,
    owner: &'a str,
    title: Option<&'a str>,
}

#[derive(Serialize)]
struct ShownChat<'a> {
    id: &'a str,
    /// The slug of the app, in a chatbot's conversation.
    bot: Option<&'a str>,
    /// The name of the other side.
    title: &'a str,
    post: Option<&'a PostToken>,
    side: Option<Side>,
    blocked_by_me: bool,
    blocked_by_other: bool,
    length: usize,
    last: Option<Bubble<'a>>,
}

/// A page of messages in a conversation.
#[derive(Serialize)]
pub(super) struct Messages<'a> {
    from: usize,
    length: usize,
    messages: Vec<Bubble<'a>>,
}

#[derive(Serialize)]
struct Bubble<'a> {
    message: &'a Message,
    /// `true` if it is shown on the reader's side.
    mine: bool,
    /// The person who sent it, or in whose name an app sent it.
    person: Option<&'a str>,
    app: Option<&'a str>,
    /// The app's title, shown above an app's message.
    app_title: Option<&'a str>,
    buttons: Vec<Vec<ShownButton<'a>>>,
}

#[derive(Serialize)]
struct ShownButton<'a> {
    caption: &'a str,
    icon: Option<&'a str>,
    /// The wire name of the action.
    action: &'static str,
    /// The URL of a direct link, if it is a web page.
    href: Option<&'a str>,
}

impl<'a> Overview<'a> {
    pub(super) fn of(engine: &'a Engine, reader: &str) -> Self {
        let with_reader = engine.talks().filter(|(_, talk)| talk.between.includes(reader));
        Self {
            people: engine.people().map(|(name, phone)| Person { name, phone }).collect(),
            apps: engine.apps().map(ShownApp::of).collect(),
            posts: engine.posts().map(|(token, owner, title)| ShownPost { token, owner, title }).collect(),
            chats: with_reader.map(|(id, talk)| ShownChat::of(engine, id.as_str(), talk, reader)).collect(),
            faults: Active::all(engine),
            journal: engine.journal().exchanges().next_back().map_or(0, |exchange| exchange.number),
        }
    }
}

impl<'a> ShownApp<'a> {
    fn of(app: &'a engine::App) -> Self {
        let (opens, chats) = (app.open_app_url.is_some(), app.events_url.is_some());
        Self { slug: app.slug.as_str(), title: app.title(), opens, chats, links: app.fallback_url.is_some() }
    }
}

impl<'a> ShownChat<'a> {
    fn of(engine: &'a Engine, id: &'a str, talk: &'a Talk, reader: &str) -> Self {
        let (bot, title) = match &talk.between {
            Between::Sides { seller, buyer, .. } => (None, if seller == reader { buyer } else { seller }.as_str()),
            Between::Chatbot { app, .. } => (Some(app.as_str()), title_of(engine, app.as_str())),
        };
        Self {
            id,
            bot,
            title,
            post: talk.between.post().map(|(post, _)| post),
            side: talk.between.side_of(reader),
            blocked_by_me: talk.blocked_by.contains(reader),
            blocked_by_other: talk.blocked_by.iter().any(|name| name != reader),
            length: talk.messages.len(),
            last: talk.messages.last().map(|message| Bubble::of(engine, message, reader)),
        }
    }
}

impl<'a> Messages<'a> {
    /// The messages from the index `from`, or the last ones without it.
    pub(super) fn of(engine: &'a Engine, talk: &'a Talk, reader: &str, from: Option<usize>) -> Self {
        let length = talk.messages.len();
        let from = from.unwrap_or_else(|| length.saturating_sub(MAX_MESSAGES)).min(length);
        let shown = talk.messages.iter().skip(from).take(MAX_MESSAGES);
        Self { from, length, messages: shown.map(|message| Bubble::of(engine, message, reader)).collect() }
    }
}

impl<'a> Bubble<'a> {
    fn of(engine: &'a Engine, message: &'a ChatMessage, reader: &str) -> Self {
        let (person, app) = match &message.author {
            Author::User(name) => (Some(name.as_str()), None),
            Author::AppFor { app, user } => (Some(user.as_str()), Some(app.as_str())),
            Author::Chatbot(app) => (None, Some(app.as_str())),
        };
        Self {
            message: &message.message,
            mine: person == Some(reader),
            person,
            app,
            app_title: app.map(|app| title_of(engine, app)),
            buttons: message.buttons_for(reader).map(rows).unwrap_or_default(),
        }
    }
}

fn title_of<'a>(engine: &'a Engine, slug: &'a str) -> &'a str {
    engine.app(&slug.into()).map_or(slug, engine::App::title)
}

fn rows(grid: &ButtonGrid) -> Vec<Vec<ShownButton<'_>>> {
    grid.rows().iter().map(|row| row.buttons().iter().map(ShownButton::of).collect()).collect()
}

impl<'a> ShownButton<'a> {
    fn of(button: &'a Button) -> Self {
        let (action, href) = match &button.action {
            Action::OpenDirectLink(url) => {
                ("open_direct_link", Some(url.as_str()).filter(|_| matches!(url.scheme(), "http" | "https")))
            }
            Action::OpenServerLink(_) => ("open_server_link", None),
            Action::GetDynamicAction(_) => ("get_dynamic_action", None),
            Action::OpenPostPage(_) => ("open_post_page", None),
            Action::OpenPostManagePage(_) => ("open_post_manage_page", None),
            _ => ("unknown", None),
        };
        Self { caption: &button.caption, icon: button.icon.as_ref().map(kenar::model::icon::Icon::name), action, href }
    }
}

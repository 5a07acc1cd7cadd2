//! The chatbot's webhooks and messages. It knows nothing of the sandbox.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::post;
use kenar::model::ConversationId;
use kenar::webhook::{DynamicActionReply, MessageEvent, Rejection};
use kenar::{BotMessage, Button, ChatApi as _, Client, DynamicAction, Event, Verifier};

use super::game::{Cell, End, Mark};
use super::games::{BOT, Choice, Game, Games, Press, Pressed, USER};

#[derive(Clone)]
struct Bot {
    verifier: Verifier,
    client: Client,
    games: Arc<Games>,
}

/// The extractors of webhooks find the verifier by this.
impl FromRef<Bot> for Verifier {
    fn from_ref(bot: &Bot) -> Self {
        bot.verifier.clone()
    }
}

pub fn router(verifier: Verifier, client: Client) -> Router {
    Router::new().route("/kenar/event", post(event)).route("/kenar/action", post(dynamic_action)).with_state(Bot {
        verifier,
        client,
        games: Arc::default(),
    })
}

/// Responds with 200 to every authentic event, known or not.
async fn event(State(bot): State<Bot>, event: Event) {
    match event {
        Event::ChatbotMessage(message) if !message.is_from_bot() => bot.hear(&message),
        _ => {}
    }
}

/// A user pressed a button and waits for this reply.
async fn dynamic_action(State(bot): State<Bot>, pressed: DynamicAction) -> Result<DynamicActionReply, Rejection> {
    let press: Press = pressed.data()?;
    let pressed = bot.games.press(&press);
    if let Pressed::Changed(game) = &pressed {
        bot.show_later(&press.chat, game);
    }
    Ok(DynamicActionReply::toast(toast(&pressed)))
}

impl Bot {
    fn hear(&self, message: &MessageEvent) {
        let chat = &message.conversation.id;
        if let Some(game) = self.games.hear(chat, message.id.as_ref(), wants_another(message)) {
            self.show_later(chat, &game);
        }
    }

    /// Sends the board in a task, since Divar and the user wait for the response to the webhook.
    fn show_later(&self, chat: &ConversationId, game: &Game) {
        let (client, chat, message) = (self.client.clone(), chat.clone(), shown(chat, game));
        tokio::spawn(async move {
            // A user whose board does not arrive writes any text and gets it again.
            if let Err(error) = client.send_bot_message(&chat, &message).await {
                eprintln!("the board was not shown: {error}");
            }
        });
    }
}

/// Divar writes `/start …` when a user opens the bot from one of its pages. People write the rest.
fn wants_another(message: &MessageEvent) -> bool {
    let said = message.text().unwrap_or_default().trim();
    message.start_command().is_some() || matches!(said, "/start" | "/restart" | "شروع" | "شروع دوباره" | "دوباره")
}

/// The message that shows a game: the cells as buttons, or the result.
fn shown(chat: &ConversationId, game: &Game) -> BotMessage {
    let button = |caption, choice| {
        Button::dynamic_action(caption, Press { chat: chat.clone(), game: game.number, turn: game.turn(), choice })
    };
    let Some(end) = game.end() else {
        let [a, b, c, d, e, f, g, h, i] = Cell::ALL.map(|cell| button(caption(game, cell), Choice::Mark(cell)));
        return BotMessage::text(invitation(game)).buttons([[a, b, c], [d, e, f], [g, h, i]]);
    };
    BotMessage::text(format!("{}\n\n{}", verdict(end), drawn(game))).buttons([
        [button("دوباره، شما شروع کنید", Choice::Again(USER))],
        [button("دوباره، من شروع کنم", Choice::Again(BOT))],
    ])
}

fn invitation(game: &Game) -> String {
    match game.last_reply() {
        None => "دوز بازی کنیم! شما ❌ هستید و من ⭕\nیک خانه را انتخاب کنید.".to_owned(),
        Some(cell) => format!("خانهٔ {} را گرفتم. نوبت شماست.", digit(cell)),
    }
}

fn verdict(end: End) -> &'static str {
    match end {
        End::Won(USER) => "شما بردید! 🎉",
        End::Won(BOT) => "من بردم! 🤖",
        End::Draw => "مساوی شد 🤝",
    }
}

fn toast(pressed: &Pressed) -> &'static str {
    match pressed {
        Pressed::Changed(game) if game.turn() == 0 => "بازی تازه شروع شد",
        Pressed::Changed(game) => game.end().map_or("نوبت شماست", verdict),
        Pressed::Repeated => "این حرکت ثبت شده است",
        Pressed::Stale => "این صفحه قدیمی است، با آخرین صفحه بازی کنید",
        Pressed::Taken => "این خانه پر است",
        Pressed::Unknown => "این بازی را به یاد ندارم، بنویسید «شروع دوباره»",
    }
}

/// A mark, or the number of a free cell. A number identifies the cell to a screen reader.
fn caption(game: &Game, cell: Cell) -> &'static str {
    match game.board().at(cell) {
        Some(Mark::X) => "❌",
        Some(Mark::O) => "⭕",
        None => digit(cell),
    }
}

fn digit(cell: Cell) -> &'static str {
    ["۱", "۲", "۳", "۴", "۵", "۶", "۷", "۸", "۹"][usize::from(cell.number() - 1)]
}

/// The board as text. Each line begins with an invisible right-to-left mark, since buttons run from right to left in
/// Persian.
fn drawn(game: &Game) -> String {
    let row = |cells: &[Cell]| {
        let marks = cells.iter().map(|cell| match game.board().at(*cell) {
            Some(Mark::X) => "❌",
            Some(Mark::O) => "⭕",
            None => "⬜",
        });
        format!("\u{200f}{}", marks.collect::<String>())
    };
    Cell::ALL.chunks(3).map(row).collect::<Vec<_>>().join("\n")
}

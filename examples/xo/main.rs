//! Noughts and crosses against a chatbot that never loses: nine buttons are the board. Nothing needs to be set:
//!
//! - `cargo run --example xo` plays a game against a Kenar on this machine.
//! - `cargo run --example xo -- --page` lets you play in the browser.
//!
//! With `KENAR_API_KEY` and the other variables set, the same bot serves the real platform.

#[path = "../common/mod.rs"]
mod common;

mod bot;
mod game;
mod games;

use common::{Mode, Outcome, Site, check, sandbox_with_page, say, stay, title};
use kenar_sandbox::{App, ChatMessage, Sandbox};

#[tokio::main]
async fn main() -> Outcome {
    match Mode::chosen().await? {
        Mode::Serve(site) => {
            let bot = bot::router(site.verifier.clone(), site.client.clone());
            site.serve(bot).await
        }
        Mode::Page => let_play().await,
        Mode::Story => play().await,
    }
}

/// The app in the sandbox, served by the bot.
async fn app_of(sandbox: &Sandbox) -> Outcome<App> {
    let app = sandbox.app("xo");
    app.set_title("دوز");
    let site = Site::of_sandbox(&app).await?;
    let bot = bot::router(site.verifier.clone(), site.client.clone());
    site.serve_aside(bot);
    Ok(app)
}

/// Serves a chat page.
async fn let_play() -> Outcome {
    let sandbox = sandbox_with_page().await?;
    let app = app_of(&sandbox).await?;
    for name in ["سارا", "علی"] {
        let user = sandbox.user(name);
        user.write(&user.chat_with_bot(&app), "/start MY_DIVAR").await?;
    }
    stay(sandbox, "Be one of the two, and press a cell.").await
}

/// Plays against the sandbox, step by step.
async fn play() -> Outcome {
    let sandbox = Sandbox::start().await?;
    let app = app_of(&sandbox).await?;

    title("1. Sara opens the chatbot from her own pages in Divar");
    let sara = sandbox.user("Sara");
    let chat = sara.chat_with_bot(&app);
    sara.write(&chat, "/start MY_DIVAR").await?;
    let first = chat.next_message().await?;
    check(free_cells(&first).len() == 9, "the bot showed her an empty board")?;

    title("2. She plays, always on the first free cell");
    let mut board = first.clone();
    while let Some(cell) = free_cells(&board).first() {
        let pressed = sara.press(&board, cell).await?;
        say(cell, pressed.toast.as_deref().unwrap_or_default());
        board = chat.next_message().await?;
    }
    check(!board.text().unwrap_or_default().starts_with("شما بردید"), "she did not win")?;

    title("3. She presses buttons of an old board");
    let so_far = chat.messages().len();
    for cell in ["۱", "۹"] {
        say(cell, sara.press(&first, cell).await?.toast.unwrap_or_default());
    }

    title("4. She asks for another game, which the bot begins");
    sara.press(&board, "دوباره، من شروع کنم").await?;
    board = chat.next_message().await?;
    check(free_cells(&board).len() == 8, "the bot has made the first move")?;
    check(chat.messages().len() == so_far + 1, "and the presses on old boards changed nothing")?;

    title("The conversation");
    for message in chat.messages() {
        println!("   {message}");
    }
    sandbox.shutdown().await;
    println!("\nThe bot is in examples/xo/: game.rs has the rules, games.rs the state, bot.rs the chat. Copy it.");
    Ok(())
}

/// The captions of the cells that can be pressed.
fn free_cells(board: &ChatMessage) -> Vec<String> {
    let buttons = board.sender_buttons.iter().flat_map(|grid| grid.buttons());
    let digits = buttons.filter(|button| button.caption.chars().all(|c| ('۱'..='۹').contains(&c)));
    digits.map(|button| button.caption.clone()).collect()
}

//! The chatbot of `examples/xo`: it never loses, and repeated, late or reordered presses change nothing.

#[path = "../../examples/xo/bot.rs"]
mod bot;
#[path = "../../examples/xo/game.rs"]
mod game;
#[path = "../../examples/xo/games.rs"]
mod games;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::common::{Outcome, Site};
use axum::http::Request;
use kenar::model::{Conversation, ConversationId, Message, MessageContent, MessageId, RawJson, Sender, SenderKind};
use kenar::request::Body;
use kenar::secret::IdentificationKey;
use kenar::transport::{HttpTransport as _, HyperTransport};
use kenar::webhook::{DynamicAction, DynamicActionReply, Event, MessageEvent};
use kenar_sandbox::{Chat, ChatMessage, Sandbox, User};

use self::game::{Board, Cell, End, Mark, best_move};
use self::games::{BOT, Choice, Game, Games, Press, Pressed, USER};

mod player {
    use super::*;

    /// The value of a board for the next player (1, 0 or -1), by exhaustive search, independent of the bot's own.
    fn value(board: Board, mark: Mark, known: &mut HashMap<(Board, Mark), i8>) -> i8 {
        if let Some(value) = known.get(&(board, mark)) {
            return *value;
        }
        let value = match board.end() {
            Some(End::Draw) => 0,
            Some(End::Won(winner)) if winner == mark => 1,
            Some(End::Won(_)) => -1,
            None => moves(board, mark).map(|after| -self::value(after, mark.other(), known)).max().unwrap(),
        };
        known.insert((board, mark), value);
        value
    }

    fn moves(board: Board, mark: Mark) -> impl Iterator<Item = Board> {
        Cell::ALL.into_iter().filter_map(move |cell| board.with(mark, cell))
    }

    #[test]
    fn plays_optimally_from_every_reachable_board() {
        let mut known = HashMap::new();
        let mut decided = 0;
        for first in [Mark::X, Mark::O] {
            let mut seen = HashSet::new();
            let mut left = vec![(Board::default(), first)];
            while let Some((board, mark)) = left.pop() {
                if !seen.insert(board) {
                    continue;
                }
                if board.end().is_some() {
                    assert_eq!(best_move(board, mark), None, "the game is over on {board:?}");
                    continue;
                }
                let cell = best_move(board, mark).unwrap();
                let after = board.with(mark, cell).unwrap_or_else(|| panic!("{cell:?} is taken on {board:?}"));
                let (could, did) = (value(board, mark, &mut known), -value(after, mark.other(), &mut known));
                assert_eq!(did, could, "{mark:?} played {cell:?} on {board:?}");
                decided += 1;
                left.extend(moves(board, mark).map(|after| (after, mark.other())));
            }
            assert_eq!(seen.len(), 5478, "the known number of reachable boards");
        }
        assert_eq!(decided, 2 * (5478 - 958), "all except the 958 finished boards");
    }

    #[test]
    fn never_loses() {
        for first in [USER, BOT] {
            let games = Games::default();
            let chat = ConversationId::new("c");
            let start = begin(&games, &chat, first);
            let ended = play_everything(&start);
            assert!(!ended.contains(&End::Won(USER)), "{first:?} began");
            assert!(ended.contains(&End::Won(BOT)), "a bad player must lose if {first:?} begins");
        }
    }

    /// The ends of all games that can follow.
    fn play_everything(game: &Game) -> Vec<End> {
        if let Some(end) = game.end() {
            return vec![end];
        }
        let free = Cell::ALL.into_iter().filter(|cell| game.board().is_free(*cell));
        let after = free.map(|cell| {
            let mut game = game.clone();
            game.play(cell);
            game
        });
        after.flat_map(|game| play_everything(&game)).collect()
    }

    #[test]
    fn takes_an_immediate_win_first() {
        let [a, b, c, d, e, ..] = Cell::ALL;
        let marks = [(Mark::O, a), (Mark::O, b), (Mark::X, d), (Mark::X, e)];
        let board = marks.into_iter().fold(Board::default(), |board, (mark, cell)| board.with(mark, cell).unwrap());
        assert_eq!(best_move(board, Mark::O), Some(c));
    }
}

fn begin(games: &Games, chat: &ConversationId, first: Mark) -> Game {
    let game = games.hear(chat, None, true).unwrap();
    if first == USER {
        return game;
    }
    changed(games.press(&press(chat, &game, Choice::Again(BOT))))
}

fn press(chat: &ConversationId, game: &Game, choice: Choice) -> Press {
    Press { chat: chat.clone(), game: game.number, turn: game.turn(), choice }
}

#[track_caller]
fn changed(pressed: Pressed) -> Game {
    match pressed {
        Pressed::Changed(game) => game,
        other => panic!("the press changed nothing: {other:?}"),
    }
}

mod state {
    use super::*;

    /// A conversation with a game that the user begins.
    fn new_game() -> (Games, ConversationId, Game) {
        let (games, chat) = (Games::default(), ConversationId::new("c"));
        let game = begin(&games, &chat, USER);
        (games, chat, game)
    }

    /// The current game.
    fn now(games: &Games, chat: &ConversationId) -> Game {
        games.hear(chat, None, false).unwrap()
    }

    #[test]
    fn repeated_press_changes_nothing() {
        let (games, chat, mut game) = new_game();
        let mut made = Vec::new();
        while game.end().is_none() {
            let free = Cell::ALL.into_iter().find(|cell| game.board().is_free(*cell)).unwrap();
            made.push(press(&chat, &game, Choice::Mark(free)));
            game = changed(games.press(made.last().unwrap()));
            for earlier in made.iter().rev() {
                assert_eq!(games.press(earlier), Pressed::Repeated, "{earlier:?}");
            }
            assert_eq!(now(&games, &chat), game);
        }
    }

    #[test]
    fn press_on_an_old_board_is_stale() {
        let (games, chat, game) = new_game();
        let [a, _, _, _, _, _, _, _, i] = Cell::ALL;
        let after = changed(games.press(&press(&chat, &game, Choice::Mark(a))));
        assert_eq!(games.press(&press(&chat, &game, Choice::Mark(i))), Pressed::Stale);
        assert_eq!(now(&games, &chat), after);
    }

    #[test]
    fn early_press_changes_nothing() {
        let (games, chat, game) = new_game();
        let early = Press { turn: 2, ..press(&chat, &game, Choice::Mark(Cell::ALL[8])) };
        assert_eq!(games.press(&early), Pressed::Stale);
        assert_eq!(now(&games, &chat), game);
    }

    #[test]
    fn occupied_cell_is_taken() {
        let (games, chat, game) = new_game();
        let game = changed(games.press(&press(&chat, &game, Choice::Mark(Cell::ALL[0]))));
        for cell in [Cell::ALL[0], game.last_reply().unwrap()] {
            assert_eq!(games.press(&press(&chat, &game, Choice::Mark(cell))), Pressed::Taken, "{cell:?}");
        }
    }

    #[test]
    fn repeated_press_starts_one_new_game() {
        let (games, chat, game) = new_game();
        let again = press(&chat, &game, Choice::Again(BOT));
        let another = changed(games.press(&again));
        assert_eq!((another.number != game.number, another.turn()), (true, 1));
        assert_eq!(games.press(&again), Pressed::Stale);
        assert_eq!(
            games.press(&press(&chat, &game, Choice::Mark(Cell::ALL[0]))),
            Pressed::Stale,
            "a press of the old game"
        );
        assert_eq!(now(&games, &chat), another);
    }

    #[test]
    fn repeated_message_begins_no_game() {
        let (games, chat) = (Games::default(), ConversationId::new("c"));
        let ids: Vec<_> = (0..20).map(|n| MessageId::new(n.to_string())).collect();
        let numbers: HashSet<_> = ids.iter().map(|id| games.hear(&chat, Some(id), true).unwrap().number).collect();
        assert_eq!(numbers.len(), ids.len(), "each message began a game");
        for id in &ids {
            assert_eq!(games.hear(&chat, Some(id), true), None, "message {id}");
        }
    }

    #[test]
    fn message_memory_is_bounded() {
        let (games, chat) = (Games::default(), ConversationId::new("c"));
        let ids: Vec<_> = (0..1000).map(|n| MessageId::new(n.to_string())).collect();
        for id in &ids {
            games.hear(&chat, Some(id), false).unwrap();
        }
        assert_eq!(games.hear(&chat, Some(&ids[999]), false), None, "the last message is forgotten");
        assert!(games.hear(&chat, Some(&ids[0]), false).is_some(), "the first message is still remembered");
    }

    #[test]
    fn press_of_a_forgotten_game_is_unknown() {
        let (games, chat, game) = new_game();
        let elsewhere = press(&ConversationId::new("elsewhere"), &game, Choice::Mark(Cell::ALL[0]));
        assert_eq!(games.press(&elsewhere), Pressed::Unknown);
        let restarted = Games::default();
        assert_eq!(restarted.press(&press(&chat, &game, Choice::Mark(Cell::ALL[0]))), Pressed::Unknown);
        begin(&restarted, &chat, USER);
        let old = restarted.press(&press(&chat, &game, Choice::Mark(Cell::ALL[0])));
        assert_eq!(old, Pressed::Stale, "a restart must not reuse numbers");
    }

    #[test]
    fn one_of_concurrent_presses_counts() {
        let (games, chat, game) = new_game();
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let presses = Cell::ALL.map(|cell| press(&chat, &game, Choice::Mark(cell)));
            let games = &games;
            let running = presses.map(|press| scope.spawn(move || games.press(&press)));
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let counted = outcomes.iter().filter(|pressed| matches!(pressed, Pressed::Changed(_))).count();
        assert_eq!(counted, 1, "{outcomes:?}");
        assert_eq!(now(&games, &chat).turn(), 2);
    }

    #[test]
    fn button_data_is_strings_and_round_trips() {
        let choices = Cell::ALL.map(Choice::Mark).into_iter().chain([Choice::Again(USER), Choice::Again(BOT)]);
        for choice in choices {
            let press = Press { chat: "c".into(), game: u64::MAX, turn: 8, choice };
            let sent = serde_json::to_value(&press).unwrap();
            assert!(sent.as_object().unwrap().values().all(serde_json::Value::is_string), "{sent}");
            assert_eq!(serde_json::from_value::<Press>(sent).unwrap(), press);
        }
    }
}

mod chat {
    use super::*;

    struct Scene {
        sandbox: Sandbox,
        user: User,
        chat: Chat,
    }

    /// A user and the bot in a sandbox.
    async fn scene() -> Outcome<Scene> {
        let sandbox = Sandbox::start().await?;
        let app = sandbox.app("xo");
        let site = Site::of_sandbox(&app).await?;
        let bot = bot::router(site.verifier.clone(), site.client.clone());
        site.serve_aside(bot);
        let user = sandbox.user("sara");
        let chat = user.chat_with_bot(&app);
        Ok(Scene { sandbox, user, chat })
    }

    fn captions(message: &ChatMessage) -> Vec<&str> {
        let grid = message.sender_buttons.as_ref().expect("the message has buttons");
        grid.buttons().map(|button| button.caption.as_str()).collect()
    }

    fn is_over(message: &ChatMessage) -> bool {
        captions(message).len() == 2
    }

    /// Plays the last free cell until the game ends, and returns the final message.
    async fn finish(user: &User, chat: &Chat, mut board: ChatMessage) -> Outcome<ChatMessage> {
        while !is_over(&board) {
            let free = *captions(&board).iter().rfind(|caption| !["❌", "⭕"].contains(caption)).unwrap();
            user.press(&board, free).await?;
            board = chat.next_message().await?;
        }
        Ok(board)
    }

    #[tokio::test]
    async fn board_has_nine_buttons_in_place() -> Outcome {
        let Scene { sandbox: _running, user, chat } = scene().await?;
        user.write(&chat, "/start MY_DIVAR").await?;
        let board = chat.next_message().await?;
        assert_eq!(captions(&board), ["۱", "۲", "۳", "۴", "۵", "۶", "۷", "۸", "۹"]);
        let pressed = user.press(&board, "۳").await?;
        assert_eq!(pressed.toast.as_deref(), Some("نوبت شماست"));
        let board = chat.next_message().await?;
        assert_eq!(captions(&board), ["۱", "۲", "❌", "۴", "⭕", "۶", "۷", "۸", "۹"]);
        assert_eq!(board.text(), Some("خانهٔ ۵ را گرفتم. نوبت شماست."));
        Ok(())
    }

    #[tokio::test]
    async fn finished_game_can_be_restarted() -> Outcome {
        let Scene { sandbox: _running, user, chat } = scene().await?;
        user.write(&chat, "سلام").await?;
        let first = chat.next_message().await?;
        let over = finish(&user, &chat, first).await?;
        let drawn = over.text().unwrap().lines().skip(2).collect::<Vec<_>>();
        assert_eq!(drawn.len(), 3, "{drawn:?}");
        assert!(drawn.iter().all(|line| line.starts_with('\u{200f}')), "each row must run right to left: {drawn:?}");

        let [you, me] = captions(&over)[..] else { panic!("expected two buttons") };
        assert_eq!(user.press(&over, you).await?.toast.as_deref(), Some("بازی تازه شروع شد"));
        assert_eq!(captions(&chat.next_message().await?).len(), 9);
        let late = user.press(&over, me).await?;
        assert_eq!(late.toast.as_deref(), Some("این صفحه قدیمی است، با آخرین صفحه بازی کنید"));
        Ok(())
    }

    #[tokio::test]
    async fn texts_show_the_board_or_begin_a_game() -> Outcome {
        let Scene { sandbox: _running, user, chat } = scene().await?;
        user.write(&chat, "/start").await?;
        let first = chat.next_message().await?;
        user.press(&first, "۱").await?;
        let board = chat.next_message().await?;
        user.write(&chat, "کجا بودیم؟").await?;
        assert_eq!(captions(&chat.next_message().await?), captions(&board));
        for text in ["/start", "/restart", " شروع دوباره ", "/start CHAT 00000000-0000-4000-8000-000000000001"]
        {
            user.write(&chat, text).await?;
            assert_eq!(captions(&chat.next_message().await?), captions(&first), "{text:?}");
        }
        let pressed = user.press(&board, "۹").await?;
        assert!(pressed.toast.unwrap().starts_with("این صفحه قدیمی است"), "a press of the previous game");
        Ok(())
    }

    #[tokio::test]
    async fn concurrent_presses_move_once() -> Outcome {
        let Scene { sandbox: _running, user, chat } = scene().await?;
        user.write(&chat, "/start").await?;
        let board = chat.next_message().await?;
        let toasts = tokio::try_join!(user.press(&board, "۱"), user.press(&board, "۱"), user.press(&board, "۱"))?;
        let mut toasts = [toasts.0, toasts.1, toasts.2].map(|pressed| pressed.toast.unwrap());
        toasts.sort();
        assert_eq!(toasts, ["این حرکت ثبت شده است", "این حرکت ثبت شده است", "نوبت شماست"]);
        let board = chat.next_message().await?;
        assert_eq!(captions(&board), ["❌", "۲", "۳", "۴", "⭕", "۶", "۷", "۸", "۹"]);
        finish(&user, &chat, board).await?;
        let texts: Vec<_> = chat.messages().iter().filter_map(|message| message.text().map(str::to_owned)).collect();
        let different: HashSet<_> = texts.iter().collect();
        assert_eq!(different.len(), texts.len(), "a board was shown twice: {texts:#?}");
        Ok(())
    }

    #[tokio::test]
    async fn bot_ignores_itself_and_wrong_keys() -> Outcome {
        let sandbox = Sandbox::start().await?;
        let app = sandbox.app("xo");
        let key = "placeholder-identification-key";
        app.set_identification_key(IdentificationKey::new(key)?);
        let site = Site::of_sandbox(&app).await?;
        let (base, bot) = (site.base.clone(), bot::router(site.verifier.clone(), site.client.clone()));
        site.serve_aside(bot);
        let http = HyperTransport::new()?;
        let post = async |path: &str, key: &str, body: Vec<u8>| {
            let url = base.join(["kenar", path]);
            http.send(Request::post(url.as_str()).header("authorization", key).body(Body::from(body)).unwrap()).await
        };
        for (kind, key, status) in [(SenderKind::Bot, key, 200), (SenderKind::Human, "another key", 401)] {
            let text = MessageContent::Text("/start".to_owned());
            let message = Message::new(Conversation::new("c"), Sender::new(kind), text);
            let event = Event::ChatbotMessage(MessageEvent::new(message));
            assert_eq!(post("event", key, serde_json::to_vec(&event)?).await?.status(), status);
        }
        let press = Press { chat: "c".into(), game: 1, turn: 0, choice: Choice::Mark(Cell::ALL[0]) };
        let pressed = DynamicAction::builder().data(RawJson::of(&press)?).build();
        let response = post("action", key, serde_json::to_vec(&pressed)?).await?;
        let reply: DynamicActionReply = serde_json::from_slice(response.body())?;
        assert_eq!(reply.toast_text(), Some("این بازی را به یاد ندارم، بنویسید «شروع دوباره»"), "a game has begun");
        Ok(())
    }

    #[tokio::test]
    async fn concurrent_users_have_separate_games() -> Outcome {
        let Scene { sandbox, .. } = scene().await?;
        let sandbox = Arc::new(sandbox);
        let mut games = tokio::task::JoinSet::new();
        for player in 0..40 {
            let sandbox = Arc::clone(&sandbox);
            games.spawn(async move {
                let user = sandbox.user(format!("player {player}"));
                let chat = user.chat_with_bot(&sandbox.app("xo"));
                let over = async {
                    user.write(&chat, "/start").await?;
                    let board = chat.next_message().await?;
                    finish(&user, &chat, board).await
                };
                over.await.map(|over| over.text().unwrap_or_default().to_owned()).map_err(|error| error.to_string())
            });
        }
        let ended = games.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
        assert_eq!(ended.len(), 40);
        assert_eq!(ended.iter().collect::<HashSet<_>>().len(), 1, "equal moves must get equal responses");
        assert!(!ended[0].starts_with("شما بردید"), "{}", ended[0]);
        Ok(())
    }
}

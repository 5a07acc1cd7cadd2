//! The games under way, one in each conversation.
//!
//! Divar may deliver a press or a message twice, late, or in another order. So a button carries its game and its turn,
//! and a press counts only on the turn that it was made for; a message counts once, by its id. What is delivered again
//! changes nothing.

use std::collections::{HashMap, VecDeque};
use std::fmt::{self, Display};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kenar::model::{ConversationId, MessageId, Timestamp};
use serde::{Deserialize, Serialize};

use super::game::{Board, Cell, End, Mark, best_move};

/// The user's mark, whoever begins.
pub const USER: Mark = Mark::X;
pub const BOT: Mark = Mark::O;

/// How many messages of a conversation are remembered.
const REMEMBERED: usize = 32;

/// A game is its moves. Between two requests, it is the user's turn or the game is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Game {
    pub number: u64,
    first: Mark,
    moves: Vec<Cell>,
}

impl Game {
    fn new(number: u64, first: Mark) -> Self {
        let mut game = Self { number, first, moves: Vec::new() };
        if first == BOT {
            game.answer();
        }
        game
    }

    /// How many moves were made.
    pub fn turn(&self) -> usize {
        self.moves.len()
    }

    pub fn board(&self) -> Board {
        let mut mark = self.first;
        self.moves.iter().fold(Board::default(), |board, cell| {
            let after = board.with(mark, *cell).unwrap_or(board);
            mark = mark.other();
            after
        })
    }

    pub fn end(&self) -> Option<End> {
        self.board().end()
    }

    /// The bot's last move, where it has made one.
    pub fn answered(&self) -> Option<Cell> {
        self.moves.last().copied()
    }

    /// The user takes a free cell, and the bot answers.
    pub fn play(&mut self, cell: Cell) {
        self.moves.push(cell);
        self.answer();
    }

    fn answer(&mut self) {
        self.moves.extend(best_move(self.board(), BOT));
    }
}

/// What a button carries, and brings back when it is pressed.
///
/// All of it is text, since Divar may give a number back as a float. The conversation is in it because Divar may leave
/// its own `conversation_id` out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Press {
    pub chat: ConversationId,
    #[serde(with = "as_text")]
    pub game: u64,
    #[serde(with = "as_text")]
    pub turn: usize,
    #[serde(with = "as_text")]
    pub choice: Choice,
}

/// What a button stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Mark(Cell),
    /// Another game, which this side begins.
    Again(Mark),
}

/// What came of a press.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// The game went on, or another one began.
    Changed(Game),
    /// It was delivered before.
    Repeated,
    /// It was made on a board that is not the last one.
    Stale,
    /// The cell belongs to someone.
    Taken,
    /// Nobody remembers such a game.
    Unknown,
}

/// All games, in memory. A bot that runs on several machines, or through restarts, keeps them in a store.
pub struct Games {
    tables: Mutex<HashMap<ConversationId, Table>>,
    next_number: AtomicU64,
}

struct Table {
    game: Game,
    /// The last messages, by id.
    heard: VecDeque<MessageId>,
}

impl Default for Games {
    /// Counts from the time, so that a button from before a restart belongs to no game.
    fn default() -> Self {
        let now = Timestamp::now().unix_micros().unsigned_abs();
        Self { tables: Mutex::default(), next_number: AtomicU64::new(now) }
    }
}

impl Games {
    /// The user has written. Gives the game to show: another one if they want that or there was none. `None` where
    /// the message was heard before.
    pub fn hear(&self, chat: &ConversationId, message: Option<&MessageId>, wants_another: bool) -> Option<Game> {
        let mut tables = self.tables();
        let table = match tables.get_mut(chat) {
            Some(table) if message.is_some_and(|id| table.heard.contains(id)) => return None,
            Some(table) if wants_another => {
                table.game = self.begin(USER);
                table
            }
            Some(table) => table,
            None => {
                let table = Table { game: self.begin(USER), heard: VecDeque::new() };
                tables.entry(chat.clone()).or_insert(table)
            }
        };
        if table.heard.len() == REMEMBERED {
            table.heard.pop_front();
        }
        table.heard.extend(message.cloned());
        Some(table.game.clone())
    }

    /// The user has pressed a button. The bot moves at once.
    pub fn press(&self, press: &Press) -> Pressed {
        let mut tables = self.tables();
        let Some(Table { game, .. }) = tables.get_mut(&press.chat) else { return Pressed::Unknown };
        if press.game != game.number {
            return Pressed::Stale;
        }
        match press.choice {
            Choice::Mark(cell) if game.moves.get(press.turn) == Some(&cell) => return Pressed::Repeated,
            _ if press.turn != game.turn() => return Pressed::Stale,
            Choice::Mark(cell) if !game.board().is_free(cell) => return Pressed::Taken,
            Choice::Mark(_) if game.end().is_some() => return Pressed::Stale,
            Choice::Mark(cell) => game.play(cell),
            Choice::Again(first) => *game = self.begin(first),
        }
        Pressed::Changed(game.clone())
    }

    fn begin(&self, first: Mark) -> Game {
        Game::new(self.next_number.fetch_add(1, Ordering::Relaxed), first)
    }

    fn tables(&self) -> MutexGuard<'_, HashMap<ConversationId, Table>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mark(cell) => write!(f, "{}", cell.number()),
            Self::Again(USER) => f.write_str("again"),
            Self::Again(BOT) => f.write_str("again, bot first"),
        }
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let again = [Self::Again(USER), Self::Again(BOT)];
        let all = Cell::ALL.into_iter().map(Self::Mark).chain(again);
        all.into_iter().find(|choice| choice.to_string() == text).ok_or_else(|| format!("{text:?} is no choice"))
    }
}

/// Serialises a value as its text.
mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

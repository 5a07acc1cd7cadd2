//! The current games, one in each conversation.
//!
//! Divar may deliver a press or a message twice, late, or in another order. A button therefore carries its game and its
//! turn, and a press counts only in that turn. A message counts once, by its id.

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

/// The number of remembered messages per conversation.
const REMEMBERED: usize = 32;

/// A game as a list of moves. Between two requests, it is the user's turn or the game is over.
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
            game.reply();
        }
        game
    }

    /// The number of moves so far.
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

    /// The bot's last move, if it has made one.
    pub fn last_reply(&self) -> Option<Cell> {
        self.moves.last().copied()
    }

    /// The user takes a free cell, and the bot replies.
    pub fn play(&mut self, cell: Cell) {
        self.moves.push(cell);
        self.reply();
    }

    fn reply(&mut self) {
        self.moves.extend(best_move(self.board(), BOT));
    }
}

/// The data of a button, which comes back when it is pressed.
///
/// All values are strings, since Divar may return a number as a float. It includes the conversation, since Divar may omit
/// `conversation_id`.
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

/// The meaning of a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Mark(Cell),
    /// Another game, begun by this player.
    Again(Mark),
}

/// The result of a press.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// The game continues, or another one began.
    Changed(Game),
    /// The press was delivered before.
    Repeated,
    /// The press belongs to an old board.
    Stale,
    /// The cell is taken.
    Taken,
    /// The game is unknown.
    Unknown,
}

/// All games, in memory. A bot in several processes, or one that must survive restarts, needs a store.
pub struct Games {
    tables: Mutex<HashMap<ConversationId, Table>>,
    next_number: AtomicU64,
}

struct Table {
    game: Game,
    /// The ids of the last messages.
    heard: VecDeque<MessageId>,
}

impl Default for Games {
    /// Numbers games from the current time, so that a button from before a restart belongs to no game.
    fn default() -> Self {
        let now = Timestamp::now().unix_micros().unsigned_abs();
        Self { tables: Mutex::default(), next_number: AtomicU64::new(now) }
    }
}

impl Games {
    /// The game to show after a message: another one if the user wants that or there was none. `None` for a repeated
    /// message.
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

    /// Applies a press, and the bot's move.
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
        all.into_iter().find(|choice| choice.to_string() == text).ok_or_else(|| format!("unknown choice: {text:?}"))
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

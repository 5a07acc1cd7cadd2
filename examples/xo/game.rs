//! The rules of noughts and crosses, and a player that never loses. It knows nothing of chats.

/// The owner of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    X,
    O,
}

impl Mark {
    pub fn other(self) -> Self {
        match self {
            Self::X => Self::O,
            Self::O => Self::X,
        }
    }
}

/// One of the nine cells, counted row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell(u8);

impl Cell {
    /// All cells, row by row.
    pub const ALL: [Self; 9] = [Self(0), Self(1), Self(2), Self(3), Self(4), Self(5), Self(6), Self(7), Self(8)];

    /// The centre, the corners, then the edges: the best cells first.
    const BEST_FIRST: [Self; 9] = [Self(4), Self(0), Self(2), Self(6), Self(8), Self(1), Self(3), Self(5), Self(7)];

    /// The number of the cell, from 1 to 9.
    pub fn number(self) -> u8 {
        self.0 + 1
    }

    fn bit(self) -> u16 {
        1 << self.0
    }
}

/// The cells of each player, one bit per cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Board {
    x: u16,
    o: u16,
}

/// The result of a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Won(Mark),
    Draw,
}

/// Three rows, three columns, two diagonals. An octal digit is a row.
const LINES: [u16; 8] = [0o007, 0o070, 0o700, 0o111, 0o222, 0o444, 0o124, 0o421];
const ALL: u16 = 0o777;

impl Board {
    pub fn at(self, cell: Cell) -> Option<Mark> {
        match cell.bit() {
            bit if self.x & bit != 0 => Some(Mark::X),
            bit if self.o & bit != 0 => Some(Mark::O),
            _ => None,
        }
    }

    pub fn is_free(self, cell: Cell) -> bool {
        self.at(cell).is_none()
    }

    /// The board after a move; `None` if the cell is taken.
    pub fn with(self, mark: Mark, cell: Cell) -> Option<Self> {
        self.is_free(cell).then(|| match mark {
            Mark::X => Self { x: self.x | cell.bit(), ..self },
            Mark::O => Self { o: self.o | cell.bit(), ..self },
        })
    }

    /// The result; `None` while the game continues.
    pub fn end(self) -> Option<End> {
        let has_line = |cells: u16| LINES.iter().any(|line| cells & line == *line);
        if has_line(self.x) {
            Some(End::Won(Mark::X))
        } else if has_line(self.o) {
            Some(End::Won(Mark::O))
        } else {
            (self.x | self.o == ALL).then_some(End::Draw)
        }
    }

    fn free_cells(self) -> i8 {
        9 - (self.x | self.o).count_ones() as i8
    }
}

/// The best move for the player whose turn it is; `None` if the game is over.
pub fn best_move(board: Board, mark: Mark) -> Option<Cell> {
    if board.end().is_some() {
        return None;
    }
    let mut best = None;
    for cell in Cell::BEST_FIRST {
        let Some(after) = board.with(mark, cell) else { continue };
        // Scores below the best one need not be exact.
        let floor = best.map_or(-WORST, |(score, _)| score);
        let score = -score(after, mark.other(), -WORST, -floor);
        if best.is_none_or(|(best, _)| score > best) {
            best = Some((score, cell));
        }
    }
    best.map(|(_, cell)| cell)
}

/// A bound above every score.
const WORST: i8 = 100;

/// The score of the player whose turn it is, by alpha-beta search. Positive is a win; a higher score is an earlier win. It is
/// exact between `floor` and `ceiling`.
fn score(board: Board, mark: Mark, mut floor: i8, ceiling: i8) -> i8 {
    match board.end() {
        Some(End::Draw) => return 0,
        Some(End::Won(winner)) => {
            let won = 1 + board.free_cells();
            return if winner == mark { won } else { -won };
        }
        None => {}
    }
    for after in Cell::BEST_FIRST.into_iter().filter_map(|cell| board.with(mark, cell)) {
        floor = floor.max(-score(after, mark.other(), -ceiling, -floor));
        if floor >= ceiling {
            break;
        }
    }
    floor
}

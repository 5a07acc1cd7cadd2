//! The check of the workers' log.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub handled: usize,
    pub failed: usize,
    /// Handled again after a process died.
    pub repeated: usize,
}

#[derive(Default)]
struct Conversation {
    /// The event that was begun last, its worker, and its fate.
    current: Option<(usize, String, Fate)>,
    ended: BTreeSet<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Begun,
    Failed,
    Ended,
}

/// Checks that every event was handled and in order, and repeated only if its handler failed or its process died.
pub fn check(log: &str, conversations: usize, events: usize, died: &BTreeSet<String>) -> Summary {
    let mut summary = Summary::default();
    let mut all: BTreeMap<String, Conversation> = BTreeMap::new();
    for line in log.lines() {
        let [what, id, worker] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("half a line: {line}") };
        let (conversation, number) = id.split_once('/').unwrap();
        let number: usize = number.parse().unwrap();
        let conversation = all.entry(conversation.to_owned()).or_default();
        match what {
            "begin" => {
                summary.repeated += usize::from(conversation.begin(number, worker, died));
            }
            "fail" => {
                conversation.settle(number, worker, Fate::Failed);
                summary.failed += 1;
            }
            "end" => {
                conversation.settle(number, worker, Fate::Ended);
                conversation.ended.insert(number);
            }
            _ => panic!("{line}"),
        }
    }
    assert_eq!(all.len(), conversations, "every conversation is handled");
    for (name, conversation) in &all {
        assert_eq!(conversation.ended.len(), events, "conversation {name} is handled to its end");
    }
    summary.handled = all.values().map(|conversation| conversation.ended.len()).sum();
    summary
}

impl Conversation {
    /// Begins an event. Returns `true` if a process that died left it behind.
    fn begin(&mut self, number: usize, worker: &str, died: &BTreeSet<String>) -> bool {
        let is_repeated = match &self.current {
            None => {
                assert_eq!(number, 0, "the first event comes first");
                false
            }
            Some((last, of, fate)) if *last == number => {
                let has_died = died.contains(of);
                assert!(*fate == Fate::Failed || has_died, "event {number} is repeated, and {of} lives");
                has_died && *fate != Fate::Failed
            }
            Some((last, of, fate)) => {
                assert_eq!(number, last + 1, "in order: after {last} of {of}");
                assert!(*fate == Fate::Ended || self.ended.contains(last), "event {last} of {of} was skipped");
                false
            }
        };
        self.current = Some((number, worker.to_owned(), Fate::Begun));
        is_repeated
    }

    /// Notes the end of a handler. A process that was stopped may end an event that others handled meanwhile.
    fn settle(&mut self, number: usize, worker: &str, fate: Fate) {
        if let Some((last, of, current)) = &mut self.current {
            if *last == number && of == worker {
                *current = fate;
            }
        }
    }
}

#[test]
fn log_check_refuses_each_broken_promise() {
    let died = BTreeSet::from(["w1".to_owned()]);
    let passes =
        |log: &'static str| std::panic::catch_unwind(|| check(log, 1, 2, &BTreeSet::from(["w1".to_owned()]))).is_ok();
    let whole =
        "begin c/0 w1\nend c/0 w1\nbegin c/0 w2\nfail c/0 w2\nbegin c/0 w2\nend c/0 w2\nbegin c/1 w2\nend c/1 w2\n";
    assert_eq!(check(whole, 1, 2, &died), Summary { handled: 2, failed: 1, repeated: 1 });
    for (broken, why) in [
        ("begin c/0 w2\nend c/0 w2\n", "lost"),
        ("begin c/1 w2\nend c/1 w2\nbegin c/0 w2\nend c/0 w2\n", "out of order"),
        ("begin c/0 w2\nbegin c/1 w2\nend c/1 w2\nend c/0 w2\n", "two at a time"),
        ("begin c/0 w2\nend c/0 w2\nbegin c/0 w1\nend c/0 w1\nbegin c/1 w1\nend c/1 w1\n", "repeated, and nobody died"),
        ("begin c/0 w2\nend c/0 w2\nbegin c/1 w1\nend c/1 w1\nbegin c/0 w2\nend c/0 w2\n", "repeated later"),
    ] {
        assert!(!passes(broken), "{why}");
    }
}

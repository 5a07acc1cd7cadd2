//! Promise: common tasks take few lines.
//!
//! A task is the code between `// [task]` and `// [end]` in an example or on the crate page, or between `<!-- [task] -->` and
//! `<!-- [end] -->` in the README. Empty lines and comments do not count. rustfmt breaks lines at 120 characters.

use std::fmt;
use std::fs;
use std::path::Path;

/// The tasks and their maximum numbers of lines.
const LIMITS: [(&str, usize); 5] = [("chatbot", 15), ("webhook", 4), ("anywhere", 6), ("permission", 2), ("send", 9)];

/// Files and the tasks that they show.
const SHOWN: [(&str, &[&str]); 5] = [
    ("README.md", &["chatbot"]),
    ("examples/quickstart/addon.rs", &["permission", "webhook", "send"]),
    ("examples/plain_http.rs", &["anywhere"]),
    ("examples/oauth_flow.rs", &["permission"]),
    ("src/lib.rs", &["webhook", "permission", "send"]),
];

struct Region {
    file: &'static str,
    task: String,
    lines: Vec<String>,
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}, {} lines:\n{}", self.task, self.file, self.lines.len(), self.lines.join("\n"))
    }
}

/// The regions of a file in order.
fn regions(file: &'static str) -> Vec<Region> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let mut regions = Vec::new();
    let mut open: Option<Region> = None;
    for line in text.lines() {
        // The crate page's lines begin with `//! `, and hidden ones also with `# `.
        let line = line.strip_prefix("//!").unwrap_or(line);
        let code = line.trim_start().trim_start_matches("# ").trim();
        let in_code = code.strip_prefix("// [").and_then(|marker| marker.strip_suffix(']'));
        let in_text = code.strip_prefix("<!-- [").and_then(|marker| marker.strip_suffix("] -->"));
        match in_code.or(in_text) {
            Some("end") => regions.push(open.take().unwrap_or_else(|| panic!("{file}: end without a region"))),
            Some(task) => {
                let region = Region { file, task: task.to_owned(), lines: Vec::new() };
                assert!(open.replace(region).is_none(), "{file}: {task} begins in another region");
            }
            None => {
                if let Some(region) =
                    open.as_mut().filter(|_| !code.is_empty() && !code.starts_with("//") && !code.starts_with("```"))
                {
                    region.lines.push(line.to_owned());
                }
            }
        }
    }
    assert!(open.is_none(), "{file}: region without an end");
    regions
}

#[test]
fn each_file_shows_its_tasks() {
    for (file, tasks) in SHOWN {
        let shown: Vec<_> = regions(file).into_iter().map(|region| region.task).collect();
        assert_eq!(shown, tasks, "{file}");
    }
}

#[test]
fn each_task_takes_few_lines() {
    for region in SHOWN.into_iter().flat_map(|(file, _)| regions(file)) {
        let limit = LIMITS.iter().find(|(task, _)| *task == region.task).map(|(_, limit)| *limit);
        let limit = limit.unwrap_or_else(|| panic!("unknown task: {region}"));
        assert!((1..=limit).contains(&region.lines.len()), "more than {limit} lines: {region}");
        let longest = region.lines.iter().map(|line| line.chars().count()).max();
        assert!(longest <= Some(120), "a line of {longest:?} characters: {region}");
        println!("{region}\n");
    }
}

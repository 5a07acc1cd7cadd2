//! How many lines a user writes for a job: what stands between `// [job]` and `// [end]` in the examples, which all run, and
//! on the crate page; between `<!-- [job] -->` and `<!-- [end] -->` in the README, whose code is compiled.
//!
//! Empty lines and comments do not count. Those of the examples are as rustfmt breaks them, at 120 characters.

use std::fmt;
use std::fs;
use std::path::Path;

/// Each job, and the most lines it may take.
const LIMITS: [(&str, usize); 5] = [("chatbot", 15), ("webhook", 4), ("anywhere", 6), ("permission", 2), ("send", 9)];

/// A file, and the jobs that it shows.
const SHOWN: [(&str, &[&str]); 5] = [
    ("README.md", &["chatbot"]),
    ("examples/quickstart/addon.rs", &["permission", "webhook", "send"]),
    ("examples/plain_http.rs", &["anywhere"]),
    ("examples/oauth_flow.rs", &["permission"]),
    ("src/lib.rs", &["webhook", "permission", "send"]),
];

struct Region {
    file: &'static str,
    job: String,
    lines: Vec<String>,
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}, {} lines:\n{}", self.job, self.file, self.lines.len(), self.lines.join("\n"))
    }
}

/// The regions of a file, in their order.
fn regions(file: &'static str) -> Vec<Region> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let mut regions = Vec::new();
    let mut open: Option<Region> = None;
    for line in text.lines() {
        // On the crate page, a line is behind `//! `, and one that rustdoc hides behind `# ` as well.
        let line = line.strip_prefix("//!").unwrap_or(line);
        let code = line.trim_start().trim_start_matches("# ").trim();
        let in_code = code.strip_prefix("// [").and_then(|marker| marker.strip_suffix(']'));
        let in_text = code.strip_prefix("<!-- [").and_then(|marker| marker.strip_suffix("] -->"));
        match in_code.or(in_text) {
            Some("end") => regions.push(open.take().unwrap_or_else(|| panic!("{file}: an end of no region"))),
            Some(job) => {
                let region = Region { file, job: job.to_owned(), lines: Vec::new() };
                assert!(open.replace(region).is_none(), "{file}: {job} begins within another region");
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
    assert!(open.is_none(), "{file}: a region without an end");
    regions
}

#[test]
fn each_file_shows_its_jobs() {
    for (file, jobs) in SHOWN {
        let shown: Vec<_> = regions(file).into_iter().map(|region| region.job).collect();
        assert_eq!(shown, jobs, "{file}");
    }
}

#[test]
fn each_job_takes_few_lines() {
    for region in SHOWN.into_iter().flat_map(|(file, _)| regions(file)) {
        let limit = LIMITS.iter().find(|(job, _)| *job == region.job).map(|(_, limit)| *limit);
        let limit = limit.unwrap_or_else(|| panic!("no such job: {region}"));
        assert!((1..=limit).contains(&region.lines.len()), "at most {limit}: {region}");
        let longest = region.lines.iter().map(|line| line.chars().count()).max();
        assert!(longest <= Some(120), "a line of {longest:?} characters: {region}");
        println!("{region}\n");
    }
}

//! Promise: links to anchors in the guide resolve, and READMEs link only to the web or into their package.
//!
//! Rustdoc checks only the page of a link.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FRONT_PAGE: &str = "src/guide/README.md";

/// The directories of the published crates.
const PUBLISHED: [&str; 3] = [".", "crates/kenar-sandbox", "crates/kenar-store"];

/// Collects the Rust and Markdown files below a directory.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "md") {
            found.push(path);
        }
    }
}

/// The anchors of the front page: glossary entries, and headings as rustdoc names them.
fn anchors(front_page: &str) -> BTreeSet<String> {
    let words = front_page.split("<a id=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(word, _)| word);
    let headings = front_page.lines().filter_map(|line| line.strip_prefix("# "));
    words.map(str::to_owned).chain(headings.map(|heading| heading.to_lowercase().replace(' ', "-"))).collect()
}

/// The anchors in links of a text, after `start`.
fn linked<'a>(text: &'a str, start: &str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split_once(')')).map(|(anchor, _)| anchor)
}

#[test]
fn links_to_the_front_page_resolve() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let front_page = fs::read_to_string(root.join(FRONT_PAGE)).unwrap();
    let anchors = anchors(&front_page);
    let mut sources = Vec::new();
    files(&root.join("src"), &mut sources);

    let mut broken = Vec::new();
    for source in sources {
        let text = fs::read_to_string(&source).unwrap();
        let mut all: Vec<_> = linked(&text, "](crate::guide#").chain(linked(&text, "](guide#")).collect();
        if source.ends_with(FRONT_PAGE) {
            all.extend(linked(&text, "](#"));
        } else if source.parent().is_some_and(|directory| directory.ends_with("guide")) {
            all.extend(linked(&text, "](super#"));
        }
        let missing = all.into_iter().filter(|anchor| !anchors.contains(*anchor));
        broken.extend(missing.map(|anchor| format!("{}: #{anchor}", source.display())));
    }
    assert!(broken.is_empty(), "broken links: {broken:#?}");
}

#[test]
fn glossary_is_in_alphabetical_order() {
    let front_page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FRONT_PAGE)).unwrap();
    let words: Vec<_> = front_page.lines().filter_map(|line| line.strip_prefix("- <a id=")).collect();
    let shown = words.iter().filter_map(|word| word.split("**").nth(1)).map(str::to_lowercase);
    assert!(shown.clone().is_sorted(), "not in alphabetical order: {:?}", shown.collect::<Vec<_>>());
}

/// The files that `cargo package` takes from a directory.
fn packaged(directory: &Path) -> BTreeSet<String> {
    let mut list = Command::new(env!("CARGO"));
    list.args(["package", "--list", "--allow-dirty", "--offline"]).current_dir(directory);
    let listed = list.output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    String::from_utf8(listed.stdout).unwrap().lines().map(|file| file.replace('\\', "/")).collect()
}

/// The links of a README that lead neither to the web, nor to a heading, nor into the package.
fn broken<'a>(readme: &'a str, files: &BTreeSet<String>) -> Vec<&'a str> {
    let headings: BTreeSet<_> = readme
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    let leads = |link: &str| match link.strip_prefix('#') {
        Some(heading) => headings.contains(heading),
        None => link.starts_with("https://") || files.contains(link.split('#').next().unwrap()),
    };
    linked(readme, "](").filter(|link| !leads(link)).collect()
}

#[test]
fn readme_links_stay_in_the_package() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for directory in PUBLISHED.map(|directory| root.join(directory)) {
        let readme = fs::read_to_string(directory.join("README.md")).unwrap();
        let files = packaged(&directory);
        assert!(files.contains("README.md"), "no README in the package of {}", directory.display());
        assert_eq!(broken(&readme, &files), [""; 0], "broken links in the README of {}", directory.display());
    }
}

#[test]
fn broken_readme_links_are_found() {
    let files = BTreeSet::from(["LICENSE-MIT".to_owned()]);
    let readme =
        "# One Two\n[a](LICENSE-MIT) [b](#one-two) [c](https://docs.rs/kenar) [d](examples/xo/main.rs) [e](#three)";
    assert_eq!(broken(readme, &files), ["examples/xo/main.rs", "#three"]);
}

//! Links into the guide lead to a word or a heading that is there. Rustdoc checks the page of a link, and not the place in
//! it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FRONT_PAGE: &str = "src/guide/README.md";

/// All files below a directory with one of these endings.
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

/// The places of the front page: words, and headings as rustdoc names them.
fn places(front_page: &str) -> BTreeSet<String> {
    let words = front_page.split("<a id=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(word, _)| word);
    let headings = front_page.lines().filter_map(|line| line.strip_prefix("# "));
    words.map(str::to_owned).chain(headings.map(|heading| heading.to_lowercase().replace(' ', "-"))).collect()
}

/// The places that a text links to: what follows `start`, up to the end of the link.
fn linked<'a>(text: &'a str, start: &str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split_once(')')).map(|(place, _)| place)
}

#[test]
fn links_to_the_front_page_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let front_page = fs::read_to_string(root.join(FRONT_PAGE)).unwrap();
    let places = places(&front_page);
    let mut sources = Vec::new();
    files(&root.join("src"), &mut sources);

    let mut wrong = Vec::new();
    for source in sources {
        let text = fs::read_to_string(&source).unwrap();
        let mut all: Vec<_> = linked(&text, "](crate::guide#").chain(linked(&text, "](guide#")).collect();
        if source.ends_with(FRONT_PAGE) {
            all.extend(linked(&text, "](#"));
        } else if source.parent().is_some_and(|directory| directory.ends_with("guide")) {
            all.extend(linked(&text, "](super#"));
        }
        let nowhere = all.into_iter().filter(|place| !places.contains(*place));
        wrong.extend(nowhere.map(|place| format!("{}: #{place}", source.display())));
    }
    assert!(wrong.is_empty(), "no such place in the guide: {wrong:#?}");
}

#[test]
fn words_are_in_order() {
    let front_page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FRONT_PAGE)).unwrap();
    let words: Vec<_> = front_page.lines().filter_map(|line| line.strip_prefix("- <a id=")).collect();
    let shown = words.iter().filter_map(|word| word.split("**").nth(1)).map(str::to_lowercase);
    assert!(shown.clone().is_sorted(), "not in the order of the alphabet: {:?}", shown.collect::<Vec<_>>());
}

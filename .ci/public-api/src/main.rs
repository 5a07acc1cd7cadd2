//! Prints the public API that a rustdoc JSON file describes, one item per line. The parts of an item with two paths are printed once.

use std::collections::HashSet;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let json = std::env::args_os().nth(1).ok_or("which JSON file?")?;
    let api =
        public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).omit_auto_trait_impls(true).build()?;
    let mut printed = HashSet::new();
    for item in api.items().map(ToString::to_string) {
        if !printed.contains(&item) {
            println!("{item}");
            printed.insert(item);
        }
    }
    Ok(())
}

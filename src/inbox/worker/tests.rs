use super::*;

#[test]
fn reason_is_cut_between_characters() {
    assert_eq!(cut("سلام"), "سلام");
    let long = "س".repeat(600);
    assert_eq!(cut(&long).len(), MAX_REASON_BYTES);
    assert_eq!(cut(&format!("x{long}")).len(), MAX_REASON_BYTES - 1);
}

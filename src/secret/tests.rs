use super::*;

#[test]
fn malformed_secret_is_rejected_and_not_repeated() {
    for (text, message) in [
        ("", "the API key is empty"),
        ("placeholder\n", "the API key begins or ends with white space: trim the input"),
        ("کلید", "the API key contains a character other than printable ASCII"),
    ] {
        assert_eq!(ApiKey::new(text).unwrap_err().to_string(), message);
    }
}

#[test]
fn identification_key_may_hold_a_scheme_and_a_space() {
    assert_eq!(IdentificationKey::new("Bearer placeholder").unwrap().expose_secret(), "Bearer placeholder");
}

#[test]
fn debug_is_redacted() {
    assert_eq!(format!("{:?}", AccessToken::new("placeholder").unwrap()), "AccessToken([redacted])");
}

use super::*;

fn scrubbed(secrets: &[&str], text: &str) -> String {
    let mut text = text.to_owned();
    Secrets::new(secrets.iter().copied()).scrub(&mut text);
    text
}

#[test]
fn longer_secret_is_redacted_before_its_part() {
    assert_eq!(scrubbed(&["abc", "abcdef"], "abcdef abc"), "[redacted] [redacted]");
    assert_eq!(scrubbed(&["", "abc"], "ab"), "ab");
}

#[test]
fn secret_that_looks_escaped_is_redacted() {
    for secret in [r"\\token", "&amp;token", r"\u0041token"] {
        assert_eq!(scrubbed(&[secret], &format!("<{secret}>")), "<[redacted]>", "{secret}");
    }
}

#[test]
fn secret_is_redacted_in_every_encoding() {
    let secret = r#"a/+="\&<'%z"#;
    for form in [
        secret,
        r#"a\/+=\"\\&<'%z"#,
        r#"a/+=\"\\\u0026\u003c\u0027%z"#,
        "a%2F%2B%3D%22%5C%26%3C%27%25z",
        "a%2f%2b%3d%22%5c%26%3c%27%25z",
        "a/&#43;&#61;&quot;\\&amp;&lt;&apos;%z",
        "a&#x2F;+=&#34;&#92;&amp;&lt;&#39;%z",
    ] {
        assert_eq!(scrubbed(&[secret], &format!("ا{form}.{form}")), "ا[redacted].[redacted]", "{form}");
    }
    assert_eq!(scrubbed(&["a b+c"], "a+b+c a+b%2Bc a b+c"), "[redacted] [redacted] [redacted]");
    for other in ["a/+=", "A/+=\"\\&<'%z", "a%2", "&", "&#;", "\\", "\\u00", "%zz", "%ا"] {
        assert_eq!(scrubbed(&[secret], other), other);
    }
}

#[test]
fn truncated_secret_is_redacted_at_the_end() {
    for (text, left) in [
        ("error: placeho", "error: [redacted]"),
        ("error: placeholder/", "error: [redacted]"),
        ("error: placeholder%2", "error: [redacted]"),
        ("error: placeholder&#4", "error: [redacted]"),
        ("error: pla", "error: pla"),
        ("placeho, it reads", "placeho, it reads"),
    ] {
        let mut text = text.to_owned();
        Secrets::new(["placeholder/secret"]).scrub_beginning(&mut text, 100);
        assert_eq!(text, left);
    }
    let mut grown = "a a a a a ".to_owned();
    Secrets::new(["a"]).scrub_beginning(&mut grown, 10);
    assert_eq!(grown, "[redacted]");
}

#[test]
fn short_secret_is_redacted_only_as_a_word() {
    let text = r#"cannot parse {"key":"a"}: a=a&b=%61, bad-a [redacted]"#;
    let left = r#"cannot parse {"key":"[redacted]"}: [redacted]=[redacted]&b=[redacted], bad-[redacted] [redacted]"#;
    assert_eq!(scrubbed(&["a"], text), left);
    assert_eq!(scrubbed(&["abc"], "abc abcd xabc"), "[redacted] abcd xabc");
    assert_eq!(scrubbed(&["abcd"], "abcde"), "[redacted]e");
    assert_eq!(scrubbed(&["a", "secret"], "secret"), "[redacted]");
}

#[test]
fn json_keys_texts_and_numbers_are_redacted() {
    let mut value = serde_json::json!({ "12345": [{ "a": "12345" }, 12345, 1_123_450, 7, null] });
    Secrets::new(["12345"]).scrub_json(&mut value);
    assert_eq!(
        value,
        serde_json::json!({ "[redacted]": [{ "a": "[redacted]" }, "[redacted]", "1[redacted]0", 7, null] })
    );
}

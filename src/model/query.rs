/// The query in what web frameworks call one: a query with or without its question mark, or the path or absolute URL that
/// it is in. A fragment is left out.
///
/// A text is a path or a URL where a question mark ends its first name, or a slash is in it.
pub(crate) fn query_of(text: &str) -> &str {
    let (text, _) = text.split_once('#').unwrap_or((text, ""));
    let first_name = text.split(['=', '&', '?']).next().unwrap_or(text);
    match text.split_once('?') {
        Some((before, query)) if before == first_name || first_name.contains('/') => query,
        None if first_name.contains('/') => "",
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::query_of;

    #[test]
    fn query_is_found_in_paths_and_urls() {
        for text in [
            "a=b&c=d?e/f",
            "?a=b&c=d?e/f",
            "/?a=b&c=d?e/f",
            "/x=y&z?a=b&c=d?e/f",
            "oauth?a=b&c=d?e/f",
            "x/y=z?a=b&c=d?e/f",
            "http://127.0.0.1:1/oauth?a=b&c=d?e/f",
            "https://addon.example?a=b&c=d?e/f#_=_",
            "//addon.example/x=y?a=b&c=d?e/f#?g=h",
            "a=b&c=d?e/f#",
        ] {
            assert_eq!(query_of(text), "a=b&c=d?e/f", "{text}");
        }
        for text in ["", "?", "#", "/", "/oauth", "https://addon.example/a=b", "/oauth?#a=b"] {
            assert_eq!(query_of(text), "", "{text}");
        }
        for query in ["a", "a&b", "=", "a=/?b", "?a"] {
            assert_eq!(query_of(&format!("?{query}")), query);
        }
    }
}

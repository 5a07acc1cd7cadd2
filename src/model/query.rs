/// The query string in a query, a path or an absolute URL, without a leading question mark or a fragment.
///
/// A text is a path or a URL if its first name ends with a question mark or contains a slash.
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
mod tests;

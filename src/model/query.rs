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
mod tests;

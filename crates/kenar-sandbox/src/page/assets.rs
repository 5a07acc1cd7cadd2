//! The files of the chat page, compiled into the crate.

use axum::body::Body;
use http::{Response, StatusCode};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The name, content type and content of each file.
const ASSETS: [(&str, &str, &str); 24] = [
    ("", HTML, include_str!("assets/index.html")),
    ("icon.svg", SVG, include_str!("assets/icon.svg")),
    ("theme.css", CSS, include_str!("assets/theme.css")),
    ("page.css", CSS, include_str!("assets/page.css")),
    ("sheets.css", CSS, include_str!("assets/sheets.css")),
    ("chat.css", CSS, include_str!("assets/chat.css")),
    ("bubble.css", CSS, include_str!("assets/bubble.css")),
    ("wire.css", CSS, include_str!("assets/wire.css")),
    ("faults.css", CSS, include_str!("assets/faults.css")),
    ("consent.css", CSS, include_str!("assets/consent.css")),
    ("start.js", SCRIPT, include_str!("assets/start.js")),
    ("page.js", SCRIPT, include_str!("assets/page.js")),
    ("server.js", SCRIPT, include_str!("assets/server.js")),
    ("dom.js", SCRIPT, include_str!("assets/dom.js")),
    ("words.js", SCRIPT, include_str!("assets/words.js")),
    ("bubble.js", SCRIPT, include_str!("assets/bubble.js")),
    ("compose.js", SCRIPT, include_str!("assets/compose.js")),
    ("sheets.js", SCRIPT, include_str!("assets/sheets.js")),
    ("menus.js", SCRIPT, include_str!("assets/menus.js")),
    ("visit.js", SCRIPT, include_str!("assets/visit.js")),
    ("wire.js", SCRIPT, include_str!("assets/wire.js")),
    ("faults.js", SCRIPT, include_str!("assets/faults.js")),
    ("session.js", SCRIPT, include_str!("assets/session.js")),
    ("consent.js", SCRIPT, include_str!("assets/consent.js")),
];

pub(super) fn asset(name: &str) -> Option<Response<Body>> {
    let (_, content_type, content) = ASSETS.iter().find(|(known, _, _)| *known == name)?;
    Some(super::reply::reply(StatusCode::OK, content_type, *content))
}

//! The output of the program.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use super::setup::{Started, StartedApp};
use super::value::{AddOnUrl, RedirectUri};

/// The start-up report for people, with the variables to set in the add-on's environment.
pub(crate) fn text(started: &Started) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_text(&mut text, started);
    text
}

fn write_text(text: &mut String, started: &Started) -> std::fmt::Result {
    let url = &started.url;
    writeln!(text, "kenar-sandbox is running at {url}")?;
    if let Some(page) = started.sandbox.chat_page_url() {
        writeln!(text, "Chat page, for a browser on this machine: {page}")?;
    }
    for app in &started.apps {
        writeln!(text, "\nStart the add-on `{}` with", app.slug)?;
        for (name, value) in environment(url, app) {
            match value {
                Some(value) => writeln!(text, "  export {name}={}", quoted(value))?,
                None => writeln!(text, "  # {name}: the value that you set")?,
            }
        }
        writeln!(text, "The sandbox calls these URLs")?;
        let webhooks = [
            ("open app", &app.open_app_url),
            ("events", &app.events_url),
            ("dynamic action", &app.dynamic_action_url),
            ("fallback", &app.fallback_url),
        ];
        for (name, url) in webhooks {
            match url {
                Some(AddOnUrl(url)) => writeln!(text, "  {name:<15} {url}")?,
                None => writeln!(text, "  {name:<15} (not set)")?,
            }
        }
        for RedirectUri(uri) in &app.redirect_uris {
            writeln!(text, "  {:<15} {uri}", "redirect URI")?;
        }
    }
    writeln!(text, "\nIt replaces https://open-api.divar.ir, https://oauth.divar.ir and https://chat.divar.ir.")?;
    let end = if started.is_saved { "saves the session" } else { "discards the session" };
    writeln!(text, "Ctrl-C stops it and {end}.")
}

/// The start-up report for programs: one line of JSON.
pub(crate) fn json(started: &Started) -> Result<String, serde_json::Error> {
    let sandbox = &started.sandbox;
    json_line(&json!({ "url": started.url, "chat_page": sandbox.chat_page_url(), "apps": started.apps }))
}

pub(crate) fn json_line(value: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(value)? + "\n")
}

/// The environment variables that the SDK's examples read.
fn environment<'a>(url: &'a str, app: &'a StartedApp) -> [(&'static str, Option<&'a str>); 5] {
    [
        ("KENAR_SANDBOX_URL", Some(url)),
        ("KENAR_APP_SLUG", Some(&app.slug)),
        ("KENAR_API_KEY", app.api_key.as_deref()),
        ("KENAR_CLIENT_SECRET", app.client_secret.as_deref()),
        ("KENAR_IDENTIFICATION_KEY", app.identification_key.as_deref()),
    ]
}

/// The value quoted for a POSIX shell.
fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=+@,".contains(&byte);
    if !value.is_empty() && value.bytes().all(is_plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

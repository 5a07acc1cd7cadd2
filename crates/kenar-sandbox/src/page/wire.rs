//! Exchanges as the page shows them, with masked secrets and a `curl` command.

use std::fmt::Write as _;

use serde::Serialize;

use crate::engine::{Direction, Exchange, Webhook};
use http::Method;
use kenar::operation::{self, UploadMedia};
use kenar::request::{Authentication, Operation as _};

const OPEN_APP: &str = Webhook::OpenApp.as_str();
const EVENT: &str = Webhook::Event.as_str();
const DYNAMIC_ACTION: &str = Webhook::DynamicAction.as_str();

/// The replacement for the rest of a secret.
const MASK: &str = "••••";

/// The parameters of queries and forms that are secret, at least for a short time.
const SECRET_PARAMETERS: [&str; 6] = ["code", "state", "client_secret", "refresh_token", "access_token", "token"];

/// One line of the network panel.
#[derive(Serialize)]
pub(super) struct Line {
    number: u64,
    at: String,
    took_ms: f64,
    to_add_on: bool,
    operation: &'static str,
    app: Option<String>,
    target: String,
    request: String,
    status: Option<u16>,
    success: bool,
    response: String,
    notes: Vec<String>,
    curl: String,
    /// `true` for an event with a complete body.
    redeliverable: bool,
}

impl Line {
    pub(super) fn of(exchange: &Exchange, origin: &str) -> Self {
        let (target, request) = (mask(&exchange.target), mask(&exchange.request));
        Self {
            number: exchange.number,
            at: exchange.at.to_string(),
            took_ms: exchange.took.as_secs_f64() * 1000.0,
            to_add_on: exchange.direction == Direction::ToAddOn,
            operation: exchange.operation,
            app: exchange.app.as_ref().map(ToString::to_string),
            curl: curl(exchange.operation, &target, &request, origin),
            status: exchange.status,
            success: exchange.is_success(),
            response: mask(&exchange.response),
            notes: exchange.notes.iter().map(|note| mask(&note.to_string())).collect(),
            redeliverable: exchange.operation == EVENT && exchange.request.len() <= Exchange::MAX_BODY,
            target,
            request,
        }
    }
}

/// A command that repeats the request, with shell variables in place of secrets.
fn curl(operation: &str, target: &str, body: &str, origin: &str) -> String {
    let called = target.split_once(' ').filter(|(method, _)| method.bytes().all(|byte| byte.is_ascii_uppercase()));
    let Some((method, address)) = called else { return String::new() };
    let address = if address.starts_with('/') { format!("{origin}{address}") } else { address.to_owned() };
    let mut command = format!("curl -X {method} {}", quoted(&address));
    for header in headers(operation) {
        // In double quotes, the shell expands the variable. Writing to a string cannot fail.
        let _ = write!(command, " \\\n  -H \"{header}\"");
    }
    if operation == UploadMedia::METADATA.name() {
        command.push_str(" \\\n  -F 'file=@FILE'");
    } else if !body.is_empty() {
        let _ = write!(command, " \\\n  --data-raw {}", quoted(body));
    }
    command
}

fn headers(operation: &str) -> &'static [&'static str] {
    const JSON: &str = "content-type: application/json";
    const API_KEY: &str = "x-api-key: $KENAR_API_KEY";
    const BEARER: &str = "authorization: Bearer $ACCESS_TOKEN";
    const IDENTIFICATION: &str = "authorization: $KENAR_IDENTIFICATION_KEY";
    let declared = operation::ALL.iter().find(|declared| declared.name() == operation);
    match (operation, declared.map(|declared| (declared.authentication(), declared.method()))) {
        (_, Some((Authentication::User, &Method::GET))) => &[API_KEY, BEARER],
        (_, Some((Authentication::User, _))) => &[API_KEY, BEARER, JSON],
        (_, Some((Authentication::ApiKey, &Method::GET))) => &[API_KEY],
        (_, Some((Authentication::ApiKey, _))) => &[API_KEY, JSON],
        (_, Some((Authentication::UploadToken, _))) => &["authorization: Bearer $UPLOAD_TOKEN"],
        (OPEN_APP, _) => &[IDENTIFICATION, JSON, "api-version: 2"],
        (EVENT | DYNAMIC_ACTION, _) => &[IDENTIFICATION, JSON],
        _ => &[],
    }
}

/// The text in single quotes for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The text with the sandbox's tokens and keys, and the values of secret parameters, masked.
fn mask(text: &str) -> String {
    mask_parameters(&mask_own(text))
}

/// Masks tokens such as `sandbox-access-token-3-0123456789abcdef`, and upload tokens, which are the same in Base64.
fn mask_own(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, secret)) = next_own(rest) {
        let (before, from) = rest.split_at(at);
        let (secret, after) = from.split_at(secret);
        masked.push_str(before);
        let kept = secret.rsplit_once('-').map_or("c2FuZGJveC", |(kept, _)| kept);
        let _ = write!(masked, "{kept}-{MASK}");
        rest = after;
    }
    masked + rest
}

/// The start and length of the next token or key of the sandbox.
fn next_own(text: &str) -> Option<(usize, usize)> {
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let token = run(text, "sandbox-", of_token);
    let upload_token = run(text, "c2FuZGJveC", of_base64);
    token.into_iter().chain(upload_token).min()
}

/// The start and length of the first run of these bytes after a prefix.
fn run(text: &str, prefix: &str, belongs: impl Fn(u8) -> bool) -> Option<(usize, usize)> {
    let at = text.find(prefix)?;
    Some((at, text.bytes().skip(at).take_while(|byte| belongs(*byte)).count()))
}

/// Masks secret parameters in a query or a form.
fn mask_parameters(text: &str) -> String {
    text.split_inclusive(['?', '&']).map(mask_parameter).collect()
}

fn mask_parameter(piece: &str) -> String {
    let Some((name, value)) = piece.split_once('=').filter(|(name, _)| SECRET_PARAMETERS.contains(name)) else {
        return piece.to_owned();
    };
    let end = value.find(['?', '&', '#', '"', '\'', '<', ' ']).unwrap_or(value.len());
    let (value, after) = value.split_at(end);
    if value.contains(MASK) { piece.to_owned() } else { format!("{name}={MASK}{after}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_anywhere_in_a_text() {
        for (text, masked) in [
            ("nothing secret, سلام", "nothing secret, سلام"),
            (
                r#"{"access_token":"sandbox-access-token-3-0123456789abcdef","expires_in":3600}"#,
                r#"{"access_token":"sandbox-access-token-3-••••","expires_in":3600}"#,
            ),
            (r#"{"token":"c2FuZGJveC11cGxvYWQtdG9rZW4t=="}"#, r#"{"token":"c2FuZGJveC-••••"}"#),
            ("grant_type=refresh_token&refresh_token=real&a=b", "grant_type=refresh_token&refresh_token=••••&a=b"),
            ("client_secret=x", "client_secret=••••"),
            (
                "GET http://127.0.0.1:1/oauth?code=sandbox-code-1-00ff&state=abc&x=1",
                "GET http://127.0.0.1:1/oauth?code=sandbox-code-1-••••&state=••••&x=1",
            ),
            (r#"{"url":"http://a/?state=b"}"#, r#"{"url":"http://a/?state=••••"}"#),
            ("sandbox-a-1-00 c2FuZGJveCxx sandbox-b-2-ff", "sandbox-a-1-•••• c2FuZGJveC-•••• sandbox-b-2-••••"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }

    #[test]
    fn curl_command_is_quoted_and_has_variables_for_secrets() {
        let command = curl(
            kenar::operation::SendBotMessage::METADATA.name(),
            "POST /v1/x",
            r#"{"text_message":"it's $HOME"}"#,
            "http://127.0.0.1:1",
        );
        assert_eq!(
            command,
            "curl -X POST 'http://127.0.0.1:1/v1/x' \\\n  -H \"x-api-key: $KENAR_API_KEY\" \\\n  \
             -H \"content-type: application/json\" \\\n  --data-raw '{\"text_message\":\"it'\\''s $HOME\"}'"
        );
        let command = curl(OPEN_APP, "POST http://127.0.0.1:2/open", "{}", "http://127.0.0.1:1");
        assert!(command.contains("'http://127.0.0.1:2/open'") && command.contains("$KENAR_IDENTIFICATION_KEY"));
        assert_eq!(curl(EVENT, "(no URL)", "{}", ""), "");
    }
}

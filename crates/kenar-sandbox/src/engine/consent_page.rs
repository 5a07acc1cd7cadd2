//! The HTML of the consent page, in Persian and English. It also works without the chat page's style and script.

use kenar::oauth::Scope;
use kenar::request::ScopeKind;
use maud::{DOCTYPE, Markup, Render, html};

/// The content security policy: only own style and script, and frames only on loopback.
///
/// It has no `form-action`, since the form redirects to the add-on, and the add-on may redirect again.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    base-uri 'none'; frame-ancestors 'self' http://127.0.0.1:* http://localhost:*; require-trusted-types-for 'script'; trusted-types 'none'";

/// The consent page for these scopes, with a choice of people.
pub(super) fn asking<'a>(app: &str, scopes: &[Scope], people: impl Iterator<Item = &'a str>) -> String {
    let initial = app.chars().next().unwrap_or('?');
    document(&html! {
        div.mark aria-hidden="true" { (initial) }
        h1 {
            (both(&html! { bdi { (app) } " از شما اجازه می‌خواهد" }, &html! { bdi { (app) } " asks for your permission" }))
        }
        ul.scopes {
            @for scope in scopes {
                li {
                    @if let Some((persian, english)) = scope.kind().and_then(meaning) { (both(persian, english)) }
                    code { (scope.as_str()) }
                }
            }
        }
        form method="post" {
            label.who {
                span { (both("شما:", "You are")) }
                " "
                select name="user" { @for name in people { option { (name) } } }
            }
            div.decide {
                button.primary name="decision" value="allow" { (both("اجازه می‌دهم", "Allow")) }
                button name="decision" value="deny" { (both("اجازه نمی‌دهم", "Deny")) }
            }
        }
    })
}

/// The error page.
pub(super) fn refusing(why: &str) -> String {
    document(&html! {
        h1 { (both("درخواست اجازه نامعتبر است", "Invalid permission request")) }
        p.why dir="ltr" lang="en" { (why) }
    })
}

fn document(main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="fa" dir="rtl" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Kenar sandbox: permission" }
                link rel="icon" href="/chat/icon.svg";
                link rel="stylesheet" href="/chat/theme.css";
                link rel="stylesheet" href="/chat/consent.css";
                script src="/chat/start.js" {}
                script type="module" src="/chat/consent.js" {}
            }
            body { main { (main) } }
        }
    };
    page.into_string()
}

/// A text in both languages. The style shows the chosen one.
fn both(persian: impl Render, english: impl Render) -> Markup {
    html! {
        span.fa lang="fa" { (persian) }
        span.en lang="en" dir="ltr" { (english) }
    }
}

/// The meaning of a chat scope, in Persian and English. The wording is the sandbox's own.
pub(super) fn meaning(kind: ScopeKind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        ScopeKind::CONVERSATION_SEND_MESSAGE => {
            ("از طرف شما در این گفت‌وگو پیام بفرستد", "Send messages in this conversation on your behalf")
        }
        ScopeKind::CHAT_CONVERSATION_READ => ("پیام‌های این گفت‌وگو را بخواند", "Read the messages in this conversation"),
        ScopeKind::CHAT_POST_CONVERSATIONS_READ => {
            ("پیام‌های گفت‌وگوهای این آگهی را بخواند", "Read the conversations about this post")
        }
        ScopeKind::CHAT_POST_CONVERSATIONS_MESSAGE_SEND => (
            "از طرف شما در گفت‌وگوهای این آگهی پیام بفرستد",
            "Send messages on your behalf in conversations about this post",
        ),
        ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_READ => {
            ("پیام‌های گفت‌وگوهای همهٔ آگهی‌های شما را بخواند", "Read the conversations about all your posts")
        }
        ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND => (
            "از طرف شما در گفت‌وگوهای همهٔ آگهی‌هایتان پیام بفرستد",
            "Send messages on your behalf in conversations about all your posts",
        ),
        ScopeKind::CHAT_BOT_USER_MESSAGE_SEND => {
            ("با چت‌بات خود به شما پیام بدهد", "Send you messages from its chatbot")
        }
        ScopeKind::NOTIFICATION_ACCESS_REVOCATION => {
            ("اگر اجازه را پس گرفتید باخبر شود", "Be notified when you revoke the permission")
        }
        ScopeKind::USER_ID => ("شما را بشناسد", "Recognise you"),
        ScopeKind::USER_PHONE => ("شمارهٔ تلفن شما را بداند", "Know your phone number"),
        ScopeKind::USER_POSTS_GET => ("آگهی‌های شما را ببیند", "See your posts"),
        ScopeKind::OFFLINE_ACCESS => ("تا یک ماه این اجازه را نگه دارد", "Keep the permission for a month"),
        _ => return None,
    })
}

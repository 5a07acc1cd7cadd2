//! The page where permission is asked for, in Persian and in English. Its style and its script are the chat page's; it
//! works without them.

use kenar::oauth::Scope;
use kenar::request::ScopeKind;
use maud::{DOCTYPE, Markup, Render, html};

/// Nothing but the sandbox's own style and script, and no frame but the chat page's, whose loopback
/// name may be another. What a form leads to is left open:
/// that is an add-on's address, and where the add-on sends the user next.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    base-uri 'none'; frame-ancestors 'self' http://127.0.0.1:* http://localhost:*; require-trusted-types-for 'script'; trusted-types 'none'";

/// The page for an app that asks for these scopes, and the people who might be asked.
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

/// The page that says why there is nothing to be asked.
pub(super) fn refusing(why: &str) -> String {
    document(&html! {
        h1 { (both("این درخواستِ اجازه درست نیست", "This request for permission is not valid")) }
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

/// A text in both languages. The style shows the one that was chosen.
fn both(persian: impl Render, english: impl Render) -> Markup {
    html! {
        span.fa lang="fa" { (persian) }
        span.en lang="en" dir="ltr" { (english) }
    }
}

/// What the scopes of the chat let an app do, in words of the sandbox's own.
pub(super) fn meaning(kind: ScopeKind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        ScopeKind::CONVERSATION_SEND_MESSAGE => {
            ("از طرف شما در این گفت‌وگو پیام بفرستد", "Write in this conversation for you")
        }
        ScopeKind::CHAT_CONVERSATION_READ => ("پیام‌های این گفت‌وگو را بخواند", "Read this conversation"),
        ScopeKind::CHAT_POST_CONVERSATIONS_READ => {
            ("پیام‌های گفت‌وگوهای این آگهی را بخواند", "Read the conversations about this post")
        }
        ScopeKind::CHAT_POST_CONVERSATIONS_MESSAGE_SEND => {
            ("از طرف شما در گفت‌وگوهای این آگهی پیام بفرستد", "Write for you in the conversations about this post")
        }
        ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_READ => {
            ("پیام‌های گفت‌وگوهای همهٔ آگهی‌های شما را بخواند", "Read the conversations about all your posts")
        }
        ScopeKind::CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND => (
            "از طرف شما در گفت‌وگوهای همهٔ آگهی‌هایتان پیام بفرستد",
            "Write for you in the conversations about all your posts",
        ),
        ScopeKind::CHAT_BOT_USER_MESSAGE_SEND => ("با چت‌بات خود به شما پیام بدهد", "Write to you with its chatbot"),
        ScopeKind::NOTIFICATION_ACCESS_REVOCATION => {
            ("باخبر شود اگر اجازه را پس گرفتید", "Be told when you take the permission back")
        }
        ScopeKind::USER_ID => ("شما را بازشناسد", "Recognise you"),
        ScopeKind::USER_PHONE => ("شمارهٔ تلفن شما را بداند", "Know your telephone number"),
        ScopeKind::USER_POSTS_GET => ("آگهی‌های شما را ببیند", "See your posts"),
        ScopeKind::OFFLINE_ACCESS => ("تا یک ماه این اجازه را نگه دارد", "Keep the permission for a month"),
        _ => return None,
    })
}

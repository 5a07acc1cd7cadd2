//! The page where permission is asked for, in Persian and in English. Its style and its script are the chat page's; it
//! works without them.

use kenar::oauth::Scope;
use kenar::request::ScopeKind;

/// Nothing but the sandbox's own style and script, and no frame but the chat page's. What a form leads to is left open:
/// that is an add-on's address, and where the add-on sends the user next.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    base-uri 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The page for an app that asks for these scopes, and the people who might be asked.
pub(super) fn asking<'a>(app: &str, scopes: &[Scope], people: impl Iterator<Item = &'a str>) -> String {
    let app = escape(app);
    let initial = escape(&app.chars().next().unwrap_or('?').to_string());
    let scopes: String = scopes.iter().map(scope_item).collect();
    let people: String = people.map(|name| format!("<option>{}</option>", escape(name))).collect();
    let main = format!(
        r#"<div class="mark" aria-hidden="true">{initial}</div>
<h1>{}</h1>
<ul class="scopes">{scopes}</ul>
<form method="post">
<label class="who"><span>{}</span> <select name="user">{people}</select></label>
<div class="decide">
<button class="primary" name="decision" value="allow">{}</button>
<button name="decision" value="deny">{}</button>
</div>
</form>"#,
        both(&format!("<bdi>{app}</bdi> از شما اجازه می‌خواهد"), &format!("<bdi>{app}</bdi> asks for your permission")),
        both("شما:", "You are"),
        both("اجازه می‌دهم", "Allow"),
        both("اجازه نمی‌دهم", "Deny"),
    );
    document(&main)
}

/// The page that says why there is nothing to be asked.
pub(super) fn refusing(why: &str) -> String {
    document(&format!(
        "<h1>{}</h1>\n<p class=\"why\" dir=\"ltr\" lang=\"en\">{}</p>",
        both("این درخواستِ اجازه درست نیست", "This request for permission is not valid"),
        escape(why)
    ))
}

fn document(main: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="fa" dir="rtl">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kenar sandbox: permission</title>
<link rel="icon" href="/chat/icon.svg">
<link rel="stylesheet" href="/chat/theme.css">
<link rel="stylesheet" href="/chat/consent.css">
<script src="/chat/start.js"></script>
<script type="module" src="/chat/consent.js"></script>
</head>
<body>
<main>
{main}
</main>
</body>
</html>
"#
    )
}

fn both(persian: &str, english: &str) -> String {
    format!(r#"<span class="fa" lang="fa">{persian}</span><span class="en" lang="en" dir="ltr">{english}</span>"#)
}

fn scope_item(scope: &Scope) -> String {
    let said = match scope.kind().and_then(meaning) {
        Some((persian, english)) => both(persian, english),
        None => String::new(),
    };
    format!("<li>{said}<code>{}</code></li>", escape(scope.as_str()))
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

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

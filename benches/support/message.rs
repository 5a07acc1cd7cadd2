//! One message with nine buttons, built in three ways.

use kenar::model::PostToken;
use kenar::model::icon::Icon;
use kenar::{Button, ConversationMessage};
use serde_json::{Value, json};

use super::plain::{self, Action, Grid, Order, Row};

const POST: &str = "QYabcdef";
const TRACKING: &str = "https://addon.example/orders/17/tracking?from=chat";
const TEXT: &str = "درخواست ارسال ثبت شد. پیک تا ساعت ۱۸ می‌رسد.";
const STEPS: [&str; 6] = ["confirm", "later", "cancel", "details", "address", "help"];

/// Built with kenar, with its link parsed.
pub fn typed_message() -> ConversationMessage {
    let order = |step: &str| Order { order: "order-17".to_owned(), step: step.to_owned() };
    let post = PostToken::new(POST);
    let link = url::Url::parse(TRACKING).unwrap();
    ConversationMessage::text(TEXT).receiver_buttons([
        [
            Button::dynamic_action("تأیید", order(STEPS[0])).icon(Icon::CHECK_CIRCLE),
            Button::dynamic_action("بعداً", order(STEPS[1])).icon(Icon::CHECK_CIRCLE),
            Button::dynamic_action("لغو", order(STEPS[2])).icon(Icon::CHECK_CIRCLE),
        ],
        [
            Button::server_link("جزئیات", order(STEPS[3])).icon(Icon::PLACE),
            Button::server_link("نشانی", order(STEPS[4])).icon(Icon::PLACE),
            Button::server_link("راهنما", order(STEPS[5])).icon(Icon::PLACE),
        ],
        [
            Button::open_link("پیگیری", link).icon(Icon::SEND),
            Button::post_page("آگهی", &post).icon(Icon::SEND),
            Button::post_manage_page("مدیریت", &post).icon(Icon::SEND),
        ],
    ])
}

/// Built with hand-written structs, with its link as it is.
pub fn plain_message() -> plain::ConversationMessage {
    plain_message_with(TRACKING.to_owned())
}

/// Built with hand-written structs, with its link parsed.
pub fn plain_message_with_parsed_link() -> plain::ConversationMessage {
    plain_message_with(url::Url::parse(TRACKING).unwrap().into())
}

fn plain_message_with(link: String) -> plain::ConversationMessage {
    let order = |step: &str| Order { order: "order-17".to_owned(), step: step.to_owned() };
    let button = |caption: &str, icon, action| plain::Button { action, icon, caption: caption.to_owned() };
    let post_token = || POST.to_owned();
    plain::ConversationMessage {
        kind: "TEXT",
        message: TEXT.to_owned(),
        receiver_buttons: Grid {
            rows: vec![
                Row {
                    buttons: vec![
                        button("تأیید", plain::Icon::CheckCircle, Action::GetDynamicAction { data: order(STEPS[0]) }),
                        button("بعداً", plain::Icon::CheckCircle, Action::GetDynamicAction { data: order(STEPS[1]) }),
                        button("لغو", plain::Icon::CheckCircle, Action::GetDynamicAction { data: order(STEPS[2]) }),
                    ],
                },
                Row {
                    buttons: vec![
                        button("جزئیات", plain::Icon::Place, Action::OpenServerLink { data: order(STEPS[3]) }),
                        button("نشانی", plain::Icon::Place, Action::OpenServerLink { data: order(STEPS[4]) }),
                        button("راهنما", plain::Icon::Place, Action::OpenServerLink { data: order(STEPS[5]) }),
                    ],
                },
                Row {
                    buttons: vec![
                        button("پیگیری", plain::Icon::Send, Action::OpenDirectLink(link)),
                        button("آگهی", plain::Icon::Send, Action::OpenPostPage { post_token: post_token() }),
                        button("مدیریت", plain::Icon::Send, Action::OpenPostManagePage { post_token: post_token() }),
                    ],
                },
            ],
        },
    }
}

/// Built with `json!`.
pub fn json_message() -> Value {
    let order = |step: &str| json!({ "order": "order-17", "step": step });
    let dynamic = |caption: &str, step| {
        json!({
            "action": { "get_dynamic_action": { "data": order(step) } }, "icon": "CHECK_CIRCLE", "caption": caption,
        })
    };
    let server = |caption: &str, step| json!({ "action": { "open_server_link": { "data": order(step) } }, "icon": "PLACE", "caption": caption });
    json!({
        "type": "TEXT",
        "message": TEXT,
        "receiver_buttons": { "rows": [
            { "buttons": [dynamic("تأیید", STEPS[0]), dynamic("بعداً", STEPS[1]), dynamic("لغو", STEPS[2])] },
            { "buttons": [server("جزئیات", STEPS[3]), server("نشانی", STEPS[4]), server("راهنما", STEPS[5])] },
            { "buttons": [
                { "action": { "open_direct_link": TRACKING }, "icon": "SEND", "caption": "پیگیری" },
                { "action": { "open_post_page": { "post_token": POST } }, "icon": "SEND", "caption": "آگهی" },
                { "action": { "open_post_manage_page": { "post_token": POST } }, "icon": "SEND", "caption": "مدیریت" },
            ] },
        ] },
    })
}

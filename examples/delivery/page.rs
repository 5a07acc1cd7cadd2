//! The pages: plain HTML in Persian, with one style sheet and no script.

use std::fmt::Display;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kenar::webhook::COMPLETION_URL;
use maud::{DOCTYPE, Markup, html};

use super::order::{Choice, DAYS, Form, HOURS, MAX_ADDRESS, Mistakes, Order, Purpose};

/// A page with a status.
pub struct Page {
    status: StatusCode,
    html: Markup,
}

impl Page {
    fn new(status: StatusCode, title: &str, body: Markup) -> Self {
        let html = html! {
            (DOCTYPE)
            html lang="fa" dir="rtl" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) }
                    link rel="stylesheet" href="../style.css";
                }
                body { main { h1 { (title) } (body) } }
            }
        };
        Self { status, html }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'self'; base-uri 'none'"),
            // The URL holds the id of the visit, which is a secret.
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (self.status, headers, self.html).into_response()
    }
}

pub async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], include_str!("style.css"))
}

/// The form of a visit, with its mistakes.
pub fn form(purpose: &Purpose, form: &Form, mistakes: &Mistakes, return_url: impl Display) -> Page {
    let title = match purpose {
        Purpose::NewOrder => "ارسال کالا",
        Purpose::OtherTime(_) => "زمان دیگر",
    };
    let has_mistakes = *mistakes != Mistakes::default();
    let body = html! {
        p class="lead" {
            @match purpose {
                Purpose::NewOrder => "کی و کجا تحویل بدهیم؟",
                Purpose::OtherTime(order) => { "اکنون قرار است " (order.when) " تحویل بدهیم." }
            }
        }
        @if has_mistakes { p class="alert" role="alert" { "فرم کامل نیست." } }
        form method="post" {
            (choices("day", "روز", &DAYS, &form.day, mistakes.day))
            (choices("hours", "ساعت", &HOURS, &form.hours, mistakes.hours))
            @if let Purpose::NewOrder = purpose { (address(form, mistakes)) }
            p class="hint" {
                "در گام بعد دیوار از شما اجازه می‌گیرد تا نتیجه را در همین گفت‌وگو بنویسیم. نشانی در گفت‌وگو نوشته نمی‌شود."
            }
            button { "ثبت درخواست" }
        }
        (link(return_url, "انصراف و بازگشت به دیوار"))
    };
    Page::new(if has_mistakes { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, title, body)
}

/// A group of radio buttons.
fn choices(name: &str, legend: &str, choices: &[Choice], chosen: &str, mistake: Option<&str>) -> Markup {
    html! {
        fieldset role="radiogroup" aria-invalid=[invalid(mistake)] aria-describedby=[described_by(name, mistake)] {
            legend { (legend) }
            div class="choices" {
                @for Choice { value, label } in choices {
                    label class="choice" {
                        input type="radio" name=(name) value=(value) required checked[*value == chosen];
                        " " (label)
                    }
                }
            }
            (explained(name, mistake))
        }
    }
}

fn address(form: &Form, mistakes: &Mistakes) -> Markup {
    let mistake = mistakes.address;
    html! {
        div class="field" {
            label for="address" { "نشانی تحویل" }
            textarea id="address" name="address" rows="3" maxlength=(MAX_ADDRESS) autocomplete="street-address" required
                aria-invalid=[invalid(mistake)] aria-describedby=[described_by("address", mistake)] { (form.address) }
            (explained("address", mistake))
        }
    }
}

fn invalid(mistake: Option<&str>) -> Option<&'static str> {
    mistake.map(|_| "true")
}

/// The id of the element that explains a mistake, for screen readers.
fn described_by(name: &str, mistake: Option<&str>) -> Option<String> {
    mistake.map(|_| format!("{name}-mistake"))
}

fn explained(name: &str, mistake: Option<&str>) -> Markup {
    html! {
        @if let Some(mistake) = mistake { p class="mistake" id={ (name) "-mistake" } { (mistake) } }
    }
}

/// The state of an order, for both sides. It leaves out the address, since both can open the link.
pub fn tracking(order: &Order) -> Page {
    let (class, state) = if order.is_confirmed {
        ("good", "زمان تأیید شد")
    } else {
        ("waiting", "در انتظار تأیید طرف مقابل")
    };
    let body = html! {
        dl {
            dt { "زمان تحویل" } dd { (order.when) }
            dt { "وضعیت" } dd class=(class) { (state) }
        }
        (link(COMPLETION_URL, "بازگشت به دیوار"))
    };
    Page::new(StatusCode::OK, "پیگیری ارسال", body)
}

/// A page with one message and links.
pub fn notice(status: StatusCode, title: &str, text: &str, links: &[(&str, &str)]) -> Page {
    let body = html! {
        p class="lead" { (text) }
        @for (url, label) in links { (link(url, label)) }
    };
    Page::new(status, title, body)
}

fn link(url: impl Display, label: &str) -> Markup {
    html! { p { a href=(url.to_string()) { (label) } } }
}

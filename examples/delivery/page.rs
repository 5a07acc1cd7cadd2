//! What the user's browser shows: plain HTML in Persian, with nothing from elsewhere and no script.

use std::fmt::{self, Display};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use kenar::webhook::COMPLETION_URL;

use super::order::{Choice, DAYS, Form, HOURS, MAX_ADDRESS, Mistakes, Order, Purpose};

/// A page, with a status for programs that read it.
pub struct Page {
    status: StatusCode,
    html: String,
}

impl Page {
    fn new(status: StatusCode, title: &str, body: impl Display) -> Self {
        let title = Escaped(title);
        let html = format!(
            r#"<!doctype html>
<html lang="fa" dir="rtl">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="../style.css">
</head>
<body><main>
<h1>{title}</h1>
{body}
</main></body>
</html>
"#
        );
        Self { status, html }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'self'; base-uri 'none'"),
            // The address holds the id of the visit, which is nobody else's business.
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (self.status, headers, Html(self.html)).into_response()
    }
}

pub async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], include_str!("style.css"))
}

/// A text in HTML, between tags or in a quoted attribute. All that was not written in this file goes through it.
pub struct Escaped<T>(pub T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string().chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => write!(f, "{other}")?,
            }
        }
        Ok(())
    }
}

/// The form of a visit, as far as it is filled in, with what is wrong with it.
pub fn form(purpose: &Purpose, form: &Form, mistakes: &Mistakes, return_url: impl Display) -> Page {
    let (title, lead, address) = match purpose {
        Purpose::NewOrder => ("ارسال کالا", "کی و کجا تحویل بدهیم؟".to_owned(), address(form, mistakes)),
        Purpose::OtherTime(order) => {
            ("زمان دیگر", format!("اکنون قرار است {} تحویل بدهیم.", Escaped(order.when)), String::new())
        }
    };
    let has_mistakes = *mistakes != Mistakes::default();
    let alert = if has_mistakes { r#"<p class="alert" role="alert">فرم کامل نیست.</p>"# } else { "" };
    let body = format!(
        r#"<p class="lead">{lead}</p>
{alert}
<form method="post">
{days}
{hours}
{address}
<p class="hint">در گام بعد دیوار از شما اجازه می‌گیرد تا نتیجه را در همین گفت‌وگو بنویسیم. نشانی در گفت‌وگو نوشته نمی‌شود.</p>
<button>ثبت درخواست</button>
</form>
{back}"#,
        days = choices("day", "روز", &DAYS, &form.day, mistakes.day),
        hours = choices("hours", "ساعت", &HOURS, &form.hours, mistakes.hours),
        back = link(return_url, "انصراف و بازگشت به دیوار"),
    );
    Page::new(if has_mistakes { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, title, body)
}

/// A group of radio buttons.
fn choices(name: &str, legend: &str, choices: &[Choice], chosen: &str, mistake: Option<&str>) -> String {
    let radio = |Choice { value, label }: &Choice| {
        let checked = if *value == chosen { " checked" } else { "" };
        format!(
            r#"<label class="choice"><input type="radio" name="{name}" value="{value}" required{checked}> {label}</label>"#
        )
    };
    format!(
        "<fieldset role=\"radiogroup\"{}><legend>{legend}</legend>\n<div class=\"choices\">\n{}\n</div>\n{}</fieldset>",
        described_by(name, mistake),
        choices.iter().map(radio).collect::<Vec<_>>().join("\n"),
        explained(name, mistake),
    )
}

fn address(form: &Form, mistakes: &Mistakes) -> String {
    format!(
        r#"<div class="field"><label for="address">نشانی تحویل</label>
<textarea id="address" name="address" rows="3" maxlength="{MAX_ADDRESS}" autocomplete="street-address" required{}>{}</textarea>
{}</div>"#,
        described_by("address", mistakes.address),
        Escaped(&form.address),
        explained("address", mistakes.address),
    )
}

/// Tells a screen reader that a field is wrong, and where it says why.
fn described_by(name: &str, mistake: Option<&str>) -> String {
    mistake.map(|_| format!(r#" aria-invalid="true" aria-describedby="{name}-mistake""#)).unwrap_or_default()
}

fn explained(name: &str, mistake: Option<&str>) -> String {
    mistake.map(|mistake| format!(r#"<p class="mistake" id="{name}-mistake">{mistake}</p>"#)).unwrap_or_default()
}

/// Where an order has got to, for both sides. The address is not on it: the link is in the conversation.
pub fn tracking(order: &Order) -> Page {
    let (class, state) = if order.is_confirmed {
        ("good", "زمان تأیید شد")
    } else {
        ("waiting", "در انتظار تأیید طرف مقابل")
    };
    let body = format!(
        "<dl><dt>زمان تحویل</dt><dd>{}</dd><dt>وضعیت</dt><dd class=\"{class}\">{state}</dd></dl>\n{}",
        Escaped(order.when),
        link(COMPLETION_URL, "بازگشت به دیوار"),
    );
    Page::new(StatusCode::OK, "پیگیری ارسال", body)
}

/// A page that says one thing, with links to go on by.
pub fn notice(status: StatusCode, title: &str, text: &str, links: &[(&str, &str)]) -> Page {
    let links: String = links.iter().map(|(address, label)| link(address, label)).collect();
    Page::new(status, title, format!(r#"<p class="lead">{}</p>{links}"#, Escaped(text)))
}

fn link(address: impl Display, label: &str) -> String {
    format!("<p><a href=\"{}\">{}</a></p>\n", Escaped(address), Escaped(label))
}

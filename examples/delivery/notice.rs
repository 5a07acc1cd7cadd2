//! The pages for problems. Each leads back to Divar.

use axum::http::StatusCode;
use kenar::Error;
use kenar::oauth::CallbackError;
use kenar::webhook::COMPLETION_URL;

use super::page::{Page, notice};
use super::random::NoRandomness;
use super::visits::Visit;

const BACK: &str = "بازگشت به دیوار";

pub fn only_in_chats() -> Page {
    let text = "ارسال کالا را از درون یک گفت‌وگو باز کنید.";
    notice(StatusCode::OK, "ارسال کالا", text, &[(COMPLETION_URL, BACK)])
}

/// The visit is unknown or has expired.
pub fn no_visit() -> Page {
    let text = "زمان این صفحه گذشته است. افزونه را دوباره از گفت‌وگو باز کنید.";
    notice(StatusCode::GONE, "این صفحه دیگر کار نمی‌کند", text, &[(COMPLETION_URL, BACK)])
}

pub fn no_order() -> Page {
    notice(StatusCode::NOT_FOUND, "سفارش پیدا نشد", "پیوند را از گفت‌وگو باز کنید.", &[(COMPLETION_URL, BACK)])
}

pub fn already_sent(visit: &Visit) -> Page {
    let text = "این درخواست فرستاده شده است. نتیجه را در گفت‌وگو ببینید.";
    notice(StatusCode::CONFLICT, "یک بار کافی است", text, &[(visit.return_url.as_str(), BACK)])
}

pub fn refused(visit: &Visit) -> Page {
    let text = "بی اجازهٔ شما چیزی در گفت‌وگو نوشته نمی‌شود. اگر بخواهید، دوباره تلاش کنید.";
    let again = format!("../visits/{}", visit.id);
    let links = [(again.as_str(), "تلاش دوباره"), (visit.return_url.as_str(), BACK)];
    notice(StatusCode::FORBIDDEN, "درخواست ثبت نشد", text, &links)
}

/// One side blocked the other.
pub fn blocked(visit: &Visit) -> Page {
    let text = "پیام به طرف مقابل نمی‌رسد، پس درخواست ثبت نشد.";
    notice(StatusCode::CONFLICT, "این گفت‌وگو بسته است", text, &[(visit.return_url.as_str(), BACK)])
}

pub fn not_written(visit: &Visit, error: &Error) -> Page {
    eprintln!("not written: {error}");
    let text = "چیزی در گفت‌وگو نوشته نشد. کمی بعد دوباره تلاش کنید.";
    let again = format!("../visits/{}", visit.id);
    let links = [(again.as_str(), "تلاش دوباره"), (visit.return_url.as_str(), BACK)];
    notice(StatusCode::BAD_GATEWAY, "درخواست ثبت نشد", text, &links)
}

/// Divar may have processed the message, so it must not be resent.
pub fn unsure(visit: &Visit, error: &Error) -> Page {
    eprintln!("the outcome is unknown: {error}");
    let text = "پاسخ دیوار نرسید. اگر پیام در گفت‌وگو نیست، افزونه را دوباره باز کنید.";
    notice(StatusCode::BAD_GATEWAY, "گفت‌وگو را ببینید", text, &[(visit.return_url.as_str(), BACK)])
}

/// The response of the consent page is not for this visit, or is malformed.
impl From<CallbackError> for Page {
    fn from(error: CallbackError) -> Self {
        eprintln!("not the callback of this visit: {error}");
        let text = "افزونه را دوباره از گفت‌وگو باز کنید.";
        notice(StatusCode::BAD_REQUEST, "این پاسخ برای این صفحه نیست", text, &[(COMPLETION_URL, BACK)])
    }
}

impl From<NoRandomness> for Page {
    fn from(error: NoRandomness) -> Self {
        eprintln!("{error}");
        let text = "کمی بعد افزونه را دوباره از گفت‌وگو باز کنید.";
        notice(StatusCode::INTERNAL_SERVER_ERROR, "مشکلی پیش آمد", text, &[(COMPLETION_URL, BACK)])
    }
}

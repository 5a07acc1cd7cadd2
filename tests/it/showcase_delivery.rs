//! The add-on of `examples/delivery`: its messages, and its pages if something fails.

#[path = "../../examples/delivery/addon.rs"]
mod addon;
#[path = "../../examples/delivery/notice.rs"]
mod notice;
#[path = "../../examples/delivery/order.rs"]
mod order;
#[path = "../../examples/delivery/page.rs"]
mod page;
#[path = "../../examples/delivery/random.rs"]
mod random;
#[path = "../../examples/delivery/visits.rs"]
mod visits;

use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use kenar::Client;
use kenar::model::{AppUrl, ButtonGrid, RawJson};
use kenar::request::{BaseUrls, Body};
use kenar::secret::IdentificationKey;
use kenar::transport::{HttpTransport, HyperTransport, MockTransport, TransportError, TransportErrorKind};
use kenar::webhook::{COMPLETION_URL, OpenApp, OpenAppReply};
use kenar_sandbox::{App, Chat, ChatMessage, Sandbox, User, Visit};
use serde_json::json;
use tokio::sync::Semaphore;

use self::addon::Settings;
use crate::common::{Outcome, Site};

const ADDRESS: &str = "خیابان آزادی، پلاک ۱۷";
const FORM: [(&str, &str); 3] = [("day", "mon"), ("hours", "15-18"), ("address", ADDRESS)];
const ORDERED: &str = "درخواست ارسال ثبت شد 🚚\nدوشنبه، ساعت ۱۵ تا ۱۸";

/// A seller, a buyer and the add-on in a chat.
struct Scene {
    sandbox: Sandbox,
    app: App,
    base: AppUrl,
    sara: User,
    ali: User,
    chat: Chat,
}

async fn scene() -> Outcome<Scene> {
    scene_with(|_| {}).await
}

async fn scene_with(set: impl FnOnce(&mut Settings)) -> Outcome<Scene> {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("delivery");
    let site = Site::of_sandbox(&app).await?;
    let mut settings = Settings {
        verifier: site.verifier.clone(),
        client: site.client.clone(),
        oauth: app.oauth(site.redirect_uri().as_str())?,
        base: site.base.clone(),
        patience: Duration::from_secs(600),
    };
    set(&mut settings);
    let base = site.base.clone();
    site.serve_aside(addon::router(settings));
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
    Ok(Scene { sandbox, app, base, sara, ali, chat })
}

impl Scene {
    /// Lets Ali order a delivery, and returns the message about it.
    async fn order(&self) -> Outcome<ChatMessage> {
        let page = self.ali.open_app(&self.chat, &self.app).await?;
        let back = page.post_form("", &FORM).await?.allow().await?;
        assert!(back.has_returned(), "{back:?}: {}", back.text());
        Ok(self.chat.next_message().await?)
    }

    /// The texts that apps have sent so far.
    fn written(&self) -> Vec<String> {
        let messages = self.chat.messages().into_iter().filter(ChatMessage::is_from_app);
        messages.map(|message| message.text().unwrap_or_default().to_owned()).collect()
    }
}

fn captions(grid: Option<&ButtonGrid>) -> Vec<&str> {
    grid.into_iter().flat_map(ButtonGrid::buttons).map(|button| button.caption.as_str()).collect()
}

mod ordering {
    use super::*;

    #[tokio::test]
    async fn order_message_has_buttons_for_each_side() -> Outcome {
        let scene = scene().await?;
        let message = scene.order().await?;
        assert_eq!(message.text(), Some(ORDERED));
        assert_eq!(captions(message.sender_buttons.as_ref()), ["پیگیری"]);
        assert_eq!(captions(message.receiver_buttons.as_ref()), ["تأیید زمان", "زمان دیگر"]);
        Ok(())
    }

    #[tokio::test]
    async fn address_stays_out_of_the_chat_and_the_linked_page() -> Outcome {
        let scene = scene().await?;
        let message = scene.order().await?;
        assert!(!scene.chat.messages().iter().any(|message| format!("{message:?}").contains("آزادی")));
        let page = scene.ali.press(&message, "پیگیری").await?.page().expect("a page");
        assert!(page.text().contains("دوشنبه، ساعت ۱۵ تا ۱۸"), "{}", page.text());
        assert!(!page.text().contains("آزادی"), "{}", page.text());
        Ok(())
    }

    #[tokio::test]
    async fn other_side_confirms_once_and_the_sender_sees_it() -> Outcome {
        let scene = scene().await?;
        let message = scene.order().await?;
        let page = scene.ali.press(&message, "پیگیری").await?.page().expect("a page");
        assert!(page.text().contains("در انتظار تأیید"), "{}", page.text());
        for toast in ["زمان تأیید شد", "این زمان پیش‌تر تأیید شده است"] {
            assert_eq!(scene.sara.press(&message, "تأیید زمان").await?.toast.as_deref(), Some(toast));
        }
        let page = scene.ali.press(&message, "پیگیری").await?.page().expect("a page");
        assert!(page.text().contains("زمان تأیید شد"), "{}", page.text());
        Ok(())
    }

    #[tokio::test]
    async fn new_time_replaces_the_old_one_and_needs_confirmation() -> Outcome {
        let scene = scene().await?;
        let first = scene.order().await?;
        scene.sara.press(&first, "تأیید زمان").await?;
        let page = scene.sara.press(&first, "زمان دیگر").await?.page().expect("a page");
        assert!(page.text().contains("دوشنبه، ساعت ۱۵ تا ۱۸"), "the page shows the current time: {}", page.text());
        assert!(!page.text().contains("name=\"address\""), "the seller must not see the address field");
        page.post_form("", &[("day", "tue"), ("hours", "9-12")]).await?.allow().await?;

        let second = scene.chat.next_message().await?;
        assert_eq!(second.text(), Some("زمان دیگری برای ارسال پیشنهاد شد 🕒\nسه‌شنبه، ساعت ۹ تا ۱۲"));
        let old = scene.sara.press(&first, "تأیید زمان").await?;
        assert_eq!(old.toast.as_deref(), Some("این پیشنهاد دیگر معتبر نیست"));
        let page = scene.sara.press(&second, "پیگیری").await?.page().expect("a page");
        assert!(page.text().contains("در انتظار تأیید"), "{}", page.text());
        assert_eq!(scene.ali.press(&second, "تأیید زمان").await?.toast.as_deref(), Some("زمان تأیید شد"));
        Ok(())
    }
}

mod form {
    use super::*;

    #[tokio::test]
    async fn shows_errors_and_keeps_valid_fields() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let long = "ا".repeat(order::MAX_ADDRESS + 1);
        type Sent<'a> = &'a [(&'a str, &'a str)];
        let cases: [(Sent<'_>, &[&str]); 4] = [
            (&[], &["یک روز را انتخاب کنید", "یک بازهٔ زمانی را انتخاب کنید", "نشانی را بنویسید"]),
            (&[("day", "someday"), ("hours", "9-12"), ("address", "x")], &["یک روز را انتخاب کنید"]),
            (&[("day", "mon"), ("hours", "9-12"), ("address", " \r\n ")], &["نشانی را بنویسید"]),
            (&[("day", "mon"), ("hours", "9-12"), ("address", &long)], &["نشانی بیش از ۳۰۰ نویسه دارد"]),
        ];
        for (form, mistakes) in cases {
            let response = page.post_form("", form).await?;
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{form:?}");
            let text = response.text();
            for mistake in mistakes {
                assert!(text.contains(mistake), "{form:?}: no {mistake} in: {text}");
            }
            assert_eq!(text.matches("class=\"mistake\"").count(), mistakes.len(), "{form:?}: {text}");
            assert_eq!(text.contains("value=\"9-12\" required checked"), form.contains(&("hours", "9-12")), "{text}");
        }
        assert!(
            !scene.sandbox.journal().iter().any(|exchange| exchange.operation.contains("oauth")),
            "no permission was requested"
        );
        Ok(())
    }

    #[tokio::test]
    async fn escapes_input_in_html() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let typed = r#"</textarea><script>alert("1")</script>&amp;'"#;
        let text = page.post_form("", &[("address", typed)]).await?.text();
        assert!(!text.contains("<script"), "{text}");
        let shown = "&lt;/textarea&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;'</textarea>";
        assert!(text.contains(shown), "{text}");
        Ok(())
    }

    #[tokio::test]
    async fn is_persian_labelled_and_self_contained() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let text = page.text();
        assert!(text.contains(r#"<html lang="fa" dir="rtl">"#), "{text}");
        assert!(text.contains(r#"<label for="address">"#) && text.contains(r#"id="address""#), "{text}");
        assert_eq!(text.matches("<fieldset").count(), text.matches("<legend>").count(), "{text}");
        let loaded: Vec<_> = ["src=", "<link", "<script", "url("].iter().flat_map(|with| text.matches(with)).collect();
        assert_eq!(loaded, ["<link"], "only the style sheet: {text}");
        assert!(text.contains(&format!("href=\"{COMPLETION_URL}\"")), "no link to Divar");

        let style = page.follow("../style.css").await?;
        assert_eq!(style.status(), StatusCode::OK);
        assert!(!style.text().contains("url("), "the style sheet loads other files");
        let response = get(page.url().as_str()).await?;
        assert_eq!(response[header::CONTENT_SECURITY_POLICY], "default-src 'none'; style-src 'self'; base-uri 'none'");
        assert_eq!(response[header::REFERRER_POLICY], "no-referrer", "the URL of the page is secret");
        Ok(())
    }

    async fn get(url: &str) -> Outcome<HeaderMap> {
        let request = Request::get(url).body(Body::from(String::new()))?;
        Ok(HyperTransport::new()?.send(request).await?.headers().clone())
    }
}

mod permission {
    use super::*;

    #[tokio::test]
    async fn refusal_writes_nothing_and_can_be_retried() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let refused = page.post_form("", &FORM).await?.deny().await?;
        assert_eq!((refused.status(), scene.written().len()), (StatusCode::FORBIDDEN, 0));
        assert!(refused.text().contains(&format!("href=\"{COMPLETION_URL}\"")), "{}", refused.text());

        let id = page.url().path_segments().and_then(Iterator::last).unwrap().to_owned();
        assert!(refused.text().contains(&format!("href=\"../visits/{id}\"")), "{}", refused.text());
        let again = refused.follow(&format!("../visits/{id}")).await?;
        assert!(again.text().contains(ADDRESS), "the form keeps its values: {}", again.text());
        assert!(again.post_form("", &FORM).await?.allow().await?.has_returned());
        assert_eq!(scene.written(), [ORDERED]);
        Ok(())
    }

    #[tokio::test]
    async fn grant_from_another_browser_is_rejected() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let consent = page.post_form("", &FORM).await?;
        let elsewhere = scene.sara.visit(consent.url().as_str()).await?.allow().await?;
        assert_eq!(elsewhere.status(), StatusCode::GONE);
        assert!(scene.written().is_empty(), "{:?}", scene.written());
        Ok(())
    }

    #[tokio::test]
    async fn grant_from_another_visit_is_rejected() -> Outcome {
        let scene = scene().await?;
        let first = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let second = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let consent = first.post_form("", &FORM).await?;
        first.post_form(second.url().as_str(), &FORM).await?; // the cookie belongs to the second visit now
        let response = consent.allow().await?;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{}", response.text());
        assert!(scene.written().is_empty(), "{:?}", scene.written());
        Ok(())
    }
}

mod repetition {
    use super::*;

    #[tokio::test]
    async fn form_sent_twice_orders_once() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let (first, second) = tokio::try_join!(page.post_form("", &FORM), page.post_form("", &FORM))?;
        for consent in [first, second] {
            assert!(consent.allow().await?.has_returned());
        }
        assert_eq!(scene.written(), [ORDERED]);
        Ok(())
    }

    #[tokio::test]
    async fn concurrent_callbacks_order_once() -> Outcome {
        let scene = scene().await?;
        let consent = scene.ali.open_app(&scene.chat, &scene.app).await?.post_form("", &FORM).await?;
        let (first, second) = tokio::try_join!(consent.allow(), consent.allow())?;
        assert!(first.has_returned() && second.has_returned(), "{first:?}, {second:?}");
        assert_eq!(scene.written(), [ORDERED]);
        Ok(())
    }

    #[tokio::test]
    async fn completed_page_responds_409() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        page.post_form("", &FORM).await?.allow().await?;
        for response in [page.follow("").await?, page.post_form("", &FORM).await?] {
            assert_eq!(response.status(), StatusCode::CONFLICT, "{}", response.text());
        }
        assert_eq!(scene.written(), [ORDERED]);
        Ok(())
    }
}

mod failures {
    use super::*;

    /// A client with a local base URL, since it never sends the sandbox's tokens to Divar's hosts.
    fn client_over(transport: impl HttpTransport) -> Client {
        let local = BaseUrls::single("http://127.0.0.1:1").unwrap();
        Client::builder("placeholder".parse().unwrap()).base_urls(local).transport(transport).build().unwrap()
    }

    /// A transport that responds only when the test opens the gate.
    #[derive(Debug)]
    struct Slow {
        started: Semaphore,
        gate: Semaphore,
        finished: Semaphore,
    }

    #[async_trait]
    impl HttpTransport for &'static Slow {
        async fn send(&self, _: Request<Body>) -> Result<Response<Bytes>, TransportError> {
            self.started.add_permits(1);
            self.gate.acquire().await.unwrap().forget();
            self.finished.add_permits(1);
            Ok(Response::new(Bytes::from_static(b"{}")))
        }
    }

    #[tokio::test]
    async fn closed_browser_does_not_stop_the_message() -> Outcome {
        static SLOW: Slow =
            Slow { started: Semaphore::const_new(0), gate: Semaphore::const_new(0), finished: Semaphore::const_new(0) };
        let scene = scene_with(|settings| {
            settings.client = client_over(&SLOW);
        });
        let scene = scene.await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let consent = page.post_form("", &FORM).await?;
        let allowing = tokio::spawn(async move { consent.allow().await });
        SLOW.started.acquire().await?.forget();
        allowing.abort();
        assert!(allowing.await.unwrap_err().is_cancelled());
        page.follow("").await?; // so that the add-on can notice
        SLOW.gate.add_permits(1);
        let finished = tokio::time::timeout(Duration::from_secs(5), SLOW.finished.acquire()).await;
        assert!(finished.is_ok(), "the add-on stopped waiting for Divar's response");
        Ok(())
    }

    #[tokio::test]
    async fn blocked_recipient_is_reported_and_nothing_is_ordered() -> Outcome {
        let scene = scene().await?;
        scene.sara.block(&scene.chat)?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let response = page.post_form("", &FORM).await?.allow().await?;
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert!(response.text().contains("پیام به طرف مقابل نمی‌رسد"), "{}", response.text());

        scene.sara.unblock(&scene.chat)?;
        assert!(page.post_form("", &FORM).await?.allow().await?.has_returned(), "the order can be retried");
        assert_eq!(scene.written(), [ORDERED]);
        Ok(())
    }

    #[tokio::test]
    async fn undelivered_new_time_keeps_the_agreed_one() -> Outcome {
        let scene = scene().await?;
        let message = scene.order().await?;
        scene.sara.press(&message, "تأیید زمان").await?;
        let page = scene.sara.press(&message, "زمان دیگر").await?.page().expect("a page");
        scene.ali.block(&scene.chat)?;
        let response = page.post_form("", &[("day", "fri"), ("hours", "9-12")]).await?.allow().await?;
        assert_eq!(response.status(), StatusCode::CONFLICT);
        let tracked = scene.ali.press(&message, "پیگیری").await?.page().expect("a page").text();
        assert!(tracked.contains("دوشنبه") && tracked.contains("زمان تأیید شد"), "{tracked}");
        Ok(())
    }

    /// The response to the order, the page after it and the number of attempts, with a faulty Divar.
    async fn sending_fails(how: impl FnOnce(&MockTransport)) -> Outcome<(Visit, Visit, usize)> {
        let mock = MockTransport::new();
        how(&mock);
        let transport = mock.clone();
        let scene = scene_with(|settings| {
            settings.client = client_over(transport);
        });
        let scene = scene.await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let response = page.post_form("", &FORM).await?.allow().await?;
        Ok((response, page.follow("").await?, mock.requests().len()))
    }

    #[tokio::test]
    async fn possibly_sent_message_is_not_resent() -> Outcome {
        for kind in [TransportErrorKind::Timeout, TransportErrorKind::Interrupted] {
            let (response, page, sent) = sending_fails(|divar| divar.fail(kind)).await?;
            assert_eq!((response.status(), sent), (StatusCode::BAD_GATEWAY, 1), "{kind:?}");
            assert!(response.text().contains("گفت‌وگو را ببینید"), "{kind:?}: {}", response.text());
            assert_eq!(page.status(), StatusCode::CONFLICT, "{kind:?}: the form is still open");
        }
        Ok(())
    }

    #[tokio::test]
    async fn unsent_message_can_be_retried() -> Outcome {
        let refusal = json!({ "code": 7, "message": "no" });
        let (response, page, _) = sending_fails(|divar| divar.respond_json(403, &refusal)).await?;
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        assert!(response.text().contains("تلاش دوباره"), "{}", response.text());
        assert_eq!(page.status(), StatusCode::OK, "the form is closed");
        assert!(page.text().contains(ADDRESS), "the form lost its values: {}", page.text());
        Ok(())
    }

    #[tokio::test]
    async fn expired_visit_responds_410() -> Outcome {
        let scene = scene_with(|settings| settings.patience = Duration::ZERO).await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let sent = page.post_form("", &FORM).await?;
        for response in [page, sent] {
            assert_eq!(response.status(), StatusCode::GONE);
            assert!(response.text().contains("دوباره از گفت‌وگو باز کنید"), "{}", response.text());
            assert!(response.text().contains(COMPLETION_URL), "{}", response.text());
        }
        Ok(())
    }

    #[tokio::test]
    async fn unknown_order_responds_404() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.visit(scene.base.join(["orders", "17"]).as_str()).await?;
        assert_eq!(page.status(), StatusCode::NOT_FOUND);
        Ok(())
    }
}

mod opening {
    use super::*;

    /// The page for a request that the sandbox's users cannot make.
    async fn page_for(scene: &Scene, opened: &OpenApp) -> Outcome<Visit> {
        let mut request = Request::post(scene.base.join(["kenar", "open"]).as_str());
        request.headers_mut().unwrap().extend(opened.headers());
        let request = request
            .header(header::AUTHORIZATION, HeaderValue::from_static(KEY))
            .body(Body::from(serde_json::to_vec(opened)?))?;
        let response = HyperTransport::new()?.send(request).await?;
        assert_eq!(response.status(), StatusCode::OK);
        let reply: OpenAppReply = serde_json::from_slice(response.body())?;
        Ok(scene.ali.visit(reply.url().as_str()).await?)
    }

    const KEY: &str = "placeholder-identification-key";

    async fn scene_with_a_known_key() -> Outcome<Scene> {
        scene_with(|settings| {
            settings.verifier = kenar::Verifier::new(IdentificationKey::new(KEY).unwrap());
        })
        .await
    }

    #[tokio::test]
    async fn outside_a_chat_the_page_explains_where_it_works() -> Outcome {
        let scene = scene_with_a_known_key().await?;
        let page = page_for(&scene, &OpenApp::builder().post_token("QYabcdef").build()).await?;
        assert_eq!(page.status(), StatusCode::OK);
        assert!(page.text().contains("از درون یک گفت‌وگو باز کنید"), "{}", page.text());
        Ok(())
    }

    #[tokio::test]
    async fn page_links_to_divars_return_url() -> Outcome {
        let scene = scene_with_a_known_key().await?;
        let opened = |url: &str| OpenApp::builder().conversation_id("c").return_url(url).build();
        let page = page_for(&scene, &opened("https://divar.ir/back?a=1&b=2")).await?;
        assert!(page.text().contains("href=\"https://divar.ir/back?a=1&amp;b=2\""), "{}", page.text());
        let page = page_for(&scene, &opened("https://elsewhere.example/")).await?;
        assert!(!page.text().contains("elsewhere"), "{}", page.text());
        Ok(())
    }

    #[tokio::test]
    async fn unknown_button_data_shows_the_order_form() -> Outcome {
        let scene = scene_with_a_known_key().await?;
        for extra in [json!({ "order": 17 }), json!({ "order": "17", "proposal": "1" }), json!({})] {
            let opened = OpenApp::builder().conversation_id("c").data(RawJson::of(&extra)?).build();
            let page = page_for(&scene, &opened).await?;
            assert!(page.text().contains("name=\"address\""), "{extra}: {}", page.text());
        }
        Ok(())
    }
}

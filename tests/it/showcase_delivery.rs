//! The add-on of `examples/delivery`: what reaches the conversation, and what a user is told where something is in the
//! way.

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

/// A seller and a buyer in a chat, and the add-on.
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
    /// Ali orders a delivery; gives the message that says so.
    async fn order(&self) -> Outcome<ChatMessage> {
        let page = self.ali.open_app(&self.chat, &self.app).await?;
        let back = page.post_form("", &FORM).await?.allow().await?;
        assert!(back.has_returned(), "{back:?}: {}", back.text());
        Ok(self.chat.next_message().await?)
    }

    /// What apps have written so far.
    fn written(&self) -> Vec<String> {
        let messages = self.chat.messages().into_iter().filter(ChatMessage::is_from_app);
        messages.map(|message| message.text().unwrap_or_default().to_owned()).collect()
    }
}

fn captions(grid: Option<&ButtonGrid>) -> Vec<&str> {
    grid.into_iter().flat_map(ButtonGrid::buttons).map(|button| button.caption.as_str()).collect()
}

mod the_way_through {
    use super::*;

    #[tokio::test]
    async fn order_is_written_with_buttons_for_each_side() -> Outcome {
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
    async fn another_time_is_confirmed_anew_and_the_old_one_no_longer() -> Outcome {
        let scene = scene().await?;
        let first = scene.order().await?;
        scene.sara.press(&first, "تأیید زمان").await?;
        let page = scene.sara.press(&first, "زمان دیگر").await?.page().expect("a page");
        assert!(page.text().contains("دوشنبه، ساعت ۱۵ تا ۱۸"), "it says what holds now: {}", page.text());
        assert!(!page.text().contains("name=\"address\""), "the address is not the seller's business");
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

mod the_form {
    use super::*;

    #[tokio::test]
    async fn says_what_is_wrong_and_keeps_what_was_right() -> Outcome {
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
            let answer = page.post_form("", form).await?;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{form:?}");
            let text = answer.text();
            for mistake in mistakes {
                assert!(text.contains(mistake), "{mistake} is missing, where the form was {form:?}: {text}");
            }
            assert_eq!(text.matches("class=\"mistake\"").count(), mistakes.len(), "{form:?}: {text}");
            assert_eq!(text.contains("value=\"9-12\" required checked"), form.contains(&("hours", "9-12")), "{text}");
        }
        assert!(
            !scene.sandbox.journal().iter().any(|exchange| exchange.operation.contains("oauth")),
            "nobody was asked"
        );
        Ok(())
    }

    #[tokio::test]
    async fn shows_what_was_typed_as_text_never_as_html() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let typed = r#"</textarea><script>alert("1")</script>&amp;'"#;
        let text = page.post_form("", &[("address", typed)]).await?.text();
        assert!(!text.contains("<script"), "{text}");
        let shown = "&lt;/textarea&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;&#39;</textarea>";
        assert!(text.contains(shown), "{text}");
        Ok(())
    }

    #[tokio::test]
    async fn is_persian_labelled_and_loads_nothing_from_elsewhere() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let text = page.text();
        assert!(text.contains(r#"<html lang="fa" dir="rtl">"#), "{text}");
        assert!(text.contains(r#"<label for="address">"#) && text.contains(r#"id="address""#), "{text}");
        assert_eq!(text.matches("<fieldset").count(), text.matches("<legend>").count(), "{text}");
        let loaded: Vec<_> = ["src=", "<link", "<script", "url("].iter().flat_map(|with| text.matches(with)).collect();
        assert_eq!(loaded, ["<link"], "the style sheet and nothing else: {text}");
        assert!(text.contains(&format!("href=\"{COMPLETION_URL}\"")), "and it leads back to Divar");

        let style = page.follow("../style.css").await?;
        assert_eq!(style.status(), StatusCode::OK);
        assert!(!style.text().contains("url("), "the style sheet loads nothing either");
        let answer = get(page.url().as_str()).await?;
        assert_eq!(answer[header::CONTENT_SECURITY_POLICY], "default-src 'none'; style-src 'self'; base-uri 'none'");
        assert_eq!(answer[header::REFERRER_POLICY], "no-referrer", "the address of the page is a secret");
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
    async fn refused_writes_nothing_and_can_be_given_after_all() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let refused = page.post_form("", &FORM).await?.deny().await?;
        assert_eq!((refused.status(), scene.written().len()), (StatusCode::FORBIDDEN, 0));
        assert!(refused.text().contains(&format!("href=\"{COMPLETION_URL}\"")), "{}", refused.text());

        let id = page.url().path_segments().and_then(Iterator::last).unwrap().to_owned();
        assert!(refused.text().contains(&format!("href=\"../visits/{id}\"")), "{}", refused.text());
        let again = refused.follow(&format!("../visits/{id}")).await?;
        assert!(again.text().contains(ADDRESS), "what was filled in is kept: {}", again.text());
        assert!(again.post_form("", &FORM).await?.allow().await?.has_returned());
        assert_eq!(scene.written(), [ORDERED]);
        Ok(())
    }

    #[tokio::test]
    async fn given_in_another_browser_is_not_taken() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let consent = page.post_form("", &FORM).await?;
        let elsewhere = scene.sara.visit(consent.url().as_str()).await?.allow().await?;
        assert_eq!(elsewhere.status(), StatusCode::GONE);
        assert!(scene.written().is_empty(), "{:?}", scene.written());
        Ok(())
    }

    #[tokio::test]
    async fn of_another_visit_is_not_taken() -> Outcome {
        let scene = scene().await?;
        let first = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let second = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let consent = first.post_form("", &FORM).await?;
        first.post_form(second.url().as_str(), &FORM).await?; // the browser is in the second visit now
        let answer = consent.allow().await?;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{}", answer.text());
        assert!(scene.written().is_empty(), "{:?}", scene.written());
        Ok(())
    }
}

mod once {
    use super::*;

    #[tokio::test]
    async fn form_that_is_sent_twice_orders_once() -> Outcome {
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
    async fn answer_that_comes_twice_at_once_orders_once() -> Outcome {
        let scene = scene().await?;
        let consent = scene.ali.open_app(&scene.chat, &scene.app).await?.post_form("", &FORM).await?;
        let (first, second) = tokio::try_join!(consent.allow(), consent.allow())?;
        assert!(first.has_returned() && second.has_returned(), "{first:?}, {second:?}");
        assert_eq!(scene.written(), [ORDERED]);
        Ok(())
    }

    #[tokio::test]
    async fn page_gone_back_to_says_that_it_is_done() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        page.post_form("", &FORM).await?.allow().await?;
        for answer in [page.follow("").await?, page.post_form("", &FORM).await?] {
            assert_eq!(answer.status(), StatusCode::CONFLICT, "{}", answer.text());
        }
        assert_eq!(scene.written(), [ORDERED]);
        Ok(())
    }
}

mod in_the_way {
    use super::*;

    /// A client for the sandbox's tokens, which Divar's own hosts are never sent.
    fn client_over(transport: impl HttpTransport) -> Client {
        let local = BaseUrls::single("http://127.0.0.1:1").unwrap();
        Client::builder("placeholder".parse().unwrap()).base_urls(local).transport(transport).build().unwrap()
    }

    /// Divar, taking its time over a message.
    #[derive(Debug)]
    struct Slow {
        asked: Semaphore,
        gate: Semaphore,
        answered: Semaphore,
    }

    #[async_trait]
    impl HttpTransport for &'static Slow {
        async fn send(&self, _: Request<Body>) -> Result<Response<Bytes>, TransportError> {
            self.asked.add_permits(1);
            self.gate.acquire().await.unwrap().forget();
            self.answered.add_permits(1);
            Ok(Response::new(Bytes::from_static(b"{}")))
        }
    }

    #[tokio::test]
    async fn browser_that_goes_away_does_not_stop_what_was_permitted() -> Outcome {
        static SLOW: Slow =
            Slow { asked: Semaphore::const_new(0), gate: Semaphore::const_new(0), answered: Semaphore::const_new(0) };
        let scene = scene_with(|settings| {
            settings.client = client_over(&SLOW);
        });
        let scene = scene.await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let consent = page.post_form("", &FORM).await?;
        let allowing = tokio::spawn(async move { consent.allow().await });
        SLOW.asked.acquire().await?.forget();
        allowing.abort();
        assert!(allowing.await.unwrap_err().is_cancelled());
        page.follow("").await?; // the add-on has had time to notice
        SLOW.gate.add_permits(1);
        let answered = tokio::time::timeout(Duration::from_secs(5), SLOW.answered.acquire()).await;
        assert!(answered.is_ok(), "nobody waited for Divar's answer any more");
        Ok(())
    }

    #[tokio::test]
    async fn blocked_recipient_is_told_of_and_nothing_is_ordered() -> Outcome {
        let scene = scene().await?;
        scene.sara.block(&scene.chat)?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let answer = page.post_form("", &FORM).await?.allow().await?;
        assert_eq!(answer.status(), StatusCode::CONFLICT);
        assert!(answer.text().contains("پیام به طرف مقابل نمی‌رسد"), "{}", answer.text());

        scene.sara.unblock(&scene.chat)?;
        assert!(page.post_form("", &FORM).await?.allow().await?.has_returned(), "it can be tried again");
        assert_eq!(scene.written(), [ORDERED]);
        Ok(())
    }

    #[tokio::test]
    async fn another_time_that_did_not_arrive_leaves_the_agreed_one() -> Outcome {
        let scene = scene().await?;
        let message = scene.order().await?;
        scene.sara.press(&message, "تأیید زمان").await?;
        let page = scene.sara.press(&message, "زمان دیگر").await?.page().expect("a page");
        scene.ali.block(&scene.chat)?;
        let answer = page.post_form("", &[("day", "fri"), ("hours", "9-12")]).await?.allow().await?;
        assert_eq!(answer.status(), StatusCode::CONFLICT);
        let tracked = scene.ali.press(&message, "پیگیری").await?.page().expect("a page").text();
        assert!(tracked.contains("دوشنبه") && tracked.contains("زمان تأیید شد"), "{tracked}");
        Ok(())
    }

    /// What sending into the conversation comes to, where Divar does so; and how often it was tried.
    async fn sending_fails(how: impl FnOnce(&MockTransport)) -> Outcome<(Visit, Visit, usize)> {
        let mock = MockTransport::new();
        how(&mock);
        let transport = mock.clone();
        let scene = scene_with(|settings| {
            settings.client = client_over(transport);
        });
        let scene = scene.await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let answer = page.post_form("", &FORM).await?.allow().await?;
        Ok((answer, page.follow("").await?, mock.requests().len()))
    }

    #[tokio::test]
    async fn message_that_may_have_been_written_is_not_sent_again() -> Outcome {
        for kind in [TransportErrorKind::Timeout, TransportErrorKind::Interrupted] {
            let (answer, page, sent) = sending_fails(|divar| divar.fail(kind)).await?;
            assert_eq!((answer.status(), sent), (StatusCode::BAD_GATEWAY, 1), "{kind:?}");
            assert!(answer.text().contains("گفت‌وگو را ببینید"), "{kind:?}: {}", answer.text());
            assert_eq!(page.status(), StatusCode::CONFLICT, "{kind:?}: the form is closed");
        }
        Ok(())
    }

    #[tokio::test]
    async fn message_that_was_not_written_can_be_tried_again() -> Outcome {
        let refusal = json!({ "code": 7, "message": "no" });
        let (answer, page, _) = sending_fails(|divar| divar.respond_json(403, &refusal)).await?;
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
        assert!(answer.text().contains("تلاش دوباره"), "{}", answer.text());
        assert_eq!(page.status(), StatusCode::OK, "the form is open");
        assert!(page.text().contains(ADDRESS), "and filled in: {}", page.text());
        Ok(())
    }

    #[tokio::test]
    async fn visit_that_has_ended_by_itself_says_so() -> Outcome {
        let scene = scene_with(|settings| settings.patience = Duration::ZERO).await?;
        let page = scene.ali.open_app(&scene.chat, &scene.app).await?;
        let sent = page.post_form("", &FORM).await?;
        for answer in [page, sent] {
            assert_eq!(answer.status(), StatusCode::GONE);
            assert!(answer.text().contains("دوباره از گفت‌وگو باز کنید"), "{}", answer.text());
            assert!(answer.text().contains(COMPLETION_URL), "{}", answer.text());
        }
        Ok(())
    }

    #[tokio::test]
    async fn order_that_nobody_knows_has_no_page() -> Outcome {
        let scene = scene().await?;
        let page = scene.ali.visit(scene.base.join(["orders", "17"]).as_str()).await?;
        assert_eq!(page.status(), StatusCode::NOT_FOUND);
        Ok(())
    }
}

mod opened {
    use super::*;

    /// The page for an opening that the sandbox's people cannot make.
    async fn page_for(scene: &Scene, opened: &OpenApp) -> Outcome<Visit> {
        let mut request = Request::post(scene.base.join(["kenar", "open"]).as_str());
        request.headers_mut().unwrap().extend(opened.headers());
        let request = request
            .header(header::AUTHORIZATION, HeaderValue::from_static(KEY))
            .body(Body::from(serde_json::to_vec(opened)?))?;
        let answer = HyperTransport::new()?.send(request).await?;
        assert_eq!(answer.status(), StatusCode::OK);
        let reply: OpenAppReply = serde_json::from_slice(answer.body())?;
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
    async fn outside_a_chat_it_says_where_it_works() -> Outcome {
        let scene = scene_with_a_known_key().await?;
        let page = page_for(&scene, &OpenApp::builder().post_token("QYabcdef").build()).await?;
        assert_eq!(page.status(), StatusCode::OK);
        assert!(page.text().contains("از درون یک گفت‌وگو باز کنید"), "{}", page.text());
        Ok(())
    }

    #[tokio::test]
    async fn it_leads_back_to_where_divar_says() -> Outcome {
        let scene = scene_with_a_known_key().await?;
        let opened = |url: &str| OpenApp::builder().conversation_id("c").return_url(url).build();
        let page = page_for(&scene, &opened("https://divar.ir/back?a=1&b=2")).await?;
        assert!(page.text().contains("href=\"https://divar.ir/back?a=1&amp;b=2\""), "{}", page.text());
        let page = page_for(&scene, &opened("https://elsewhere.example/")).await?;
        assert!(!page.text().contains("elsewhere"), "{}", page.text());
        Ok(())
    }

    #[tokio::test]
    async fn by_a_button_that_means_nothing_here_it_takes_a_new_order() -> Outcome {
        let scene = scene_with_a_known_key().await?;
        for extra in [json!({ "order": 17 }), json!({ "order": "17", "proposal": "1" }), json!({})] {
            let opened = OpenApp::builder().conversation_id("c").data(RawJson::of(&extra)?).build();
            let page = page_for(&scene, &opened).await?;
            assert!(page.text().contains("name=\"address\""), "{extra}: {}", page.text());
        }
        Ok(())
    }
}

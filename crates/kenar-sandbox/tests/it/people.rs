//! Promise: actions of people, post updates and payments reach the add-on as documented.

use crate::support::{AddOn, TestResult};
use kenar::webhook::{COMPLETION_URL, Event, PaymentTransaction, TouchPoint, TransactionState, UntrustedDirectLink};
use kenar_sandbox::{Sandbox, StartFrom};

#[tokio::test]
async fn chatbot_starts_from_each_touch_point_with_its_argument() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let addon = AddOn::of(&app).await;
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("ali"));
    let post = sandbox.add_post(&sara);
    let chat = post.conversation_with(&ali);

    let bot = sara.start_bot(&app, StartFrom::MyPost(&post)).await?;
    sara.start_bot(&app, StartFrom::Chat(&chat)).await?;
    ali.start_bot(&app, StartFrom::DemandPost(&post)).await?;
    for touch_point in [TouchPoint::MyDivar, TouchPoint::DivarPro, TouchPoint::Chat] {
        sara.start_bot(&app, touch_point).await?;
    }

    let starts = addon.events().into_iter().map(|event| match event {
        Event::ChatbotMessage(message) => message.start_command().unwrap(),
        other => panic!("{other:?}"),
    });
    let starts: Vec<_> = starts.collect();
    let points: Vec<_> = starts.iter().map(|start| &start.touch_point).collect();
    use TouchPoint::{Chat, DemandPost, DivarPro, MyDivar, MyPost};
    assert_eq!(points, [&MyPost, &Chat, &DemandPost, &MyDivar, &DivarPro, &Chat]);
    assert_eq!(
        (starts[0].post_token(), starts[2].post_token()),
        (Some(post.token().clone()), Some(post.token().clone()))
    );
    assert_eq!(starts[1].conversation_id(), Some(chat.id().clone()), "the post's conversation, not the bot's");
    assert!(starts[3..].iter().all(|start| start.argument.is_none()), "{starts:?}");
    assert_eq!(bot.messages().len(), 5, "one conversation for each person");
    Ok(())
}

#[tokio::test]
async fn payment_is_delivered_without_a_subscription() -> TestResult {
    let sandbox = Sandbox::builder().manual_clock().start().await?;
    let (app, other) = (sandbox.app("payer"), sandbox.app("other"));
    let (addon, deaf) = (AddOn::of(&app).await, AddOn::of(&other).await);
    let mut payment = PaymentTransaction::new("t-1", TransactionState::Completed);
    payment.cost_rials = Some(100_000);
    app.send_payment_event(payment.clone()).await?;

    let [Event::PaymentTransaction(told)] = &addon.events()[..] else { panic!("{:?}", addon.events()) };
    payment.app_slug = Some(app.slug().clone());
    payment.created_at = Some(sandbox.now());
    assert_eq!(*told, payment);
    assert!(deaf.events().is_empty());
    Ok(())
}

#[tokio::test]
async fn direct_link_fetches_the_page_with_post_and_return_url() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("bot");
    let addon = AddOn::of(&app).await;
    let sara = sandbox.user("sara");
    let post = sandbox.add_post(&sara);
    let error = sara.follow_direct_link(&post, &app).await.unwrap_err().to_string();
    assert!(error.starts_with("no Fallback URL for the app bot"), "{error}");

    app.set_fallback_url(addon.url.join(["page"]).with_query("lang", "fa"));
    let visit = sara.follow_direct_link(&post, &app).await?;
    assert!(visit.text().starts_with("page /page?lang=fa&post_token="), "{}", visit.text());
    let link = UntrustedDirectLink::parse(visit.url().query().unwrap());
    assert_eq!((link.post_token(), link.return_url().as_str()), (Some(post.token()), COMPLETION_URL));
    assert!(addon.seen().is_empty(), "the app gets no webhook");
    Ok(())
}

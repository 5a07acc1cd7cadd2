//! Promise: rate limits follow the sandbox's clock.

use std::time::Duration;

use crate::support::{Ask, TestResult, grant};
use kenar::error::{ApiError, ErrorKind, RpcCode};
use kenar::{ChatApi as _, Client, Error};
use kenar_sandbox::{App, Sandbox};
use serde_json::json;

async fn sandbox() -> Sandbox {
    Sandbox::builder().manual_clock().in_process().await
}

/// A call without an access token.
async fn call(client: &Client) -> Result<(), Error> {
    client.execute(&kenar::operation::CreateUploadToken).await.map(drop)
}

fn limited(result: Result<(), Error>) -> Option<Duration> {
    let error = result.unwrap_err();
    assert!(error.is_rate_limited(), "{error}");
    assert_eq!((error.kind(), error.rpc_code()), (ErrorKind::Api, Some(RpcCode::RESOURCE_EXHAUSTED)));
    assert!(!error.may_have_been_processed(), "{error}");
    error.retry_after()
}

#[tokio::test(start_paused = true)]
async fn calls_are_unlimited_by_default() -> TestResult {
    let sandbox = sandbox().await;
    let client = sandbox.client();
    for _ in 0..500 {
        call(&client).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn limit_per_minute_ends_with_the_minute() -> TestResult {
    let sandbox = sandbox().await;
    let app = sandbox.app("app");
    app.set_limit_per_minute(2);
    let client = app.client();
    sandbox.advance(Duration::from_millis(15_500));
    call(&client).await?;
    call(&client).await?;
    assert_eq!(limited(call(&client).await), Some(Duration::from_secs(45)));
    sandbox.advance(Duration::from_secs(44));
    assert_eq!(limited(call(&client).await), Some(Duration::from_secs(1)));
    sandbox.advance(Duration::from_secs(1));
    call(&client).await?;
    app.remove_limits();
    for _ in 0..10 {
        call(&client).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn daily_limit_ends_with_the_day_and_ignores_refusals() -> TestResult {
    let sandbox = sandbox().await;
    let app = sandbox.app("app");
    app.set_limit_per_minute(2).set_limit_per_day(3);
    let client = app.client();
    call(&client).await?;
    call(&client).await?;
    for _ in 0..5 {
        limited(call(&client).await);
    }
    sandbox.advance(Duration::from_secs(60));
    call(&client).await?;
    // The manual clock began at 03:30 in Tehran.
    let rest_of_the_day = Duration::from_secs(24 * 3600 - 3 * 3600 - 1800 - 60);
    assert_eq!(limited(call(&client).await), Some(rest_of_the_day));
    sandbox.advance(rest_of_the_day);
    call(&client).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn limits_are_per_app_and_not_for_tokens() -> TestResult {
    let sandbox = sandbox().await;
    let (app, other) = (sandbox.app("one"), sandbox.app("two"));
    app.set_limit_per_minute(0);
    limited(call(&app.client()).await);
    call(&other.client()).await?;
    let tokens = grant(&sandbox, &app, &sandbox.user("sara"), [kenar::Scope::user_id()]).await;
    limited(app.client().get_user(&tokens.access_token).await.map(drop));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn response_names_the_exceeded_limit() -> TestResult {
    async fn refused(sandbox: &Sandbox, app: &App) -> (u16, serde_json::Value) {
        Ask::new(sandbox, "POST", "/experimental/open-platform/chat/upload")
            .key(app)
            .json(json!({}))
            .json_response()
            .await
    }
    let sandbox = sandbox().await;
    let app = sandbox.app("app");
    app.set_limit_per_day(0);
    let (status, response) = refused(&sandbox, &app).await;
    assert_eq!((status, &response["code"]), (429, &json!(8)));
    assert_eq!(response["details"][0]["violations"][0]["subject"], "per day");
    app.set_limit_per_minute(0);
    let (_, response) = refused(&sandbox, &app).await;
    assert_eq!(response["message"], "rate limit exceeded: 0 calls per minute");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn client_waits_for_a_limit_that_resets_soon() -> TestResult {
    let sandbox = sandbox().await;
    let app = sandbox.app("app");
    app.set_limit_per_minute(1);
    sandbox.advance(Duration::from_millis(59_100));
    let client = app.client();
    call(&client).await?;
    let moved = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        sandbox.advance(Duration::from_millis(900));
    };
    let (called, ()) = tokio::join!(call(&client), moved);
    called?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn error_keeps_the_details_of_the_limit() -> TestResult {
    let sandbox = sandbox().await;
    let app = sandbox.app("app");
    app.set_limit_per_minute(0);
    let error = call(&app.client()).await.unwrap_err();
    let Some(ApiError::Rpc(status)) = error.api_error() else { panic!("{error:?}") };
    assert!(format!("{status:?}").contains("per minute"), "{status:?}");
    Ok(())
}

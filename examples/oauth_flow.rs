//! Asks a user for permission, exchanges the code, refreshes the tokens, and reads the user.
//!
//! `cargo run --example oauth_flow`

use std::error::Error;
use std::time::Duration;

use kenar::oauth::Callback;
use kenar::tokens::{MemoryPermissions, PermissionKey};
use kenar::{ChatApi as _, Scope};
use kenar_sandbox::Sandbox;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let sandbox = Sandbox::builder().manual_clock().start().await?;
    let app = sandbox.app("delivery");
    let (client, oauth) = (app.client(), app.oauth("https://addon.example/oauth/callback")?);
    let sara = sandbox.user("sara");

    // 1. Redirect the user to the URL, and keep the state in the user's session.
    // [permission]
    let (url, state) = oauth.permission_url([Scope::user_id(), Scope::user_phone(), Scope::offline_access()]);
    // [end]
    println!("ask at      {}", url.as_str());

    // 2. The user allows it, and returns to the redirect URI.
    let back = sara.visit(url.as_str()).await?.allow().await?;
    let query = back.url().query().unwrap_or_default().to_owned();
    let code = match oauth.callback(&query, &state)? {
        Callback::Granted(code) => code,
        Callback::Denied(why) => return Err(format!("no permission: {why:?}").into()),
    };

    // 3. Exchange the code once, and store the tokens: in memory here, in `kenar-store` in production.
    let permissions = oauth
        .permissions_builder(MemoryPermissions::new())
        .on_refresh(|_, tokens| async move {
            println!("refreshed   until {:?}: subscribe to events again here", tokens.expires_at());
            Ok(())
        })
        .build();
    let tokens = oauth.exchange(code).await?;
    println!("granted     {:?}, until {:?}", tokens.scopes(), tokens.expires_at());
    let key = PermissionKey::new("sara");
    permissions.grant(&key, tokens).await?;

    // 4. Ask for an access token before each call.
    let user = client.get_user(&permissions.access_token(&key).await?).await?;
    println!("user        {:?}", user.user_id);

    // 5. An hour later, concurrent callers share one refresh.
    sandbox.advance(Duration::from_secs(3600));
    let (one, another) = tokio::join!(permissions.access_token(&key), permissions.access_token(&key));
    assert_eq!(one?, another?);
    client.get_user(&permissions.access_token(&key).await?).await?;
    permissions.settle().await;

    // 6. A user refuses.
    let (url, state) = oauth.permission_url([Scope::user_phone()]);
    let back = sara.visit(url.as_str()).await?.deny().await?;
    match oauth.callback(back.url().query().unwrap_or_default(), &state)? {
        Callback::Denied(why) => println!("refused     {why:?}"),
        Callback::Granted(_) => return Err("granted what was refused".into()),
    }
    Ok(())
}

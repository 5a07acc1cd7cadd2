//! Asking a user for permission, making tokens of it, refreshing them, and asking who the user is.
//!
//! `cargo run --example oauth_flow`

use kenar::oauth::StoredTokens;
use kenar::sandbox::Sandbox;
use kenar::{Callback, ChatApi as _, Scope};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kenar = Sandbox::start().await?;
    let app = kenar.app("delivery");
    let (client, oauth) = (app.client(), app.oauth("https://addon.example/oauth/callback")?);
    let sara = kenar.user("sara");

    // 1. Send the user's browser to the URL, and keep the state with the visit.
    // [permission]
    let (url, state) = oauth.permission_url([Scope::user_id(), Scope::user_phone(), Scope::offline_access()]);
    // [end]
    println!("ask at      {}", url.as_str());

    // 2. The user allows it, and is back at the redirect URI.
    let back = sara.visit(url.as_str()).await?.allow().await?;
    let query = back.url().query().unwrap_or_default().to_owned();
    let code = match oauth.callback(&query, &state)? {
        Callback::Granted(code) => code,
        Callback::Denied(why) => return Err(format!("no permission: {why:?}").into()),
    };

    // 3. Make tokens of the code, once.
    let tokens = oauth.exchange(code).await?;
    println!("granted     {:?}, until {:?}", tokens.scopes(), tokens.expires_at());
    let user = client.get_user(&tokens.access_token).await?;
    println!("user        {:?}", user.user_id);

    // 4. Store them, on purpose, and read them back.
    let row = serde_json::to_string(&tokens.expose_for_storage())?;
    let tokens = serde_json::from_str::<StoredTokens>(&row)?.into_tokens();

    // 5. Before they expire, make new ones: both tokens change.
    let renewed = oauth.refresh(&tokens).await?;
    println!("renewed     until {:?}", renewed.expires_at());
    assert_ne!(renewed.access_token, tokens.access_token);

    // 6. A user who says no.
    let (url, state) = oauth.permission_url([Scope::user_phone()]);
    let back = sara.visit(url.as_str()).await?.deny().await?;
    match oauth.callback(back.url().query().unwrap_or_default(), &state)? {
        Callback::Denied(why) => println!("refused     {why:?}"),
        Callback::Granted(_) => return Err("granted what was refused".into()),
    }
    Ok(())
}

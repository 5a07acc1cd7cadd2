//! Promise: the chat page shows text as text, and accepts only its own requests.

use crate::page::{act, get, messages, posts, query, with_page};
use crate::page_tools::active;
use crate::support::{Ask, REDIRECT, TestResult};
use http::StatusCode;
use kenar::operation::{Media, MediaSource};
use kenar::{BotMessage, ChatApi as _};
use kenar_sandbox::Sandbox;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn page_is_complete_with_a_strict_policy() -> TestResult {
    let sandbox = with_page().await;
    let response = Ask::new(&sandbox, "GET", "/chat/").send().await;
    let policies: Vec<_> = response.headers().get_all("content-security-policy").iter().collect();
    assert!(!policies.iter().any(|policy| policy.to_str().unwrap().contains("unsafe")), "{policies:?}");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "trusted-types 'none'",
    ] {
        assert!(policies.iter().any(|policy| policy.to_str().unwrap().contains(part)), "{part}: {policies:?}");
    }
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");

    let page = String::from_utf8(response.body().to_vec())?;
    for inline in ["<style", " style=", " onclick=", " onload=", "javascript:", "<script>"] {
        assert!(!page.contains(inline), "{inline}");
    }
    let mut names: Vec<String> = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        let linked = page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
        names.extend(linked.filter(|name| !name.starts_with('#')).map(str::to_owned));
    }
    let mut seen = 0;
    while let Some(name) = names.get(seen).cloned() {
        seen += 1;
        assert!(!name.contains("//"), "{name} is from elsewhere");
        let response = Ask::new(&sandbox, "GET", &format!("/chat/{name}")).send().await;
        assert_eq!(response.status(), 200, "{name}");
        let text = String::from_utf8(response.body().to_vec())?;
        for markup in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "@import"] {
            assert!(!text.contains(markup), "{name} has {markup}");
        }
        let imports = text.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next());
        let new: Vec<_> = imports.filter(|name| !names.iter().any(|known| known == name)).map(str::to_owned).collect();
        names.extend(new);
    }
    assert!(seen > 10, "only {names:?}");
    Ok(())
}

#[tokio::test]
async fn other_sites_cannot_read_or_act() -> TestResult {
    let sandbox = with_page().await;
    let chat = sandbox.add_post(&sandbox.user("sara")).conversation_with(&sandbox.user("ali"));
    let said = json!({ "me": "ali", "chat": chat.id(), "said": { "text": "سلام" } });
    let own = sandbox.url().to_owned();
    let other = own.replace("127.0.0.1", "evil.example");

    for path in ["/", "/chat/", "/chat/overview?me=ali", "/chat/live", "/chat/page.js", "/oauth2/auth", "/media/x"] {
        let status = status_by_host(&sandbox, other.strip_prefix("http://").unwrap(), path).await;
        assert_eq!(status, "421", "{path}");
    }
    let port = own.rsplit_once(':').unwrap().1;
    assert_eq!(status_by_host(&sandbox, &format!("localhost:{port}"), "/chat/overview?me=ali").await, "200");
    for path in ["/chat/overview?me=ali", "/chat/messages", "/chat/journal", "/chat/live"] {
        let status = Ask::new(&sandbox, "GET", path).header("sec-fetch-site", "cross-site").send().await.status();
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    let write = || Ask::new(&sandbox, "POST", "/chat/act/write").json(said.clone());
    assert_eq!(write().send().await.status(), StatusCode::FORBIDDEN, "without an origin");
    for origin in ["null", &other, "http://127.0.0.1:1"] {
        assert_eq!(write().header("origin", origin).send().await.status(), StatusCode::FORBIDDEN, "{origin}");
    }
    let address = format!("/chat/send?{}", query(&[("me", "ali"), ("chat", chat.id().as_str()), ("kind", "file")]));
    let send = Ask::new(&sandbox, "POST", &address).header("origin", &other).body("bytes");
    assert_eq!(send.send().await.status(), StatusCode::FORBIDDEN);
    assert_eq!(chat.messages().len(), 0, "{}", chat.transcript());

    assert_eq!(write().header("origin", &own).send().await.status(), StatusCode::OK);
    assert_eq!(chat.messages().len(), 1);
    Ok(())
}

#[tokio::test]
async fn other_sites_cannot_grant_permissions() -> TestResult {
    let sandbox = with_page().await;
    sandbox.user("sara");
    let app = sandbox.app("app");
    let (url, _) = app.oauth(REDIRECT)?.permission_url([kenar::Scope::user_id()]);
    let path = url.as_str().strip_prefix(sandbox.url()).unwrap();
    let allow = || Ask::new(&sandbox, "POST", path).form(&[("user", "sara"), ("decision", "allow")]);
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(allow().header("origin", origin).send().await.status(), StatusCode::FORBIDDEN, "{origin}");
    }
    assert_eq!(allow().header("origin", sandbox.url()).send().await.status(), StatusCode::SEE_OTHER);
    assert_eq!(allow().send().await.status(), StatusCode::SEE_OTHER, "a test, without a browser");

    let page = Ask::new(&sandbox, "GET", path).send().await;
    let policy = page.headers()["content-security-policy"].to_str()?;
    assert!(policy.contains("frame-ancestors 'self'") && policy.contains("script-src 'self'"), "{policy}");
    Ok(())
}

#[tokio::test]
async fn messages_stay_text() -> TestResult {
    let sandbox = with_page().await;
    let (sara, ali) = (sandbox.user("sara"), sandbox.user("<i>ali</i>"));
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
    let text = "<script>alert(1)</script> & \"سلام\"";
    act(&sandbox, "write", json!({ "me": ali.name(), "chat": chat.id(), "said": { "text": text } })).await;
    let path = format!("/chat/messages?{}", query(&[("me", sara.name()), ("chat", chat.id().as_str())]));
    let response = Ask::new(&sandbox, "GET", &path).send().await;
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let shown: Value = serde_json::from_slice(response.body())?;
    assert_eq!(shown["messages"][0]["message"]["text"], text);
    assert_eq!(shown["messages"][0]["person"], "<i>ali</i>");
    Ok(())
}

#[tokio::test]
async fn people_see_only_their_own_conversations() -> TestResult {
    let sandbox = with_page().await;
    let [sara, ali, reza] = ["sara", "ali", "reza"].map(|name| sandbox.user(name));
    let chat = sandbox.add_post(&sara).conversation_with(&ali);
    ali.write(&chat, "سلام").await?;
    for (who, side) in [(&sara, "SUPPLY"), (&ali, "DEMAND")] {
        let overview = get(&sandbox, &format!("/chat/overview?me={}", who.name())).await;
        assert_eq!(overview["chats"][0]["side"], side, "{overview}");
        assert_eq!(overview["chats"][0]["last"]["mine"], who.name() == "ali");
    }
    let overview = get(&sandbox, "/chat/overview?me=reza").await;
    assert_eq!(overview["chats"], json!([]));
    let path = format!("/chat/messages?{}", query(&[("me", reza.name()), ("chat", chat.id().as_str())]));
    assert_eq!(Ask::new(&sandbox, "GET", &path).send().await.status(), StatusCode::NOT_FOUND);
    let outcome = act(&sandbox, "write", json!({ "me": "reza", "chat": chat.id(), "said": { "text": "من؟" } })).await;
    assert!(outcome["error"].as_str().is_some_and(|why| why.contains("reza")), "{outcome}");
    Ok(())
}

#[tokio::test]
async fn media_are_shown_but_active_content_is_not() -> TestResult {
    let sandbox = with_page().await;
    let app = sandbox.app("app");
    let ali = sandbox.user("ali");
    let chat = ali.chat_with_bot(&app);
    let send = async |kind: &str, name: &str, content_type: &str| {
        let fields = [("me", "ali"), ("chat", chat.id().as_str()), ("kind", kind), ("name", name)];
        let ask = Ask::new(&sandbox, "POST", &format!("/chat/send?{}", query(&fields)));
        ask.header("origin", sandbox.url())
            .header("content-type", content_type)
            .body("0123456789")
            .json_response()
            .await
            .1
    };
    for refused in [("image", "x.svg", "image/svg+xml"), ("image", "x.html", "text/html"), ("voice", "x", "text/html")]
    {
        assert!(send(refused.0, refused.1, refused.2).await["error"].is_string(), "{refused:?}");
    }
    assert_eq!(send("image", "عکس.png", "image/png").await, json!({}));
    assert_eq!(send("voice", "v.webm", "audio/webm;codecs=opus").await, json!({}));
    assert_eq!(send("file", "x.html", "text/html").await, json!({}));
    let photo = Media::image("photo.png", MediaSource::bytes("0123456789"))?;
    let token = app.client().upload_media(photo).await?;
    app.client().send_bot_message(chat.id(), &BotMessage::media(token)).await?;

    let shown = messages(&sandbox, &ali, chat.id().as_str()).await;
    for (place, data, content_type, disposition) in [
        (0, "image_data", "image/png", "inline"),
        (1, "voice_data", "audio/webm", "inline"),
        (2, "file_data", "application/octet-stream", "attachment"),
        (3, "image_data", "image/png", "inline"),
    ] {
        let link = shown[place]["message"][data]["link"].as_str().unwrap().strip_prefix(sandbox.url()).unwrap();
        let response = Ask::new(&sandbox, "GET", link).send().await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!((header("content-type"), &response.body()[..]), (content_type.to_owned(), &b"0123456789"[..]));
        assert!(header("content-disposition").starts_with(disposition), "{link}");
        assert!(header("content-security-policy").contains("sandbox"), "{link}");
        let part = Ask::new(&sandbox, "GET", link).header("range", "bytes=2-4").send().await;
        assert_eq!((part.status().as_u16(), &part.body()[..]), (206, &b"234"[..]));
    }
    Ok(())
}

/// The status of a request with another `Host`, which the transports cannot send.
async fn status_by_host(sandbox: &Sandbox, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(sandbox.url().strip_prefix("http://").unwrap()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8_lossy(&response).split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn other_sites_cannot_use_faults_or_sessions() {
    let sandbox = with_page().await;
    let session = get(&sandbox, "/chat/session").await.to_string();
    let fault = json!({ "at": "any_call", "fault": "html" }).to_string();
    for origin in ["null", "http://evil.example", "http://127.0.0.1:1"] {
        for (path, body) in
            [("/chat/act/fault-on", &*fault), ("/chat/act/fault-off", r#"{"id":1}"#), ("/chat/session", &*session)]
        {
            assert_eq!(posts(&sandbox, path, origin, body).await.0, StatusCode::FORBIDDEN, "{path} {origin}");
        }
        for path in ["/chat/session", "/chat/faults"] {
            let status = Ask::new(&sandbox, "GET", path).header("origin", origin).send().await.status();
            assert_eq!(status, StatusCode::FORBIDDEN, "{path} {origin}");
        }
    }
    for path in ["/chat/session", "/chat/faults"] {
        let status = Ask::new(&sandbox, "GET", path).header("sec-fetch-site", "cross-site").send().await.status();
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(status_by_host(&sandbox, "evil.example", path).await, "421", "{path}");
    }
    assert_eq!(Ask::new(&sandbox, "POST", "/chat/session").body(session).send().await.status(), StatusCode::FORBIDDEN);
    assert_eq!(active(&sandbox).await, [] as [Value; 0]);
}

//! Promise: the sandbox accepts only its own host names, and its keys are secret.

use std::net::Ipv4Addr;

use crate::support::{REDIRECT, TestResult};
use kenar::Scope;
use kenar::model::MessageContent;
use kenar::request::BaseUrls;
use kenar_sandbox::Sandbox;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The status of a request over a connection to this address.
async fn status(address: &str, method: &str, target: &str, hosts: &[&str]) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let hosts: String = hosts.iter().map(|host| format!("host: {host}\r\n")).collect();
    let request = format!("{method} {target} HTTP/1.1\r\n{hosts}content-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8_lossy(&response).split(' ').nth(1).unwrap().parse().unwrap()
}

const ROUTES: [(&str, &str); 8] = [
    ("POST", "/v2/open-platform/conversations/a/messages"),
    ("GET", "/v1/open-platform/users"),
    ("GET", "/v1/open-platform/assets/oauth-scope"),
    ("POST", "/oauth2/token"),
    ("GET", "/oauth2/auth"),
    ("POST", "/upload/image"),
    ("GET", "/media/a"),
    ("GET", "/nothing"),
];

#[tokio::test]
async fn every_route_refuses_other_hosts() -> TestResult {
    for chat_page in [false, true] {
        let sandbox = Sandbox::builder().chat_page(chat_page).start().await?;
        let own = sandbox.url().strip_prefix("http://").unwrap().to_owned();
        let (_, port) = own.rsplit_once(':').unwrap();
        let foreign = format!("evil.example:{port}");
        for (method, path) in ROUTES {
            for hosts in [&[foreign.as_str()][..], &[], &[&own, &foreign], &["kenar"]] {
                // Not HTTP/1.1: a request without a `Host`, or with two.
                let refused = status(&own, method, path, hosts).await;
                assert!(refused == 421 || (refused == 400 && hosts.len() != 1), "{path} {hosts:?}: {refused}");
            }
            let absolute = format!("http://{foreign}{path}");
            assert_eq!(status(&own, method, &absolute, &[&own]).await, 421, "{absolute}");
            assert_ne!(status(&own, method, path, &[&own]).await, 421, "{path}");
        }
        let journal = sandbox.journal();
        assert!(journal.iter().any(|exchange| exchange.response.contains("Host")), "{}", sandbox.transcript());
    }
    Ok(())
}

#[tokio::test]
async fn every_own_host_name_is_accepted() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let own = sandbox.url().strip_prefix("http://").unwrap().to_owned();
    let (_, port) = own.rsplit_once(':').unwrap();
    for name in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        let host = format!("{name}:{port}");
        assert_eq!(status(&own, "GET", "/v1/open-platform/users", &[&host]).await, 401, "{host}");
    }
    Ok(())
}

#[tokio::test]
async fn consent_page_is_recognised_under_own_names() -> TestResult {
    let sandbox = Sandbox::start().await?;
    let app = sandbox.app("app");
    let oauth = app.oauth(REDIRECT)?;
    let (url, _) = oauth.permission_url([Scope::user_id()]);
    let (_, port) = sandbox.url().rsplit_once(':').unwrap();
    for name in ["127.0.0.1", "localhost"] {
        let address = url.as_str().replace(sandbox.url(), &format!("http://{name}:{port}"));
        let visit = sandbox.user("sara").visit(&address).await?;
        assert!(visit.asks_permission(), "{name}: {visit:?}");
        assert!(visit.text().contains("USER_ID"), "{name}");
    }
    let elsewhere = url.as_str().replace(sandbox.url(), &format!("https://127.0.0.1:{port}"));
    assert!(!sandbox.user("sara").visit(&elsewhere).await?.asks_permission());
    Ok(())
}

#[tokio::test]
async fn other_host_names_must_be_allowed() -> TestResult {
    let builder = Sandbox::builder().listen_on(Ipv4Addr::UNSPECIFIED.into());
    let sandbox = builder.host_name("kenar").host_name("published:5050").start().await?;
    let own = sandbox.url().strip_prefix("http://").unwrap().to_owned();
    let (_, port) = own.rsplit_once(':').unwrap();
    for (host, expected) in
        [(format!("kenar:{port}"), 401), ("published:5050".to_owned(), 401), (format!("published:{port}"), 421)]
    {
        assert_eq!(status(&own, "GET", "/v1/open-platform/users", &[&host]).await, expected, "{host}");
    }
    let (sara, app) = (sandbox.user("sara"), sandbox.app("app"));
    app.set_events_url(app.set_handler(|_| async { http::Response::default() }));
    let sent = sara.send_photo(&sara.chat_with_bot(&app), "x").await?;
    let MessageContent::Image(image) = &sent.message.content else { panic!("{sent:?}") };
    let link = image.link.clone().unwrap();
    assert!(link.starts_with(&format!("http://kenar:{port}/media/")), "{link}");
    BaseUrls::insecure(&format!("http://kenar:{port}"))?;
    Ok(())
}

/// `0.0.0.0` reaches this machine, but is not a loopback address.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn add_on_host_is_called_only_if_allowed() -> TestResult {
    let addon = crate::support::serve(axum::Router::new()).await;
    let events = kenar::model::AppUrl::insecure(&addon.as_str().replace("127.0.0.1", "0.0.0.0"))?;
    for (asked_for, expected) in [(false, "add-on hosts"), (true, "404")] {
        let builder = Sandbox::builder();
        let sandbox = if asked_for { builder.add_on_host("0.0.0.0") } else { builder }.start().await?;
        let app = sandbox.app("app");
        app.set_events_url(events.clone());
        let sara = sandbox.user("sara");
        let error = sara.write(&sara.chat_with_bot(&app), "سلام").await.unwrap_err().to_string();
        assert!(error.lines().next().unwrap().contains(expected), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn keys_are_random_without_a_seed() -> TestResult {
    let keys = async |seed: Option<u64>| {
        let builder = Sandbox::builder();
        let sandbox = seed.map_or(builder.clone(), |seed| builder.seed(seed)).in_process().await;
        let app = sandbox.app("app");
        let secrets = [
            app.api_key().expose_secret().to_owned(),
            app.identification_key().expose_secret().to_owned(),
            app.client_secret().expose_secret().to_owned(),
        ];
        secrets.map(|secret| secret.rsplit_once('-').unwrap().1.to_owned())
    };
    assert_eq!(keys(Some(7)).await, keys(Some(7)).await);
    let (one, other) = (keys(None).await, keys(None).await);
    assert!(one.iter().all(|key| !other.contains(key)), "{one:?} {other:?}");
    Ok(())
}

use std::error::Error as _;

use kenar_store::Redis;

use crate::support::RedisServer;

#[tokio::test]
async fn redis_connects_to_a_server() {
    let server = RedisServer::start();
    let store = Redis::connect(&server.url()).await.unwrap();
    let port = server.url().rsplit_once(':').unwrap().1.to_owned();
    assert_eq!(format!("{store:?}"), format!(r#"Redis {{ address: 127.0.0.1:{port}, prefix: "{{kenar}}:", .. }}"#));
}

#[tokio::test]
async fn redis_url_is_not_repeated_in_errors() {
    let server = RedisServer::start();
    let url = server.url().replace("redis://", "redis://user:placeholder@");
    for url in [&*url, "redis://user:placeholder@[", "http://user:placeholder@127.0.0.1"] {
        let error = Redis::connect(url).await.unwrap_err();
        let said = format!("{error} {error:?} {:?}", error.source());
        assert!(!said.contains("placeholder"), "{said}");
    }
}

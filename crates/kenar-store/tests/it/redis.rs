use std::error::Error as _;
use std::time::Duration;

use kenar::inbox::{InboxStore as _, Insertion, NewEvent};
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

#[tokio::test]
async fn event_that_redis_refused_is_no_duplicate() {
    let server = RedisServer::start();
    let store = Redis::connect(&server.url()).await.unwrap();
    for command in ["set", "rpush", "zadd"] {
        let event = || NewEvent::new(command, command, "{}");
        assert_eq!(server.command(&format!("ACL SETUSER default -{command}")), "+OK");
        store.insert(event()).await.unwrap_err();
        assert_eq!(server.command(&format!("ACL SETUSER default +{command}")), "+OK");
        assert_eq!(store.insert(event()).await.unwrap(), Insertion::Stored, "after {command} was permitted");
        let claimed = store.claim(10, Duration::from_secs(60)).await.unwrap();
        assert_eq!(claimed.iter().map(|event| &*event.key).collect::<Vec<_>>(), [command], "stored once, and due");
    }
}

#[test]
fn redis_store_outlives_the_runtime_that_stored() {
    let server = RedisServer::start();
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let store = second.block_on(Redis::connect(&server.url())).unwrap();
    let insert = |key: String| {
        let store = store.clone();
        async move { store.insert(NewEvent::new(key, "lane", "{}")).await }
    };
    let inserting: Vec<_> = (0..100).map(|number| first.spawn(insert(format!("first-{number}")))).collect();
    first.shutdown_background();
    drop(inserting);
    let inserted = second.block_on(async {
        let insert = insert("second".to_owned());
        // Those that the first runtime left behind may fail together with it; then it is tried again.
        match insert.await {
            Ok(outcome) => Ok(outcome),
            Err(_) => store.insert(NewEvent::new("second", "lane", "{}")).await,
        }
    });
    assert_eq!(inserted.unwrap(), Insertion::Stored);
}

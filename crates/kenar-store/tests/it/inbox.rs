//! Promise: every store keeps the contract of `InboxStore`.

#[cfg(any(feature = "redis", feature = "sqlite"))]
use kenar_store::conformance::check_inbox;

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_inbox_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let files = std::cell::Cell::new(0);
    let new_store = || {
        files.set(files.get() + 1);
        let path = directory.path().join(format!("{}.db", files.get()));
        async { kenar_store::Sqlite::open(path).await.unwrap() }
    };
    check_inbox(new_store).await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_inbox_conforms() {
    let server = crate::support::RedisServer::start();
    let connected = kenar_store::Redis::connect(&server.url()).await.unwrap();
    let stores = std::cell::Cell::new(0);
    let new_store = || {
        stores.set(stores.get() + 1);
        let store = connected.clone().with_prefix(&stores.get().to_string());
        async { store }
    };
    check_inbox(new_store).await;
}

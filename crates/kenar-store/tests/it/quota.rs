//! Promise: all processes of an app keep its limits together.

use kenar::quota::conformance;

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_quota_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let store = kenar_store::Sqlite::open(directory.path().join("addon.db")).await.unwrap();
    conformance::check(&store).await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_quota_conforms() {
    let server = crate::support::RedisServer::start();
    conformance::check(&kenar_store::Redis::connect(&server.url()).await.unwrap()).await;
}

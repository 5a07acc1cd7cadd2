//! Promise: all processes of an app share its limits.

#[cfg(any(feature = "redis", feature = "sqlite"))]
use kenar_store::conformance::check_quota;

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_quota_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let store = kenar_store::Sqlite::open(directory.path().join("addon.db")).await.unwrap();
    check_quota(&store).await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_quota_conforms() {
    let server = crate::support::RedisServer::start();
    check_quota(&kenar_store::Redis::connect(&server.url()).await.unwrap()).await;
}

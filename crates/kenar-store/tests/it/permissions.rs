//! Promise: every store keeps the contract of `PermissionStore`.

#[cfg(any(feature = "redis", feature = "sqlite"))]
use kenar_store::conformance::check_permissions;

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_passes_the_permission_suite() {
    let directory = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicUsize::new(0);
    check_permissions(|| async {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        kenar_store::Sqlite::open(directory.path().join(format!("{number}.db"))).await.unwrap()
    })
    .await;
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_passes_the_permission_suite() {
    let server = crate::support::RedisServer::start();
    let number = std::sync::atomic::AtomicUsize::new(0);
    check_permissions(|| async {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        kenar_store::Redis::connect(&server.url()).await.unwrap().with_prefix(&format!("test-{number}"))
    })
    .await;
}

//! Promise: no accepted event and no granted permission is lost, whatever is killed, cut off, locked or full.
//!
//! Four processes share a store. The short form runs with every test, the long form in `.ci/deep`.

mod children;
mod fleet;
mod grant_worker;
mod grants;
mod log;
mod place;
#[cfg(feature = "sqlite")]
mod small_disk;
mod token_endpoint;
mod worker;

use std::time::Duration;

use fleet::Plan;

/// The generator of Steele, Lea and Flood (splitmix64), as a function.
fn random(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn short() -> Plan {
    Plan {
        conversations: 50,
        events: 30,
        pace: Duration::from_millis(60),
        fault_interval: Duration::from_millis(150),
        stops: false,
        lease: Duration::from_secs(3),
        limit: Duration::from_secs(120),
        seed: 1,
    }
}

fn long() -> Plan {
    Plan {
        conversations: 200,
        events: 100,
        pace: Duration::from_millis(300),
        fault_interval: Duration::from_millis(400),
        stops: cfg!(unix),
        lease: Duration::from_secs(5),
        limit: Duration::from_secs(300),
        seed: 2,
    }
}

fn few_grants() -> grants::Plan {
    grants::Plan {
        permissions: 40,
        steps: 25,
        pace: Duration::from_millis(200),
        fault_interval: Duration::from_millis(300),
        faults: 20,
        limit: Duration::from_secs(120),
        seed: 3,
    }
}

fn many_grants() -> grants::Plan {
    grants::Plan {
        permissions: 100,
        steps: 200,
        pace: Duration::from_millis(300),
        fault_interval: Duration::from_millis(500),
        faults: 200,
        limit: Duration::from_secs(400),
        seed: 4,
    }
}

/// Runs a proof over Redis, which is killed and cut off.
#[cfg(feature = "redis")]
fn redis(prove: impl FnOnce(&str, fleet::Fault<'_>)) {
    let mut server = crate::support::RedisServer::start();
    let url = server.url();
    prove(&url, &mut |chance| {
        if chance % 2 == 0 {
            server.kill();
            server.start_again();
        } else {
            server.cut_connections();
        }
    });
}

/// Runs a proof over an SQLite file that others lock, on a disk that is full at times.
#[cfg(feature = "sqlite")]
fn sqlite(prove: impl FnOnce(&str, fleet::Fault<'_>)) {
    let disk = small_disk::SmallDisk::new();
    let path = disk.path().join("addon.db");
    let _ = std::fs::File::create(&path);
    prove(&format!("sqlite:{}", path.display()), &mut |chance| {
        if chance % 2 == 0 {
            // Longer than an acceptance waits.
            hold_lock(&path, Duration::from_millis(400));
        } else {
            disk.fill(Duration::from_millis(400));
        }
    });
}

/// Holds the lock of a writer, as another program with the same file.
#[cfg(feature = "sqlite")]
fn hold_lock(path: &std::path::Path, duration: Duration) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    if connection.execute_batch("BEGIN IMMEDIATE").is_ok() {
        std::thread::sleep(duration);
        connection.execute_batch("ROLLBACK").unwrap();
    }
}

#[cfg(feature = "redis")]
#[test]
fn redis_loses_nothing_when_processes_die() {
    redis(|place, fault| fleet::prove(&short(), place, fault));
}

#[cfg(feature = "redis")]
#[test]
#[ignore = "20,000 events: .ci/deep runs it"]
fn redis_loses_nothing_of_20_000_events() {
    redis(|place, fault| fleet::prove(&long(), place, fault));
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_loses_nothing_when_processes_die() {
    sqlite(|place, fault| fleet::prove(&short(), place, fault));
}

#[cfg(feature = "sqlite")]
#[test]
#[ignore = "20,000 events: .ci/deep runs it"]
fn sqlite_loses_nothing_of_20_000_events() {
    sqlite(|place, fault| fleet::prove(&long(), place, fault));
}

#[cfg(feature = "redis")]
#[test]
fn redis_loses_no_grant_when_processes_die() {
    redis(|place, fault| grants::prove(&few_grants(), place, fault));
}

#[cfg(feature = "redis")]
#[test]
#[ignore = "20,000 calls: .ci/deep runs it"]
fn redis_loses_no_grant_of_thousands() {
    redis(|place, fault| grants::prove(&many_grants(), place, fault));
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_loses_no_grant_when_processes_die() {
    sqlite(|place, fault| grants::prove(&few_grants(), place, fault));
}

#[cfg(feature = "sqlite")]
#[test]
#[ignore = "20,000 calls: .ci/deep runs it"]
fn sqlite_loses_no_grant_of_thousands() {
    sqlite(|place, fault| grants::prove(&many_grants(), place, fault));
}

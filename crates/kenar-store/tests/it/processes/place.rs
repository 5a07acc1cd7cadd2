//! The store that all processes share.

use std::sync::Arc;
use std::time::Duration;

use kenar::inbox::InboxStore;
use kenar::tokens::PermissionStore;

/// The place of the store, in the environment of a process: `sqlite:` and a path, or the URL of Redis.
pub const STORE: &str = "KENAR_TEST_STORE";

pub enum Store {
    #[cfg(feature = "sqlite")]
    Sqlite(kenar_store::Sqlite),
    #[cfg(feature = "redis")]
    Redis(kenar_store::Redis),
}

impl Store {
    /// Opens a store, however long that takes: the server may be down, the file locked, the disk full.
    pub async fn open(place: &str) -> Self {
        loop {
            let opened: Result<Self, kenar_store::Error> = match place.strip_prefix("sqlite:") {
                #[cfg(feature = "sqlite")]
                Some(path) => kenar_store::Sqlite::open(path).await.map(Self::Sqlite),
                #[cfg(feature = "redis")]
                None => kenar_store::Redis::connect(place).await.map(Self::Redis),
                #[allow(unreachable_patterns)]
                _ => panic!("{place} needs a feature"),
            };
            match opened {
                Ok(store) => return store,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    pub fn inbox(self) -> Arc<dyn InboxStore> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(store) => Arc::new(store),
            #[cfg(feature = "redis")]
            Self::Redis(store) => Arc::new(store),
        }
    }

    pub fn permissions(self) -> Arc<dyn PermissionStore> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(store) => Arc::new(store),
            #[cfg(feature = "redis")]
            Self::Redis(store) => Arc::new(store),
        }
    }
}

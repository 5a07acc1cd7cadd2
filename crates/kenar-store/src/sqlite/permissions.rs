//! Permissions in SQLite.

use async_trait::async_trait;
use kenar::error::StoreError;
use kenar::model::Timestamp;
use kenar::tokens::{ListedPermission, PermissionRecord, PermissionStore, PermissionValue, Stamp};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::Sqlite;

/// `WITHOUT ROWID`, since rows are found by their key only. Stamps are blobs of 16 bytes.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS kenar_permissions (
    key TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    grant_id BLOB NOT NULL,
    lease BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kenar_permissions_by_expiry ON kenar_permissions (expires_at, key);
CREATE INDEX IF NOT EXISTS kenar_permissions_leased ON kenar_permissions (key) WHERE lease IS NOT NULL;
";

const SELECT: &str = "SELECT value, expires_at, grant_id, lease FROM kenar_permissions WHERE key = ?1";

#[async_trait]
impl PermissionStore for Sqlite {
    async fn read(&self, key: &str) -> Result<Option<PermissionRecord>, StoreError> {
        let key = key.to_owned();
        Ok(self.read(move |connection| select(connection, &key)).await?)
    }

    async fn grant(&self, key: &str, grant: Stamp, value: PermissionValue) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO kenar_permissions (key, value, expires_at, grant_id) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (key) DO UPDATE
            SET value = excluded.value, expires_at = excluded.expires_at, grant_id = excluded.grant_id, lease = NULL
            WHERE grant_id <> excluded.grant_id";
        let key = key.to_owned();
        let write = move |connection: &Connection| {
            let expires_at = value.expires_at().unix_micros();
            let values = params![key, value.expose_secret(), expires_at, blob(grant)];
            connection.prepare_cached(SQL)?.execute(values).map(drop)
        };
        Ok(self.write(write).await?)
    }

    async fn lease(
        &self,
        key: &str,
        lease: Stamp,
        broken: Option<Stamp>,
    ) -> Result<Option<PermissionRecord>, StoreError> {
        // A comparison with NULL, where nothing is to be broken, is not true.
        const SQL: &str = "UPDATE kenar_permissions SET lease = ?2 WHERE key = ?1 AND (lease IS NULL OR lease = ?3)";
        let key = key.to_owned();
        let write = move |connection: &Connection| {
            connection.prepare_cached(SQL)?.execute(params![key, blob(lease), broken.map(blob)])?;
            select(connection, &key)
        };
        Ok(self.write(write).await?)
    }

    async fn replace(
        &self,
        key: &str,
        lease: Stamp,
        value: PermissionValue,
        keep_lease: bool,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE kenar_permissions SET value = ?3, expires_at = ?4, lease = ?5 WHERE key = ?1 AND lease = ?2";
        let key = key.to_owned();
        let write = move |connection: &Connection| {
            let expires_at = value.expires_at().unix_micros();
            let kept = keep_lease.then_some(lease).map(blob);
            let values = params![key, blob(lease), value.expose_secret(), expires_at, kept];
            connection.prepare_cached(SQL)?.execute(values)
        };
        Ok(self.write(write).await? > 0)
    }

    async fn release(&self, key: &str, lease: Stamp) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE kenar_permissions SET lease = NULL WHERE key = ?1 AND lease = ?2";
        let key = key.to_owned();
        let write =
            move |connection: &Connection| connection.prepare_cached(SQL)?.execute(params![key, blob(lease)]).map(drop);
        Ok(self.write(write).await?)
    }

    async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        let key = key.to_owned();
        let write = move |connection: &Connection| {
            connection.prepare_cached("DELETE FROM kenar_permissions WHERE key = ?1")?.execute([key])
        };
        Ok(self.write(write).await? > 0)
    }

    async fn list(&self, after: Option<&ListedPermission>, limit: usize) -> Result<Vec<ListedPermission>, StoreError> {
        const SQL: &str = "
            SELECT key, expires_at FROM kenar_permissions WHERE (expires_at, key) > (?1, ?2)
            ORDER BY expires_at, key LIMIT ?3";
        // Before any time that a `Timestamp` can be.
        let (expires_at, key) =
            after.map_or((i64::MIN, String::new()), |after| (after.expires_at.unix_micros(), after.key.clone()));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(SQL)?;
            let listed = |row: &Row<'_>| Ok(ListedPermission::new(row.get::<_, String>(0)?, timestamp(row, 1)?));
            statement.query_map(params![expires_at, key, limit], listed)?.collect()
        };
        Ok(self.read(read).await?)
    }

    async fn leased(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = move |connection: &Connection| {
            let sql = "SELECT key FROM kenar_permissions WHERE lease IS NOT NULL LIMIT ?1";
            connection.prepare_cached(sql)?.query_map([limit], |row| row.get(0))?.collect()
        };
        Ok(self.read(read).await?)
    }
}

fn select(connection: &Connection, key: &str) -> rusqlite::Result<Option<PermissionRecord>> {
    let record = |row: &Row<'_>| {
        let value = PermissionValue::new(row.get(0)?, timestamp(row, 1)?);
        let grant = Stamp::from_u128(u128::from_be_bytes(row.get(2)?));
        let lease = row.get::<_, Option<[u8; 16]>>(3)?.map(|bytes| Stamp::from_u128(u128::from_be_bytes(bytes)));
        Ok(PermissionRecord::new(value, grant, lease))
    };
    connection.prepare_cached(SELECT)?.query_row([key], record).optional()
}

fn timestamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let micros = row.get(column)?;
    Timestamp::from_unix_micros(micros).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, FromSqlError::OutOfRange(micros).into())
    })
}

fn blob(stamp: Stamp) -> [u8; 16] {
    stamp.to_u128().to_be_bytes()
}

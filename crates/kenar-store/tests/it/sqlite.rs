use kenar_store::Sqlite;

#[tokio::test]
async fn sqlite_file_is_created_and_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("addon.db");
    let (first, second) = tokio::join!(Sqlite::open(&path), Sqlite::open(&path));
    drop((first.unwrap(), second.unwrap()));
    Sqlite::open(&path).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn sqlite_file_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("addon.db");
    let _store = Sqlite::open(&path).await.unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.path());
    }
}

#[tokio::test]
async fn file_that_is_not_a_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("addon.db");
    std::fs::write(&path, "a text file and not a database: ".repeat(100)).unwrap();
    let error = Sqlite::open(&path).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot open the SQLite database");
}

#[tokio::test]
async fn path_that_cannot_be_created_is_named() {
    let error = Sqlite::open("/nonexistent/addon.db").await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("/nonexistent/addon.db: "), "{cause}");
}

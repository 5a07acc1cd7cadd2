//! Replacing a user's file, so that a crash leaves the old content or the new.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Replaces the content of a file, which is created if it does not exist.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // Renaming would replace a symbolic link instead of its target.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(path).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        // A device or a pipe has no content to lose.
        return fs::write(path, content);
    }
    let exists = old.is_some();
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{:016x}", fastrand::u64(..)));
    let temporary = &path.with_file_name(temporary);
    match write_new(temporary, content, old).and_then(|()| fs::rename(temporary, path)) {
        // The file is a mount of its own, as in a container (the copy beside it survives a crash), or its folder is
        // read-only.
        Err(error) if exists && is_of_folder(error.kind()) => {
            fs::write(path, content)?;
            let _ = fs::remove_file(temporary);
        }
        Err(error) => {
            // It may not exist.
            let _ = fs::remove_file(temporary);
            return Err(error);
        }
        Ok(()) => {}
    }
    #[cfg(unix)]
    if let Some(Ok(folder)) = path.parent().map(fs::File::open) {
        // Makes the rename durable, where the file system supports this.
        let _ = folder.sync_all();
    }
    Ok(())
}

fn is_of_folder(error: io::ErrorKind) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(error, PermissionDenied | ReadOnlyFilesystem | ResourceBusy)
}

fn write_new(path: &Path, content: &[u8], like: Option<fs::Metadata>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    if let Some(like) = like {
        file.set_permissions(like.permissions())?;
    }
    file.write_all(content)?;
    file.sync_all()
}

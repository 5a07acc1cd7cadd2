//! A disk that can be filled.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

/// A directory on a disk of 32 MiB, if the system permits a mount (root on Linux); otherwise on any disk.
pub struct SmallDisk {
    directory: TempDir,
    is_small: bool,
}

impl SmallDisk {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Another system's `mount` may succeed without the limit, and `fill` would then fill the real disk.
        let is_small = cfg!(target_os = "linux")
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"])
                .arg(directory.path())
                .output()
                .is_ok_and(|output| output.status.success());
        if !is_small {
            println!("no disk can be mounted: it is not filled");
        }
        Self { directory, is_small }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Fills the disk for a while.
    pub fn fill(&self, duration: Duration) {
        if self.is_small {
            let path = self.path().join("filler");
            let mut filler = File::create(&path).unwrap();
            while filler.write_all(&[0; 4096]).is_ok() {}
            std::thread::sleep(duration);
            std::fs::remove_file(path).unwrap();
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if self.is_small {
            let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
        }
    }
}

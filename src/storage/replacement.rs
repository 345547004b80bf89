//! Replaces a derived folder in one step.
//!
//! It must not know the ledger. On a local disk, files are written to a hidden folder, which is then
//! exchanged with the old one. The invariant: at every instant, also after a kill, the folder
//! contains the files of one run only. A reader that opens files by path one after another may read
//! files of two runs, each of them complete.
//!
//! Where folders cannot be exchanged (an object store, an old file system), files are replaced one
//! by one in the order they were put, and files that the run no longer writes are deleted last.
//! There each file is complete at every instant, and after a kill the next run repairs the rest.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;
use tokio::runtime::Handle;

use super::{FileWriter, Result, StorageError, Store, random, sync_disk_folder};

/// Where folders are staged, under the root: on the same disk, and hidden from globs.
const STAGING: &str = ".replacing";

/// The pause between two attempts to sweep.
const PAUSE: Duration = Duration::from_millis(50);

/// The new contents of a folder: put files, then publish. Until then, nothing has changed.
#[derive(Debug)]
pub struct Replacement {
    store: Store,
    /// The folder that it replaces.
    folder: String,
    /// The files put, in order.
    names: Vec<String>,
    /// Where it is staged on a local disk; elsewhere files are replaced as they are put.
    staged: Option<StagedFolder>,
}

/// A folder that is not published yet.
#[derive(Debug)]
struct StagedFolder {
    /// Its path under the root.
    folder: String,
    /// A shared lock until publishing: without one, folders were left by killed runs.
    _lock: File,
}

impl Store {
    /// Begins to replace a folder: for what is derived and can be written again, never for the
    /// ledger. Any number of processes may do so: the last to publish wins.
    pub async fn replacement(&self, folder: &str) -> Result<Replacement> {
        let staged = self.on_disk(STAGING, |staging| stage(&staging)).await?;
        Ok(Replacement {
            store: self.clone(),
            folder: folder.to_owned(),
            names: Vec::new(),
            staged,
        })
    }
}

impl Store {
    /// Waits until every run that is replacing a folder has ended, and removes what killed runs left of
    /// their folders. What later runs publish was checked after this began.
    ///
    /// # Errors
    ///
    /// [`StorageError::Failed`] if other runs do not end in time.
    pub async fn sweep_replacements(&self, wait: Duration) -> Result<()> {
        let deadline = Instant::now() + wait;
        // In a bucket, no run is ever found.
        while self.on_disk(STAGING, |staging| is_in_use(&staging)).await? {
            if Instant::now() >= deadline {
                return Err(StorageError::Failed {
                    act: "sweep",
                    path: STAGING.to_owned(),
                    source: io::Error::other("other commands are still writing tables; try again"),
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

impl Replacement {
    /// Puts a file into the folder.
    pub async fn put(&mut self, name: &str, bytes: Bytes) -> Result<()> {
        self.store.replace(&self.path_of(name), bytes).await?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// Creates a file in the folder whose contents are written bit by bit.
    pub fn create(&mut self, name: &str, runtime: &Handle) -> FileWriter {
        let path = self.path_of(name);
        self.names.push(name.to_owned());
        self.store.writer(path, runtime.clone())
    }

    /// Where a file is put until the folder is replaced.
    fn path_of(&self, name: &str) -> String {
        let staged = self.staged.as_ref();
        let folder = staged.map_or(&self.folder, |staged| &staged.folder);
        format!("{folder}/{name}")
    }

    /// Replaces the folder.
    pub async fn publish(self) -> Result<()> {
        let Self {
            store,
            folder,
            names,
            staged,
        } = self;
        if let Some(staged) = staged {
            return store
                .on_disk("", move |root| {
                    move_into_place(&root.join(&staged.folder), &root.join(&folder), &names)
                        .and_then(|()| sync_disk_folder(&root.join(STAGING)))
                        .map_err(|source| StorageError::Failed {
                            act: "replace the folder",
                            path: folder,
                            source,
                        })
                })
                .await;
        }
        for entry in store
            .list(&folder)
            .await?
            .into_iter()
            .filter(|entry| !names.contains(&entry.name))
        {
            store.delete(&format!("{folder}/{}", entry.name)).await?;
        }
        Ok(())
    }
}

/// Whether another run is writing to the hidden folder; if not, it is empty afterwards.
fn is_in_use(staging: &Path) -> Result<bool> {
    if !staging.exists() {
        return Ok(false);
    }
    let swept = File::open(staging).and_then(|lock| sweep(staging, &lock));
    swept
        .map(|swept| !swept)
        .map_err(|source| StorageError::Failed {
            act: "sweep",
            path: STAGING.to_owned(),
            source,
        })
}

/// Removes, durably, what killed runs left in the hidden folder; false if another run has the lock.
fn sweep(staging: &Path, lock: &File) -> io::Result<bool> {
    match flock(lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            for left in fs::read_dir(staging)? {
                fs::remove_dir_all(left?.path())?;
            }
            sync_disk_folder(staging)?;
            Ok(true)
        }
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A new folder to stage files in.
fn stage(staging: &Path) -> Result<Option<StagedFolder>> {
    match lock_staging(staging) {
        Ok(lock) => Ok(Some(StagedFolder {
            folder: format!("{STAGING}/{:016x}", random()),
            _lock: lock,
        })),
        Err(source) => Err(StorageError::Failed {
            act: "create",
            path: STAGING.to_owned(),
            source,
        }),
    }
}

/// A shared lock on the hidden folder, created if need be. If no other run has one, what killed runs
/// left in the folder is removed first.
fn lock_staging(staging: &Path) -> io::Result<File> {
    fs::create_dir_all(staging)?;
    let lock = File::open(staging)?;
    sweep(staging, &lock)?;
    flock(&lock, FlockOperation::LockShared)?;
    Ok(lock)
}

fn move_into_place(staged: &Path, target: &Path, names: &[String]) -> io::Result<()> {
    let parent = target.parent().unwrap_or(target);
    fs::create_dir_all(staged)?; // it does not exist if no file was put
    fs::create_dir_all(parent)?;
    sync_disk_folder(staged)?;
    match exchange(staged, target) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::XDEV) => {
            move_one_by_one(staged, target, names)?;
        }
        result => result?,
    }
    sync_disk_folder(parent)?;
    fs::remove_dir_all(staged).or_else(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            Ok(())
        } else {
            Err(error)
        }
    })
}

/// Exchanges two folders in one step; the second need not exist.
fn exchange(staged: &Path, target: &Path) -> rustix::io::Result<()> {
    loop {
        match renameat_with(CWD, staged, CWD, target, RenameFlags::EXCHANGE) {
            Err(Errno::NOENT) => {}
            result => return result,
        }
        match renameat_with(CWD, staged, CWD, target, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {} // another run was first
            result => return result,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is `storage`")]
fn move_one_by_one(staged: &Path, target: &Path, names: &[String]) -> io::Result<()> {
    fs::create_dir_all(target)?;
    for name in names {
        fs::rename(staged.join(name), target.join(name))?;
    }
    for old in fs::read_dir(target)? {
        let old = old?;
        if !names.iter().any(|name| old.file_name() == name.as_str()) {
            fs::remove_file(old.path())?;
        }
    }
    sync_disk_folder(target)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use rustix::fs::{Mode, OFlags, openat};

    use super::*;

    fn disk() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path().to_str().expect("utf-8")).expect("store");
        (folder, store)
    }

    async fn replaced(store: &Store, files: &[(&str, &str)]) {
        let mut folder = store.replacement("a/b").await.expect("begun");
        for (name, text) in files {
            folder
                .put(name, (*text).to_owned().into())
                .await
                .expect("put");
        }
        folder.publish().await.expect("published");
    }

    async fn contents(store: &Store) -> Vec<(String, Bytes)> {
        let mut contents = Vec::new();
        for entry in store.list("a/b").await.expect("list") {
            let bytes = store
                .read(&format!("a/b/{}", entry.name))
                .await
                .expect("read")
                .expect("there");
            contents.push((entry.name, bytes));
        }
        contents
    }

    fn files(files: &[(&str, &str)]) -> Vec<(String, Bytes)> {
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned().into()))
            .collect()
    }

    #[tokio::test]
    async fn a_file_that_is_no_longer_written_is_removed() {
        let (folder, disk) = disk();
        for store in [
            disk,
            Store::from_object_store(Arc::new(object_store::memory::InMemory::new())),
        ] {
            for now in [&[("x", "1"), ("y", "1")][..], &[("y", "2"), ("z", "2")]] {
                replaced(&store, now).await;
                assert_eq!(contents(&store).await, files(now));
            }
        }
        assert_eq!(count_staged(&folder), 0);
    }

    #[tokio::test]
    async fn a_folder_that_was_not_published_changes_nothing_and_is_removed() {
        let (folder, store) = disk();
        replaced(&store, &[("x", "1")]).await;
        let mut dropped = store.replacement("a/b").await.expect("begun");
        dropped.put("x", "2".into()).await.expect("put");
        let beside = store.replacement("a/c").await.expect("begun");
        assert_eq!(count_staged(&folder), 1, "another run's is not removed");
        drop((dropped, beside));
        assert_eq!(contents(&store).await, files(&[("x", "1")]));
        assert_eq!(count_staged(&folder), 1);
        drop(store.replacement("a/b").await.expect("begun"));
        assert_eq!(count_staged(&folder), 0);
    }

    #[tokio::test]
    async fn a_sweep_waits_for_other_runs_and_removes_what_killed_ones_left() {
        let (folder, store) = disk();
        let now = Duration::ZERO;
        store.sweep_replacements(now).await.expect("nothing there");
        let mut other = store.replacement("a/b").await.expect("begun");
        other.put("x", "2".into()).await.expect("put");
        let error = store.sweep_replacements(now).await.expect_err("in use");
        assert!(error.to_string().contains("sweep"), "{error}");
        assert_eq!(count_staged(&folder), 1);
        drop(other);
        store.sweep_replacements(now).await.expect("swept");
        assert_eq!(count_staged(&folder), 0);
        let bucket = Store::from_object_store(Arc::new(object_store::memory::InMemory::new()));
        bucket.sweep_replacements(now).await.expect("nothing there");
    }

    fn count_staged(root: &tempfile::TempDir) -> usize {
        let staging = fs::read_dir(root.path().join(STAGING));
        staging.expect("folder").count()
    }

    #[tokio::test]
    async fn where_folders_cannot_be_exchanged_files_are_replaced_one_by_one() {
        let (folder, store) = disk();
        replaced(&store, &[("x", "1"), ("y", "1")]).await;
        let staged = folder.path().join("staged");
        fs::create_dir(&staged).expect("folder");
        fs::write(staged.join("y"), "2").expect("file");
        move_one_by_one(&staged, &folder.path().join("a/b"), &["y".to_owned()]).expect("replaced");
        assert_eq!(contents(&store).await, files(&[("y", "2")]));
    }

    /// Reads all files of a folder as it is at one instant.
    fn read_at_one_instant(folder: &Path) -> io::Result<Vec<String>> {
        let folder = File::open(folder)?;
        let mut texts = Vec::new();
        for name in ["x", "y", "z"] {
            let file = openat(&folder, name, OFlags::RDONLY, Mode::empty())?;
            texts.push(io::read_to_string(File::from(file))?);
        }
        Ok(texts)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_reader_sees_the_files_of_one_run_at_every_instant() {
        let (folder, store) = disk();
        replaced(&store, &[("x", "0"), ("y", "0"), ("z", "0")]).await;
        let (complete, done) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (path, seen, until) = (folder.path().join("a/b"), complete.clone(), done.clone());
        let reader = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                for name in ["x", "y", "z"] {
                    fs::read_to_string(path.join(name)).expect("a file always exists by its path");
                }
                match read_at_one_instant(&path) {
                    Ok(texts) => {
                        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                    // The opened folder was exchanged and removed; it is never half of each.
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound),
                }
            }
        });
        let deadline = Instant::now() + Duration::from_mins(1);
        let mut run = 0;
        while run < 100 || complete.load(Ordering::Relaxed) < 100 {
            assert!(
                !reader.is_finished() && Instant::now() < deadline,
                "the reader saw too little"
            );
            run += 1;
            let text = run.to_string();
            replaced(&store, &[("x", &text), ("y", &text), ("z", &text)]).await;
        }
        done.store(true, Ordering::Relaxed);
        reader.join().expect("the reader found no mixture");
    }
}

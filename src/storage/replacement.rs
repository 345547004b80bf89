//! A derived folder that takes the place of the one before it whole.
//!
//! On a local disk the files are written into a hidden folder and the two are exchanged in one
//! step, so at every instant, also after a kill, the folder is all of one run: no old file beside a
//! new one, none that the run no longer makes. A reader that opens files by path one after another
//! may pass the exchange in between and so read files of two runs, each of them whole. Where there
//! is no such exchange (an object store, an old file system) file after file is replaced, in the
//! order they were put, and what the run no longer makes goes last: each file is whole at every
//! instant, and after a kill the next run mends the rest.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;

use super::{Result, StorageError, Store, random, sync_disk_folder};

/// Where folders are made, under the root: on the same disk, and hidden from whoever globs.
const MAKING: &str = ".replacing";

/// A folder in the making: put files, then publish. Dropped before that, nothing has changed.
#[derive(Debug)]
pub struct Replacement {
    store: Store,
    /// The folder whose place it takes.
    folder: String,
    /// The files put, in order.
    names: Vec<String>,
    /// Where it is made on a local disk; elsewhere files go to their place at once.
    made: Option<Made>,
}

/// A folder that is not yet in its place.
#[derive(Debug)]
struct Made {
    /// Its path under the root.
    folder: String,
    /// Held, shared, while a folder is made: what is there unheld was left by killed runs.
    _lock: File,
}

impl Store {
    /// Begins a folder that will take the place of another: for what is derived and can be made
    /// again, never for the ledger. Any number of processes may: the last to publish wins.
    pub async fn replacement(&self, folder: &str) -> Result<Replacement> {
        let fail = |source| StorageError::Failed {
            act: "make",
            path: MAKING.to_owned(),
            source,
        };
        let made = move |disk: PathBuf| {
            let lock = swept(&disk).map_err(fail)?;
            let folder = format!("{MAKING}/{:016x}", random());
            Ok(Some(Made {
                folder,
                _lock: lock,
            }))
        };
        let made = self.on_disk(MAKING, made).await?;
        Ok(Replacement {
            store: self.clone(),
            folder: folder.to_owned(),
            names: Vec::new(),
            made,
        })
    }
}

impl Replacement {
    /// Puts a file into the folder.
    pub async fn put(&mut self, name: &str, bytes: Bytes) -> Result<()> {
        let folder = self.made.as_ref().map_or(&self.folder, |made| &made.folder);
        self.store
            .replace(&format!("{folder}/{name}"), bytes)
            .await?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// Puts the folder in its place; what was there goes.
    pub async fn publish(self) -> Result<()> {
        let Self {
            store,
            folder,
            names,
            made,
        } = self;
        if let Some(made) = made {
            let (path, names) = (folder.clone(), names.clone());
            let fail = |source| StorageError::Failed {
                act: "replace the folder",
                path,
                source,
            };
            let moved = move |root: PathBuf| {
                let moved = put_in_place(&root.join(&made.folder), &root.join(&folder), &names);
                moved
                    .and_then(|()| sync_disk_folder(&root.join(MAKING)))
                    .map_err(fail)
            };
            return store.on_disk("", moved).await;
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

/// The hidden folder, held; what killed runs left in it is gone, if no other run is at work.
fn swept(making: &Path) -> io::Result<File> {
    fs::create_dir_all(making)?;
    let lock = File::open(making)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            for left in fs::read_dir(making)? {
                fs::remove_dir_all(left?.path())?;
            }
        }
        Err(Errno::WOULDBLOCK) => {}
        Err(error) => return Err(error.into()),
    }
    flock(&lock, FlockOperation::LockShared)?;
    Ok(lock)
}

fn put_in_place(made: &Path, place: &Path, names: &[String]) -> io::Result<()> {
    let parent = place.parent().unwrap_or(place);
    fs::create_dir_all(made)?; // a folder without files has none yet
    fs::create_dir_all(parent)?;
    sync_disk_folder(made)?;
    match exchange(made, place) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::XDEV) => {
            one_by_one(made, place, names)?
        }
        result => result?,
    }
    sync_disk_folder(parent)?;
    fs::remove_dir_all(made).or_else(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            Ok(())
        } else {
            Err(error)
        }
    })
}

/// Changes the places of two folders at once; the second need not be there.
fn exchange(made: &Path, place: &Path) -> rustix::io::Result<()> {
    loop {
        match renameat_with(CWD, made, CWD, place, RenameFlags::EXCHANGE) {
            Err(Errno::NOENT) => {}
            result => return result,
        }
        match renameat_with(CWD, made, CWD, place, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {} // another run was first
            result => return result,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is `storage`")]
fn one_by_one(made: &Path, place: &Path, names: &[String]) -> io::Result<()> {
    fs::create_dir_all(place)?;
    for name in names {
        fs::rename(made.join(name), place.join(name))?;
    }
    for old in fs::read_dir(place)? {
        let old = old?;
        if !names.iter().any(|name| old.file_name() == name.as_str()) {
            fs::remove_file(old.path())?;
        }
    }
    sync_disk_folder(place)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

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

    async fn held(store: &Store) -> Vec<(String, Bytes)> {
        let mut held = Vec::new();
        for entry in store.list("a/b").await.expect("list") {
            let bytes = store
                .read(&format!("a/b/{}", entry.name))
                .await
                .expect("read")
                .expect("there");
            held.push((entry.name, bytes));
        }
        held
    }

    fn files(files: &[(&str, &str)]) -> Vec<(String, Bytes)> {
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned().into()))
            .collect()
    }

    #[tokio::test]
    async fn what_is_made_no_more_is_gone() {
        let (folder, disk) = disk();
        for store in [
            disk,
            Store::over(Arc::new(object_store::memory::InMemory::new())),
        ] {
            for now in [&[("x", "1"), ("y", "1")][..], &[("y", "2"), ("z", "2")]] {
                replaced(&store, now).await;
                assert_eq!(held(&store).await, files(now));
            }
        }
        assert_eq!(
            fs::read_dir(folder.path().join(MAKING))
                .expect("folder")
                .count(),
            0
        );
    }

    #[tokio::test]
    async fn a_folder_that_was_not_published_changes_nothing_and_is_swept() {
        let (folder, store) = disk();
        replaced(&store, &[("x", "1")]).await;
        let mut dropped = store.replacement("a/b").await.expect("begun");
        dropped.put("x", "2".into()).await.expect("put");
        let left = || {
            fs::read_dir(folder.path().join(MAKING))
                .expect("folder")
                .count()
        };
        let beside = store.replacement("a/c").await.expect("begun");
        assert_eq!(left(), 1, "another run's is not swept");
        drop((dropped, beside));
        assert_eq!((held(&store).await, left()), (files(&[("x", "1")]), 1));
        drop(store.replacement("a/b").await.expect("begun"));
        assert_eq!(left(), 0);
    }

    #[tokio::test]
    async fn where_folders_cannot_be_exchanged_files_are_replaced_one_by_one() {
        let (folder, store) = disk();
        replaced(&store, &[("x", "1"), ("y", "1")]).await;
        let made = folder.path().join("made");
        fs::create_dir(&made).expect("folder");
        fs::write(made.join("y"), "2").expect("file");
        one_by_one(&made, &folder.path().join("a/b"), &["y".to_owned()]).expect("replaced");
        assert_eq!(held(&store).await, files(&[("y", "2")]));
    }

    /// Reads all files of the folder as it is at one instant.
    fn at_an_instant(folder: &Path) -> io::Result<Vec<String>> {
        let folder = File::open(folder)?;
        let read = |name: &str| {
            let file = openat(&folder, name, OFlags::RDONLY, Mode::empty())?;
            io::read_to_string(File::from(file))
        };
        ["x", "y", "z"].into_iter().map(read).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_reader_sees_one_run_whole_at_every_instant() {
        let (folder, store) = disk();
        replaced(&store, &[("x", "0"), ("y", "0"), ("z", "0")]).await;
        let (whole, done) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (path, seen, until) = (folder.path().join("a/b"), whole.clone(), done.clone());
        let reader = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                for name in ["x", "y", "z"] {
                    fs::read_to_string(path.join(name)).expect("by path a file is always there");
                }
                match at_an_instant(&path) {
                    Ok(texts) => {
                        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                    // The folder that was opened was exchanged and removed: never half of each.
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound),
                }
            }
        });
        let deadline = Instant::now() + Duration::from_mins(1);
        let mut run = 0;
        while run < 100 || whole.load(Ordering::Relaxed) < 100 {
            assert!(
                !reader.is_finished() && Instant::now() < deadline,
                "the reader saw too little"
            );
            run += 1;
            let text = run.to_string();
            replaced(&store, &[("x", &text), ("y", &text), ("z", &text)]).await;
        }
        done.store(true, Ordering::Relaxed);
        reader.join().expect("the reader held");
    }
}

//! The store: named files on a local disk or in an S3 bucket.
//!
//! It must not know what the bytes mean. Nothing else in the crate creates, replaces or deletes a
//! file. The invariant: once [`Store::create`] returns [`Creation::Created`], the file is complete
//! and durable, and no later create changes it. Derived folders are replaced as one
//! ([`Replacement`]).

mod file_writer;
mod replacement;
mod s3;

use std::collections::HashSet;
use std::error::Error as _;
use std::io;
use std::path::{Path as DiskPath, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::StreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode};

use crate::properties::Properties;

pub use file_writer::FileWriter;
pub use replacement::Replacement;
pub use s3::is_property;

/// Creates of one name at the same time in [`Store::probe`].
const PROBE_RIVALS: usize = 8;

/// Why the store could not be opened or used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant describes it")]
pub enum StorageError {
    #[error("`{0}` is a file: name a folder as the store")]
    NotAFolder(String),
    #[error("there is no store at `{0}`: check the path (ingest creates the folder)")]
    Absent(String),
    #[error("cannot open the store `{0}`: its URL must be `s3://bucket` or `s3://bucket/prefix`")]
    Url(String),
    #[error("invalid store.properties for the store `{root}`: {reason}")]
    Properties { root: String, reason: String },
    #[error("the bucket of the store `{0}` does not exist: create it, or name another")]
    NoBucket(String),
    #[error(
        "cannot create the store `{root}`: create the folder yourself, or name one this user may write"
    )]
    CreateRoot { root: String, source: io::Error },
    #[error("cannot write in the store `{root}`: give this user the right to create files in it")]
    NotWritable { root: String, source: io::Error },
    #[error("cannot create a file in the store `{root}`{advice}")]
    Unusable {
        root: String,
        advice: &'static str,
        source: io::Error,
    },
    #[error("the disk of the store `{root}` is full: free space and start again, nothing is lost")]
    Full { root: String, source: io::Error },
    #[error(
        "the store `{root}` is on a network file system ({kind}), \
         which may hide files that exist: name a folder on a local disk"
    )]
    Network { root: String, kind: &'static str },
    #[error("the store `{root}` cannot store a ledger: {fault}; use another disk or server")]
    Unfit { root: String, fault: &'static str },
    #[error(
        "the store `{0}` keeps old versions of files, so nothing can be removed from it: switch \
         versioning and Object Lock off, and delete the old versions; or, if a rule of the bucket deletes \
         old versions, set retention.old_versions to its days"
    )]
    Versioned(String),
    #[error("`{0}` is not a valid name for a file of the store")]
    Name(String),
    #[error("cannot {act} `{path}`")]
    Failed {
        act: &'static str,
        path: String,
        source: io::Error,
    },
}

type Result<T, E = StorageError> = std::result::Result<T, E>;

/// The result of a create that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// This call created the file, which is complete and durable.
    Created,
    /// The name exists: perhaps from an earlier attempt of this caller whose answer was lost.
    Exists,
}

/// A file found by [`Store::list`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredFile {
    /// Its name in the folder.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// The end of a file.
#[derive(Clone, Debug)]
pub struct Tail {
    /// Its last bytes.
    pub bytes: Bytes,
    /// The size of the file in bytes.
    pub file_bytes: u64,
}

/// Where a store is.
#[derive(Clone, Debug)]
pub struct StoreLocation {
    /// A folder, or `s3://bucket/prefix`.
    pub root: String,
    /// Properties of the object store's client.
    pub properties: Properties,
}

impl StoreLocation {
    /// The store, which must be there.
    pub fn open(&self) -> Result<Store, StorageError> {
        Store::open_with(&self.root, self.properties.iter())
    }

    /// The store; its folder is created if it does not exist.
    pub fn open_or_create(&self) -> Result<Store, StorageError> {
        Store::open_or_create(&self.root, self.properties.iter())
    }
}

/// Files that are created once, under one root. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    root: String,
    /// Its path on a local disk, where folders are synced; `None` for a bucket.
    disk: Option<PathBuf>,
    /// Folders whose names are durable, from the root on.
    synced: Arc<Mutex<HashSet<String>>>,
}

impl Store {
    /// The existing store at `root`: a folder, or `s3://bucket/prefix`.
    pub fn open(root: &str) -> Result<Self> {
        Self::open_with(root, [])
    }

    /// The same, with properties of the object store's client, by their names.
    pub fn open_with<'p>(
        root: &str,
        properties: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> Result<Self> {
        if root.contains("://") {
            let bucket = s3::open(root, properties)?;
            return Ok(Self::new(bucket, root.to_owned(), None));
        }
        let disk = std::fs::canonicalize(root).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => StorageError::Absent(root.to_owned()),
            _ => StorageError::Failed {
                act: "open the store",
                path: root.to_owned(),
                source,
            },
        })?;
        if !disk.is_dir() {
            return Err(StorageError::NotAFolder(root.to_owned()));
        }
        let inner = LocalFileSystem::new_with_prefix(&disk)
            .map_err(|error| failed("open the store", root, error))?;
        Ok(Self::new(
            Arc::new(inner.with_fsync(true)),
            root.to_owned(),
            Some(disk),
        ))
    }

    fn new(inner: Arc<dyn ObjectStore>, root: String, disk: Option<PathBuf>) -> Self {
        Self {
            inner,
            root,
            disk,
            synced: Arc::default(),
        }
    }

    /// The store at `root`; its folder is created if it does not exist.
    pub fn open_or_create<'p>(
        root: &str,
        properties: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> Result<Self> {
        if !root.contains("://") {
            create_root(DiskPath::new(root)).map_err(|source| StorageError::CreateRoot {
                root: root.to_owned(),
                source,
            })?;
        }
        Self::open_with(root, properties)
    }

    /// A store over any object store that honours create-if-absent: for tests, which make it fail.
    pub fn from_object_store(inner: Arc<dyn ObjectStore>) -> Self {
        let root = inner.to_string();
        Self::new(inner, root, None)
    }

    /// Removes a folder and its contents, if it exists, durably: for what can be derived again, never
    /// for a ledger in use.
    pub fn remove_folder(&self, folder: &str) -> Result<()> {
        let Some(disk) = &self.disk else {
            return Ok(());
        };
        let path = disk.join(folder);
        match std::fs::remove_dir_all(&path)
            .and_then(|()| sync_disk_folder(path.parent().unwrap_or(disk)))
        {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StorageError::Failed {
                act: "remove",
                path: folder.to_owned(),
                source,
            }),
            _ => Ok(()),
        }
    }

    /// Deletes a folder and all its files, on a disk and in a bucket: for what can be derived again,
    /// never for the ledger.
    pub async fn delete_folder(&self, folder: &str) -> Result<()> {
        if self.disk.is_some() {
            return self.remove_folder(folder);
        }
        let mut listed = self.inner.list(Some(&parse(folder)?));
        let mut paths = Vec::new();
        while let Some(object) = listed.next().await {
            let object = object.map_err(|error| failed("list", folder, error))?;
            paths.push(object.location.to_string());
        }
        drop(listed);
        for path in paths {
            self.delete(&path).await?;
        }
        Ok(())
    }

    /// The root, as configured.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Creates a file unless the name exists. An error settles nothing: the file may exist, or
    /// appear later.
    pub async fn create(&self, path: &str, bytes: Bytes) -> Result<Creation> {
        match self
            .inner
            .put_opts(&parse(path)?, bytes.into(), PutMode::Create.into())
            .await
        {
            Ok(_) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                if !self.is_synced(folder) {
                    self.sync_folder(folder).await?;
                }
                Ok(Creation::Created)
            }
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(Creation::Exists),
            Err(error @ object_store::Error::NotFound { .. })
                if self.disk.is_none() && !s3::is_key_unknown(&error) =>
            {
                Err(StorageError::NoBucket(self.root.clone()))
            }
            Err(error) => Err(self.not_written("create", path, &error)),
        }
    }

    /// Replaces a file, or creates it, in one step.
    pub async fn replace(&self, path: &str, bytes: Bytes) -> Result<()> {
        match self.inner.put(&parse(path)?, bytes.into()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.not_written("replace", path, &error)),
        }
    }

    /// The contents of a file; `None` if there is none.
    pub async fn read(&self, path: &str) -> Result<Option<Bytes>> {
        let Some(found) = present(self.inner.get(&parse(path)?).await, path)? else {
            return Ok(None);
        };
        found
            .bytes()
            .await
            .map(Some)
            .map_err(|error| failed("read", path, error))
    }

    /// At most the last `bytes_max` bytes of a file; `None` if there is none.
    pub async fn read_tail(&self, path: &str, bytes_max: u64) -> Result<Option<Tail>> {
        let options = GetOptions {
            range: Some(GetRange::Suffix(bytes_max)),
            ..GetOptions::default()
        };
        let Some(found) = present(self.inner.get_opts(&parse(path)?, options).await, path)? else {
            return Ok(None);
        };
        let file_bytes = found.meta.size;
        let bytes = found
            .bytes()
            .await
            .map_err(|error| failed("read", path, error))?;
        Ok(Some(Tail { bytes, file_bytes }))
    }

    /// Whether there is a file of that name.
    pub async fn exists(&self, path: &str) -> Result<bool> {
        Ok(present(self.inner.head(&parse(path)?).await, path)?.is_some())
    }

    /// The files of a folder, by name; empty without a folder.
    pub async fn list(&self, folder: &str) -> Result<Vec<StoredFile>> {
        let found = self.inner.list_with_delimiter(Some(&parse(folder)?)).await;
        let objects = found
            .map_err(|error| failed("list", folder, error))?
            .objects;
        let mut entries: Vec<StoredFile> = objects
            .into_iter()
            .filter_map(|object| {
                Some(StoredFile {
                    name: object.location.filename()?.to_owned(),
                    bytes: object.size,
                })
            })
            .collect();
        entries.sort_unstable();
        Ok(entries)
    }

    /// The files of a folder from a name on, in order, until `wanted` returns false. In a bucket,
    /// no more pages of the list are requested than that needs.
    pub async fn list_from(
        &self,
        folder: &str,
        first: &str,
        mut wanted: impl FnMut(&StoredFile) -> bool,
    ) -> Result<Vec<StoredFile>> {
        if self.disk.is_some() {
            let listed = self.list(folder).await?.into_iter();
            return Ok(listed
                .filter(|entry| *entry.name >= *first)
                .take_while(wanted)
                .collect());
        }
        let folder_path = parse(folder)?;
        // A list that starts after a name does not contain the name: drop its last character.
        let shorter = first
            .char_indices()
            .next_back()
            .map_or("", |(end, _)| &first[..end]);
        let after = parse(&format!("{folder}/{shorter}"))?;
        let mut listed = self.inner.list_with_offset(Some(&folder_path), &after);
        let mut entries = Vec::new();
        while let Some(object) = listed.next().await {
            let object = object.map_err(|error| failed("list", folder, error))?;
            let Some(name) = object.location.filename().filter(|name| *name >= first) else {
                continue;
            };
            let entry = StoredFile {
                name: name.to_owned(),
                bytes: object.size,
            };
            if !wanted(&entry) {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    /// The names of the folders in a folder.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>> {
        let found = self.inner.list_with_delimiter(Some(&parse(folder)?)).await;
        let prefixes = found
            .map_err(|error| failed("list", folder, error))?
            .common_prefixes;
        let mut names: Vec<String> = prefixes
            .iter()
            .filter_map(|p| p.filename().map(str::to_owned))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Deletes a file, if it exists.
    pub async fn delete(&self, path: &str) -> Result<()> {
        match self.inner.delete(&parse(path)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.not_written("delete", path, &error)),
        }
    }

    /// Makes the names in a folder durable, and the folder's own path: another process may have
    /// created one and not yet synced it. To be called before relying on a name that was found.
    pub async fn sync_folder(&self, folder: &str) -> Result<()> {
        let path = folder.to_owned();
        let is_synced = self.is_synced(folder);
        let above = if is_synced || folder.is_empty() {
            0
        } else {
            folder.split('/').count()
        };
        let exists = self
            .on_disk(folder, move |disk| {
                let mut folders = disk.ancestors().take(1 + above);
                match folders.try_for_each(sync_disk_folder) {
                    Ok(()) => Ok(true),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                    Err(source) => Err(StorageError::Failed {
                        act: "sync the folder",
                        path,
                        source,
                    }),
                }
            })
            .await?;
        if exists && !is_synced {
            self.synced_folders().insert(folder.to_owned());
        }
        Ok(())
    }

    fn is_synced(&self, folder: &str) -> bool {
        self.disk.is_none() || self.synced_folders().contains(folder)
    }

    fn synced_folders(&self) -> MutexGuard<'_, HashSet<String>> {
        self.synced.lock().expect("no thread panics with the lock")
    }

    /// Removes the files that killed writers left in a folder: names `<name>#<digits>` for which
    /// `is_old(<name>)`.
    ///
    /// A live writer whose file is removed fails to link it, and settles that by reading the name.
    pub async fn remove_leftovers(
        &self,
        folder: &str,
        is_old: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<usize> {
        let path = folder.to_owned();
        self.on_disk(folder, move |disk| {
            remove_staged(&disk, &is_old).map_err(|source| StorageError::Failed {
                act: "remove leftovers from",
                path,
                source,
            })
        })
        .await
    }

    /// The names that [`Self::remove_leftovers`] would remove from a folder.
    pub async fn leftovers(
        &self,
        folder: &str,
        is_old: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<Vec<String>> {
        let path = folder.to_owned();
        self.on_disk(folder, move |disk| {
            let staged = staged_files(&disk, &is_old).map_err(|source| StorageError::Failed {
                act: "list",
                path,
                source,
            })?;
            let names = staged.iter().filter_map(|path| path.file_name()?.to_str());
            Ok(names.map(str::to_owned).collect())
        })
        .await
    }

    /// Checks that the store does what the ledger relies on: a name is created once, even by eight
    /// writers at the same time; a created file is visible immediately; folders can be synced.
    pub async fn probe(&self) -> Result<()> {
        self.refuse_network()?;
        let unique = random();
        let (twice, rivals) = (
            format!(".probe-{unique:016x}-1"),
            format!(".probe-{unique:016x}-2"),
        );
        let outcome = self.probe_names(&twice, &rivals).await;
        let removed = self.delete(&twice).await.and(self.delete(&rivals).await);
        let synced = self.sync_folder("").await;
        outcome
            .and(removed)
            .and(synced)
            .map_err(|error| match error {
                StorageError::Failed { source, .. } => StorageError::Unusable {
                    root: self.root.clone(),
                    // The error of a bucket says itself what to do.
                    advice: match self.disk {
                        Some(_) => ": name a folder on a local disk",
                        None => "",
                    },
                    source,
                },
                error => error,
            })
    }

    /// Checks what a purge relies on: a replaced file reads back as its new contents, and the old ones
    /// are not kept. Whether the store keeps old versions.
    pub async fn probe_replacement(&self) -> Result<bool> {
        let name = format!(".probe-{:016x}-3", random());
        let outcome = self.probe_replaced(&name).await;
        self.delete(&name).await?;
        self.sync_folder("").await?;
        outcome
    }

    async fn probe_replaced(&self, name: &str) -> Result<bool> {
        if self.create(name, "first".into()).await? != Creation::Created {
            return Err(self.unfit("a new name was reported to exist"));
        }
        let replaced = self.inner.put(&parse(name)?, "second".into()).await;
        let replaced = replaced.map_err(|error| self.not_written("replace", name, &error))?;
        if self.read(name).await?.as_deref() != Some(b"second") {
            return Err(self.unfit("a replaced file did not read back as its new contents"));
        }
        Ok(replaced.version.is_some())
    }

    async fn probe_names(&self, twice: &str, rivals: &str) -> Result<()> {
        if self.create(twice, "first".into()).await? != Creation::Created {
            return Err(self.unfit("a new name was reported to exist"));
        }
        if self.create(twice, "second".into()).await? != Creation::Exists {
            return Err(self.unfit("a file was created twice"));
        }
        if self.read(twice).await?.as_deref() != Some(b"first") {
            return Err(self.unfit("a file changed after its creation"));
        }
        let tries: Vec<_> = futures::stream::iter(0..PROBE_RIVALS)
            .map(
                |rival| async move { (rival, self.create(rivals, rival.to_string().into()).await) },
            )
            .buffer_unordered(PROBE_RIVALS)
            .collect()
            .await;
        let mut winners = Vec::new();
        for (rival, answer) in tries {
            if answer? == Creation::Created {
                winners.push(rival.to_string());
            }
        }
        let found = self.read(rivals).await?;
        match winners.as_slice() {
            [winner] if found.as_deref() == Some(winner.as_bytes()) => Ok(()),
            [_] => Err(self.unfit("a file does not contain what its creator wrote")),
            _ => Err(self.unfit("several creates of one name did not have exactly one winner")),
        }
    }

    fn unfit(&self, fault: &'static str) -> StorageError {
        StorageError::Unfit {
            root: self.root.clone(),
            fault,
        }
    }

    fn refuse_network(&self) -> Result<()> {
        let Some(disk) = &self.disk else {
            return Ok(());
        };
        let found = rustix::fs::statfs(disk).map_err(|error| StorageError::Failed {
            act: "inspect the file system of",
            path: self.root.clone(),
            source: error.into(),
        })?;
        match network_kind(found.f_type as u64) {
            Some(kind) => Err(StorageError::Network {
                root: self.root.clone(),
                kind,
            }),
            None => Ok(()),
        }
    }

    /// Runs a blocking action on a folder of a local disk; does nothing for a bucket.
    async fn on_disk<T: Default + Send + 'static>(
        &self,
        folder: &str,
        act: impl FnOnce(PathBuf) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(root) = &self.disk else {
            return Ok(T::default());
        };
        let disk = root.join(folder);
        let blocking = tokio::task::spawn_blocking(move || act(disk));
        blocking.await.unwrap_or_else(|error| {
            Err(StorageError::Failed {
                act: "use",
                path: folder.to_owned(),
                source: io::Error::other(error),
            })
        })
    }

    fn not_written(
        &self,
        act: &'static str,
        path: &str,
        error: &object_store::Error,
    ) -> StorageError {
        let source = cause(error);
        let root = self.root.clone();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StorageError::NotWritable { root, source }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StorageError::Full { root, source }
            }
            _ => StorageError::Failed {
                act,
                path: path.to_owned(),
                source,
            },
        }
    }
}

/// 64 random bits from the operating system, for names that must not collide.
pub fn random() -> u64 {
    let mut bytes = [0; 8];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    assert_eq!(
        filled,
        Ok(bytes.len()),
        "the operating system gives random bytes"
    );
    u64::from_le_bytes(bytes)
}

fn parse(path: &str) -> Result<Path> {
    Path::parse(path).map_err(|_| StorageError::Name(path.to_owned()))
}

/// Separates a missing file from one that cannot be read.
fn present<T>(answer: object_store::Result<T>, path: &str) -> Result<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error @ object_store::Error::NotFound { .. }) if s3::advice(&error, None).is_none() => {
            Ok(None)
        }
        Err(error) => Err(failed("read", path, error)),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "callers hand over the error")]
fn failed(act: &'static str, path: &str, error: object_store::Error) -> StorageError {
    StorageError::Failed {
        act,
        path: path.to_owned(),
        source: cause(&error),
    }
}

/// The operating system's error, without the layers that repeat it; of a bucket, what to do.
fn cause(error: &object_store::Error) -> io::Error {
    let mut inner: Option<&(dyn std::error::Error + 'static)> = error.source();
    let mut system = None;
    while let Some(found) = inner {
        system = system.or(found.downcast_ref::<io::Error>());
        inner = found.source();
    }
    let system = system.map(|io| match io.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io.kind().into(),
    });
    match s3::advice(error, system.as_ref()) {
        Some(advice) => io::Error::other(advice),
        None => system.unwrap_or_else(|| io::Error::other(s3::answer(error))),
    }
}

/// Creates a folder, durably. An existing one may have been created by another process just now.
fn create_root(root: &DiskPath) -> io::Result<()> {
    let root = std::path::absolute(root)?;
    let missing = root
        .ancestors()
        .take_while(|folder| !folder.exists())
        .count();
    if missing > 0 {
        std::fs::create_dir_all(&root)?;
    }
    for (above, folder) in root.ancestors().skip(1).enumerate() {
        match sync_disk_folder(folder) {
            Err(error) if above < missing => return Err(error),
            _ => {} // it existed before, and this user may lack the right to open it
        }
    }
    Ok(())
}

fn sync_disk_folder(folder: &DiskPath) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// The files `<name>#<digits>` of a folder for which `is_old(<name>)`.
fn staged_files(folder: &DiskPath, is_old: &dyn Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let staged = path
            .file_name()
            .and_then(|name| name.to_str()?.rsplit_once('#'));
        if staged.is_some_and(|(name, n)| {
            !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) && is_old(name)
        }) {
            found.push(path);
        }
    }
    Ok(found)
}

fn remove_staged(folder: &DiskPath, is_old: &dyn Fn(&str) -> bool) -> io::Result<usize> {
    let staged = staged_files(folder, is_old)?;
    for path in &staged {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(staged.len())
}

/// The name of a network file system, from its number in `statfs(2)`.
const fn network_kind(number: u64) -> Option<&'static str> {
    match number & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0x517b | 0xfe53_4d42 => Some("SMB"),
        0xff53_4d42 => Some("CIFS"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x00c3_6400 => Some("Ceph"),
        0x0bd0_0bd0 => Some("Lustre"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path().to_str().expect("utf-8")).expect("store");
        (folder, store)
    }

    #[tokio::test]
    async fn a_name_is_created_once_and_keeps_its_first_bytes() {
        let (_folder, store) = store();
        assert_eq!(
            store.create("a/b/c", "one".into()).await.expect("create"),
            Creation::Created
        );
        assert_eq!(
            store.create("a/b/c", "two".into()).await.expect("create"),
            Creation::Exists
        );
        assert_eq!(
            store.read("a/b/c").await.expect("read").as_deref(),
            Some(&b"one"[..])
        );
        let tail = store
            .read_tail("a/b/c", 2)
            .await
            .expect("read")
            .expect("there");
        assert_eq!((&tail.bytes[..], tail.file_bytes), (&b"ne"[..], 3));
        assert_eq!(
            store.list("a/b").await.expect("list"),
            [StoredFile {
                name: "c".into(),
                bytes: 3
            }]
        );
        assert_eq!(store.folders("a").await.expect("list"), ["b"]);
    }

    #[tokio::test]
    async fn an_absent_file_is_none_and_not_an_error() {
        let (_folder, store) = store();
        assert_eq!(store.read("a/b").await.expect("read"), None);
        assert!(store.read_tail("a/b", 9).await.expect("read").is_none());
        assert!(!store.exists("a/b").await.expect("head"));
        assert!(store.list("a").await.expect("list").is_empty());
        store.delete("a/b").await.expect("delete");
        store.sync_folder("a").await.expect("sync");
    }

    #[tokio::test]
    async fn leftovers_are_hidden_and_only_old_ones_removed() {
        let (folder, store) = store();
        for name in ["1.parquet", "1.parquet#1", "2.parquet#12", "3.parquet#x"] {
            std::fs::write(folder.path().join(name), "x").expect("write");
        }
        let removed = store
            .remove_leftovers("", |name| name < "2")
            .await
            .expect("remove");
        assert_eq!(removed, 1);
        let left: Vec<_> = store
            .list("")
            .await
            .expect("list")
            .into_iter()
            .map(|e| e.name)
            .collect();
        assert_eq!(left, ["1.parquet", "3.parquet#x"]);
        assert!(folder.path().join("2.parquet#12").exists());
    }

    #[tokio::test]
    async fn a_local_disk_passes_the_probe_and_is_left_empty() {
        let (folder, store) = store();
        store.probe().await.expect("fit");
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 0);
    }

    #[test]
    fn an_error_for_an_unusable_root_names_the_next_step() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "x").expect("write");
        let none = folder.path().join("none");
        let under = file.join("under");
        let [file, none, under] = [&file, &none, &under].map(|path| path.to_str().expect("utf-8"));
        for (result, words) in [
            (Store::open(file), "is a file: name a folder"),
            (Store::open(none), "there is no store at"),
            (
                Store::open_or_create(under, []),
                "create the folder yourself",
            ),
            (
                Store::open("gs://bucket/root"),
                "must be `s3://bucket` or `s3://bucket/prefix`",
            ),
        ] {
            let message = result.expect_err("refused").to_string();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn network_file_systems_are_recognised_and_local_ones_are_not() {
        for (number, kind) in [
            (0x6969, "NFS"),
            (0xfe53_4d42, "SMB"),
            (0xff53_4d42, "CIFS"),
            (0x00c3_6400, "Ceph"),
        ] {
            assert_eq!(network_kind(number), Some(kind));
            // Some systems extend the sign of a number of 32 bits.
            assert_eq!(network_kind(number | 0xffff_ffff_0000_0000), Some(kind));
        }
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630] {
            assert_eq!(network_kind(local), None);
        }
        let error = StorageError::Network {
            root: "store".to_owned(),
            kind: "NFS",
        }
        .to_string();
        assert!(error.contains("name a folder on a local disk"), "{error}");
    }
}

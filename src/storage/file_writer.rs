//! Writes a file whose contents are larger than a program wants to hold: parts of it are sent while the
//! rest is made. A small file is sent at once, so that a killed program leaves no part of it.
//!
//! The file appears, complete, when it is finished, and not at all otherwise.

use std::io::{self, Write};

use object_store::{ObjectStoreExt, WriteMultipart};
use tokio::runtime::Handle;

use super::{Result, StorageError, Store, parse};

/// Bytes of a part; S3 wants 5 MiB or more, and takes at most 10,000 parts.
const PART_BYTES: usize = 8 << 20;
/// The most parts on their way at once.
const PARTS_MAX: usize = 2;

/// A file that is being written. It blocks its thread, so it must not be used by a task.
pub struct FileWriter {
    store: Store,
    path: String,
    runtime: Handle,
    /// What was written, until it is more than a part.
    first: Vec<u8>,
    upload: Option<WriteMultipart>,
    written: u64,
    /// Why the last part could not be sent: a writer in between passes on less.
    failed: Option<StorageError>,
}

impl Store {
    /// Begins a file, in the place of the one that has its name.
    pub(super) fn writer(&self, path: String, runtime: Handle) -> FileWriter {
        FileWriter {
            store: self.clone(),
            path,
            runtime,
            first: Vec::new(),
            upload: None,
            written: 0,
            failed: None,
        }
    }

    async fn upload(&self, path: &str) -> Result<WriteMultipart> {
        let upload = self.inner.put_multipart(&parse(path)?).await;
        let upload = upload.map_err(|error| self.not_written("create", path, &error))?;
        Ok(WriteMultipart::new_with_chunk_size(upload, PART_BYTES))
    }
}

impl FileWriter {
    /// Completes the file, if all its contents were made, and returns its size in bytes.
    pub fn finish<E: From<StorageError>>(
        self,
        made: std::result::Result<(), E>,
    ) -> std::result::Result<u64, E> {
        let (upload, runtime) = (self.upload, self.runtime);
        let Err(error) = made else {
            let written = match upload {
                Some(upload) => runtime
                    .block_on(upload.finish())
                    .map(drop)
                    .map_err(|error| self.store.not_written("write", &self.path, &error)),
                None => runtime.block_on(self.store.replace(&self.path, self.first.into())),
            };
            return Ok(written.map(|()| self.written)?);
        };
        if let Some(upload) = upload
            && let Err(error) = runtime.block_on(upload.abort())
        {
            tracing::debug!(path = self.path, %error, "cannot remove the parts of a file");
        }
        Err(self.failed.map_or(error, E::from))
    }
}

impl FileWriter {
    /// Adds bytes to the parts.
    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let _runtime = self.runtime.enter();
        let mut upload = match self.upload.take() {
            Some(upload) => upload,
            None => self.runtime.block_on(self.store.upload(&self.path))?,
        };
        upload.write(&std::mem::take(&mut self.first));
        upload.write(bytes);
        let upload = self.upload.insert(upload);
        let sent = self.runtime.block_on(upload.wait_for_capacity(PARTS_MAX));
        sent.map_err(|error| self.store.not_written("write", &self.path, &error))
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.upload.is_none() && self.first.len() + bytes.len() <= PART_BYTES {
            self.first.extend_from_slice(bytes);
        } else if let Err(error) = self.send(bytes) {
            let text = error.to_string();
            self.failed = Some(error);
            return Err(io::Error::other(text));
        }
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Runtime;

    use super::*;

    fn on_disk() -> (tempfile::TempDir, Store, Runtime) {
        let root = tempfile::tempdir().expect("a folder");
        let store = Store::open(root.path().to_str().expect("a name")).expect("a store");
        (root, store, Runtime::new().expect("threads"))
    }

    fn writer(store: &Store, runtime: &Runtime) -> FileWriter {
        store.writer("a/large".to_owned(), runtime.handle().clone())
    }

    #[test]
    fn a_file_of_several_parts_has_every_byte_in_order() {
        let (_root, store, runtime) = on_disk();
        let bytes: Vec<u8> = (0..PART_BYTES * 5 / 2).map(|i| (i % 251) as u8).collect();
        let mut writer = writer(&store, &runtime);
        for some in bytes.chunks(1_000_003) {
            writer.write_all(some).expect("written");
        }
        let size = writer.finish::<StorageError>(Ok(())).expect("finished");
        let read = runtime.block_on(store.read("a/large")).expect("readable");
        assert_eq!(size, bytes.len() as u64);
        assert!(read.expect("a file") == bytes, "other bytes");
    }

    #[test]
    fn a_small_file_is_not_there_in_parts() {
        let (root, store, runtime) = on_disk();
        let mut writer = writer(&store, &runtime);
        writer.write_all(&vec![1; PART_BYTES]).expect("written");
        assert_eq!(root.path().read_dir().expect("a folder").count(), 0);
        let size = writer.finish::<StorageError>(Ok(())).expect("finished");
        assert_eq!(size, PART_BYTES as u64);
        let read = runtime.block_on(store.read("a/large")).expect("readable");
        assert_eq!(read.expect("a file").len(), PART_BYTES);
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing() {
        let (root, store, runtime) = on_disk();
        let mut writer = writer(&store, &runtime);
        writer.write_all(&vec![1; PART_BYTES * 2]).expect("written");
        let failed = writer.finish(Err(io::Error::other("no more")));
        assert_eq!(failed.expect_err("failed").to_string(), "no more");
        let folder = root.path().join("a");
        assert_eq!(folder.read_dir().expect("a folder").count(), 0);
    }

    impl From<StorageError> for io::Error {
        fn from(error: StorageError) -> Self {
            Self::other(error)
        }
    }
}

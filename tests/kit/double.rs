//! A store in memory whose operations end as a test decides: done, failed, done without an answer,
//! answered as done before, or on their way to land later.

use std::fmt;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, Extensions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// An operation that changes the store.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Put(Path, PutPayload, PutOptions),
    Delete(Path),
}

impl Change {
    pub(crate) fn apply(self, files: &InMemory) -> Result<PutResult> {
        match self {
            Self::Put(path, payload, options) => now(files.put_opts(&path, payload, options)),
            Self::Delete(path) => now(files.delete(&path)).map(|()| PutResult {
                e_tag: None,
                version: None,
                extensions: Extensions::default(),
            }),
        }
    }
}

/// An operation that was not done yet.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Read(Path),
    /// A list of a folder.
    List,
    /// A list of the names after one.
    ListFrom,
    Change(Change),
}

/// How an operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Done,
    /// Not done, and an error.
    Fails,
    /// Done, and an error.
    AnswerLost,
    /// A create that is not done, and is answered as if the name were there.
    Conflict,
    /// A create that is done; the client's own retry then finds the name there.
    Exists,
    /// An error, and done some time later.
    Late,
    /// A list as it was that many changes ago.
    Old(usize),
}

/// Has the files of a double, and decides how its operations end.
pub(crate) trait Director: Clone + fmt::Debug + Send + Sync + 'static {
    /// Waits until the operation may go on.
    fn decide(&self, operation: Operation) -> impl Future<Output = Verdict> + Send;

    /// Reads the files as they were that many changes ago.
    fn read<T>(&self, changes_ago: usize, read: impl FnOnce(&InMemory) -> Result<T>) -> Result<T>;

    fn change(&self, change: Change) -> Result<PutResult> {
        self.read(0, |files| change.apply(files))
    }

    /// Keeps a change that lands later.
    fn defer(&self, change: Change);

    /// The error of a create whose name seems to be there.
    fn conflict(&self, path: &Path) -> Error {
        exists(path)
    }

    /// A list from a name on gave another name to its reader.
    fn gave_name(&self) {}
}

/// The store of a [`Director`].
#[derive(Clone, Debug)]
pub(crate) struct Double<D>(pub(crate) D);

impl<D: Director> fmt::Display for Double<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl<D: Director> Double<D> {
    async fn list_as<T>(
        &self,
        operation: Operation,
        list: impl FnOnce(&InMemory) -> Result<T>,
    ) -> Result<T> {
        match self.0.decide(operation).await {
            Verdict::Done => self.0.read(0, list),
            Verdict::Old(changes_ago) => self.0.read(changes_ago, list),
            _ => Err(failed()),
        }
    }

    async fn change(&self, change: Change) -> Result<PutResult> {
        let verdict = self.0.decide(Operation::Change(change.clone())).await;
        let (Change::Put(path, ..) | Change::Delete(path)) = &change;
        let path = path.clone();
        match verdict {
            Verdict::Done => self.0.change(change),
            Verdict::Fails | Verdict::Old(_) => Err(failed()),
            Verdict::AnswerLost => self.0.change(change).and_then(|_| Err(failed())),
            Verdict::Conflict => Err(self.0.conflict(&path)),
            Verdict::Exists => self.0.change(change).and_then(|_| Err(exists(&path))),
            Verdict::Late => {
                self.0.defer(change);
                Err(failed())
            }
        }
    }
}

#[async_trait]
impl<D: Director> ObjectStore for Double<D> {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.change(Change::Put(path.clone(), payload, options))
            .await
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(failed())
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        match self.0.decide(Operation::Read(path.clone())).await {
            Verdict::Done => self.0.read(0, |files| now(files.get_opts(path, options))),
            _ => Err(failed()),
        }
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let double = self.clone();
        let delete = move |path: Path| {
            let double = double.clone();
            async move {
                let deleted = double.change(Change::Delete(path.clone())).await;
                deleted.map(|_| path)
            }
        };
        paths.and_then(delete).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        futures::stream::iter([Err(failed())]).boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (double, prefix, offset) = (self.clone(), prefix.cloned(), offset.clone());
        let director = self.0.clone();
        let listed = async move {
            let listed = double.list_as(Operation::ListFrom, |files| {
                let names = files.list_with_offset(prefix.as_ref(), &offset);
                now(names.try_collect::<Vec<_>>())
            });
            let entries = listed.await?;
            Ok::<_, Error>(futures::stream::iter(entries.into_iter().map(Ok)))
        };
        futures::stream::once(listed)
            .try_flatten()
            .inspect(move |_| director.gave_name())
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let list = |files: &InMemory| now(files.list_with_delimiter(prefix));
        self.list_as(Operation::List, list).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(failed())
    }
}

/// The result of a future that is ready at once.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory does not wait")
}

pub(crate) fn failed() -> Error {
    Error::Generic {
        store: "double",
        source: "503".into(),
    }
}

pub(crate) fn exists(path: &Path) -> Error {
    Error::AlreadyExists {
        path: path.to_string(),
        source: "412".into(),
    }
}

//! The ledger on a disk that keeps only what was synced when the power fails.
//!
//! Processes that write, merge and sweep a store on a real folder are watched by strace: each call
//! that makes, writes, syncs, links or deletes, in order. Some are killed, or get a failed
//! sync, at one of these calls, and another comes after them. The calls are then played to a model
//! of a disk that knows what was synced: the bytes of a file by a sync of the file, a name by a
//! sync of its folder. After each call the power is cut: what was synced is there, of the rest
//! nothing, all, or any part. From each folder that may be left the ledger must go on: its end is
//! not below what a process reported as certain, every record below is one row, and `verify` finds
//! nothing.
//!
//! Needs strace: `cargo test --test power`.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the environment itself"
)]

mod kit;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use kit::batches::{assert_each_once, at, batch, partition};
use partner_feeds::event::Position;
use partner_feeds::ledger::chain;
use partner_feeds::ledger::journal::{self, CommitOutcome};
use partner_feeds::ledger::merge::{MergeLimits, merge, sweep};
use partner_feeds::storage::Store;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// In which folder this process acts, instead of testing.
const ACTS_IN: &str = "PARTNER_FEEDS_TEST_ACTS_IN";

/// The store, in a folder that is there before.
const STORE: &str = "new/store";

/// Folders tried for each state of the disk in which not all was synced, besides the two extremes.
const PARTS: usize = 3;

fn main() {
    if let Ok(folder) = std::env::var(ACTS_IN) {
        let acts: Vec<String> = std::env::args().skip(1).collect();
        return runtime().block_on(act(&folder, &acts));
    }
    let (writes, merges) = (["resume", "commit", "commit"], ["merge", "sweep"]);
    let (goes_on, sweeps) = (["resume", "sweep", "commit"], ["sweep"]);
    let mut cuts = lives(&[
        (&writes, ""),
        (&merges, ""),
        (&writes, ""),
        (&merges, ""),
        (&goes_on, ""),
    ])
    .0;
    // A writer or a merger is killed at each of its calls, or a sync fails, and others go on.
    for fault in [
        "fsync:signal=KILL",
        "fsync:error=EIO",
        "linkat:signal=KILL",
        "unlink:signal=KILL",
    ] {
        for nth in 1.. {
            let fault = format!("{fault}:when={nth}");
            let (of_writer, hit_writer) = lives(&[(&writes, &fault), (&goes_on, "")]);
            let (of_merger, hit_merger) = lives(&[
                (&writes, ""),
                (&merges, &fault),
                (&sweeps, ""),
                (&goes_on, ""),
            ]);
            cuts += of_writer + of_merger;
            if !hit_writer && !hit_merger {
                break;
            }
        }
    }
    println!("the power went {cuts} times, and nothing was lost");
    assert!(cuts > 2_000, "a disk that loses so little was not watched");
}

fn runtime() -> tokio::runtime::Runtime {
    // One thread does all calls: strace counts them by thread.
    tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

// ---------------------------------------------------------------------------------------------------------
// The process that is watched.

fn open(folder: &Path) -> Store {
    Store::open_or_create(folder.join(STORE).to_str().expect("UTF-8"), []).expect("a store")
}

/// Does each act; prints on standard output what is certain, in one call.
async fn act(folder: &str, acts: &[String]) {
    let store = open(Path::new(folder));
    let mut resumed = chain::Resume::default();
    for act in acts {
        match act.as_str() {
            "resume" => resumed = chain::resume(&store, &partition()).await.expect("resumed"),
            "commit" => {
                let (from, next) = (resumed.end, at(resumed.end.offset + 4));
                let file = batch(from.offset, next.offset);
                match journal::commit(&store, &partition(), &file, resumed.ledger_end).await {
                    Ok(CommitOutcome::Committed { ledger_end, .. }) => {
                        (resumed.end, resumed.ledger_end) = (next, ledger_end);
                    }
                    other => panic!("{other:?}"),
                }
            }
            "merge" => drop(
                merge(&store, &partition(), MergeLimits::default())
                    .await
                    .expect("merged"),
            ),
            "sweep" => drop(
                sweep(&store, &partition(), Position::ORIGIN)
                    .await
                    .expect("swept"),
            ),
            other => panic!("{other} is no act"),
        }
        println!("certain to {}", resumed.end.offset);
    }
}

// ---------------------------------------------------------------------------------------------------------
// What it called.

/// A call, as the disk sees it.
#[derive(Debug)]
enum Call {
    Open {
        fd: i32,
        path: PathBuf,
        creates: bool,
    },
    Write {
        fd: i32,
        bytes: Vec<u8>,
    },
    Sync {
        fd: i32,
    },
    Mkdir(PathBuf),
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink(PathBuf),
    /// It reported that all below this offset is certain.
    Certain(i64),
}

/// Runs one process; returns its calls and whether the fault hit it.
fn watched(folder: &Path, acts: &[&str], fault: &str) -> (Vec<Call>, bool) {
    let trace = folder.with_extension("trace");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-y", "-xx", "-s", "1000000", "-o"])
        .arg(&trace);
    strace.args([
        "-e",
        "trace=openat,mkdir,write,writev,pwrite64,ftruncate,fsync,fdatasync,link,linkat,rename,renameat2,unlink",
    ]);
    if !fault.is_empty() {
        strace.args(["-e", &format!("inject={fault}")]);
    }
    strace
        .arg(std::env::current_exe().expect("this program"))
        .args(acts)
        .env(ACTS_IN, folder);
    let ended = strace.output().expect("strace is installed");
    let (killed, failed) = (
        ended.status.signal() == Some(9),
        ended.status.code() == Some(101),
    );
    let printed = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success() || !fault.is_empty() && (killed || failed),
        "{:?}: {printed}",
        ended.status
    );
    let text = std::fs::read_to_string(&trace).expect("a trace");
    let mut begun: HashMap<&str, &str> = HashMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let (thread, call) = line.split_once(' ').expect("a thread and its call");
        let call = call.trim_start();
        if let Some(first) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, first);
        } else if let Some((_, rest)) = call
            .strip_prefix("<... ")
            .and_then(|rest| rest.split_once(" resumed>"))
        {
            let whole = format!("{}{rest}", begun.remove(thread).unwrap_or_default());
            calls.extend(Call::parse(&whole, folder));
        } else {
            calls.extend(Call::parse(call, folder));
        }
    }
    (calls, killed || text.contains("(INJECTED)"))
}

impl Call {
    /// The call that a line of the trace shows on the folder; `None` = none, or one that failed.
    fn parse(line: &str, folder: &Path) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let result: i32 = result.split(['<', ' ']).next()?.parse().ok()?;
        let texts: Vec<Vec<u8>> = arguments
            .split('"')
            .skip(1)
            .step_by(2)
            .map(bytes_of)
            .collect();
        let path = |nth: usize| {
            let path = PathBuf::from(String::from_utf8(texts[nth].clone()).expect("a path"));
            path.strip_prefix(folder).ok().map(Path::to_owned)
        };
        let fd = || {
            arguments
                .split(['<', ',', ')'])
                .next()
                .and_then(|fd| fd.parse().ok())
                .expect("a number")
        };
        let of_folder = || {
            let named = arguments
                .split_once('<')
                .and_then(|(_, rest)| rest.split_once('>'))
                .expect("a file");
            Path::new(&String::from_utf8(bytes_of(named.0)).expect("a path")).starts_with(folder)
        };
        if result < 0 {
            return None;
        }
        match name {
            "openat" => Some(Self::Open {
                fd: result,
                path: path(0)?,
                creates: arguments.contains("O_CREAT"),
            }),
            "write" if fd() == 1 => {
                let printed = String::from_utf8(texts[0].clone()).expect("text");
                Some(Self::Certain(
                    printed
                        .trim_end()
                        .strip_prefix("certain to ")?
                        .parse()
                        .expect("an offset"),
                ))
            }
            "write" if of_folder() => {
                assert_eq!(
                    texts[0].len(),
                    result as usize,
                    "what was written is in the trace"
                );
                Some(Self::Write {
                    fd: fd(),
                    bytes: texts[0].clone(),
                })
            }
            "fsync" | "fdatasync" if of_folder() => Some(Self::Sync { fd: fd() }),
            "mkdir" => path(0).map(Self::Mkdir),
            "link" | "linkat" => Some(Self::Link {
                from: path(0)?,
                to: path(1)?,
            }),
            "unlink" => path(0).map(Self::Unlink),
            "writev" | "pwrite64" | "ftruncate" if of_folder() => {
                panic!("the model does not know {name}")
            }
            "rename" | "renameat2" => {
                path(0).map(|path| panic!("the model does not know a rename of {}", path.display()))
            }
            _ => None,
        }
    }
}

/// Of a text in strace's hexadecimal.
fn bytes_of(text: &str) -> Vec<u8> {
    text.split("\\x")
        .skip(1)
        .map(|hex| u8::from_str_radix(&hex[..2], 16).expect("hexadecimal"))
        .collect()
}

// ---------------------------------------------------------------------------------------------------------
// The disk.

type Node = usize;

#[derive(Clone, Debug)]
enum Held {
    Folder {
        names: BTreeMap<String, Node>,
        synced: BTreeMap<String, Node>,
    },
    File {
        bytes: Vec<u8>,
        synced: Vec<u8>,
    },
}

/// A disk that knows what was synced. Node 0 is a folder that was there before.
struct Disk {
    nodes: Vec<Held>,
    open: HashMap<i32, Node>,
}

/// What is on a disk after the power went: files by path, and empty folders.
type Left = BTreeMap<PathBuf, Option<Vec<u8>>>;

impl Disk {
    fn new() -> Self {
        Self {
            nodes: vec![Held::Folder {
                names: BTreeMap::new(),
                synced: BTreeMap::new(),
            }],
            open: HashMap::new(),
        }
    }

    fn names(&mut self, folder: Node) -> &mut BTreeMap<String, Node> {
        match &mut self.nodes[folder] {
            Held::Folder { names, .. } => names,
            Held::File { .. } => panic!("a file is no folder"),
        }
    }

    fn find(&mut self, path: &Path) -> Option<Node> {
        path.components().try_fold(0, |folder, part| {
            self.names(folder).get(name_of(part)).copied()
        })
    }

    fn parent(&mut self, path: &Path) -> (Node, String) {
        let name = path
            .components()
            .next_back()
            .map(name_of)
            .expect("a name")
            .to_owned();
        (
            self.find(path.parent().expect("a folder"))
                .expect("a folder"),
            name,
        )
    }

    fn add(&mut self, path: &Path, held: Held) -> Node {
        self.nodes.push(held);
        let (node, (folder, name)) = (self.nodes.len() - 1, self.parent(path));
        self.names(folder).insert(name, node);
        node
    }

    fn call(&mut self, call: Call) {
        match call {
            Call::Open { fd, path, creates } => {
                let found = self.find(&path);
                let file = || Held::File {
                    bytes: Vec::new(),
                    synced: Vec::new(),
                };
                let node = found.or_else(|| creates.then(|| self.add(&path, file())));
                self.open.insert(
                    fd,
                    node.unwrap_or_else(|| panic!("{} is not known", path.display())),
                );
            }
            Call::Write { fd, bytes: written } => match &mut self.nodes[self.open[&fd]] {
                Held::File { bytes, .. } => bytes.extend(written),
                Held::Folder { .. } => panic!("a folder is no file"),
            },
            Call::Sync { fd } => match &mut self.nodes[self.open[&fd]] {
                Held::File { bytes, synced } => synced.clone_from(bytes),
                Held::Folder { names, synced } => synced.clone_from(names),
            },
            Call::Mkdir(path) => {
                self.add(
                    &path,
                    Held::Folder {
                        names: BTreeMap::new(),
                        synced: BTreeMap::new(),
                    },
                );
            }
            Call::Link { from, to } => {
                let node = self.find(&from).expect("a file");
                let (folder, name) = self.parent(&to);
                self.names(folder).insert(name, node);
            }
            Call::Unlink(path) => {
                let (folder, name) = self.parent(&path);
                self.names(folder).remove(&name);
            }
            Call::Certain(_) => {}
        }
    }

    /// What may be left: of each thing that was not synced `keeps` says whether it is.
    fn left(&self, keeps: &mut dyn FnMut() -> bool) -> Left {
        let mut left = Left::new();
        self.leave(0, Path::new(""), keeps, &mut left);
        left
    }

    fn leave(&self, node: Node, path: &Path, keeps: &mut dyn FnMut() -> bool, left: &mut Left) {
        match &self.nodes[node] {
            Held::File { bytes, synced } => {
                let kept = if bytes == synced || keeps() {
                    bytes
                } else {
                    synced
                };
                left.insert(path.to_owned(), Some(kept.clone()));
            }
            Held::Folder { names, synced } => {
                left.insert(path.to_owned(), None);
                let all: BTreeSet<&String> = names.keys().chain(synced.keys()).collect();
                for name in all {
                    let (now, then) = (names.get(name), synced.get(name));
                    let kept = if now == then || keeps() { now } else { then };
                    if let Some(&node) = kept {
                        self.leave(node, &path.join(name), keeps, left);
                    }
                }
            }
        }
    }
}

fn name_of(part: Component<'_>) -> &str {
    part.as_os_str().to_str().expect("UTF-8")
}

// ---------------------------------------------------------------------------------------------------------
// The power fails.

/// Processes, one after another in one store, and the power cut after each of their calls. How
/// often that was, and whether a fault hit.
fn lives(processes: &[(&[&str], &str)]) -> (usize, bool) {
    let story = processes
        .iter()
        .fold(String::new(), |mut story, (acts, fault)| {
            write!(story, "{acts:?} {fault}; ").expect("a string takes all");
            story
        });
    let folder = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a folder");
    let disk_folder = folder.path().join("disk");
    std::fs::create_dir(&disk_folder).expect("a folder");
    let (mut disk, mut certain, mut seen) = (Disk::new(), 0, BTreeSet::new());
    let (mut random, mut any_hit) = (ChaCha8Rng::seed_from_u64(1), false);
    for (acts, fault) in processes {
        disk.open.clear();
        let (calls, hit) = watched(&disk_folder, acts, fault);
        any_hit |= hit;
        for call in calls {
            let shown = format!("{call:?}");
            match call {
                // What it does not read again it has read before: the end of an empty chain.
                Call::Certain(offset) => certain = certain.max(offset),
                call => disk.call(call),
            }
            let mut lefts = vec![disk.left(&mut || false), disk.left(&mut || true)];
            lefts.extend((0..PARTS).map(|_| disk.left(&mut || random.next_u64() % 2 == 0)));
            for left in lefts {
                if seen.insert((certain, left.clone())) {
                    let shown = shown.get(..200).unwrap_or(&shown);
                    goes_on(
                        folder.path(),
                        &left,
                        certain,
                        &format!("{story}\nthe power went after {shown}"),
                    );
                }
            }
        }
    }
    (seen.len(), any_hit)
}

/// What is left of a store is whole, reaches as far as was certain, and takes what comes.
fn goes_on(folder: &Path, left: &Left, certain: i64, before: &str) {
    let guard = PrintOnPanic(before, left);
    let root = folder.join("left");
    for (path, bytes) in left {
        let path = root.join(path);
        match bytes {
            Some(bytes) => std::fs::write(path, bytes).expect("written"),
            None => std::fs::create_dir(path).expect("a folder"),
        }
    }
    runtime().block_on(async {
        let store = open(&root);
        let resumed = chain::resume(&store, &partition()).await.expect("resumed");
        assert!(
            resumed.end >= at(certain),
            "the end is {}, where {certain} was certain",
            resumed.end
        );
        let end = resumed.end.offset;
        assert_each_once(&store, end).await;
        let committed = journal::commit(
            &store,
            &partition(),
            &batch(end, end + 3),
            resumed.ledger_end,
        )
        .await;
        assert!(
            matches!(committed, Ok(CommitOutcome::Committed { .. })),
            "{committed:?}"
        );
        while merge(&store, &partition(), MergeLimits::default())
            .await
            .expect("merged")
            .is_some()
        {}
        sweep(&store, &partition(), Position::ORIGIN)
            .await
            .expect("swept");
        assert_each_once(&store, end + 3).await;
    });
    std::fs::remove_dir_all(&root).expect("removed");
    drop(guard);
}

/// Tells, where a test fails, what was before, and what was left of it.
struct PrintOnPanic<'t>(&'t str, &'t Left);

impl Drop for PrintOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}, and left", self.0);
            for (path, bytes) in self
                .1
                .iter()
                .filter_map(|(path, bytes)| Some((path, bytes.as_ref()?)))
            {
                eprintln!("{} of {} bytes", path.display(), bytes.len());
            }
        }
    }
}

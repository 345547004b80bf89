//! A disk that keeps only what was synced when the power fails, and the calls of a process that it is
//! played: what strace shows of those that make, write, sync, link, rename or delete.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// Folders tried for each state of the disk in which not all was synced, besides the two extremes.
pub(crate) const PARTS: usize = 3;

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    // One thread does all calls: strace counts them by thread.
    tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Whether a call to open a file creates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creates {
    No,
    IfAbsent,
    /// It fails where the name exists.
    New,
}

/// A call, as the disk sees it.
#[derive(Debug)]
pub(crate) enum Call {
    Open {
        fd: i32,
        path: PathBuf,
        creates: Creates,
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
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Exchange(PathBuf, PathBuf),
    /// Of a file, or of an empty folder.
    Unlink(PathBuf),
    /// It reported that all below this offset is certain.
    Certain(i64),
    /// It reported that records are erased by this entry of the log.
    Erased(u64),
}

/// A process that is to be watched.
pub(crate) fn strace(folder: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-y", "-xx", "-s", "10000000", "-o"])
        .arg(trace_of(folder));
    strace.args([
        "-e",
        "trace=openat,mkdir,write,writev,pwrite64,ftruncate,fsync,fdatasync,link,linkat,rename,renameat2,\
         unlink,unlinkat,rmdir",
    ]);
    strace
}

pub(crate) fn trace_of(folder: &Path) -> PathBuf {
    folder.with_extension("trace")
}

/// The calls on a folder that a trace shows, in the order in which they ended.
pub(crate) fn calls_in(text: &str, folder: &Path) -> Vec<Call> {
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
    calls
}

impl Call {
    /// The call that a line of the trace shows on the folder; `None` = none, or one that failed.
    fn parse(line: &str, folder: &Path) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let result: i32 = result.split(['<', ' ']).next()?.parse().ok()?;
        let arguments: Vec<&str> = arguments.split(", ").collect();
        // A path, or a folder that is open and a path in it; and the index of what comes after.
        let path = |index: usize| {
            let texts: Vec<String> = arguments[index..]
                .iter()
                .take(2)
                .map(|argument| text_of(argument))
                .collect();
            let path = if arguments[index].starts_with('"') {
                PathBuf::from(&texts[0])
            } else {
                Path::new(&texts[0]).join(&texts[1])
            };
            path.strip_prefix(folder).ok().map(Path::to_owned)
        };
        let fd = || -> i32 {
            let number = arguments[0].split('<').next().expect("a number");
            number.parse().expect("a number")
        };
        let of_folder = || Path::new(&text_of(arguments[0])).starts_with(folder);
        if result < 0 {
            return None;
        }
        match name {
            "openat" => Some(Self::Open {
                fd: result,
                path: path(0)?,
                creates: match arguments[2] {
                    flags if flags.contains("O_EXCL") => Creates::New,
                    flags if flags.contains("O_CREAT") => Creates::IfAbsent,
                    _ => Creates::No,
                },
            }),
            "write" if fd() == 1 => Self::reported(&text_of(arguments[1])),
            "write" if of_folder() => {
                let bytes = bytes_of(arguments[1]);
                assert_eq!(
                    bytes.len(),
                    result as usize,
                    "what was written is in the trace"
                );
                Some(Self::Write { fd: fd(), bytes })
            }
            "fsync" | "fdatasync" if of_folder() => Some(Self::Sync { fd: fd() }),
            "mkdir" => path(0).map(Self::Mkdir),
            "link" => Some(Self::Link {
                from: path(0)?,
                to: path(1)?,
            }),
            "linkat" => Some(Self::Link {
                from: path(0)?,
                to: path(2)?,
            }),
            "rename" => Some(Self::Rename {
                from: path(0)?,
                to: path(1)?,
            }),
            "renameat2" if arguments[4].contains("EXCHANGE") => {
                Some(Self::Exchange(path(0)?, path(2)?))
            }
            "renameat2" => Some(Self::Rename {
                from: path(0)?,
                to: path(2)?,
            }),
            "unlink" | "rmdir" | "unlinkat" => path(0).map(Self::Unlink),
            "writev" | "pwrite64" | "ftruncate" if of_folder() => {
                panic!("the model does not know {name}")
            }
            _ => None,
        }
    }

    /// What a process printed.
    fn reported(line: &str) -> Option<Self> {
        if let Some(offset) = line.trim_end().strip_prefix("certain to ") {
            return Some(Self::Certain(offset.parse().expect("an offset")));
        }
        let entry = line.trim_end().strip_prefix("erased by ");
        let entry = entry.or_else(|| line.starts_with("erased for every reader").then_some("1"))?;
        Some(Self::Erased(entry.parse().expect("a number")))
    }
}

/// The text of an argument, or the path of an open file.
pub(crate) fn text_of(argument: &str) -> String {
    String::from_utf8(bytes_of(argument)).expect("UTF-8")
}

/// Of a text in strace's hexadecimal.
pub(crate) fn bytes_of(text: &str) -> Vec<u8> {
    text.split("\\x")
        .skip(1)
        .map(|hex| u8::from_str_radix(&hex[..2], 16).expect("hexadecimal"))
        .collect()
}

pub(crate) type Node = usize;

#[derive(Clone, Debug)]
pub(crate) enum Held {
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
pub(crate) struct Disk {
    nodes: Vec<Held>,
    pub(crate) open: HashMap<i32, Node>,
    /// Names that were created again, where strace shows afterwards that they had been deleted.
    deleted_before: Vec<PathBuf>,
}

/// What is on a disk after the power went: files by path, and empty folders.
pub(crate) type Left = BTreeMap<PathBuf, Option<Vec<u8>>>;

impl Disk {
    /// A disk that contains a folder, with everything synced.
    pub(crate) fn load(folder: &Path) -> Self {
        let mut disk = Self::new();
        disk.load_into(Path::new(""), folder);
        for node in &mut disk.nodes {
            if let Held::Folder { names, synced } = node {
                synced.clone_from(names);
            }
        }
        disk
    }

    fn load_into(&mut self, path: &Path, folder: &Path) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry").path();
            let own = path.join(entry.file_name().expect("a name"));
            if entry.is_dir() {
                self.call(Call::Mkdir(own.clone()));
                self.load_into(&own, &entry);
            } else {
                let bytes = std::fs::read(&entry).expect("a file");
                let synced = bytes.clone();
                self.add(&own, Held::File { bytes, synced });
            }
        }
    }

    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![Held::Folder {
                names: BTreeMap::new(),
                synced: BTreeMap::new(),
            }],
            open: HashMap::new(),
            deleted_before: Vec::new(),
        }
    }

    fn names(&mut self, folder: Node) -> &mut BTreeMap<String, Node> {
        match &mut self.nodes[folder] {
            Held::Folder { names, .. } => names,
            Held::File { .. } => panic!("a file is no folder"),
        }
    }

    pub(crate) fn find(&mut self, path: &Path) -> Option<Node> {
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

    fn insert(&mut self, path: &Path, node: Node) {
        let (folder, name) = self.parent(path);
        self.names(folder).insert(name, node);
    }

    fn remove(&mut self, path: &Path) -> Node {
        let (folder, name) = self.parent(path);
        let node = self.names(folder).remove(&name);
        node.unwrap_or_else(|| panic!("{} is not there", path.display()))
    }

    pub(crate) fn call(&mut self, call: Call) {
        match call {
            Call::Open { fd, path, creates } => {
                let file = || Held::File {
                    bytes: Vec::new(),
                    synced: Vec::new(),
                };
                let node = match (self.find(&path), creates) {
                    (Some(_), Creates::New) => {
                        // strace shows calls of several threads in the order in which it sees their
                        // ends: the name had been deleted.
                        self.deleted_before.push(path.clone());
                        self.add(&path, file())
                    }
                    (Some(found), _) => found,
                    (None, Creates::No) => panic!("{} is not known", path.display()),
                    (None, Creates::New | Creates::IfAbsent) => self.add(&path, file()),
                };
                self.open.insert(fd, node);
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
                self.insert(&to, node);
            }
            Call::Rename { from, to } => {
                let node = self.remove(&from);
                self.insert(&to, node);
            }
            Call::Exchange(one, other) => {
                let (first, second) = (self.remove(&one), self.remove(&other));
                self.insert(&one, second);
                self.insert(&other, first);
            }
            Call::Unlink(path) => {
                let mut before = self.deleted_before.iter();
                match before.position(|before| *before == path) {
                    Some(known) => drop(self.deleted_before.remove(known)),
                    None => drop(self.remove(&path)),
                }
            }
            Call::Certain(_) | Call::Erased(_) => {}
        }
    }

    /// Some of what may be left after the power went: nothing that was not synced, all of it, and parts.
    pub(crate) fn after_power_loss(&self, random: &mut ChaCha8Rng) -> Vec<Left> {
        let mut lefts = vec![self.left(&mut || false), self.left(&mut || true)];
        lefts.extend((0..PARTS).map(|_| self.left(&mut || random.next_u64().is_multiple_of(2))));
        lefts
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

pub(crate) fn name_of(part: Component<'_>) -> &str {
    part.as_os_str().to_str().expect("UTF-8")
}

pub(crate) fn start_of(shown: &str) -> &str {
    shown.get(..200).unwrap_or(shown)
}

/// What processes reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reported {
    /// All below this offset is certain.
    pub(crate) certain: i64,
    /// The last entry of the erasure log.
    pub(crate) erased: u64,
}

impl Reported {
    pub(crate) fn note(&mut self, call: &Call) {
        match call {
            Call::Certain(offset) => self.certain = self.certain.max(*offset),
            Call::Erased(entry) => self.erased = self.erased.max(*entry),
            _ => {}
        }
    }
}

/// Makes what is left of a disk a folder.
pub(crate) fn restore(left: &Left, root: &Path) {
    for (path, bytes) in left {
        let path = root.join(path);
        match bytes {
            Some(bytes) => std::fs::write(path, bytes).expect("written"),
            None => std::fs::create_dir(path).expect("a folder"),
        }
    }
}

/// Tells, where a test fails, what was before, and what was left of it.
pub(crate) struct PrintOnPanic<'t>(pub(crate) &'t str, pub(crate) &'t Left);

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

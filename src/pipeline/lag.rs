//! How far each partition's log goes, beside what is durable of it.
//!
//! The client knows the end of each log that it fetches, and no broker is asked. Of a partition
//! that is stopped or paused it hears nothing: there a broker is asked, now and then, on a thread
//! of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::consume::{Consumer, Identity};
use crate::watch::Watch;

/// How often the client is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often a broker is asked.
const ASK: Duration = Duration::from_secs(5);

/// The lag of a run, as the consuming thread sees it.
pub(super) struct Lag {
    watch: Watch,
    looked: Instant,
    /// The thread that asks ends when this is gone.
    _asks: Sender<()>,
}

impl Lag {
    pub(super) fn start(identity: Arc<Identity>, watch: Watch) -> Self {
        let (asks, ended) = bounded(0);
        let asker = watch.clone();
        let thread = std::thread::Builder::new().name("lag".to_owned());
        thread
            .spawn(move || ask(&identity, &asker, &ended))
            .expect("the system starts a thread");
        Self {
            watch,
            looked: Instant::now(),
            _asks: asks,
        }
    }

    /// Looks at what the client knows, every second.
    pub(super) fn tick(&mut self, consumer: &Consumer) {
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            let known = self
                .watch
                .fetched()
                .into_iter()
                .filter_map(|at| Some((consumer.known_end(&at)?, at)));
            self.watch.log_ends(known.map(|(end, at)| (at, end)));
        }
    }
}

fn ask(identity: &Identity, watch: &Watch, ended: &Receiver<()>) {
    while ended.recv_timeout(ASK) == Err(RecvTimeoutError::Timeout) {
        for at in watch.unfetched() {
            // One whose leader is away does not hide the others.
            if let Some(end) = identity.log_end(&at) {
                watch.log_ends([(at, end)]);
            }
        }
    }
}

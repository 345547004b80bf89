//! Follows the end offset of each partition's log, for the lag.
//!
//! The client knows the end of each log that it fetches. It learns nothing of a partition that is
//! stopped or paused: a thread of its own asks a broker for the end of those.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::consume::{Consumer, Identity};
use crate::watch::Watch;

/// How often the client's ends are read.
const READ_CLIENT: Duration = Duration::from_secs(1);
/// How often a broker is asked.
const ASK_BROKER: Duration = Duration::from_secs(5);

/// The consuming thread's part of following the ends.
pub(super) struct Lag {
    watch: Watch,
    last_read: Instant,
    /// The thread that asks ends when this is dropped.
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
            last_read: Instant::now(),
            _asks: asks,
        }
    }

    /// Reads the ends that the client knows, every second.
    pub(super) fn tick(&mut self, consumer: &Consumer) {
        if self.last_read.elapsed() >= READ_CLIENT {
            self.last_read = Instant::now();
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
    while ended.recv_timeout(ASK_BROKER) == Err(RecvTimeoutError::Timeout) {
        for at in watch.unfetched() {
            // A partition without a leader does not hide the others.
            if let Ok(end) = identity.log_end(&at) {
                watch.log_ends([(at, end)]);
            }
        }
    }
}

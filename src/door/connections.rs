//! The open connections, up to a limit: a new one takes the place of the one that has waited
//! longest without a request of a partner.
//!
//! So strangers who open connections and send nothing do not keep partners out, and memory is
//! bounded. The connection of a partner's request is never closed before the request is answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The connections of a door.
#[derive(Debug)]
pub(super) struct Connections {
    max: usize,
    open: Mutex<OpenConnections>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    /// Connections that may be closed, in the order in which they began to wait.
    waiting: BTreeMap<u64, Arc<Notify>>,
    /// Connections with a request of a partner.
    serving: usize,
    turns: u64,
}

impl OpenConnections {
    fn wait(&mut self, closed: &Arc<Notify>) -> Turn {
        self.turns += 1;
        self.waiting.insert(self.turns, Arc::clone(closed));
        Turn::Waiting(self.turns)
    }
}

/// Whether a connection may be closed for another.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Waiting(u64),
    Serving,
}

/// An open connection, until it is dropped.
#[derive(Debug)]
pub(super) struct OpenConnection {
    connections: Arc<Connections>,
    turn: Mutex<Turn>,
    closed: Arc<Notify>,
}

impl Connections {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            open: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, OpenConnections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a connection, in the place of another if there are as many as there may be; `None` if
    /// all of them serve partners.
    pub(super) fn open(self: &Arc<Self>) -> Option<OpenConnection> {
        let mut open = self.lock();
        if open.waiting.len() + open.serving >= self.max {
            let (_, longest_waiting) = open.waiting.pop_first()?;
            longest_waiting.notify_one();
        }
        let closed = Arc::default();
        let turn = open.wait(&closed);
        Some(OpenConnection {
            connections: Arc::clone(self),
            turn: Mutex::new(turn),
            closed,
        })
    }
}

impl OpenConnection {
    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request on it is a partner's.
    pub(super) fn serve(&self) {
        let (mut turn, mut open) = (self.lock(), self.connections.lock());
        if let Turn::Waiting(number) = *turn
            && open.waiting.remove(&number).is_some()
        {
            open.serving += 1;
            *turn = Turn::Serving;
        }
    }

    /// The request is answered.
    pub(super) fn wait(&self) {
        let (mut turn, mut open) = (self.lock(), self.connections.lock());
        if matches!(*turn, Turn::Serving) {
            open.serving -= 1;
            *turn = open.wait(&self.closed);
        }
    }

    /// Waits until another connection takes its place.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let (turn, mut open) = (self.lock(), self.connections.lock());
        match *turn {
            Turn::Waiting(number) => drop(open.waiting.remove(&number)),
            Turn::Serving => open.serving -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_new_connection_takes_the_place_of_the_one_that_waits_longest() {
        let connections = Connections::new(2);
        let open = || connections.open();
        let is_closed = |one: &OpenConnection| one.closed().now_or_never().is_some();
        let (first, second) = (open().expect("open"), open().expect("open"));
        first.serve();
        let third = open().expect("open");
        assert!(is_closed(&second) && !is_closed(&first));
        drop(second);
        third.serve();
        assert!(open().is_none(), "both serve partners");
        first.wait();
        third.wait();
        let fourth = open().expect("open");
        assert!(is_closed(&first) && !is_closed(&third));
        drop((first, third));
        let fifth = open().expect("open");
        assert!(!is_closed(&fourth) && !is_closed(&fifth));
    }
}

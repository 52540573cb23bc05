//! The kept connections of one target.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The right to keep one connection.
pub type Seat = OwnedSemaphorePermit;

/// At most as many kept connections as there are seats; they take turns, so all stay in use.
///
/// A request never waits for a connection, or the rate would follow the answers: when all seats are taken
/// and no connection is idle, it opens one that is not kept.
#[derive(Debug)]
pub struct Pool<C> {
    seats: Arc<Semaphore>,
    idle: Mutex<VecDeque<(C, Seat)>>,
}

/// What a request gets from the pool.
#[derive(Debug)]
pub enum Taken<C> {
    /// A connection that was used before.
    Idle(C, Seat),
    /// Leave to open one, and to keep it if there is a seat.
    Open(Option<Seat>),
}

impl<C> Pool<C> {
    /// An empty pool.
    pub fn new(seats: u16) -> Pool<C> {
        Pool { seats: Arc::new(Semaphore::new(usize::from(seats))), idle: Mutex::default() }
    }

    /// Opening comes first while seats are free; then the connection that has been idle longest.
    pub fn take(&self) -> Taken<C> {
        if let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() {
            return Taken::Open(Some(seat));
        }
        match self.idle().pop_front() {
            Some((connection, seat)) => Taken::Idle(connection, seat),
            None => Taken::Open(None),
        }
    }

    /// Keeps a connection for the next request.
    pub fn keep(&self, connection: C, seat: Seat) {
        self.idle().push_back((connection, seat));
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<(C, Seat)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(taken: Taken<u32>) -> Seat {
        match taken {
            Taken::Open(Some(seat)) => seat,
            other => panic!("no seat: {other:?}"),
        }
    }

    #[test]
    fn seats_are_filled_before_connections_are_used_again_in_turn() {
        let pool = Pool::new(2);
        let (first, second) = (seat(pool.take()), seat(pool.take()));
        pool.keep(1, first);
        pool.keep(2, second);
        for want in [1, 2, 1, 2] {
            match pool.take() {
                Taken::Idle(connection, seat) => {
                    assert_eq!(connection, want);
                    pool.keep(connection, seat);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_request_that_finds_all_busy_opens_one_that_is_not_kept() {
        let pool = Pool::new(1);
        let busy = seat(pool.take());
        assert!(matches!(pool.take(), Taken::Open(None)));
        drop(busy);
        assert!(matches!(pool.take(), Taken::Open(Some(_))), "a lost connection frees its seat");
    }
}

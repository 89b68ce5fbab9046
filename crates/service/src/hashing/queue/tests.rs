//! Who waits, who is refused and who is passed over, with a clock that the test moves.

use super::{Effort, Queue, Turn};
use crate::hashing::{HashLimits, HashPool, HashingError};
use crate::presence::Presence;
use crossbeam_channel::{Receiver, Sender, bounded};
use keyward_crypto::{HashCost, PasswordHasher, Verdict};
use keyward_model::{Clock, Password, Random, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const WAIT_MAX: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Hands {
    fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }
}

struct Sevens;

impl Random for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn hasher() -> PasswordHasher {
    PasswordHasher::new(HashCost::default(), &Sevens).unwrap()
}

fn limits() -> HashLimits {
    HashLimits {
        threads: 1,
        wait_max: WAIT_MAX,
    }
}

/// A queue of one thread, and its clock.
fn queue() -> (Queue, Arc<Hands>) {
    let clock = Arc::new(Hands::default());
    let queue = Queue::start(hasher(), limits(), clock.clone()).unwrap();
    (queue, clock)
}

/// Gives the queue's only thread something to do until the test lets go.
fn occupy(queue: &Queue) -> Sender<()> {
    let (let_go, held) = bounded::<()>(0);
    let (began, begun) = bounded(1);
    let job = Box::new(move |_: Turn<'_>| {
        began.send(()).unwrap();
        let _ = held.recv();
        Effort::OneHash
    });
    queue.enqueue(job).unwrap();
    begun.recv().unwrap();
    let_go
}

/// Enqueues a job that says what it was told to do.
fn ask(queue: &Queue) -> Result<Receiver<Option<Duration>>, HashingError> {
    let (told, tell) = bounded(1);
    let job = Box::new(move |turn: Turn<'_>| {
        let refused = match turn {
            Turn::Work(..) => None,
            Turn::Refuse { retry_after } => Some(retry_after),
        };
        told.send(refused).unwrap();
        Effort::None
    });
    queue.enqueue(job).map(|()| tell)
}

#[test]
fn who_waited_for_too_long_is_refused_at_its_turn() {
    let (queue, clock) = queue();
    let let_go = occupy(&queue);
    let (early, late) = (ask(&queue).unwrap(), {
        clock.advance(Duration::from_secs(2));
        ask(&queue).unwrap()
    });
    clock.advance(Duration::from_millis(3_001));
    drop(let_go);
    assert_eq!(
        early.recv().unwrap(),
        Some(Duration::from_millis(5_001)),
        "waited more than five seconds"
    );
    assert_eq!(late.recv().unwrap(), None, "waited three");
}

#[test]
fn who_would_wait_for_too_long_is_refused_at_once() {
    let (queue, clock) = queue();
    let let_go = occupy(&queue);
    clock.advance(Duration::from_secs(16));
    drop(let_go);
    ask(&queue).unwrap().recv().unwrap();
    // One hash in eight took 16 seconds: two seconds on average, so of four that wait the last is refused.
    let let_go = occupy(&queue);
    let waiting: Vec<_> = (0..3).map(|_| ask(&queue).unwrap()).collect();
    let Err(HashingError::Busy { retry_after }) = ask(&queue) else {
        panic!("it was taken");
    };
    assert!(retry_after > WAIT_MAX && retry_after < 2 * WAIT_MAX);
    drop(let_go);
    for one in waiting {
        assert_eq!(one.recv().unwrap(), None);
    }
    assert!(ask(&queue).is_ok(), "there is room again");
}

#[test]
fn when_the_threads_get_nowhere_others_are_served_all_the_same() {
    let (queue, _) = queue();
    let let_go = occupy(&queue);
    let waiting: Vec<_> = (0..3).map(|_| ask(&queue).unwrap()).collect();
    for one in waiting {
        let told = one.recv_timeout(Duration::from_secs(20));
        assert_eq!(told, Ok(None), "by the one that relieves them");
    }
    drop(let_go);
}

#[test]
fn a_panic_ends_one_job_and_not_the_thread() {
    let (queue, _) = queue();
    queue.enqueue(Box::new(|_| panic!("on purpose"))).unwrap();
    assert_eq!(ask(&queue).unwrap().recv().unwrap(), None);
}

#[test]
fn dropped_it_ends_its_threads() {
    let (queue, _) = queue();
    let (alive, ended) = bounded::<()>(0);
    let job = Box::new(move |_: Turn<'_>| {
        drop(alive);
        Effort::None
    });
    queue.enqueue(job).unwrap();
    drop(queue);
    assert!(ended.recv().is_err());
}

fn password() -> Arc<Password> {
    Arc::new(Password::presented("correct horse battery staple").unwrap())
}

#[tokio::test]
async fn what_is_hashed_is_verified_and_nobody_is_not() {
    let clock = Arc::new(Hands::default());
    let pool = HashPool::start(hasher(), limits(), clock).unwrap();
    let here = Presence::default;
    let hash = pool.hash(password(), Arc::new(Sevens)).await;
    let verdict = pool.verify(password(), hash.ok(), here()).await.unwrap();
    assert_eq!(verdict, Verdict::Right { outdated: false });
    let verdict = pool.verify(password(), None, here()).await.unwrap();
    assert_eq!(verdict, Verdict::Wrong);
}

#[tokio::test]
async fn nothing_is_hashed_for_a_client_that_has_gone() {
    let clock = Arc::new(Hands::default());
    let pool = HashPool::start(hasher(), limits(), clock).unwrap();
    let (waiting, presence) = Presence::begin();
    drop(waiting);
    let outcome = pool.verify(password(), None, presence).await;
    assert!(matches!(outcome, Err(HashingError::Abandoned)));
}

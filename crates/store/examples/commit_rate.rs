//! How many durable use cases the store does in a second, and what each costs the processor.
//!
//! A use case is one transaction of 2 reads and 3 writes: find the tenant, find the user, change the profile by
//! compare-and-set, and record the event as audit row and as row of the feed. SQLite is measured with group commit and,
//! as the baseline, with a transaction for each use case, in alternating rounds of the same run; PostgreSQL as well when
//! `KEYWARD_TEST_POSTGRES_URL` is set. A row shows medians of three rounds.
//!
//! `cargo run --release -p keyward-store --example commit_rate -- [--seconds N] [--callers 1,8,64]`
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark ends at its first failure, and it measures real time"
)]

use keyward_model::{Event, EventRecord, UserId};
use keyward_store::{Error, Store, TenantScope};
use keyward_testkit::{
    TestDatabase, event_record, new_tenant, new_user, postgres_store_with, sqlite_store_with,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const USERS: usize = 1_000;
const ROUNDS: usize = 3;
/// Of `SqliteOptions::at`.
const BATCH_LENGTH_MAX: usize = 256;
const POSTGRES_CONNECTIONS: usize = 16;
/// What `/proc/self/stat` counts in, on every Linux that Keyward runs on.
const MICROS_PER_TICK: f64 = 10_000.0;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let settings = Settings::from_arguments();
    let grouped = Bench::new(sqlite_store_with(|options| {
        options.batch_length_max = BATCH_LENGTH_MAX;
    }))
    .await;
    let single = Bench::new(sqlite_store_with(|options| options.batch_length_max = 1)).await;
    println!(
        "medians of {ROUNDS} rounds of {:?}; {USERS} users",
        settings.round
    );
    println!(
        "{:>7} | {:>14} {:>12} | {:>14} {:>12} | ratio",
        "callers", "grouped /s", "CPU µs each", "one each /s", "CPU µs each"
    );
    for &callers in &settings.callers {
        let (mut with, mut without) = (Rounds::default(), Rounds::default());
        for _ in 0..ROUNDS {
            with.push(grouped.run(callers, settings.round).await);
            without.push(single.run(callers, settings.round).await);
        }
        let ratio = with.rate() / without.rate();
        println!("{callers:>7} | {with} | {without} | {ratio:.1}");
    }
    measure_postgres(&settings).await;
}

async fn measure_postgres(settings: &Settings) {
    let database = postgres_store_with(|options| options.connections_max = POSTGRES_CONNECTIONS);
    let Some(database) = database.await else {
        return;
    };
    let durability = database
        .admin_rows(
            "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')",
        )
        .await;
    let durability: Vec<String> = durability.into_iter().flatten().flatten().collect();
    println!(
        "PostgreSQL (version, fsync, synchronous_commit) = {durability:?}, {POSTGRES_CONNECTIONS} connections; \
         the server's CPU is not counted"
    );
    let bench = Bench::new(database).await;
    for &callers in &settings.callers {
        let mut rounds = Rounds::default();
        for _ in 0..ROUNDS {
            rounds.push(bench.run(callers, settings.round).await);
        }
        println!(
            "{callers:>7} | {rounds} | lost compare-and-sets: {}",
            rounds.lost()
        );
    }
}

struct Settings {
    round: Duration,
    callers: Vec<usize>,
}

impl Settings {
    fn from_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().collect();
        let after = |name: &str| {
            let at = arguments.iter().position(|argument| argument == name)?;
            arguments.get(at + 1).cloned()
        };
        let seconds = after("--seconds").map_or(2.0, |text| text.parse().unwrap());
        let callers = after("--callers").unwrap_or_else(|| "1,8,64".into());
        Self {
            round: Duration::from_secs_f64(seconds),
            callers: callers
                .split(',')
                .map(|number| number.parse().unwrap())
                .collect(),
        }
    }
}

/// A database with its users.
struct Bench {
    database: TestDatabase,
    work: Arc<Work>,
}

/// What the callers share.
struct Work {
    store: Store,
    scope: TenantScope,
    users: Vec<UserId>,
    /// An event whose id each use case replaces: making its JSON is not the store's work.
    event: EventRecord,
    stop: AtomicBool,
}

/// What one round came to.
struct Round {
    per_second: f64,
    cpu_micros: f64,
    lost: usize,
}

impl Bench {
    async fn new(database: TestDatabase) -> Self {
        let (scope, _) = new_tenant(&database, "bench").await;
        let mut users = Vec::with_capacity(USERS);
        for _ in 0..USERS {
            users.push(new_user(&database, &scope).await);
        }
        let changed = Event::ProfileChanged {
            before: users[0].clone(),
            after: users[0].clone(),
        };
        let work = Work {
            store: database.store.clone(),
            scope,
            users: users.iter().map(|user| user.id).collect(),
            event: event_record(&database, scope.tenant_id(), &changed),
            stop: AtomicBool::new(false),
        };
        Self {
            database,
            work: Arc::new(work),
        }
    }

    async fn run(&self, callers: usize, length: Duration) -> Round {
        self.work.stop.store(false, Ordering::Relaxed);
        let (start, cpu) = (Instant::now(), cpu_micros());
        let tasks: Vec<_> = (0..callers)
            .map(|caller| {
                let ids = Ids::of_caller(&self.database, caller);
                tokio::spawn(call(Arc::clone(&self.work), ids))
            })
            .collect();
        tokio::time::sleep(length).await;
        self.work.stop.store(true, Ordering::Relaxed);
        let (mut done, mut lost) = (0, 0);
        for task in tasks {
            let (won, refused) = task.await.unwrap();
            done += won;
            lost += refused;
        }
        Round {
            per_second: done as f64 / start.elapsed().as_secs_f64(),
            cpu_micros: (cpu_micros() - cpu) / done as f64,
            lost,
        }
    }
}

/// One caller: the next use case begins when the last was answered. How many were done, and how many lost their
/// compare-and-set.
async fn call(work: Arc<Work>, mut ids: Ids) -> (usize, usize) {
    let (mut done, mut lost) = (0, 0);
    while !work.stop.load(Ordering::Relaxed) {
        let user = work.users[ids.next_user()];
        let mut event = work.event.clone();
        event.id = ids.database_id();
        match change_name(&work, user, event).await.unwrap() {
            true => done += 1,
            false => lost += 1,
        }
    }
    (done, lost)
}

async fn change_name(work: &Work, id: UserId, event: EventRecord) -> Result<bool, Error> {
    work.store
        .write(&work.scope, async move |tx| {
            let tenant = tx.find_tenant().await?;
            let user = tx.find_user(id).await?;
            let (Some(_), Some(user)) = (tenant, user) else {
                return Ok(false);
            };
            let name = user.name.as_ref();
            let changed = tx.change_profile(id, user.version, name).await?;
            if changed.is_some() {
                tx.record(&event).await?;
            }
            Ok(changed.is_some())
        })
        .await
}

/// What a caller draws: users, and ids that no other caller draws.
struct Ids {
    clock: keyward_testkit::MockClock,
    random: keyward_testkit::SeededRandom,
    state: usize,
}

impl Ids {
    fn of_caller(database: &TestDatabase, caller: usize) -> Self {
        let seed = database.mint::<Event>().uuid().as_u128() as u64;
        Self {
            clock: database.clock.clone(),
            random: keyward_testkit::SeededRandom::new(seed ^ caller as u64),
            state: caller * 7_919,
        }
    }

    /// Callers walk through the users from different beginnings, with a step that has no factor in common with 1,000.
    fn next_user(&mut self) -> usize {
        self.state = (self.state + 37) % USERS;
        self.state
    }

    fn database_id(&self) -> keyward_model::EventId {
        keyward_model::mint_id(self.clock.advance(Duration::from_micros(1)), &self.random)
    }
}

#[derive(Default)]
struct Rounds(Vec<Round>);

impl Rounds {
    fn push(&mut self, round: Round) {
        self.0.push(round);
    }

    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        let mut values: Vec<f64> = self.0.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    fn rate(&self) -> f64 {
        self.median(|round| round.per_second)
    }

    fn lost(&self) -> usize {
        self.0.iter().map(|round| round.lost).sum()
    }
}

impl std::fmt::Display for Rounds {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cpu = self.median(|round| round.cpu_micros);
        write!(formatter, "{:>14.0} {cpu:>12.1}", self.rate())
    }
}

/// The processor time of this process so far, in all its threads.
fn cpu_micros() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The command's name, in brackets, may hold anything; after it user and system time are the 12th and 13th word.
    let (_, words) = stat.rsplit_once(')').unwrap();
    let ticks = words.split_whitespace().skip(11).take(2);
    ticks.map(|word| word.parse::<f64>().unwrap()).sum::<f64>() * MICROS_PER_TICK
}

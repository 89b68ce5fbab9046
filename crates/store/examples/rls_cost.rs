//! What row-level security costs a request on PostgreSQL.
//!
//! Two things are measured, each with row-level security as the migrations set it and with it switched off on every table by
//! their owner, in alternating rounds of the same run: what `GET /v1/session` reads when memory cannot answer (the route of
//! the key, key and tenant, session with user, tenant and hosts), and a change with its record (find the user, change the
//! profile). It is done among a few tenants and again among ten thousand with ten sessions each. A row shows medians.
//!
//! `cargo xtask bench rls [--seconds N] [--rounds N] [--callers N] [--tenants N]`
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark ends at its first failure, and it measures real time"
)]

use keyward_model::{Digest, Event, EventRecord, Route, Session, SessionId, SigningKeyId, UserId};
use keyward_store::{Error, Store, TenantScope, TenantTx, VerifiedToken};
use keyward_testkit::{
    MockClock, SeededRandom, TestDatabase, event_record, new_session, new_tenant, new_user,
    scratch_postgres_store_with, unsaved_signing_key,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Users of the tenant that is measured, with a session each.
const USERS: usize = 200;
const TABLES_FILLED: [&str; 7] = [
    "tenants",
    "tenant_routes",
    "signing_keys",
    "users",
    "sessions",
    "audit_events",
    "feed",
];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let settings = Settings::from_arguments();
    let connections = settings.callers.max(2);
    let database = scratch_postgres_store_with(|options| options.connections_max = connections);
    let Some(database) = database.await else {
        return;
    };
    let bench = Bench::new(database).await;
    println!(
        "medians of {} rounds of {:?} each, {} callers; microseconds from call to answer",
        settings.rounds, settings.round, settings.callers
    );
    println!(
        "{:>8} {:>9} | {:>10} {:>10} | with ÷ without",
        "tenants", "what", "with RLS", "without"
    );
    bench.compare(&settings).await;
    bench.fill(settings.tenants).await;
    bench.compare(&settings).await;
}

struct Settings {
    round: Duration,
    rounds: usize,
    callers: usize,
    tenants: usize,
}

impl Settings {
    fn from_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().collect();
        let after = |name: &str, usual: f64| {
            let at = arguments.iter().position(|argument| argument == name);
            let given = at.and_then(|at| arguments.get(at + 1));
            given.map_or(usual, |text| text.parse().unwrap())
        };
        Self {
            round: Duration::from_secs_f64(after("--seconds", 1.0)),
            rounds: after("--rounds", 7.0) as usize,
            callers: after("--callers", 1.0) as usize,
            tenants: after("--tenants", 10_000.0) as usize,
        }
    }
}

/// The database, and what the callers share.
struct Bench {
    database: TestDatabase,
    tables: Vec<String>,
    work: Arc<Work>,
}

struct Work {
    store: Store,
    scope: TenantScope,
    key_id: SigningKeyId,
    sessions: Vec<Session>,
    event: EventRecord,
    clock: MockClock,
    random: SeededRandom,
    stop: AtomicBool,
}

#[derive(Clone, Copy)]
enum What {
    ColdRead,
    Change,
}

impl Bench {
    async fn new(database: TestDatabase) -> Self {
        let (scope, _) = new_tenant(&database, "measured").await;
        let key_id = insert_key(&database, &scope).await;
        let mut sessions = Vec::with_capacity(USERS);
        for _ in 0..USERS {
            let user = new_user(&database, &scope).await;
            sessions.push(new_session(&database, &scope, user.id).await);
        }
        // Of this one the others are copies.
        let (template, _) = new_tenant(&database, "template").await;
        insert_key(&database, &template).await;
        for _ in 0..10 {
            let user = new_user(&database, &template).await;
            new_session(&database, &template, user.id).await;
        }
        let looked = Event::OperatorRead { subject: "user" };
        let work = Work {
            store: database.store.clone(),
            scope,
            key_id,
            sessions,
            event: event_record(&database, scope.tenant_id(), &looked),
            clock: database.clock.clone(),
            random: SeededRandom::new(1),
            stop: AtomicBool::new(false),
        };
        Self {
            tables: database.tenant_tables().await,
            work: Arc::new(work),
            database,
        }
    }

    /// Copies the template until there are so many tenants more.
    async fn fill(&self, tenants: usize) {
        let mut text = format!(
            "CREATE TABLE copies AS SELECT md5(n::text)::uuid AS id, n FROM generate_series(1, {tenants}) n;"
        );
        for table in TABLES_FILLED {
            let (columns, values) = self.copied_columns(table).await;
            text.push_str(&format!(
                "INSERT INTO {table} ({columns}) SELECT {values} FROM {table} s CROSS JOIN copies c
                 WHERE s.tenant_id = (SELECT tenant_id FROM tenants WHERE slug LIKE 'template%' ORDER BY slug LIMIT 1);"
            ));
        }
        text.push_str("DROP TABLE copies; ANALYZE;");
        self.database.admin_sql(&text).await;
    }

    /// The columns of a table that are not made by themselves, and their values in a copy.
    async fn copied_columns(&self, table: &str) -> (String, String) {
        let query = format!(
            "SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' AND table_schema = 'public'
             AND column_default IS NULL AND is_identity = 'NO' ORDER BY ordinal_position"
        );
        let rows = self.database.admin_rows(&query).await;
        let columns: Vec<String> = rows.into_iter().flatten().flatten().collect();
        let values = columns.iter().map(|column| match column.as_str() {
            "tenant_id" => "c.id".to_owned(),
            "slug" | "issuer" => format!("s.{column} || '-' || c.n"),
            "name" if table == "tenant_routes" => "s.name || '-' || c.n".to_owned(),
            column => format!("s.{column}"),
        });
        let values: Vec<String> = values.collect();
        (columns.join(", "), values.join(", "))
    }

    async fn compare(&self, settings: &Settings) {
        let query = "SELECT count(*) FROM tenants";
        let tenants = self.database.admin_count(query).await;
        for (name, what) in [("cold read", What::ColdRead), ("change", What::Change)] {
            let (mut with, mut without) = (Vec::new(), Vec::new());
            // One round of each that does not count, to warm what is kept.
            for round in 0..=settings.rounds {
                for (is_on, times) in [(true, &mut with), (false, &mut without)] {
                    self.switch(is_on).await;
                    let time = self.run(what, settings).await;
                    if round > 0 {
                        times.push(time);
                    }
                }
            }
            self.switch(true).await;
            let (with, without) = (median(with), median(without));
            println!(
                "{tenants:>8} {name:>9} | {with:>10.0} {without:>10.0} | {:.3}",
                with / without
            );
        }
    }

    async fn switch(&self, is_on: bool) {
        let verb = if is_on { "ENABLE" } else { "DISABLE" };
        let statements = self
            .tables
            .iter()
            .map(|table| format!("ALTER TABLE {table} {verb} ROW LEVEL SECURITY;"));
        self.database
            .admin_sql(&statements.collect::<String>())
            .await;
    }

    /// Microseconds that one takes from call to answer, on average of a round.
    async fn run(&self, what: What, settings: &Settings) -> f64 {
        self.work.stop.store(false, Ordering::Relaxed);
        let start = Instant::now();
        let callers: Vec<_> = (0..settings.callers)
            .map(|caller| tokio::spawn(call(self.work.clone(), what, caller)))
            .collect();
        tokio::time::sleep(settings.round).await;
        self.work.stop.store(true, Ordering::Relaxed);
        let mut done = 0;
        for caller in callers {
            done += caller.await.unwrap();
        }
        start.elapsed().as_secs_f64() * 1e6 * settings.callers as f64 / f64::from(done)
    }
}

async fn insert_key(database: &TestDatabase, scope: &TenantScope) -> SigningKeyId {
    let key = unsaved_signing_key(database);
    let looked = Event::OperatorRead { subject: "user" };
    let (id, event) = (key.id, event_record(database, scope.tenant_id(), &looked));
    let insert = async move |tx: &mut TenantTx<'_>| {
        tx.insert_signing_key(&key).await?;
        tx.insert_route(&Route::SigningKey(key.id)).await?;
        tx.record(&event).await
    };
    let inserted: Result<(), Error> = database.store.write(scope, insert).await;
    inserted.unwrap();
    id
}

async fn call(work: Arc<Work>, what: What, caller: usize) -> u32 {
    let (mut done, mut at) = (0, caller * 31);
    while !work.stop.load(Ordering::Relaxed) {
        at = (at + 37) % work.sessions.len();
        let session = &work.sessions[at];
        match what {
            What::ColdRead => work.read_cold(session.id, session.user_id).await,
            What::Change => work.change(session.user_id).await,
        }
        done += 1;
    }
    done
}

impl Work {
    async fn read_cold(&self, session_id: SessionId, user_id: UserId) {
        let routes = vec![Route::SigningKey(self.key_id)];
        let scope = self.store.resolve(routes).await.unwrap()[0].unwrap();
        let (key_id, mark) = (self.key_id, self.store.mark(&scope));
        let read = async move |tx: &mut TenantTx<'_>| {
            Ok((tx.find_signing_key(key_id).await?, tx.find_tenant().await?))
        };
        let found: Result<_, Error> = self.store.read(&scope, read).await;
        let (key, tenant) = found.unwrap();
        let expires_at = tenant.unwrap().created_at.plus_seconds(3_600);
        let token = VerifiedToken {
            digest: Digest([1; 32]),
            session_id,
            user_id,
            good_from: key.unwrap().created_at,
            expires_at,
            id: keyward_model::Id::from_uuid(session_id.uuid()),
            client: None,
        };
        let known = self
            .store
            .read_session_of(&scope, token, mark, self.event.occurred_at)
            .await;
        assert!(known.unwrap().is_some(), "the session is good");
    }

    async fn change(&self, id: UserId) {
        let mut event = self.event.clone();
        let now = self.clock.advance(Duration::from_micros(1));
        event.id = keyward_model::mint_id(now, &self.random);
        let change = async move |tx: &mut TenantTx<'_>| {
            let user = tx.find_user(id).await?;
            let Some(user) = user else { return Ok(()) };
            let name = user.name.as_ref();
            // Two callers may meet on a user: one of them changes nothing then, after the same statements.
            if tx.change_profile(id, user.version, name).await?.is_some() {
                tx.record(&event).await?;
            }
            Ok(())
        };
        let changed: Result<(), Error> = self.store.write(&self.scope, change).await;
        changed.unwrap();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

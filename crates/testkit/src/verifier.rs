//! A service that verifies access tokens itself: by the issuer's key set, and by what the stream of revocations says. It trusts
//! nothing else, and what it has not heard for too long it does not trust either.

use crate::client::Answer;
use crate::event_stream::{EventStream, ServerEvent};
use crate::key_set::{KeySetFollower, Refused};
use keyward_crypto::{AccessClaims, key_id_of};
use keyward_model::{
    AccessTokenSecret, Clock, Revoked, SessionId, SigningKeyId, Timestamp, TokenId, UserId,
};
use reqwest::Client;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// How long a token lives at most, with what clocks may differ by: a revocation from before that says nothing any more.
const REMEMBERED_SECONDS: i64 = 3_660;
/// By how much the clocks of the nodes that issue tokens may differ, and how long a change may take there.
const ISSUED_LEEWAY_SECONDS: i64 = 5;
/// How long to wait before the stream is followed again.
const RETRY: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Where a verifier asks, and as whom.
#[derive(Clone)]
pub struct VerifierSettings {
    /// What stands before the paths, for instance `http://127.0.0.1:8080/t/demo`.
    pub base: String,
    /// Who issues the tokens, and for whom they are.
    pub issuer: String,
    /// The id and the secret of a client that may follow revocations.
    pub client: (String, String),
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For how many seconds what it heard last is worth something; 15 is what the documentation advises.
    pub staleness_seconds: i64,
}

/// Why a verifier does not let a token in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// It has not heard for too long what was revoked.
    Stale,
    /// It, or what it rests on, was revoked.
    Revoked,
    /// By itself it is not good.
    Invalid(Refused),
}

/// A running verifier. Dropping it ends it.
pub struct Verifier {
    settings: VerifierSettings,
    heard: Arc<Heard>,
    keys: Mutex<KeySetFollower>,
    http: Client,
    following: JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    known: Mutex<Known>,
    changed: Notify,
    /// Cuts the stream, for a test.
    cut: Notify,
}

/// What it was told.
#[derive(Debug, Default)]
struct Known {
    sessions: HashMap<SessionId, Timestamp>,
    tokens: HashMap<TokenId, Timestamp>,
    users: HashMap<UserId, Timestamp>,
    keys: HashMap<SigningKeyId, Timestamp>,
    tenant: Option<Timestamp>,
    /// All that was revoked until then it has heard.
    as_of: Option<Timestamp>,
    last_id: Option<String>,
    snapshots: usize,
    connections: usize,
}

impl Verifier {
    /// Begins to follow.
    pub fn start(settings: VerifierSettings) -> Self {
        let http = Client::builder().no_proxy().build().unwrap();
        let heard = Arc::<Heard>::default();
        let following = tokio::spawn(follow(settings.clone(), http.clone(), heard.clone()));
        Self {
            settings,
            heard,
            keys: Mutex::new(KeySetFollower::asking_again(0)),
            http,
            following,
        }
    }

    /// Whether it lets a token in now. Of the server nothing is asked but its key set, when that is too old or lacks the key.
    ///
    /// # Errors
    /// [`Rejected`].
    pub async fn verify(&self, token: &str) -> Result<AccessClaims, Rejected> {
        let now = self.settings.clock.now();
        self.check_freshness(now)?;
        let must_read = lock(&self.keys).must_read(token, now);
        if must_read {
            let answer = self.read_keys().await;
            lock(&self.keys).learn(&answer, now);
        }
        let claims = lock(&self.keys).verify(token, now, 0);
        let claims = claims.map_err(Rejected::Invalid)?;
        let issuer = self.settings.issuer.as_str();
        let checked = claims.check(now, issuer, issuer);
        checked.map_err(|_| Rejected::Invalid(Refused::Invalid))?;
        let secret = AccessTokenSecret::new(token.to_owned());
        let key = key_id_of(&secret).map_err(|_| Rejected::Invalid(Refused::Invalid))?;
        match lock(&self.heard.known).revokes(&claims, key) {
            true => Err(Rejected::Revoked),
            false => Ok(claims),
        }
    }

    /// Waits until it has heard of something; fails the test after 20 seconds.
    pub async fn heard_of(&self, revoked: Revoked) {
        self.until(|known| known.has(revoked)).await;
    }

    /// Waits until what it heard is worth something.
    pub async fn is_fresh(&self) {
        let now = || self.settings.clock.now();
        self.until(|known| known.is_fresh(now(), self.settings.staleness_seconds))
            .await;
    }

    /// How often it connected, and how many snapshots it was told whole.
    pub fn connections_and_snapshots(&self) -> (usize, usize) {
        let known = lock(&self.heard.known);
        (known.connections, known.snapshots)
    }

    /// Cuts its connection; it connects again.
    pub fn cut(&self) {
        self.heard.cut.notify_one();
    }

    async fn until(&self, holds: impl Fn(&Known) -> bool) {
        let waiting = async {
            loop {
                let changed = self.heard.changed.notified();
                if holds(&lock(&self.heard.known)) {
                    return;
                }
                changed.await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(
            waited.is_ok(),
            "the verifier never heard of it: {:?}",
            lock(&self.heard.known)
        );
    }

    fn check_freshness(&self, now: Timestamp) -> Result<(), Rejected> {
        let known = lock(&self.heard.known);
        match known.is_fresh(now, self.settings.staleness_seconds) {
            true => Ok(()),
            false => Err(Rejected::Stale),
        }
    }

    async fn read_keys(&self) -> Answer {
        let url = format!("{}/.well-known/jwks.json", self.settings.base);
        let response = self.http.get(url).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer::new(status, headers, &response.bytes().await.unwrap())
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.following.abort();
    }
}

async fn follow(settings: VerifierSettings, http: Client, heard: Arc<Heard>) {
    let mut retry = RETRY;
    loop {
        if follow_once(&settings, &http, &heard).await {
            retry = RETRY;
        }
        tokio::time::sleep(retry).await;
        retry = (retry * 2).min(RETRY_MAX);
    }
}

/// Follows until the stream ends; whether anything was heard.
async fn follow_once(settings: &VerifierSettings, http: &Client, heard: &Heard) -> bool {
    let (id, secret) = &settings.client;
    let url = format!("{}/v1/revocations", settings.base);
    let mut request = http.get(url).basic_auth(id, Some(secret));
    if let Some(last_id) = lock(&heard.known).last_id.clone() {
        request = request.header("last-event-id", last_id);
    }
    let Ok(response) = request.send().await else {
        return false;
    };
    if response.status() != 200 {
        return false;
    }
    lock(&heard.known).connections += 1;
    let mut events = EventStream::new(response);
    let mut heard_something = false;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = heard.cut.notified() => None,
        };
        let Some(event) = event else {
            return heard_something;
        };
        lock(&heard.known).take(&event);
        heard.changed.notify_waiters();
        heard_something = true;
    }
}

impl Known {
    fn take(&mut self, event: &ServerEvent) {
        match event.name.as_str() {
            "snapshot" => {
                let revocations = event.data["revocations"].as_array().unwrap();
                revocations.iter().for_each(|one| self.revoke(one));
                if event.data["complete"] == true {
                    self.as_of = Some(moment(&event.data["as_of"]));
                    self.snapshots += 1;
                }
            }
            "revocation" => self.revoke(&event.data),
            "heartbeat" => {
                let as_of = moment(&event.data["as_of"]);
                self.as_of = Some(as_of);
                self.forget_before(as_of.plus_seconds(-REMEMBERED_SECONDS));
            }
            other => panic!("{other} is no event of ours"),
        }
        self.last_id.clone_from(&event.id);
    }

    fn revoke(&mut self, one: &Value) {
        let (kind, at) = (one["kind"].as_str().unwrap(), moment(&one["at"]));
        let id = one["id"].as_str().unwrap().parse().unwrap();
        match Revoked::from_columns(kind, id).expect("a kind that is known") {
            Revoked::Session(id) => keep_latest(self.sessions.entry(id).or_insert(at), at),
            Revoked::Token(id) => keep_latest(self.tokens.entry(id).or_insert(at), at),
            Revoked::User(id) => keep_latest(self.users.entry(id).or_insert(at), at),
            Revoked::SigningKey(id) => keep_latest(self.keys.entry(id).or_insert(at), at),
            Revoked::Tenant(_) => keep_latest(self.tenant.get_or_insert(at), at),
        }
    }

    fn has(&self, revoked: Revoked) -> bool {
        match revoked {
            Revoked::Session(id) => self.sessions.contains_key(&id),
            Revoked::Token(id) => self.tokens.contains_key(&id),
            Revoked::User(id) => self.users.contains_key(&id),
            Revoked::SigningKey(id) => self.keys.contains_key(&id),
            Revoked::Tenant(_) => self.tenant.is_some(),
        }
    }

    fn is_fresh(&self, now: Timestamp, seconds: i64) -> bool {
        self.as_of
            .is_some_and(|as_of| now <= as_of.plus_seconds(seconds))
    }

    fn revokes(&self, claims: &AccessClaims, key: SigningKeyId) -> bool {
        let issued_until = |at: Option<&Timestamp>| {
            at.is_some_and(|at| claims.iat <= at.seconds() + ISSUED_LEEWAY_SECONDS)
        };
        self.sessions.contains_key(&claims.sid)
            || self.tokens.contains_key(&claims.jti)
            || self.keys.contains_key(&key)
            || issued_until(self.users.get(&claims.sub))
            || issued_until(self.tenant.as_ref())
    }

    /// What no token is left of. A key is forgotten by its set, which is another matter.
    fn forget_before(&mut self, moment: Timestamp) {
        self.sessions.retain(|_, at| *at >= moment);
        self.tokens.retain(|_, at| *at >= moment);
        self.users.retain(|_, at| *at >= moment);
        self.tenant = self.tenant.filter(|at| *at >= moment);
    }
}

fn keep_latest(known: &mut Timestamp, at: Timestamp) {
    *known = (*known).max(at);
}

fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

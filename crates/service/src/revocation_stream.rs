//! The stream of revocations, for services that verify access tokens themselves.
//!
//! The feed in the database is the truth: whoever follows reads from it what they may have missed, and then hears what the one
//! reader of their tenant in this process finds next. It reads when a right was ended here or another node was heard of, and
//! twice a second in any case. It waits for nobody: a follower that does not take what comes falls behind, is ended, and begins
//! again where it was. What is said twice says nothing else than before.

mod places;
mod reader;

pub(crate) use reader::Readers;

use crate::cx::{Cx, TenantWide};
use crate::outcome::Disclosed;
use crate::platform::Platform;
use keyward_model::{ClientId, ClientStatus, OAuthClient, Principal, Revocation, Timestamp};
use keyward_policy::{Action, Denied};
use keyward_store::{FeedMark, RevocationFilter, TenantScope, TenantTx};
use places::Place;
use reader::Turn;
use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// How often a follower hears something, at least.
pub const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a stream lasts at most; then its client proves anew who it is.
pub const STREAM_MAX: Duration = Duration::from_secs(3_600);
/// An access token lives for an hour at most, and clocks may differ by a minute.
const TOKEN_SECONDS_MAX: i64 = 3_660;
/// Verifiers keep a key set for a day at most.
const KEY_SET_SECONDS_MAX: i64 = 86_460;
/// What was revoked so shortly before is said again to whoever resumes: a database that was brought back from a backup counts
/// its rows anew.
const OVERLAP_SECONDS: i64 = 60;
/// How many revocations are read at once.
const PAGE: i64 = 500;

/// What a follower is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// From where it is to be resumed, once this was taken; none if from where it was before.
    pub id: Option<ResumeId>,
    /// What is said.
    pub said: Said,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A part of all revocations whose tokens may still be alive.
    Snapshot {
        /// Some of them.
        revocations: Vec<Revocation>,
        /// Whether it is the last part.
        is_complete: bool,
        /// All that was revoked until then is in the parts.
        as_of: Timestamp,
    },
    /// Something was revoked.
    Revocation(Revocation),
    /// All that was revoked until then has been said.
    Heartbeat {
        /// By this node's clock.
        as_of: Timestamp,
    },
}

/// Where a stream is resumed: a number of the feed, and when that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumeId {
    number: i64,
    seconds: i64,
}

/// Why nobody follows.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The client, or the tenant, has as many streams as it may have.
    #[error("there are too many streams")]
    TooMany,
    /// The server stops.
    #[error("the server stops")]
    Stopping,
    /// The client, or the tenant, is not served any more.
    #[error("the client is over")]
    Over,
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// Somebody who follows. It says something only when it is asked for the next, so that it holds no more than a page.
pub struct Follower {
    platform: Platform,
    scope: TenantScope,
    client: Standing,
    stage: Stage,
    ready: VecDeque<Message>,
    told: ResumeId,
    turns: broadcast::Receiver<Arc<Turn>>,
    stopping: watch::Receiver<bool>,
    heartbeat_at: Duration,
    ends_at: Duration,
    _place: Place,
}

/// What a client must still be for its stream to go on.
#[derive(Debug, Clone, Copy)]
struct Standing {
    id: ClientId,
    version: i64,
    /// When a secret ends that the client may have proved itself by.
    proof_ends_at: Option<Timestamp>,
}

/// What a follower does next.
enum Stage {
    /// Reads what was before.
    CatchUp(CatchUp),
    /// Hears what comes.
    Live,
}

struct CatchUp {
    is_snapshot: bool,
    filter: RevocationFilter,
    /// What is read after that.
    then: Option<RevocationFilter>,
    reached: ResumeId,
    as_of: Timestamp,
}

impl fmt::Display for ResumeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.number, self.seconds)
    }
}

impl FromStr for ResumeId {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, seconds) = text.split_once('-').ok_or(())?;
        let parse = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().map_err(|_| ()),
            false => Err(()),
        };
        Ok(Self {
            number: parse(number)?,
            seconds: parse(seconds)?,
        })
    }
}

impl ResumeId {
    fn new(mark: &FeedMark, as_of: Timestamp) -> Self {
        Self {
            number: mark.number(),
            seconds: as_of.seconds(),
        }
    }

    /// Whether nothing that must be said may be missing behind it.
    fn is_good(self, reached: Self) -> bool {
        let age = reached.seconds.saturating_sub(self.seconds);
        (-OVERLAP_SECONDS..TOKEN_SECONDS_MAX).contains(&age) && self.number <= reached.number
    }
}

/// Begins to follow: from where `resume` says, or with all that may still matter.
///
/// # Errors
/// [`FollowError`].
pub async fn follow_revocations(
    cx: &Cx,
    resume: Option<ResumeId>,
) -> Result<Follower, FollowError> {
    let (platform, scope) = (cx.platform().clone(), cx.scope());
    let Principal::OAuthClient { client_id, .. } = *cx.principal() else {
        return Err(Denied {
            action: Action::FollowRevocations,
        }
        .into());
    };
    let readers = platform.readers();
    let place = readers.places().take(cx.tenant_id(), client_id);
    let place = place.ok_or(FollowError::TooMany)?;
    let found = cx.read(async move |cx, tx: &mut TenantTx<'_>| {
        let permit = cx.permit(Action::FollowRevocations, &TenantWide)?;
        let facts = (
            tx.find_oauth_client(client_id).await?,
            tx.find_feed_mark().await?,
        );
        Ok::<_, FollowError>(Disclosed::new(permit, facts))
    });
    let (Some(client), Some((_, mark))) = found.await? else {
        return Err(FollowError::Over);
    };
    let client = Standing::of(&client, cx.now()).ok_or(FollowError::Over)?;
    // From here on nothing is missed: what became visible since `mark` the reader finds, or what is read below.
    let turns = readers
        .hear(&platform, scope, mark)
        .ok_or(FollowError::Stopping)?;
    let now = platform.now();
    let mark = find_mark(&platform, scope).await?;
    let reached = ResumeId::new(&mark, now);
    let resume = resume.filter(|resume| resume.is_good(reached));
    Ok(Follower {
        stage: Stage::CatchUp(CatchUp::begin(&platform, (reached, now), resume)),
        client,
        ready: VecDeque::new(),
        told: resume.unwrap_or(reached),
        turns,
        stopping: readers.stopping(),
        heartbeat_at: platform.monotonic() + HEARTBEAT,
        ends_at: platform.monotonic() + STREAM_MAX,
        platform,
        scope,
        _place: place,
    })
}

async fn find_mark(platform: &Platform, scope: TenantScope) -> Result<FeedMark, FollowError> {
    let read = async move |tx: &mut TenantTx<'_>| tx.find_feed_mark().await;
    let found = platform
        .store()
        .read::<_, keyward_store::Error, _>(&scope, read);
    let (_, mark) = found.await?.ok_or(FollowError::Over)?;
    Ok(mark)
}

impl Standing {
    fn of(client: &OAuthClient, now: Timestamp) -> Option<Self> {
        let previous = client.secrets.previous.map(|(_, until)| until);
        (client.status == ClientStatus::Active).then_some(Self {
            id: client.id,
            version: client.version,
            proof_ends_at: previous.filter(|until| now < *until),
        })
    }

    /// Whether nothing of the client has changed: whatever did, it proves anew who it is and what it may.
    async fn still_holds(self, platform: &Platform, scope: TenantScope) -> bool {
        if self.proof_ends_at.is_some_and(|end| platform.now() >= end) {
            return false;
        }
        let known = match platform.store().recall_client(self.id) {
            Some((_, known)) => Some(known),
            None => match platform.store().read_client(&scope, self.id).await {
                Ok(known) => known,
                Err(error) => {
                    tracing::warn!(%error, "whether a follower's client still counts cannot be told");
                    None
                }
            },
        };
        known.is_some_and(|known| known.client.version == self.version)
    }
}

impl CatchUp {
    fn begin(
        platform: &Platform,
        (reached, as_of): (ResumeId, Timestamp),
        resume: Option<ResumeId>,
    ) -> Self {
        let store = platform.store();
        let all = RevocationFilter {
            beyond: store.feed_mark(0),
            since: as_of.plus_seconds(-TOKEN_SECONDS_MAX),
            keys_since: as_of.plus_seconds(-KEY_SET_SECONDS_MAX),
        };
        let (filter, then) = match resume {
            None => (all, None),
            Some(resume) => {
                let again =
                    Timestamp::from_micros(0).plus_seconds(resume.seconds - OVERLAP_SECONDS);
                let lately = RevocationFilter {
                    since: again,
                    keys_since: again,
                    ..all.clone()
                };
                let beyond = store.feed_mark(resume.number);
                (RevocationFilter { beyond, ..all }, Some(lately))
            }
        };
        Self {
            is_snapshot: resume.is_none(),
            filter,
            then,
            reached,
            as_of,
        }
    }
}

impl Follower {
    /// What is said next; none when the stream is over.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                self.told = message.id.unwrap_or(self.told);
                return Some(message);
            }
            if *self.stopping.borrow() {
                return None;
            }
            let went_on = match &self.stage {
                Stage::CatchUp(_) => self.read_on().await,
                Stage::Live => self.hear_on().await,
            };
            went_on?;
        }
    }

    /// Reads another page of what was before.
    async fn read_on(&mut self) -> Option<()> {
        let Stage::CatchUp(catch_up) = &mut self.stage else {
            return None;
        };
        let filter = catch_up.filter.clone();
        let read = async move |tx: &mut TenantTx<'_>| tx.list_revocations(&filter, PAGE).await;
        let page = self
            .platform
            .store()
            .read::<_, keyward_store::Error, _>(&self.scope, read);
        let page = page.await.inspect_err(note_failure).ok()?;
        let is_last = match (page.next, catch_up.then.take()) {
            (Some(next), then) => {
                catch_up.filter.beyond = next;
                catch_up.then = then;
                false
            }
            (None, Some(then)) => {
                catch_up.filter = then;
                false
            }
            (None, None) => true,
        };
        let (reached, as_of) = (catch_up.reached, catch_up.as_of);
        match catch_up.is_snapshot {
            true => self.ready.push_back(Message {
                id: is_last.then_some(reached),
                said: Said::Snapshot {
                    revocations: page.revocations,
                    is_complete: is_last,
                    as_of,
                },
            }),
            false => self.say_each(&page.revocations, self.told),
        }
        if is_last {
            self.stage = Stage::Live;
            self.say_heartbeat(reached, as_of);
        }
        Some(())
    }

    /// Waits for what comes.
    async fn hear_on(&mut self) -> Option<()> {
        let turn = tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stops| *stops) => None,
            // One that fell behind, or whose tenant is over, is ended.
            turn = self.turns.recv() => turn.ok(),
        };
        let turn = turn?;
        let reached = ResumeId::new(&turn.mark, turn.as_of);
        self.say_each(&turn.revocations, reached);
        let now = turn.read_at;
        if now < self.heartbeat_at {
            return Some(());
        }
        if now >= self.ends_at || !self.client.still_holds(&self.platform, self.scope).await {
            return None;
        }
        self.say_heartbeat(reached, turn.as_of);
        Some(())
    }

    /// Says these; `reached` once the last of them was taken.
    fn say_each(&mut self, revocations: &[Revocation], reached: ResumeId) {
        let told = self.told;
        let count = revocations.len();
        let messages = revocations
            .iter()
            .enumerate()
            .map(|(index, revocation)| Message {
                id: Some(if index + 1 == count { reached } else { told }),
                said: Said::Revocation(*revocation),
            });
        self.ready.extend(messages);
    }

    fn say_heartbeat(&mut self, reached: ResumeId, as_of: Timestamp) {
        self.heartbeat_at = self.platform.monotonic() + HEARTBEAT;
        self.ready.push_back(Message {
            id: Some(reached),
            said: Said::Heartbeat { as_of },
        });
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Follower")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

fn note_failure(error: &keyward_store::Error) {
    tracing::warn!(%error, "revocations could not be read");
}

#[cfg(test)]
mod tests {
    use super::ResumeId;

    #[test]
    fn an_id_is_two_numbers() {
        let id: ResumeId = "17-1767225600".parse().unwrap();
        assert_eq!(id.to_string(), "17-1767225600");
        for text in [
            "",
            "17",
            "-",
            "+1-2",
            "1--2",
            "a-1",
            "1-1-1",
            "99999999999999999999-1",
            " 1-1",
        ] {
            assert!(text.parse::<ResumeId>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_too_old_or_ahead_of_the_feed_is_not_resumed() {
        let id = |number, seconds| ResumeId { number, seconds };
        let reached = id(10, 10_000);
        for good in [id(10, 10_000), id(0, 6_341), id(10, 10_060)] {
            assert!(good.is_good(reached), "{good}");
        }
        for bad in [
            id(11, 10_000),
            id(10, 6_340),
            id(10, 10_061),
            id(1, 0),
            id(1, i64::MAX),
        ] {
            assert!(!bad.is_good(reached), "{bad}");
        }
    }
}

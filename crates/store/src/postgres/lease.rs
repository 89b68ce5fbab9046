//! A borrowed connection. It goes back to its pool only when its transaction was ended properly.

use super::connect::words;
use crate::error::Error;
use crate::row::{Answer, Row};
use crate::statement::Statement;
use crate::value::Value;
use deadpool_postgres::Object;
use keyward_model::Stopwatch;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::Statement as Prepared;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

/// How long an answer may take. The database gives a statement up before (`connect.rs`); what takes longer will not come, as
/// when the network loses its way without a word.
const ANSWER_MAX: Duration = Duration::from_secs(12);
/// The same of a ROLLBACK, for which closing the connection does as well.
const ROLLBACK_MAX: Duration = Duration::from_secs(2);
const NO_ANSWER: &str = "the database does not answer";

/// A connection that is in use.
///
/// Dropped half-way (a panic, a cancelled request) it is closed, which rolls back; another request never finds it.
///
/// What needs no answer before the next statement travels with it: BEGIN with the first, records with what follows them,
/// COMMIT with the last. The server answers them one by one and in order; after one that failed, it refuses the others.
pub(crate) struct Lease {
    client: Option<Object>,
    without_tenant_filter: bool,
    waiting: Mutex<Waiting>,
}

/// A statement with its parameters.
pub(crate) struct Call {
    pub(crate) statement: &'static Statement,
    pub(crate) values: Vec<Value>,
}

/// What is sent with the next statement.
#[derive(Default)]
struct Waiting {
    begin: Option<String>,
    deferred: Vec<Call>,
    has_begun: bool,
}

/// What one statement gave.
enum Reply {
    Done,
    Changed(u64),
    Rows(Vec<tokio_postgres::Row>),
}

type Replying<'a> = Pin<Box<dyn Future<Output = Result<Reply, tokio_postgres::Error>> + Send + 'a>>;

impl Lease {
    pub(super) fn new(client: Object, without_tenant_filter: bool) -> Self {
        Self {
            client: Some(client),
            without_tenant_filter,
            waiting: Mutex::default(),
        }
    }

    /// Begins a transaction with this text, which is sent with the first statement in it.
    pub(super) fn begin_with(&self, text: String) {
        self.waiting().begin = Some(text);
    }

    /// Sends what waits together with COMMIT, and gives the connection back.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        let had_begun = self.has_begun();
        let (begin, calls) = self.take_waiting();
        if !had_begun && calls.is_empty() {
            drop(self.client.take());
            return Ok(());
        }
        let outcome = async {
            let prepared = self.prepare(&calls).await?;
            let client = self.client()?;
            let mut replying = begin_and_run(client, begin.as_deref(), &prepared, &calls);
            // In a failed transaction COMMIT is answered like any other and rolls back; the SELECT before it is refused.
            replying.push(Box::pin(async {
                client.batch_execute("SELECT; COMMIT").await?;
                Ok(Reply::Done)
            }));
            let begun = Stopwatch::start();
            // Nobody knows whether what is not answered was done.
            let replies = timeout(ANSWER_MAX, in_order(replying))
                .await
                .map_err(|_| Error::OutcomeUnknown(NO_ANSWER.to_owned()))?;
            note_time(&calls, &begun);
            let first = usize::from(begin.is_some());
            settle(&calls, first, replies)
        };
        match outcome.await {
            Ok(()) => {
                drop(self.client.take());
                Ok(())
            }
            // Without an answer nobody knows whether it was done, and the connection is not to be used again.
            Err(error @ Error::OutcomeUnknown(_)) => Err(error),
            Err(error) => {
                self.roll_back().await;
                Err(error)
            }
        }
    }

    /// Ends the transaction with ROLLBACK and gives the connection back; if that fails, closes it, which is the same.
    pub(crate) async fn roll_back(mut self) {
        let has_begun = self.has_begun();
        let Ok(client) = self.client() else { return };
        let rolled_back = match has_begun {
            true => timeout(ROLLBACK_MAX, client.batch_execute("ROLLBACK")).await,
            false => Ok(Ok(())),
        };
        if matches!(rolled_back, Ok(Ok(()))) {
            drop(self.client.take());
        }
    }

    /// Ends a transaction that changed nothing. Whoever read in it has what it wanted, and does not wait.
    pub(crate) fn end_reading(self) {
        match self.has_begun() {
            true => drop(tokio::spawn(self.roll_back())),
            false => self.release(),
        }
    }

    /// Gives a connection back that is in no transaction.
    pub(crate) fn release(mut self) {
        drop(self.client.take());
    }

    /// Runs statements without parameters.
    #[cfg(feature = "testing")]
    pub(crate) async fn batch(&self, text: &str) -> Result<(), Error> {
        self.client()?
            .batch_execute(text)
            .await
            .map_err(|error| translate("batch", &error))
    }

    /// The rows of a catalog query, which is not of any tenant.
    pub(crate) async fn catalog(&self, text: &str) -> Result<Vec<tokio_postgres::Row>, Error> {
        self.client()?
            .query(text, &[])
            .await
            .map_err(|error| translate("catalog", &error))
    }

    /// Keeps a statement, whose answer nobody waits for, to be sent with the next one or with COMMIT.
    pub(crate) fn defer(&self, call: Call) {
        self.waiting().deferred.push(call);
    }

    /// Runs statements one after the other in one exchange, behind what waits. The first failure is all there is then.
    pub(crate) async fn run(&self, wanted: Vec<Call>) -> Result<Vec<Answer>, Error> {
        let (begin, mut calls) = self.take_waiting();
        let deferred = calls.len();
        calls.extend(wanted);
        let prepared = self.prepare(&calls).await?;
        let replying = begin_and_run(self.client()?, begin.as_deref(), &prepared, &calls);
        let begun = Stopwatch::start();
        let replies = timeout(ANSWER_MAX, in_order(replying)).await;
        let replies = replies.map_err(|_| Error::unavailable(NO_ANSWER))?;
        let mut replies = replies.into_iter();
        note_time(&calls, &begun);
        if begin.is_some() {
            let begun = replies.next().transpose();
            begun.map_err(|error| translate("begin", &error))?;
        }
        let mut answers = Vec::with_capacity(calls.len() - deferred);
        for (position, (call, reply)) in calls.iter().zip(replies).enumerate() {
            let reply = reply.map_err(|error| translate(call.statement.name(), &error))?;
            if position >= deferred {
                answers.push(answer(call.statement, reply)?);
            }
        }
        Ok(answers)
    }

    fn take_waiting(&self) -> (Option<String>, Vec<Call>) {
        let mut waiting = self.waiting();
        let begin = waiting.begin.take();
        waiting.has_begun |= begin.is_some();
        (begin, std::mem::take(&mut waiting.deferred))
    }

    /// Each text is prepared once a connection; from then on this sends nothing.
    async fn prepare(&self, calls: &[Call]) -> Result<Vec<Prepared>, Error> {
        let client = self.client()?;
        let mut prepared = Vec::with_capacity(calls.len());
        for call in calls {
            let text = call.statement.for_postgres(self.without_tenant_filter);
            let preparing = timeout(ANSWER_MAX, client.prepare_cached(&text)).await;
            let statement = preparing.map_err(|_| Error::unavailable(NO_ANSWER))?;
            prepared.push(statement.map_err(|error| translate(call.statement.name(), &error))?);
        }
        Ok(prepared)
    }

    fn has_begun(&self) -> bool {
        self.waiting().has_begun
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self) -> Result<&Object, Error> {
        self.client
            .as_ref()
            .ok_or_else(|| Error::unavailable("the connection was given back"))
    }
}

/// What a statement took is what its caller waited for: the exchange that it was part of.
fn note_time(calls: &[Call], begun: &Stopwatch) {
    for call in calls {
        call.statement.seconds().observe(begun.elapsed());
    }
}

/// The futures that send BEGIN and the calls when they are first polled.
fn begin_and_run<'a>(
    client: &'a Object,
    begin: Option<&'a str>,
    prepared: &'a [Prepared],
    calls: &'a [Call],
) -> Vec<Replying<'a>> {
    let mut replying: Vec<Replying<'a>> = Vec::with_capacity(calls.len() + 2);
    if let Some(begin) = begin {
        replying.push(Box::pin(async move {
            client.batch_execute(begin).await?;
            Ok(Reply::Done)
        }));
    }
    for (prepared, call) in prepared.iter().zip(calls) {
        replying.push(Box::pin(run_one(client, prepared, &call.values)));
    }
    replying
}

async fn run_one(
    client: &Object,
    prepared: &Prepared,
    values: &[Value],
) -> Result<Reply, tokio_postgres::Error> {
    let parameters: Vec<&(dyn ToSql + Sync)> = values
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect();
    Ok(match prepared.columns().is_empty() {
        true => Reply::Changed(client.execute(prepared, &parameters).await?),
        false => Reply::Rows(client.query(prepared, &parameters).await?),
    })
}

/// Polls futures in their order, always: a statement is sent when its future is first polled. One that fails before it was
/// sent keeps those behind it from being sent at all, COMMIT above all; the failure is then the last reply.
async fn in_order(mut replying: Vec<Replying<'_>>) -> Vec<Result<Reply, tokio_postgres::Error>> {
    let mut replies: Vec<Option<_>> = Vec::with_capacity(replying.len());
    poll_fn(|context| {
        for (position, replying) in replying.iter_mut().enumerate() {
            let is_new = position == replies.len();
            if is_new {
                replies.push(None);
            } else if replies[position].is_some() {
                continue;
            }
            if let Poll::Ready(reply) = replying.as_mut().poll(context) {
                let was_not_sent = is_new && reply.is_err();
                replies[position] = Some(reply);
                if was_not_sent {
                    break;
                }
            }
        }
        // Those that were not sent have no place among the replies.
        replying.truncate(replies.len());
        match replies.iter().all(Option::is_some) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    replies.into_iter().flatten().collect()
}

/// What a transaction came to whose COMMIT was sent. A statement that the server refused is a certain end; a connection that
/// broke is not, wherever it broke.
fn settle(
    calls: &[Call],
    first: usize,
    replies: Vec<Result<Reply, tokio_postgres::Error>>,
) -> Result<(), Error> {
    for (position, reply) in replies.into_iter().enumerate() {
        let Err(error) = reply else { continue };
        let call = position
            .checked_sub(first)
            .and_then(|position| calls.get(position));
        return Err(match (error.as_db_error(), call) {
            (None, _) if !is_conversion(&error) => Error::OutcomeUnknown(words(&error)),
            (_, Some(call)) => translate(call.statement.name(), &error),
            (_, None) if position < first => translate("begin", &error),
            (_, None) => translate("commit", &error),
        });
    }
    Ok(())
}

fn answer(statement: &'static Statement, reply: Reply) -> Result<Answer, Error> {
    let found = match reply {
        Reply::Rows(found) => found,
        Reply::Changed(changed) => {
            let rows = Vec::new();
            return Ok(Answer { rows, changed });
        }
        Reply::Done => Vec::new(),
    };
    let changed = match statement.changes() {
        true => found.len() as u64,
        false => 0,
    };
    let rows = found
        .iter()
        .map(|row| Row::from_postgres(statement, row))
        .collect::<Result<_, _>>()?;
    Ok(Answer { rows, changed })
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

fn is_retry(code: &SqlState) -> bool {
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
    ]
    .contains(code)
}

fn translate(statement: &'static str, error: &tokio_postgres::Error) -> Error {
    let Some(refusal) = error.as_db_error() else {
        return match error.is_closed() || error.code().is_none() && !is_conversion(error) {
            true => Error::unavailable(words(error)),
            false => Error::Statement {
                statement,
                reason: words(error),
            },
        };
    };
    let code = refusal.code();
    match code.code().get(..2) {
        Some("23") => Error::Conflict {
            constraint: refusal.constraint().unwrap_or("unnamed").to_owned(),
        },
        _ if is_retry(code) => Error::Retry(words(error)),
        // Connection, insufficient resources, operator intervention (shutdown, statement timeout), system error.
        Some("08" | "53" | "57" | "58") => Error::unavailable(words(error)),
        // A standby after a failover, and a transaction that its server gave up.
        _ if [
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(code) =>
        {
            Error::unavailable(words(error))
        }
        _ => Error::Statement {
            statement,
            reason: words(error),
        },
    }
}

/// Whether a value did not fit its parameter or column: our fault, not the connection's.
fn is_conversion(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing") || text.starts_with("error deserializing")
}

#[cfg(test)]
mod tests {
    use super::{Reply, Replying, in_order};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Notes its place among those that were polled, waits for one more poll, and is answered.
    async fn answered(sent: &AtomicUsize, place: usize) -> Result<Reply, tokio_postgres::Error> {
        assert_eq!(sent.fetch_add(1, Ordering::SeqCst), place);
        tokio::task::yield_now().await;
        Ok(Reply::Done)
    }

    #[tokio::test]
    async fn statements_are_sent_in_their_order() {
        let sent = AtomicUsize::new(0);
        let replying = (0..100)
            .map(|place| -> Replying<'_> { Box::pin(answered(&sent, place)) })
            .collect();
        assert_eq!(in_order(replying).await.len(), 100);
    }

    #[tokio::test]
    async fn behind_what_could_not_be_sent_nothing_is_sent() {
        let sent = AtomicUsize::new(0);
        let unsendable = async {
            let refused = "no url".parse::<tokio_postgres::Config>();
            Err(refused.expect_err("not a URL"))
        };
        let replying: Vec<Replying<'_>> = vec![
            Box::pin(answered(&sent, 0)),
            Box::pin(unsendable),
            Box::pin(answered(&sent, 1)),
        ];
        let replies = in_order(replying).await;
        assert_eq!(sent.load(Ordering::SeqCst), 1, "not the one behind it");
        let went_well: Vec<bool> = replies.iter().map(Result::is_ok).collect();
        assert_eq!(went_well, [true, false]);
    }
}

//! Requests that are done once, however often they are sent: `Idempotency-Key`.
//!
//! [`Cx::write`] takes the key and keeps the answer in the transaction of the change. So a client that did not hear the
//! answer, for whatever reason, gets it by asking again; and two requests at once have one effect.

use crate::cx::Cx;
use keyward_model::{IdempotencyKey, KeptAnswer, KeptContent, OnceRequest, Principal};
use keyward_store::{Error, TenantTx};
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How long an answer is kept.
const KEPT_SECONDS: i64 = 24 * 3_600;

/// What is kept of the value of a use case's transaction; none of one of another type, or of a refusal.
pub type Keep = fn(&dyn Any) -> Option<KeptContent>;

/// What is to be done once, as the route knows it.
#[derive(Debug)]
pub struct OnceAsked<'a> {
    /// What the client sent.
    pub key: IdempotencyKey,
    /// Method and path, with parameters in braces.
    pub route: String,
    /// What is asked for, in parts: path and body.
    pub content: [&'a [u8]; 2],
    /// What is kept.
    pub keep: Keep,
}

/// How a request stands that is to be done once.
#[derive(Debug, PartialEq, Eq)]
pub enum DoneBefore {
    /// It was done: this is the answer.
    Same(KeptContent),
    /// Something else was done under its key.
    Other,
}

/// A request that is to be done once.
#[derive(Debug, Clone)]
pub(crate) struct Once {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    request: OnceRequest,
    keep: Keep,
    done: AtomicBool,
    kept: Mutex<Option<KeptAnswer>>,
}

impl Cx {
    /// The same context for a request that is to be done once.
    #[must_use]
    pub fn once(self, asked: OnceAsked<'_>) -> Self {
        let root_key = self.platform().root_key();
        let request = OnceRequest {
            principal: name_of(self.principal()),
            route: asked.route,
            key: asked.key,
            digest: root_key.request_digest(self.tenant_id(), &asked.content),
            expires_at: self.now().plus_seconds(KEPT_SECONDS),
        };
        let inner = Inner {
            request,
            keep: asked.keep,
            done: AtomicBool::new(false),
            kept: Mutex::new(None),
        };
        self.with_once(Once {
            inner: Arc::new(inner),
        })
    }

    /// Whether the request was done before it came. What operators ask is found out by [`Cx::write`] alone, since each of
    /// their transactions is recorded.
    ///
    /// # Errors
    /// The store's.
    pub async fn find_done_before(&self) -> Result<Option<DoneBefore>, Error> {
        let (Some(once), Principal::User { .. }) = (self.asked_once(), self.principal()) else {
            return Ok(None);
        };
        let (request, now) = (once.inner.request.clone(), self.now());
        let found = self.prepare(async move |tx| tx.find_kept_answer(&request, now).await);
        Ok(found.await?.map(|kept| once.compare(kept)))
    }

    /// Whether a transaction of this request found out that it was done before.
    pub fn was_done_before(&self) -> Option<DoneBefore> {
        let once = self.asked_once()?;
        let kept = once.kept().take();
        kept.map(|kept| once.compare(kept))
    }
}

impl Once {
    /// Takes the key, or ends the transaction with what was answered before.
    pub(crate) async fn claim(&self, cx: &Cx, tx: &mut TenantTx<'_>) -> Result<(), Error> {
        let (request, now) = (&self.inner.request, cx.now());
        if self.inner.done.load(Ordering::Relaxed) || tx.claim_idempotency_key(request, now).await?
        {
            return Ok(());
        }
        let kept = tx.find_kept_answer(request, now).await?;
        *self.kept() = kept;
        Err(Error::DoneBefore)
    }

    /// What of a transaction's value is kept.
    pub(crate) fn content_of(&self, value: &dyn Any) -> Option<KeptContent> {
        (self.inner.keep)(value)
    }

    /// Keeps the answer, where there is one to repeat.
    pub(crate) async fn settle(
        &self,
        tx: &mut TenantTx<'_>,
        content: Option<KeptContent>,
    ) -> Result<(), Error> {
        let request = &self.inner.request;
        if self.inner.done.load(Ordering::Relaxed) {
            return Ok(());
        }
        match content {
            Some(content) => tx.keep_answer(request, &content).await,
            None => tx.release_idempotency_key(request).await,
        }
    }

    /// What else the request writes needs the key no more.
    pub(crate) fn note_done(&self) {
        self.inner.done.store(true, Ordering::Relaxed);
    }

    fn compare(&self, kept: KeptAnswer) -> DoneBefore {
        match kept.digest == self.inner.request.digest {
            true => DoneBefore::Same(kept.content),
            false => DoneBefore::Other,
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<KeptAnswer>> {
        self.inner
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of(principal: &Principal) -> String {
    match principal {
        Principal::User { user_id, .. } => format!("user:{user_id}"),
        Principal::OAuthClient { client_id, .. } => format!("oauth_client:{client_id}"),
        Principal::Operator { name, .. } => format!("operator:{name}"),
        Principal::Anonymous | Principal::System => principal.kind().to_owned(),
    }
}

//! Opening a session, in the transaction of whatever gives one: a sign-in, another password, a proof anew of who one is.

use crate::cx::Cx;
use crate::keyring::KeyringError;
use crate::signed_in::SignedIn;
use crate::signing::{KeyAtHand, hold_signing_key};
use keyward_crypto::{AccessClaims, RefreshToken, TokenSigner};
use keyward_model::{
    AccessTokenSecret, ConcurrentSessions, Device, DeviceTokenSecret, Event, FIRST_PARTY_CLIENT_ID,
    RefreshTokenDigests, RefreshTokenSecret, Session, SessionLimit, SigningKey, Tenant,
    TokenFamily, TokenUse, User, UserId,
};
use keyward_store::{Error, TenantTx};
use std::sync::Arc;

/// A session that is about to be opened, with what will prove it.
#[derive(Debug)]
pub(crate) struct Opening {
    tenant: Tenant,
    signer: Arc<TokenSigner>,
    session: Session,
    family: TokenFamily,
    refresh_token: RefreshTokenSecret,
}

/// A session as its transaction opened it.
#[derive(Debug)]
pub(crate) struct Opened {
    key: SigningKey,
    concurrent: ConcurrentSessions,
}

/// Why none was opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpeningError {
    /// The user has as many as there may be, and the tenant wants none ended for another.
    #[error("the user has as many sessions as there may be")]
    TooManySessions,
    /// The tenant's keys could not be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Opening {
    /// Mints what it needs. The signer is opened before anything is changed: what cannot be signed for is not begun.
    pub(crate) fn prepare(
        cx: &Cx,
        (tenant, key): (Tenant, KeyAtHand),
        user_id: UserId,
        device: Device,
    ) -> Result<Self, KeyringError> {
        let signer = key.signer(cx.platform(), cx.tenant_id())?;
        let refresh_token = RefreshToken::mint(cx.platform().random());
        let session = new_session(cx, &tenant, user_id, device);
        let family = new_family(cx, &session, &refresh_token);
        Ok(Self {
            tenant,
            signer,
            session,
            family,
            refresh_token: refresh_token.into_secret(),
        })
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Keeps it, and makes room for it first. Whoever calls this holds the user's row, so that of two sign-ins at once the
    /// second counts what the first opened (ASVS V7.1.2).
    pub(crate) async fn write(
        &self,
        cx: &Cx,
        tx: &mut TenantTx<'_>,
        hash_upgraded: bool,
    ) -> Result<(Opened, Vec<Event>), OpeningError> {
        let (concurrent, mut events) = self.make_room(cx, tx).await?;
        let ttl_seconds = self.tenant.settings.access_token_ttl_seconds;
        let key = hold_signing_key(tx, cx.now(), ttl_seconds).await?;
        let key = key.ok_or(KeyringError::Missing)?;
        tx.insert_session(&self.session).await?;
        tx.insert_token_family(&self.family).await?;
        events.push(Event::SessionOpened {
            session: self.session.clone(),
            concurrent,
            hash_upgraded,
        });
        Ok((Opened { key, concurrent }, events))
    }

    async fn make_room(
        &self,
        cx: &Cx,
        tx: &mut TenantTx<'_>,
    ) -> Result<(ConcurrentSessions, Vec<Event>), OpeningError> {
        let (user_id, address) = (self.session.user_id, self.session.address.as_deref());
        let concurrent = tx.count_live_sessions(user_id, cx.now(), address).await?;
        let sessions_max = self.tenant.settings.sessions_per_user_max;
        if concurrent.sessions < sessions_max {
            return Ok((concurrent, Vec::new()));
        }
        if self.tenant.settings.session_limit == SessionLimit::Refuse {
            return Err(OpeningError::TooManySessions);
        }
        let evicted = tx.evict_sessions(user_id, sessions_max - 1, cx.now());
        let events = evicted.await?.into_iter().filter_map(ended_event).collect();
        Ok((concurrent, events))
    }

    /// Signs for what was kept.
    pub(crate) async fn finish(
        self,
        cx: &Cx,
        opened: Opened,
        user: User,
        device_token: Option<DeviceTokenSecret>,
    ) -> Result<SignedIn, OpeningError> {
        let claims = claims_of(cx, &self.tenant, &opened.key, &self.session);
        let access_token = sign(cx, self.signer, opened.key, &claims).await?;
        cx.count_pair(TokenUse::Issued);
        Ok(SignedIn {
            access_token,
            expires_in: claims.exp - claims.iat,
            refresh_token: self.refresh_token,
            device_token,
            session: self.session,
            concurrent: Some(opened.concurrent),
            user,
        })
    }
}

/// What is said of a session that has just been ended.
pub(crate) fn ended_event(session: Session) -> Option<Event> {
    let reason = session.ended?.reason;
    Some(Event::SessionRevoked { session, reason })
}

fn new_family(cx: &Cx, session: &Session, refresh_token: &RefreshToken) -> TokenFamily {
    let RefreshTokenDigests { selector, token } = refresh_token.digests();
    TokenFamily {
        id: cx.platform().mint(cx.now()),
        session_id: session.id,
        client_id: FIRST_PARTY_CLIENT_ID.to_owned(),
        selector,
        generation: 1,
        digest: token,
        previous: None,
        issued_at: cx.now(),
        rotated_at: None,
        expires_at: session.expires_at,
        revoked: None,
    }
}

fn new_session(cx: &Cx, tenant: &Tenant, user_id: UserId, device: Device) -> Session {
    Session {
        id: cx.platform().mint(cx.now()),
        user_id,
        created_at: cx.now(),
        last_active_at: cx.now(),
        expires_at: cx.now().plus_seconds(tenant.settings.session_ttl_seconds),
        idle_seconds: tenant.settings.session_idle_seconds,
        address: cx.client().address.map(|address| address.to_string()),
        country: cx.platform().country_of(cx.client().address),
        user_agent: cx.client().user_agent.clone(),
        device,
        ended: None,
        version: 1,
        authenticated_at: cx.now(),
    }
}

/// The claims of a session's access token that is issued now.
pub(crate) fn claims_of(
    cx: &Cx,
    tenant: &Tenant,
    key: &SigningKey,
    session: &Session,
) -> AccessClaims {
    let issuer = tenant.issuer.to_string();
    let expires_at = key.token_expires_at(cx.now(), tenant.settings.access_token_ttl_seconds);
    AccessClaims {
        iss: issuer.clone(),
        sub: session.user_id,
        aud: issuer,
        client_id: FIRST_PARTY_CLIENT_ID.to_owned(),
        sid: session.id,
        jti: cx.platform().mint(cx.now()),
        iat: cx.now().seconds(),
        exp: expires_at.seconds(),
    }
}

/// Signs with the key that was held in the transaction. While the password was verified it may have become another than the
/// one that was prepared.
async fn sign(
    cx: &Cx,
    prepared: Arc<TokenSigner>,
    held: SigningKey,
    claims: &AccessClaims,
) -> Result<AccessTokenSecret, OpeningError> {
    let signer = match prepared.id() == held.id {
        true => prepared,
        false => {
            let kept = cx.platform().parsed_keys().signer(cx.tenant_id());
            let found = cx.prepare(async move |tx| KeyAtHand::find(tx, held, kept).await);
            let key = found.await?.ok_or(KeyringError::Missing)?;
            key.signer(cx.platform(), cx.tenant_id())?
        }
    };
    Ok(signer.sign(claims).map_err(KeyringError::from)?)
}

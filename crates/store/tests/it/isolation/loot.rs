//! A tenant that has a row in every table, and the ids by which another one would reach for them.

use crate::support::{insert, write};
use keyward_model::{
    AttemptCount, AttemptLimit, Digest, DisplayName, EventRecord, HostName, Id, Invitation,
    JobFence, KeptContent, KnownDevice, NewJob, OAuthClient, OnceRequest, PublishableKey, Random,
    RefreshAnswer, RefreshTokenDigests, Revoked, Role, Route, SealedBytes, SealedTenantKey,
    Session, SignInSubject, SigningKey, Tenant, Timestamp, TokenFamily, TokenId, TokenKind,
    TokenUsage, UsageDay, User, UserId, UserStatus,
};
use keyward_store::{RevocationFilter, TenantScope};
use keyward_testkit::{
    TestDatabase, new_session, new_tenant, new_user, unsaved_job, unsaved_oauth_client,
    unsaved_publishable_key, unsaved_signing_key, unsaved_tenant_key, unsaved_token_family,
    unsaved_user,
};

/// What a tenant has.
#[derive(Clone)]
pub(super) struct Loot {
    pub(super) tenant: Tenant,
    pub(super) host: Route,
    pub(super) key_set_kept_until: Timestamp,
    pub(super) user: User,
    pub(super) administrator: User,
    pub(super) disabled: User,
    pub(super) deleting: User,
    pub(super) invitation: Invitation,
    pub(super) once: OnceRequest,
    /// Of a count of attempts.
    pub(super) attempts: Digest,
    pub(super) device: KnownDevice,
    pub(super) subject: SignInSubject,
    pub(super) name: DisplayName,
    pub(super) session: Session,
    pub(super) token: TokenFamily,
    pub(super) tenant_key: SealedTenantKey,
    pub(super) signing_key: SigningKey,
    pub(super) publishable_key: PublishableKey,
    pub(super) client: OAuthClient,
    /// One that stands on the denylist, and one that does not.
    pub(super) denied: TokenId,
    pub(super) good: TokenId,
    /// A client's assertion that was used.
    pub(super) redeemed: Digest,
    pub(super) usage: TokenUsage,
    pub(super) event: EventRecord,
    /// Every revocation.
    pub(super) revocations: RevocationFilter,
    /// A job that a node has claimed, and the claim.
    pub(super) job: (NewJob, JobFence),
}

impl Loot {
    /// What the store knows the refresh token by.
    pub(super) fn presented(&self) -> RefreshTokenDigests {
        RefreshTokenDigests {
            selector: self.token.selector,
            token: self.token.digest,
        }
    }
}

/// Makes a tenant with a row in every table.
pub(super) async fn fill(database: &TestDatabase, name: &str) -> (TenantScope, Loot) {
    let (scope, tenant) = new_tenant(database, name).await;
    let user = new_user(database, &scope).await;
    let (deleting, now) = (new_user(database, &scope).await, database.now());
    let mut others = [unsaved_user(database), unsaved_user(database)];
    others[0].role = Role::Administrator;
    others[1].status = UserStatus::Disabled;
    let ([administrator, disabled], id) = (others.clone(), deleting.id);
    let mut invited = unsaved_user(database);
    invited.status = UserStatus::Invited;
    let invitation = Invitation {
        user_id: invited.id,
        digest: Digest(sha_like(invited.id)),
        created_at: now,
        expires_at: now.plus_seconds(60),
    };
    let to_keep = invitation.clone();
    let once = OnceRequest {
        principal: format!("user:{id}"),
        route: "POST /v1/things".into(),
        key: "key".parse().unwrap(),
        digest: invitation.digest,
        expires_at: now.plus_seconds(60),
    };
    let to_claim = once.clone();
    let attempts = invitation.digest;
    let device = KnownDevice {
        id: database.mint(),
        user_id: user.id,
        digest: invitation.digest,
        password_version: 1,
        created_at: now,
        last_used_at: now,
        expires_at: now.plus_seconds(60),
    };
    let to_know = device.clone();
    let deleting = write(database, &scope, async move |tx| {
        let mut count = AttemptCount::default();
        let limit = AttemptLimit {
            attempts_max: 5,
            window_seconds: 60,
        };
        count.count(limit, now);
        tx.hold_attempts(&[attempts], now).await?;
        tx.keep_attempts(attempts, &count, Some(to_know.expires_at))
            .await?;
        tx.insert_known_device(&to_know).await?;
        for other in &others {
            insert(tx, other).await?;
        }
        tx.insert_user(&invited, None).await?;
        tx.replace_invitation(&to_keep).await?;
        tx.claim_idempotency_key(&to_claim, now).await?;
        let (made, body) = (id.uuid(), Some("{}".to_owned()));
        tx.keep_answer(&to_claim, &KeptContent { made, body })
            .await?;
        tx.schedule_user_deletion(id, now).await
    });
    let deleting = deleting.await.unwrap();
    let session = new_session(database, &scope, user.id).await;
    let token = unsaved_token_family(database, session.id);
    let tenant_key = unsaved_tenant_key(database);
    let signing_key = unsaved_signing_key(database);
    let publishable_key = unsaved_publishable_key(database);
    let public = publishable_key.clone();
    let client = unsaved_oauth_client(database);
    let (denied, good): (TokenId, TokenId) = (database.mint(), database.mint());
    let redeemed = Digest(sha_like(Id::from_uuid(denied.uuid())));
    let mut usage = TokenUsage::nothing(UsageDay::of(now), TokenKind::Access, Some(client.id));
    usage.issued = 1;
    let of_clients = (client.clone(), usage, session.expires_at);
    let host: HostName = format!("{}.example", tenant.slug).parse().unwrap();
    let host = Route::Host(host);
    let event = EventRecord {
        revoked: Some(Revoked::Session(session.id)),
        ..crate::support::some_event(database, &scope)
    };
    let ever = Timestamp::from_micros(i64::MIN);
    let revocations = RevocationFilter {
        beyond: database.store.feed_mark(0),
        since: ever,
        keys_since: ever,
    };
    let rows = (token.clone(), tenant_key.clone(), signing_key.clone());
    let (email, route, record) = (user.email.clone(), host.clone(), event.clone());
    let (first, mut next) = (token.clone(), Digest([0; 32]));
    database.random.fill(&mut next.0);
    let answer = RefreshAnswer {
        given_at: database.now(),
        sealed: SealedBytes(vec![7; 40]),
    };
    let token = first.rotated(next, answer.given_at);
    let key_set_kept_until = database.now().plus_micros(some_micros(&tenant));
    let subject = write(database, &scope, async move |tx| {
        tx.extend_key_set_keeping(key_set_kept_until).await?;
        tx.insert_token_family(&rows.0).await?;
        tx.rotate_token_family(&rows.0, next, &answer).await?;
        tx.insert_tenant_key(&rows.1).await?;
        tx.insert_signing_key(&rows.2).await?;
        tx.insert_publishable_key(&public).await?;
        let (client, usage, expires_at) = &of_clients;
        tx.insert_oauth_client(client).await?;
        tx.deny_access_token(denied, *expires_at).await?;
        tx.redeem_client_assertion(redeemed, *expires_at).await?;
        tx.add_token_usage(usage).await?;
        tx.insert_route(&route).await?;
        tx.record(&record).await?;
        tx.find_sign_in_subject(&email).await
    });
    let subject = subject.await.unwrap();
    let job = running_job(database, &scope).await;
    let loot = Loot {
        tenant,
        host,
        key_set_kept_until,
        user,
        administrator,
        disabled,
        deleting,
        invitation,
        once,
        attempts,
        device,
        subject,
        name: "Mallory".parse().unwrap(),
        session,
        token,
        tenant_key,
        signing_key,
        publishable_key,
        client,
        denied,
        good,
        redeemed,
        usage,
        event,
        revocations,
        job,
    };
    (scope, loot)
}

/// A job that looks claimed. Claimed in earnest it might be another test's: on PostgreSQL they share the queue.
async fn running_job(database: &TestDatabase, scope: &TenantScope) -> (NewJob, JobFence) {
    let job = unsaved_job(database);
    let (key, later) = (job.id.to_string(), job.run_at.plus_seconds(3_600));
    let job = job.with_key(key).at(later);
    let to_enqueue = job.clone();
    write(database, scope, async move |tx| {
        tx.enqueue_job(&to_enqueue).await
    })
    .await;
    let id = database.id_literal(job.id);
    let claim =
        format!("UPDATE jobs SET state = 'running', claim = 1, attempts = 1 WHERE id = {id}");
    database.sql_without_notice(&claim).await;
    let (job_id, claim) = (job.id, 1);
    (job, JobFence { job_id, claim })
}

/// A span that no other tenant has.
fn some_micros(tenant: &Tenant) -> i64 {
    let (_, tail) = tenant.id.uuid().as_u64_pair();
    (tail % 1_000_000_007) as i64
}

/// A digest that no other user's invitation has.
fn sha_like(id: UserId) -> [u8; 32] {
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(id.uuid().as_bytes());
    digest
}

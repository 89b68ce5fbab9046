//! One case for each method: it is called with the ids of tenant A, whoever calls it.

use super::loot::Loot;
use crate::support::hash;
use keyward_model::{
    AttemptCount, AuditFilter, ClientStatus, Digest, EndReason, Ended, FamilyEnd, FamilyRevoked,
    Id, InstanceEvent, KeptContent, PageRequest, Progress, PublishableKeyStatus, RefreshAnswer,
    Revoked, Route, SealedBytes, SigningKey, TenantStatus, Timestamp, UserFilter,
};
use keyward_store::{Error, Held, Purge, ReturnedJob, TenantScope, TenantTx};

/// Whether a method showed anything of tenant A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Something,
    Nothing,
    /// The method shows nothing to anybody, or only what is unique over the whole instance.
    NothingEver,
}

impl Seen {
    fn if_any(any: bool) -> Self {
        match any {
            true => Self::Something,
            false => Self::Nothing,
        }
    }
}

/// What a refused row tells. A key that A has is refused to A and free for B; a row that refers to A's is refused to B.
pub(super) fn meaning_of_conflict(method: &str, scope: &TenantScope, loot: &Loot) -> Seen {
    let as_a = scope.tenant_id() == loot.tenant.id;
    match method {
        "insert_tenant_key"
        | "insert_signing_key"
        | "insert_session"
        | "insert_token_family"
        | "replace_invitation"
        | "insert_known_device"
        | "record"
        | "insert_user" => Seen::if_any(as_a),
        other => panic!("{other} must not end in a conflict"),
    }
}

/// Runs a method with the ids of A in `loot`.
pub(super) async fn run_case(
    method: &str,
    tx: &mut TenantTx<'_>,
    loot: &Loot,
) -> Result<Seen, Error> {
    if let Some(seen) = on_users(method, tx, loot).await? {
        return Ok(seen);
    }
    if let Some(seen) = on_idempotency_keys(method, tx, loot).await? {
        return Ok(seen);
    }
    if let Some(seen) = on_attempts(method, tx, loot).await? {
        return Ok(seen);
    }
    if let Some(seen) = on_invitations(method, tx, loot).await? {
        return Ok(seen);
    }
    if let Some(seen) = on_sessions(method, tx, loot).await? {
        return Ok(seen);
    }
    if let Some(seen) = on_keys(method, tx, loot).await? {
        return Ok(seen);
    }
    if let Some(seen) = on_clients(method, tx, loot).await? {
        return Ok(seen);
    }
    if let Some(seen) = on_lifecycle(method, tx, loot).await? {
        return Ok(seen);
    }
    if let Some(seen) = on_jobs(method, tx, loot).await? {
        return Ok(seen);
    }
    on_tenant(method, tx, loot)
        .await?
        .ok_or_else(|| panic!("{method} has no case in the two-tenant suite"))
}

async fn on_users(method: &str, tx: &mut TenantTx<'_>, loot: &Loot) -> Result<Option<Seen>, Error> {
    let user = &loot.user;
    let any = match method {
        "find_user" => tx.find_user(user.id).await?.is_some(),
        "list_users" => {
            let (filter, page) = (UserFilter::default(), PageRequest::new(Some(200), None));
            let page = tx.list_users(&filter, page).await?;
            page.items.iter().any(|found| found.id == user.id)
        }
        "find_sign_in_subject" => tx.find_sign_in_subject(&user.email).await?.is_some(),
        "find_sign_in_subject_of" => tx.find_sign_in_subject_of(user.id).await?.is_some(),
        "change_password" => tx.change_password(&loot.subject, &hash()).await?.is_some(),
        // An account of the same address and even the same id, as if A's were not there.
        "insert_user" => tx.insert_user(user, Some(&hash())).await?.is_none(),
        "change_profile" => tx
            .change_profile(user.id, user.version, Some(&loot.name))
            .await?
            .is_some(),
        "change_user" => tx.change_user(user).await?.is_some(),
        "disable_user" => tx.disable_user(user.id).await?.is_some(),
        "enable_user" => tx.enable_user(loot.disabled.id).await?.is_some(),
        "schedule_user_deletion" => tx
            .schedule_user_deletion(user.id, user.created_at.plus_seconds(9))
            .await?
            .is_some(),
        "reschedule_user_deletion" => tx
            .reschedule_user_deletion(loot.deleting.id, user.created_at.plus_seconds(9))
            .await?
            .is_some(),
        "list_user_deletions_before" => {
            let moment = loot.deleting.deletes_at.unwrap().plus_micros(1);
            let found = tx.list_user_deletions_before(moment, 100).await?;
            found.iter().any(|found| found.id == loot.deleting.id)
        }
        "restore_user" => tx.restore_user(loot.deleting.id).await?.is_some(),
        "find_other_administrator" => {
            tx.find_other_administrator(user.id).await? == Some(loot.administrator.id)
        }
        "hold_user" => tx.hold_user(user.id).await?,
        "erase_user" => {
            let now = loot.deleting.deletes_at.unwrap();
            tx.erase_user(loot.deleting.id, now).await?.is_some()
        }
        "admit_sign_in" => tx
            .admit_sign_in(&loot.subject, user.created_at.plus_seconds(9), None)
            .await?
            .is_some(),
        "upgrade_password_hash" => tx.upgrade_password_hash(&loot.subject, &hash()).await?,
        _ => return Ok(None),
    };
    Ok(Some(Seen::if_any(any)))
}

async fn on_invitations(
    method: &str,
    tx: &mut TenantTx<'_>,
    loot: &Loot,
) -> Result<Option<Seen>, Error> {
    let (invitation, now) = (&loot.invitation, loot.invitation.created_at);
    let (id, digest) = (invitation.user_id, invitation.digest);
    let any = match method {
        "replace_invitation" => {
            tx.replace_invitation(invitation).await?;
            true
        }
        "find_invited_user" => tx.find_invited_user(digest, now).await?.is_some(),
        "redeem_invitation" => tx.redeem_invitation(digest, now).await?,
        "void_invitation" => tx.void_invitation(id).await?,
        // It says how many, of whichever tenant they are; that A's are still there is looked at afterwards.
        "void_invitations" => {
            tx.void_invitations(9).await?;
            return Ok(Some(Seen::NothingEver));
        }
        "invite_user" => tx.invite_user(id).await?.is_some(),
        "activate_user" => tx.activate_user(id, &hash(), None).await?.is_some(),
        _ => return Ok(None),
    };
    Ok(Some(Seen::if_any(any)))
}

async fn on_idempotency_keys(
    method: &str,
    tx: &mut TenantTx<'_>,
    loot: &Loot,
) -> Result<Option<Seen>, Error> {
    let (request, now) = (&loot.once, loot.tenant.created_at);
    let any = match method {
        "claim_idempotency_key" => !tx.claim_idempotency_key(request, now).await?,
        "find_kept_answer" => tx.find_kept_answer(request, now).await?.is_some(),
        "prune_idempotency_keys" => tx.prune_idempotency_keys(request.expires_at, 9).await? > 0,
        "keep_answer" => {
            let made = loot.user.id.uuid();
            let body = Some("{}".to_owned());
            let content = KeptContent { made, body };
            tx.keep_answer(request, &content).await?;
            return Ok(Some(Seen::NothingEver));
        }
        "release_idempotency_key" => {
            tx.release_idempotency_key(request).await?;
            return Ok(Some(Seen::NothingEver));
        }
        _ => return Ok(None),
    };
    Ok(Some(Seen::if_any(any)))
}

async fn on_attempts(
    method: &str,
    tx: &mut TenantTx<'_>,
    loot: &Loot,
) -> Result<Option<Seen>, Error> {
    let (digest, device) = (loot.attempts, &loot.device);
    let (now, end) = (device.created_at, device.expires_at);
    let shows = |counts: &[AttemptCount]| counts.iter().any(|count| count.failures() > 0);
    let any = match method {
        "find_attempts" => shows(&tx.find_attempts(&[digest]).await?),
        "hold_attempts" => shows(&tx.hold_attempts(&[digest], end).await?),
        "keep_attempts" => {
            let none = AttemptCount::default();
            tx.keep_attempts(digest, &none, Some(end)).await?;
            return Ok(Some(Seen::NothingEver));
        }
        "forget_attempts" => tx.forget_attempts(digest).await?.is_some(),
        "prune_attempts" => tx.prune_attempts(end, 9).await? > 0,
        "find_known_device" => tx
            .find_known_device(device.digest, &loot.user.email, now)
            .await?
            .is_some(),
        "insert_known_device" => {
            tx.insert_known_device(device).await?;
            true
        }
        "touch_known_device" => tx.touch_known_device(device.id, now, end).await?,
        "forget_known_device" => tx.forget_known_device(device.id).await?.is_some(),
        "forget_known_devices" => tx.forget_known_devices(device.user_id).await? > 0,
        "prune_known_devices" => tx.prune_known_devices(end, 9).await? > 0,
        _ => return Ok(None),
    };
    Ok(Some(Seen::if_any(any)))
}

async fn on_sessions(
    method: &str,
    tx: &mut TenantTx<'_>,
    loot: &Loot,
) -> Result<Option<Seen>, Error> {
    let (session, user) = (&loot.session, loot.user.id);
    let end = Ended {
        at: session.created_at.plus_seconds(1),
        reason: EndReason::RevokedByUser,
    };
    let any = match method {
        "find_session" => tx.find_session(session.id).await?.is_some(),
        "find_session_user" => tx.find_session_user(session.id).await?.is_some(),
        "list_live_sessions" => {
            let page = PageRequest::new(None, None);
            let page = tx.list_live_sessions(user, session.created_at, page);
            !page.await?.items.is_empty()
        }
        "count_live_sessions" => {
            let counted = tx.count_live_sessions(user, session.created_at, None);
            counted.await?.sessions > 0
        }
        "evict_sessions" => {
            let evicted = tx.evict_sessions(user, 0, session.created_at);
            !evicted.await?.is_empty()
        }
        "insert_session" => {
            tx.insert_session(session).await?;
            true
        }
        "end_session" => tx.end_session(session.id, end).await?.is_some(),
        "end_sessions_of_user" => !tx.end_sessions_of_user(user, None, end).await?.is_empty(),
        "end_sessions_after" => {
            let ended = tx.end_sessions_after(None, 200, end).await?;
            ended.contains(&session.id)
        }
        "insert_token_family" => {
            tx.insert_token_family(&loot.token).await?;
            true
        }
        "find_exchange_subject" => tx.find_exchange_subject(loot.presented()).await?.is_some(),
        "rotate_token_family" => {
            let answer = RefreshAnswer {
                given_at: session.created_at,
                sealed: SealedBytes(vec![7; 40]),
            };
            let next = Digest([9; 32]);
            tx.rotate_token_family(&loot.token, next, &answer).await?
        }
        "revoke_token_family" => {
            let revoked = FamilyRevoked {
                at: end.at,
                reason: FamilyEnd::Reused,
            };
            tx.revoke_token_family(loot.token.id, revoked)
                .await?
                .is_some()
        }
        "erase_refresh_answers" => {
            tx.erase_refresh_answers(end.at).await?;
            return Ok(Some(Seen::NothingEver));
        }
        "delete_expired_sessions" => {
            let before = session.expires_at.plus_micros(1);
            tx.delete_expired_sessions(before, 1).await? > 0
        }
        "touch_session" => {
            tx.touch_session(session.id, end.at).await?;
            return Ok(Some(Seen::NothingEver));
        }
        "hold_session" => tx
            .hold_session(user, session.id, session.created_at)
            .await?
            .is_some(),
        _ => return Ok(None),
    };
    Ok(Some(Seen::if_any(any)))
}

async fn on_keys(method: &str, tx: &mut TenantTx<'_>, loot: &Loot) -> Result<Option<Seen>, Error> {
    let (sealing, signing) = (&loot.tenant_key, &loot.signing_key);
    let public = &loot.publishable_key;
    let any = match method {
        "find_tenant_key" => tx.find_tenant_key(sealing.id).await?.is_some(),
        "find_signing_key" => tx.find_signing_key(signing.id).await?.is_some(),
        "list_signing_keys" => {
            let keys = tx.list_signing_keys().await?;
            keys.iter().any(|key| key.id == signing.id)
        }
        "count_publishable_keys" => {
            assert_eq!(tx.count_publishable_keys().await?, 1, "the caller's own");
            return Ok(Some(Seen::NothingEver));
        }
        "find_publishable_key" => tx.find_publishable_key(public.id).await?.is_some(),
        "list_publishable_keys" => {
            let page = PageRequest::new(Some(200), None);
            let page = tx.list_publishable_keys(page).await?;
            page.items.iter().any(|key| key.id == public.id)
        }
        "set_publishable_key_status" => {
            let disabled = PublishableKeyStatus::Disabled;
            let changed = tx.set_publishable_key_status(public.id, disabled);
            changed.await?.is_some()
        }
        "delete_publishable_key" => tx.delete_publishable_key(public.id).await?.is_some(),
        "list_names" => {
            let names = tx.list_names().await?;
            names.publishable_keys.contains(&public.key)
                || names.origins.contains(&public.allowed_origins[0])
                || names
                    .hosts
                    .into_iter()
                    .any(|host| Route::Host(host) == loot.host)
        }
        "allows_origin" => tx.allows_origin(&public.allowed_origins[0]).await?,
        // A key is unique over the whole instance, as the route that it is.
        "insert_publishable_key" => {
            assert!(!tx.insert_publishable_key(public).await?, "it leads to A");
            return Ok(Some(Seen::NothingEver));
        }
        "list_published_signing_keys" => {
            let keys = tx.list_published_signing_keys(signing.created_at).await?;
            keys.iter().any(|key| key.id == signing.id)
        }
        "change_signing_key" => tx.change_signing_key(signing).await?.is_some(),
        "insert_tenant_key" => {
            tx.insert_tenant_key(sealing).await?;
            false
        }
        "insert_signing_key" => {
            // With a successor: B has a key without one of its own.
            let published_until = Some(signing.created_at);
            let closed = SigningKey {
                published_until,
                ..signing.clone()
            };
            tx.insert_signing_key(&closed).await?;
            false
        }
        _ => return Ok(None),
    };
    Ok(Some(Seen::if_any(any)))
}

async fn on_jobs(method: &str, tx: &mut TenantTx<'_>, loot: &Loot) -> Result<Option<Seen>, Error> {
    let (job, fence) = &loot.job;
    let (fence, now) = (*fence, job.created_at);
    let any = match method {
        // A job of the same key and even the same id, as if A's were not there.
        "enqueue_job" => !tx.enqueue_job(job).await?,
        "find_job" => tx.find_job(job.id).await?.is_some(),
        "hold_job" => tx.hold_job(fence).await? != Held::Lost,
        "extend_job_lease" => tx.extend_job_lease(fence, now).await? != Held::Lost,
        "note_job_progress" => {
            tx.note_job_progress(fence, Progress::default()).await?;
            return Ok(Some(Seen::NothingEver));
        }
        "complete_job" => tx.complete_job(fence, now).await?,
        "bury_job" => tx.bury_job(fence, now, "why").await?.is_some(),
        "return_job" => {
            let (run_at, error) = (now, None);
            let returned = ReturnedJob { now, run_at, error };
            tx.return_job(fence, returned).await?.is_some()
        }
        "cancel_job" => tx.cancel_job(job.id, now).await?.is_some(),
        "find_live_job" => tx.find_live_job(&job.id.to_string()).await?.is_some(),
        "cancel_job_of_key" => {
            let key = job.id.to_string();
            tx.cancel_job_of_key(&key, now).await?.is_some()
        }
        "retry_job" => {
            // Only what is dead is tried again, and A's job is made so under its claim.
            tx.bury_job(fence, now, "why").await?;
            tx.retry_job(job.id, now).await?.is_some()
        }
        _ => return Ok(None),
    };
    Ok(Some(Seen::if_any(any)))
}

async fn on_clients(
    method: &str,
    tx: &mut TenantTx<'_>,
    loot: &Loot,
) -> Result<Option<Seen>, Error> {
    let (client, now) = (&loot.client, loot.tenant.created_at);
    let any = match method {
        // Its id leads to A for everybody.
        "insert_oauth_client" => {
            assert!(!tx.insert_oauth_client(client).await?, "it leads to A");
            return Ok(Some(Seen::NothingEver));
        }
        "find_oauth_client" => tx.find_oauth_client(client.id).await?.is_some(),
        "list_oauth_clients" => {
            let page = PageRequest::new(Some(200), None);
            let page = tx.list_oauth_clients(page).await?;
            page.items.iter().any(|found| found.id == client.id)
        }
        // Each tenant of the suite has one, so that only a count of several tenants is more.
        "count_oauth_clients" => {
            assert_eq!(tx.count_oauth_clients().await?, 1);
            return Ok(Some(Seen::NothingEver));
        }
        "change_oauth_client" => tx.change_oauth_client(client).await?.is_some(),
        "set_oauth_client_status" => tx
            .set_oauth_client_status(client.id, ClientStatus::Disabled)
            .await?
            .is_some(),
        "hold_oauth_client" => tx.hold_oauth_client(client.id).await?,
        "delete_oauth_client" => tx.delete_oauth_client(client.id).await?.is_some(),
        "deny_access_token" => !tx.deny_access_token(loot.denied, now).await?,
        "redeem_client_assertion" => !tx.redeem_client_assertion(loot.redeemed, now).await?,
        "admits_token" => tx.admits_token(loot.session.id, loot.good).await?,
        "prune_denylist" => {
            // It says how many, of whichever tenant they are; that A's are still there is looked at afterwards.
            tx.prune_denylist(loot.session.expires_at, 100).await?;
            return Ok(Some(Seen::NothingEver));
        }
        "list_active_sessions" => {
            let page = PageRequest::new(Some(200), None);
            let page = tx.list_active_sessions(now, page).await?;
            page.items.iter().any(|found| found.id == loot.session.id)
        }
        "end_all_sessions" => {
            tx.end_all_sessions(now).await?;
            return Ok(Some(Seen::NothingEver));
        }
        "add_token_usage" => {
            tx.add_token_usage(&loot.usage).await?;
            return Ok(Some(Seen::NothingEver));
        }
        "list_token_usage" => {
            let days = (loot.usage.day, loot.usage.day);
            tx.list_token_usage(days).await?.contains(&loot.usage)
        }
        _ => return Ok(None),
    };
    Ok(Some(Seen::if_any(any)))
}

/// The methods that change the tenant itself: as B they change B, which is of the same version.
async fn on_lifecycle(
    method: &str,
    tx: &mut TenantTx<'_>,
    loot: &Loot,
) -> Result<Option<Seen>, Error> {
    let (tenant, long_ago) = (&loot.tenant, Timestamp::from_micros(1));
    let changed = match method {
        "change_tenant_status" => {
            tx.change_tenant_status(tenant, TenantStatus::Suspended)
                .await?
        }
        "schedule_tenant_deletion" => {
            tx.schedule_tenant_deletion(tenant.version, long_ago)
                .await?
        }
        "reschedule_tenant_deletion" => {
            tx.schedule_tenant_deletion(tenant.version, long_ago)
                .await?;
            tx.reschedule_tenant_deletion(tenant.version + 1, tenant.created_at)
                .await?
        }
        "cancel_tenant_deletion" => {
            tx.schedule_tenant_deletion(tenant.version, long_ago)
                .await?;
            tx.cancel_tenant_deletion(tenant.version + 1).await?
        }
        "begin_tenant_purge" => {
            tx.schedule_tenant_deletion(tenant.version, long_ago)
                .await?;
            tx.begin_tenant_purge(tenant.created_at).await?
        }
        "purge" => {
            for step in Purge::ALL {
                tx.purge(step, Id::from_uuid(loot.event.id.uuid()), 500)
                    .await?;
            }
            return Ok(Some(Seen::NothingEver));
        }
        "delete_purged_tenant" => {
            let event = InstanceEvent {
                id: Id::from_uuid(loot.event.id.uuid()),
                occurred_at: long_ago,
                kind: "tenant.deleted".into(),
                actor: "system".into(),
                reason: "a test".into(),
                tenant_id: None,
                details: serde_json::Map::new(),
            };
            tx.delete_purged_tenant(&event).await?;
            return Ok(Some(Seen::NothingEver));
        }
        _ => return Ok(None),
    };
    let changed = changed.unwrap_or_else(|| panic!("it is of that version"));
    Ok(Some(Seen::if_any(changed.id == tenant.id)))
}

async fn on_tenant(
    method: &str,
    tx: &mut TenantTx<'_>,
    loot: &Loot,
) -> Result<Option<Seen>, Error> {
    let any = match method {
        "find_tenant" => {
            let found = tx.find_tenant().await?;
            found.is_some_and(|tenant| tenant.id == loot.tenant.id)
        }
        // A tenant's settings at the version that A has; B would change its own.
        "change_settings" => {
            let changed = tx.change_settings(loot.tenant.version, &loot.tenant.settings);
            changed
                .await?
                .is_some_and(|tenant| tenant.id == loot.tenant.id)
        }
        "hold_tenant" => {
            tx.hold_tenant().await?;
            return Ok(Some(Seen::NothingEver));
        }
        "list_hosts" => {
            let hosts = tx.list_hosts().await?;
            hosts.into_iter().any(|host| Route::Host(host) == loot.host)
        }
        "record" => {
            tx.record(&loot.event).await?;
            false
        }
        "find_public_record" => tx.find_public_record(loot.event.id).await?.is_some(),
        // How far the feed has come is no secret of a tenant's.
        "find_feed_mark" => {
            assert!(tx.find_feed_mark().await?.is_some());
            return Ok(Some(Seen::NothingEver));
        }
        "list_revocations" => {
            let page = tx.list_revocations(&loot.revocations, 500).await?;
            let mut found = page.revocations.iter();
            found.any(|found| found.revoked == Revoked::Session(loot.session.id))
        }
        "list_audit_events" => {
            let page = PageRequest::new(Some(200), None);
            let page = tx.list_audit_events(&AuditFilter::default(), page).await?;
            let of_a = loot.tenant.id.to_string();
            let mut events = page.items.iter();
            events.any(|event| event.public["tenant_id"].as_str() == Some(&of_a))
        }
        "delete_host" => match &loot.host {
            Route::Host(host) => tx.delete_host(host).await?,
            other => panic!("{other:?} is no host"),
        },
        // Slugs, issuers and routes are unique over the whole instance, so that a taken one is refused to everybody.
        "insert_tenant" => {
            assert_eq!(tx.insert_tenant(&loot.tenant).await?, None);
            return Ok(Some(Seen::NothingEver));
        }
        "extend_key_set_keeping" => {
            tx.extend_key_set_keeping(loot.key_set_kept_until.plus_seconds(1))
                .await?;
            return Ok(Some(Seen::NothingEver));
        }
        "find_key_set_keeping" => tx.find_key_set_keeping().await? == Some(loot.key_set_kept_until),
        "plan_rotation" => {
            tx.plan_rotation(None).await?;
            return Ok(Some(Seen::NothingEver));
        }
        "delete_route" => tx.delete_route(&loot.host).await?,
        "insert_route" => {
            assert!(!tx.insert_route(&loot.host).await?, "it leads to A");
            return Ok(Some(Seen::NothingEver));
        }
        _ => return Ok(None),
    };
    Ok(Some(Seen::if_any(any)))
}

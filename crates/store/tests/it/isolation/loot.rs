//! A tenant that has a row in every table, and the ids by which another one would reach for them.

use crate::support::write;
use keyward_model::{
    DisplayName, EventRecord, HostName, RefreshToken, Route, SealedTenantKey, Session,
    SignInSubject, SigningKey, Tenant, User,
};
use keyward_store::TenantScope;
use keyward_testkit::{
    TestDatabase, new_session, new_tenant, new_user, unsaved_refresh_token, unsaved_signing_key,
    unsaved_tenant_key,
};

/// What a tenant has.
#[derive(Clone)]
pub(super) struct Loot {
    pub(super) tenant: Tenant,
    pub(super) host: Route,
    pub(super) user: User,
    pub(super) subject: SignInSubject,
    pub(super) name: DisplayName,
    pub(super) session: Session,
    pub(super) token: RefreshToken,
    pub(super) tenant_key: SealedTenantKey,
    pub(super) signing_key: SigningKey,
    pub(super) event: EventRecord,
}

/// Makes a tenant with a row in every table.
pub(super) async fn fill(database: &TestDatabase, name: &str) -> (TenantScope, Loot) {
    let (scope, tenant) = new_tenant(database, name).await;
    let user = new_user(database, &scope).await;
    let session = new_session(database, &scope, user.id).await;
    let token = unsaved_refresh_token(database, session.id);
    let tenant_key = unsaved_tenant_key(database);
    let signing_key = unsaved_signing_key(database);
    let host: HostName = format!("{}.example", tenant.slug).parse().unwrap();
    let host = Route::Host(host);
    let event = crate::support::some_event(database, &scope);
    let rows = (token.clone(), tenant_key.clone(), signing_key.clone());
    let (email, route, record) = (user.email.clone(), host.clone(), event.clone());
    let subject = write(database, &scope, async move |tx| {
        tx.insert_refresh_token(&rows.0).await?;
        tx.insert_tenant_key(&rows.1).await?;
        tx.insert_signing_key(&rows.2).await?;
        tx.insert_route(&route).await?;
        tx.record(&record).await?;
        tx.find_sign_in_subject(&email).await
    });
    let subject = subject.await.unwrap();
    let loot = Loot {
        tenant,
        host,
        user,
        subject,
        name: "Mallory".parse().unwrap(),
        session,
        token,
        tenant_key,
        signing_key,
        event,
    };
    (scope, loot)
}

//! Short forms that all topics use.

use keyward_model::{Event, EventRecord, PasswordHash, User};
use keyward_store::{Error, TenantScope, TenantTx};
use keyward_testkit::{TestDatabase, event_record};

/// An event that stands for any other.
pub(crate) fn some_event(database: &TestDatabase, scope: &TenantScope) -> EventRecord {
    let looked = Event::OperatorRead { subject: "user" };
    event_record(database, scope.tenant_id(), &looked)
}

/// Reads, and expects that to work.
pub(crate) async fn read<T, F>(database: &TestDatabase, scope: &TenantScope, closure: F) -> T
where
    F: AsyncFnOnce(&mut TenantTx<'_>) -> Result<T, Error> + Send + 'static,
    T: Send + 'static,
{
    database.store.read(scope, closure).await.unwrap()
}

/// Writes and records some event, and expects that to work.
pub(crate) async fn write<T, F>(database: &TestDatabase, scope: &TenantScope, closure: F) -> T
where
    F: AsyncFnOnce(&mut TenantTx<'_>) -> Result<T, Error> + Send + 'static,
    T: Send + 'static,
{
    try_write(database, scope, closure).await.unwrap()
}

/// Writes and records some event.
pub(crate) async fn try_write<T, F>(
    database: &TestDatabase,
    scope: &TenantScope,
    closure: F,
) -> Result<T, Error>
where
    F: AsyncFnOnce(&mut TenantTx<'_>) -> Result<T, Error> + Send + 'static,
    T: Send + 'static,
{
    let event = some_event(database, scope);
    database
        .store
        .write(scope, async move |tx| {
            let value = closure(tx).await?;
            tx.record(&event).await?;
            Ok(value)
        })
        .await
}

/// A hash that no password has.
pub(crate) fn hash() -> PasswordHash {
    PasswordHash::from_phc("$fixture$".into())
}

/// Inserts an account that must not be there yet.
pub(crate) async fn insert(tx: &mut TenantTx<'_>, user: &User) -> Result<(), Error> {
    let inserted = tx.insert_user(user, Some(&hash())).await?;
    assert!(inserted.is_some(), "the address is taken");
    Ok(())
}

/// Whether the account of a user stands.
pub(crate) async fn exists(database: &TestDatabase, scope: &TenantScope, user: &User) -> bool {
    let id = user.id;
    read(database, scope, async move |tx| {
        Ok(tx.find_user(id).await?.is_some())
    })
    .await
}

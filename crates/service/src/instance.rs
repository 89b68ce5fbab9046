//! The instance as a whole: that its root key is the right one, and that it was set up once.

use crate::platform::Platform;
use keyward_model::Node;
use keyward_store::{Error, Store, SystemTx};

const ROOT_KEY_ID: &str = "root_key_id";
const INITIALIZED_AT: &str = "initialized_at";

/// Why an instance cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// What is in the database was sealed under another root key.
    #[error(
        "the root key is not the one that this database was sealed under: {expected} is needed, {found} is given"
    )]
    OtherRootKey {
        /// The id of the key that the database names.
        expected: String,
        /// The id of the key at hand.
        found: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The id of the root key that a database was sealed under; none while it is new.
///
/// # Errors
/// The store's.
pub async fn known_root_key_id(store: &Store) -> Result<Option<String>, Error> {
    store
        .system_read(async |tx: &mut SystemTx<'_>| tx.find_instance_setting(ROOT_KEY_ID).await)
        .await
}

/// Holds the root key against the one that the database was sealed under; a new database takes it. Of several nodes that
/// start at once on a new database one wins, and the others are refused here.
///
/// # Errors
/// [`InstanceError`].
pub async fn check_root_key(platform: &Platform) -> Result<(), InstanceError> {
    let found = platform.root_key().id().to_string();
    let given = found.clone();
    let claim =
        async move |tx: &mut SystemTx<'_>| tx.claim_instance_setting(ROOT_KEY_ID, &given).await;
    let expected = platform.store().system_write::<_, Error, _>(claim).await?;
    match expected == found {
        true => Ok(()),
        false => Err(InstanceError::OtherRootKey { expected, found }),
    }
}

/// Whether the instance was set up before.
///
/// # Errors
/// The store's.
pub async fn is_initialized(platform: &Platform) -> Result<bool, Error> {
    let read = async move |tx: &mut SystemTx<'_>| tx.find_instance_setting(INITIALIZED_AT).await;
    Ok(platform.store().system_read(read).await?.is_some())
}

/// Whether requests can be served: the database answers. A node without a lease serves too, from the database alone.
///
/// # Errors
/// The store's.
pub async fn require_ready(platform: &Platform) -> Result<(), Error> {
    is_initialized(platform).await.map(drop)
}

/// The nodes that say they serve the instance; of those that do, what each says changes twice a second.
///
/// # Errors
/// The store's.
pub async fn find_nodes(platform: &Platform) -> Result<Vec<Node>, Error> {
    let read = async |tx: &mut SystemTx<'_>| tx.list_nodes().await;
    platform.store().system_read(read).await
}

/// Notes that the instance is set up.
///
/// # Errors
/// The store's.
pub async fn mark_initialized(platform: &Platform) -> Result<(), Error> {
    let now = platform.now().to_string();
    let claim =
        async move |tx: &mut SystemTx<'_>| tx.claim_instance_setting(INITIALIZED_AT, &now).await;
    platform.store().system_write(claim).await.map(drop)
}

//! Passwords that are set: none that would be guessed (ASVS V6.2.4, V6.2.11, V6.2.12; NIST SP 800-63B-4 §3.1.1.2).

mod breach_list;

pub use breach_list::{BreachList, BreachListError, BreachSource, build_breach_list};
pub use keyward_crypto::Guessable;

use crate::hashing::HashingError;
use crate::platform::Platform;
use keyward_crypto::check_strength;
use keyward_model::{DisplayName, EmailAddress, Password, PasswordHash};
use std::sync::Arc;
use std::time::Duration;

/// Why a password is not taken, in words that help to choose another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// It would be guessed.
    #[error("{0}")]
    Guessable(Guessable),
    /// It is on the operator's list.
    #[error(
        "this password is in a public list of leaked passwords; choose one that is used nowhere else"
    )]
    Breached,
}

/// Why a password was not hashed to be kept.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// It would be guessed.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// It could not be hashed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
}

/// How long a password waits for its estimate.
const ESTIMATE_WAIT_MAX: Duration = Duration::from_secs(5);

/// Whose password it will be, as far as it would be guessed by that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) email: &'a EmailAddress,
    pub(crate) name: Option<&'a DisplayName>,
}

/// The hash of a password that somebody chose.
pub(crate) async fn hash_chosen(
    platform: &Platform,
    password: Arc<Password>,
    owner: Owner<'_>,
) -> Result<PasswordHash, ChoiceError> {
    let email = owner.email.to_string();
    let name = owner.name.map(ToString::to_string);
    estimate(platform, password.clone(), email, name).await?;
    if is_breached(platform, password.clone()).await {
        return Err(WeakPassword::Breached.into());
    }
    Ok(platform.hash(password).await?)
}

/// Estimates how soon it would be guessed, one at a time and apart from whatever answers requests: it takes up to a tenth of
/// a second. Whoever would wait for too long comes back.
async fn estimate(
    platform: &Platform,
    password: Arc<Password>,
    email: String,
    name: Option<String>,
) -> Result<(), ChoiceError> {
    let turn = platform.estimates().clone().acquire_owned();
    let Ok(Ok(turn)) = tokio::time::timeout(ESTIMATE_WAIT_MAX, turn).await else {
        let retry_after = ESTIMATE_WAIT_MAX;
        return Err(HashingError::Busy { retry_after }.into());
    };
    let estimated = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let words: Vec<&str> = [email.as_str()]
            .into_iter()
            .chain(name.as_deref())
            .collect();
        check_strength(&password, &words)
    });
    match estimated.await {
        Ok(checked) => Ok(checked.map_err(WeakPassword::Guessable)?),
        // No reason to refuse a password that is long enough.
        Err(error) => {
            tracing::error!(%error, "the strength of a password could not be estimated");
            Ok(())
        }
    }
}

/// Whether the operator's list has it. A list that cannot be read keeps nobody from setting a password: it is one lock of
/// several, and its fault is the operator's to hear of.
async fn is_breached(platform: &Platform, password: Arc<Password>) -> bool {
    let Some(list) = platform.breach_list().cloned() else {
        return false;
    };
    let looked = tokio::task::spawn_blocking(move || list.contains(&password)).await;
    match looked {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::error!(%error, "the list of breached passwords could not be read");
            false
        }
        Err(error) => {
            tracing::error!(%error, "the list of breached passwords could not be looked into");
            false
        }
    }
}

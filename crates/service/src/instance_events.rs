//! The log of the instance, for operators.

use crate::instance_cx::InstanceCx;
use crate::outcome::Disclosed;
use keyward_model::{InstanceEvent, Page, PageRequest};
use keyward_policy::{Action, Denied};

/// Why nothing was shown.
#[derive(Debug, thiserror::Error)]
pub enum InstanceEventsError {
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
}

/// What operators did to the instance, newest first.
///
/// # Errors
/// [`InstanceEventsError`].
pub async fn list_instance_events(
    cx: &InstanceCx,
    page: PageRequest,
) -> Result<Page<InstanceEvent>, InstanceEventsError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ListInstanceEvents)?;
        Ok(Disclosed::new(permit, tx.list_instance_events(page).await?))
    })
    .await
}

/// Notes that an operator looked at the nodes; what they see is what the node that is asked knows of itself.
///
/// # Errors
/// [`InstanceEventsError`].
pub async fn look_at_nodes(cx: &InstanceCx) -> Result<(), InstanceEventsError> {
    cx.read(async move |cx, _tx| Ok(Disclosed::new(cx.permit(Action::ListNodes)?, ())))
        .await
}

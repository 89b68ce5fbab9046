//! The log of the instance, for operators.

use crate::instance_cx::InstanceCx;
use crate::outcome::Disclosed;
use keyward_model::{InstanceEvent, Node, Page, PageRequest};
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

/// The nodes that serve the database, as they say of themselves; none where a single one needs no row.
///
/// # Errors
/// [`InstanceEventsError`].
pub async fn list_nodes(cx: &InstanceCx) -> Result<Vec<Node>, InstanceEventsError> {
    cx.read(async move |cx, tx| {
        let permit = cx.permit(Action::ListNodes)?;
        Ok(Disclosed::new(permit, tx.list_nodes().await?))
    })
    .await
}

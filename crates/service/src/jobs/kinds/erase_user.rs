//! Deletes a user for good, once their time of grace is over.

use crate::cx::TenantWide;
use crate::jobs::running::{JobError, RunningJob};
use crate::outcome::Recorded;
use crate::throttling::forget_account;
use keyward_model::{Event, UserId};

pub(super) async fn run(job: &RunningJob, user_id: UserId) -> Result<(), JobError> {
    let (action, fence) = (job.action(), job.fence());
    job.cx()
        .write(async move |cx, tx| {
            let permit = cx.permit(action, &TenantWide)?;
            // None, if the deletion was taken back meanwhile: then there is nothing to do.
            let erased = tx.erase_user(user_id, cx.now()).await?;
            if let Some(user) = &erased {
                forget_account(cx, tx, &user.email).await?;
            }
            tx.complete_job(fence, cx.now()).await?;
            let events = erased.map(|user| Event::UserErased { user });
            Ok(Recorded::all(permit, (), events.into_iter().collect()))
        })
        .await
}

//! What is kept of an answer, so that a request that is sent again has one effect and the same answer.

use keyward_model::KeptContent;
use serde::Serialize;
use std::any::Any;
use uuid::Uuid;

/// The value of a use case's transaction, as far as an answer shows it.
pub(crate) trait Shown: Any {
    /// The answer's body.
    type Body: Serialize;

    /// The body that shows it.
    fn body(&self) -> Self::Body;

    /// The id of what was made, or is shown.
    fn made(&self) -> Uuid;

    /// Whether the body shows a secret: then it is not kept and not shown again.
    fn shows_secret(&self) -> bool {
        false
    }
}

/// What is kept of a value: nothing, if it is none that the endpoint shows.
pub(crate) fn keep<T: Shown>(value: &dyn Any) -> Option<KeptContent> {
    let shown = value.downcast_ref::<T>()?;
    let made = shown.made();
    if shown.shows_secret() {
        return Some(KeptContent { made, body: None });
    }
    let body = Some(serde_json::to_string(&shown.body()).ok()?);
    Some(KeptContent { made, body })
}

//! The body of a request, as it came.

use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The whole body of a request, which the gate has read. Wiped when dropped: it may hold a password.
#[derive(Clone, Default)]
pub(crate) struct WholeBody(pub(crate) Arc<Zeroizing<Vec<u8>>>);

impl fmt::Debug for WholeBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WholeBody([redacted])")
    }
}

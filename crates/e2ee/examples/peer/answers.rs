//! What a command gives.

use core::fmt::Display;

use serde_json::Value;

/// One sentence.
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    pub(crate) fn new(sentence: &str) -> Self {
        Self(sentence.to_owned())
    }

    pub(crate) fn of(error: impl Display) -> Self {
        Self(error.to_string())
    }
}

/// An object without `id` and `ok`, or why not.
pub(crate) type Answer = Result<Value, Failure>;

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

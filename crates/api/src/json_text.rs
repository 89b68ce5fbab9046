//! JSON that is written piece by piece, for the one answer that every request of every service may begin with: through
//! serde it took four times the instructions, most of them for names that never change.

use keyward_model::{Id, Timestamp};
use serde::Serialize;

/// JSON text under way.
pub(crate) struct JsonText(Vec<u8>);

impl JsonText {
    /// An empty text, with room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Syntax and names.
    pub(crate) fn raw(&mut self, text: &'static str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// A string.
    pub(crate) fn string(&mut self, text: &str) -> &mut Self {
        // Of all bytes, without an early end: so the compiler looks at many at once.
        let needs_escape = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
        if text
            .bytes()
            .fold(false, |found, byte| found | needs_escape(byte))
        {
            return self.value(&text);
        }
        self.quoted(text.as_bytes())
    }

    /// A string or null.
    pub(crate) fn string_or_null(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.string(text),
            None => self.raw("null"),
        }
    }

    /// An id.
    pub(crate) fn id<K>(&mut self, id: Id<K>) -> &mut Self {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = id.uuid().hyphenated().encode_lower(&mut text);
        self.quoted(text.as_bytes())
    }

    /// A whole number.
    pub(crate) fn number(&mut self, number: i64) -> &mut Self {
        let mut digits = itoa::Buffer::new();
        self.0.extend_from_slice(digits.format(number).as_bytes());
        self
    }

    /// A moment.
    pub(crate) fn moment(&mut self, moment: Timestamp) -> &mut Self {
        match moment.text() {
            Some(text) => self.quoted(&text),
            None => self.value(&moment),
        }
    }

    /// Anything else, through serde.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> &mut Self {
        // Neither does a vector fail, nor have the values here a form that JSON lacks.
        let _ = serde_json::to_writer(&mut self.0, value);
        self
    }

    /// The text.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn quoted(&mut self, text: &[u8]) -> &mut Self {
        self.0.push(b'"');
        self.0.extend_from_slice(text);
        self.0.push(b'"');
        self
    }
}

#[cfg(test)]
mod tests {
    use super::JsonText;
    use keyward_model::Timestamp;
    use proptest::prelude::any;
    use proptest::{prop_assert_eq, proptest};

    fn written(write: impl FnOnce(&mut JsonText)) -> Vec<u8> {
        let mut json = JsonText::with_capacity(0);
        write(&mut json);
        json.into_bytes()
    }

    proptest! {
        #[test]
        fn texts_and_moments_are_written_as_serde_writes_them(text in any::<String>(), micros in any::<i64>()) {
            let string = written(|json| { json.string(&text); });
            prop_assert_eq!(string, serde_json::to_vec(&text).unwrap());
            let moment = Timestamp::from_micros(micros);
            let text = written(|json| { json.moment(moment); });
            prop_assert_eq!(text, serde_json::to_vec(&moment).unwrap());
        }
    }

    #[test]
    fn what_must_be_escaped_is() {
        for text in ["\"", "\\", "\u{0}", "\u{1f}", "\u{7f}", "a\"b\\c\nü", ""] {
            let string = written(|json| {
                json.string(text);
            });
            assert_eq!(string, serde_json::to_vec(text).unwrap());
        }
    }
}

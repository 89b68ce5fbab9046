//! What a request's path says where its endpoint's has braces.

use percent_encoding::percent_decode_str;

/// The values of what stands in braces in an endpoint's path, with their names.
#[derive(Debug, Default)]
pub(crate) struct PathParameters(Vec<(String, String)>);

impl PathParameters {
    /// What does not decode to text is left out: it names nothing.
    pub(crate) fn of(params: &matchit::Params<'_, '_>) -> Self {
        let decoded = params.iter().filter_map(|(name, value)| {
            let value = percent_decode_str(value).decode_utf8().ok()?;
            Some((name.to_owned(), value.into_owned()))
        });
        Self(decoded.collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The one that stands last in the path: what the endpoint is about.
    pub(crate) fn last(&self) -> Option<&str> {
        self.0.last().map(|(_, value)| value.as_str())
    }
}

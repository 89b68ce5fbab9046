//! Form bodies of the OAuth endpoints (`application/x-www-form-urlencoded`, RFC 6749 appendix B).
//!
//! These endpoints are lenient where the standard says so: what they do not know is ignored. A parameter that comes twice is
//! refused (§3.2): who looks at the first and who at the last would not see the same request.

use crate::problem::{Code, Problem};
use crate::whole_body::WholeBody;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use memchr::{memchr, memchr_iter, memchr2};
use std::fmt;
use std::ops::Range;
use zeroize::Zeroizing;

/// How many parameters are read. None of these endpoints knows more than six.
const PARAMETERS_MAX: usize = 64;
const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The parameters of a body, each once. Wiped when dropped: they hold tokens and secrets.
#[derive(Default)]
pub(crate) struct Form {
    body: WholeBody,
    parameters: Vec<(Text, Text)>,
}

/// A name or a value.
enum Text {
    /// As it stands in the body, at this place, which is UTF-8.
    AsGiven(Range<usize>),
    /// Something in it was encoded.
    Decoded(Zeroizing<String>),
}

impl fmt::Debug for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Form([redacted])")
    }
}

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`].
    pub(crate) fn read(headers: &HeaderMap, body: Option<&WholeBody>) -> Result<Self, Problem> {
        let media_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let essence = media_type.and_then(|text| text.split(';').next());
        if !essence.is_some_and(|text| text.trim().eq_ignore_ascii_case(MEDIA_TYPE)) {
            return Err(invalid(format!("the body is {MEDIA_TYPE}")));
        }
        Self::parse(body.cloned().unwrap_or_default())
    }

    fn parse(body: WholeBody) -> Result<Self, Problem> {
        let parameters = Vec::new();
        let mut form = Self { body, parameters };
        // Another hold on the same bytes.
        let WholeBody(bytes) = form.body.clone();
        let mut begin = 0;
        for end in memchr_iter(b'&', &bytes).chain([bytes.len()]) {
            let pair = begin..end;
            begin = end + 1;
            if !pair.is_empty() {
                form.add(&bytes, pair)?;
            }
        }
        Ok(form)
    }

    /// Adds what stands at `pair` of the body.
    fn add(&mut self, bytes: &[u8], pair: Range<usize>) -> Result<(), Problem> {
        let equals = memchr(b'=', bytes.get(pair.clone()).unwrap_or_default());
        let name_end = equals.map_or(pair.end, |equals| pair.start + equals);
        let unreadable = || invalid("a parameter is not UTF-8 or not encoded as a form");
        let name = Text::at(bytes, pair.start..name_end).ok_or_else(unreadable)?;
        let value = (name_end + 1).min(pair.end)..pair.end;
        let value = Text::at(bytes, value).ok_or_else(unreadable)?;
        let is_known = |(known, _): &(Text, Text)| known.of(&self.body) == name.of(&self.body);
        if self.parameters.iter().any(is_known) {
            return Err(invalid("a parameter is given more than once"));
        }
        if self.parameters.len() >= PARAMETERS_MAX {
            return Err(invalid(format!("at most {PARAMETERS_MAX} parameters")));
        }
        self.parameters.push((name, value));
        Ok(())
    }

    /// A parameter; one without a value is as if it were not there (§3.2).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let is_it = |(known, _): &&(Text, Text)| known.of(&self.body) == name;
        let (_, value) = self.parameters.iter().find(is_it)?;
        Some(value.of(&self.body)).filter(|value| !value.is_empty())
    }

    /// A parameter that there must be.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`].
    pub(crate) fn require(&self, name: &str) -> Result<&str, Problem> {
        self.get(name)
            .ok_or_else(|| invalid(format!("the parameter {name} is missing")))
    }
}

impl Text {
    /// What stands at `place`; none, if it cannot be read. A token is left where it is: nothing in it is encoded.
    fn at(bytes: &[u8], place: Range<usize>) -> Option<Self> {
        let given = bytes.get(place.clone())?;
        match memchr2(b'+', b'%', given) {
            None => str::from_utf8(given).ok().map(|_| Self::AsGiven(place)),
            Some(_) => decode(given).map(Self::Decoded),
        }
    }

    fn of<'a>(&'a self, WholeBody(bytes): &'a WholeBody) -> &'a str {
        match self {
            Self::AsGiven(place) => {
                let given = bytes.get(place.clone()).unwrap_or_default();
                str::from_utf8(given).unwrap_or_default()
            }
            Self::Decoded(text) => text,
        }
    }
}

/// A request that is not of its form (RFC 6749 §5.2). The words leave the house.
pub(crate) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidRequest).with_detail(detail)
}

/// What a form's name or value says: `+` is a space, `%` begins two hexadecimal digits, and the whole is UTF-8.
pub(crate) fn decode(text: &[u8]) -> Option<Zeroizing<String>> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (digit(*rest.next()?)?, digit(*rest.next()?)?);
                16 * high + low
            }
            byte => *byte,
        });
    }
    str::from_utf8(&decoded).ok()?;
    String::from_utf8(std::mem::take(&mut *decoded))
        .ok()
        .map(Zeroizing::new)
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::{Form, Problem};
    use crate::whole_body::WholeBody;
    use zeroize::Zeroizing;

    fn parse(body: &str) -> Result<Form, Problem> {
        Form::parse(WholeBody(Zeroizing::new(body.as_bytes().to_vec()).into()))
    }

    fn value(body: &str, name: &str) -> Option<String> {
        let form = parse(body).unwrap();
        form.get(name).map(str::to_owned)
    }

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        assert_eq!(value("a=1&b=2", "b").unwrap(), "2");
        assert_eq!(value("a=x+y%20z%2B%c3%A4", "a").unwrap(), "x y z+ä");
        assert_eq!(value("a=b=c", "a").unwrap(), "b=c");
        assert_eq!(value("%61=1", "a").unwrap(), "1");
        for absent in ["", "b=1", "a=", "a", "&&", "A=1"] {
            assert_eq!(value(absent, "a"), None, "{absent}");
        }
    }

    #[test]
    fn asvs_v15_3_7_a_parameter_that_comes_twice_is_refused() {
        for body in ["a=1&a=1", "a=1&b=2&a=", "a=1&%61=2", "a&a"] {
            assert!(parse(body).is_err(), "{body}");
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in ["a=%", "a=%2", "a=%zz", "a=%ff", "%c3=1"] {
            assert!(parse(body).is_err(), "{body}");
        }
        let many = |count: usize| (0..count).map(|number| format!("p{number}=1&")).collect();
        let (most, too_many): (String, String) = (many(64), many(65));
        assert!(parse(&most).is_ok());
        assert!(parse(&too_many).is_err());
    }
}

//! Form bodies of the OAuth endpoints (`application/x-www-form-urlencoded`, RFC 6749 appendix B).
//!
//! These endpoints are lenient where the standard says so: what they do not know is ignored. A parameter that comes twice is
//! refused (§3.2): who looks at the first and who at the last would not see the same request.

use crate::extract::WholeBody;
use crate::problem::{Code, Problem};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use std::fmt;
use zeroize::Zeroizing;

/// How many parameters are read. None of these endpoints knows more than six.
const PARAMETERS_MAX: usize = 64;
const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The parameters of a body, each once. Wiped when dropped: they hold tokens and secrets.
#[derive(Default)]
pub(crate) struct Form(Vec<(Zeroizing<String>, Zeroizing<String>)>);

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
        let bytes = body.map_or(&[][..], |body| body.0.as_slice());
        Self::parse(bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let mut parameters: Vec<(Zeroizing<String>, Zeroizing<String>)> = Vec::new();
        for pair in bytes.split(|byte| *byte == b'&') {
            if pair.is_empty() {
                continue;
            }
            let equals = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = pair.split_at(equals.unwrap_or(pair.len()));
            let unreadable = || invalid("a parameter is not UTF-8 or not encoded as a form");
            let name = decode(name).ok_or_else(unreadable)?;
            let value = decode(value.get(1..).unwrap_or_default()).ok_or_else(unreadable)?;
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(invalid("a parameter is given more than once"));
            }
            if parameters.len() >= PARAMETERS_MAX {
                return Err(invalid(format!("at most {PARAMETERS_MAX} parameters")));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// A parameter; one without a value is as if it were not there (§3.2).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known.as_str() == name);
        let value = found.map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
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

/// A request that is not of its form (RFC 6749 §5.2). The words leave the house.
pub(crate) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidRequest).with_detail(detail)
}

/// What a form's name or value says: `+` is a space, `%` begins two hexadecimal digits, and the whole is UTF-8.
pub(crate) fn decode(text: &[u8]) -> Option<Zeroizing<String>> {
    if !text.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        // A token: nothing in it is encoded.
        return Some(Zeroizing::new(str::from_utf8(text).ok()?.to_owned()));
    }
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
    use super::Form;

    fn value(body: &str, name: &str) -> Option<String> {
        let form = Form::parse(body.as_bytes()).unwrap();
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
            assert!(Form::parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in ["a=%", "a=%2", "a=%zz", "a=%ff", "%c3=1"] {
            assert!(Form::parse(body.as_bytes()).is_err(), "{body}");
        }
        let many = |count: usize| (0..count).map(|number| format!("p{number}=1&")).collect();
        let (most, too_many): (String, String) = (many(64), many(65));
        assert!(Form::parse(most.as_bytes()).is_ok());
        assert!(Form::parse(too_many.as_bytes()).is_err());
    }
}

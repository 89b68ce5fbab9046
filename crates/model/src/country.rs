//! Countries, as an address is looked up in them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A country or territory by its two capital letters (ISO 3166-1 alpha-2), for instance `DE`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CountryCode([u8; 2]);

/// The text is no such code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a country is two capital letters")]
pub struct InvalidCountryCode;

impl FromStr for CountryCode {
    type Err = InvalidCountryCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match *text.as_bytes() {
            [first, second] if first.is_ascii_uppercase() && second.is_ascii_uppercase() => {
                Ok(Self([first, second]))
            }
            _ => Err(InvalidCountryCode),
        }
    }
}

impl TryFrom<String> for CountryCode {
    type Error = InvalidCountryCode;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CountryCode> for String {
    fn from(code: CountryCode) -> Self {
        code.to_string()
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0.map(char::from);
        write!(formatter, "{first}{second}")
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::{CountryCode, InvalidCountryCode};

    #[test]
    fn a_country_is_two_capital_letters() {
        let code: CountryCode = "DE".parse().unwrap();
        assert_eq!(serde_json::to_string(&code).unwrap(), r#""DE""#);
        assert_eq!(
            serde_json::from_str::<CountryCode>(r#""DE""#).unwrap(),
            code
        );
        for text in ["", "D", "de", "De", "DEU", "D1", "Ä"] {
            assert_eq!(
                text.parse::<CountryCode>(),
                Err(InvalidCountryCode),
                "{text}"
            );
        }
    }
}

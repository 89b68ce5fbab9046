//! Points in time: microseconds since 1970 in UTC, as RFC 3339 text outside.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

const MICROS_PER_DAY: i64 = 24 * 3_600 * 1_000_000;
const JULIAN_DAY_OF_1970: i32 = 2_440_588;

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is no RFC 3339 time between the years 1 and 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, as JWT's NumericDate (RFC 7519 §2).
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This moment and `seconds` more.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// This moment and `micros` more.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// As long as `2026-11-21T09:00:00.000042Z`.
const TEXT_LENGTH: usize = 27;

impl Timestamp {
    /// The RFC 3339 text, of a moment in the years 0 to 9999. Every answer has several, so nothing is allocated.
    pub fn text(self) -> Option<[u8; TEXT_LENGTH]> {
        let (days, micros_of_day) = (
            self.0.div_euclid(MICROS_PER_DAY),
            self.0.rem_euclid(MICROS_PER_DAY),
        );
        let days = i32::try_from(days).ok()?;
        let date = Date::from_julian_day(days.checked_add(JULIAN_DAY_OF_1970)?).ok()?;
        let year = u64::try_from(date.year())
            .ok()
            .filter(|year| *year <= 9_999)?;
        let micros = micros_of_day.unsigned_abs();
        let seconds = micros / 1_000_000;
        let rest = micros % 1_000_000;
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        for (place, number) in [
            (0, year / 100),
            (2, year % 100),
            (5, u64::from(u8::from(date.month()))),
            (8, u64::from(date.day())),
            (11, seconds / 3_600),
            (14, seconds / 60 % 60),
            (17, seconds % 60),
            (20, rest / 10_000),
            (22, rest / 100 % 100),
            (24, rest % 100),
        ] {
            text[place] = b'0' + (number / 10) as u8;
            text[place + 1] = b'0' + (number % 10) as u8;
        }
        Some(text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        match text.as_ref().map(|text| std::str::from_utf8(text)) {
            Some(Ok(text)) => formatter.write_str(text),
            _ => write!(formatter, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTimestamp)?;
        i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000))
            .map(Self)
            .map_err(|_| InvalidTimestamp)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.text().as_ref().map(|text| std::str::from_utf8(text)) {
            Some(Ok(text)) => serializer.serialize_str(text),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn text_has_six_digits_and_comes_back() {
        let moment = Timestamp::from_micros(1_795_251_600_000_042);
        assert_eq!(moment.to_string(), "2026-11-21T09:00:00.000042Z");
        assert_eq!(moment.to_string().parse(), Ok(moment));
        assert_eq!("2026-11-21T10:00:00.000042+01:00".parse(), Ok(moment));
        assert!("2026-11-21".parse::<Timestamp>().is_err());
    }

    #[test]
    fn text_is_right_on_every_kind_of_day_and_far_ones_are_numbers() {
        for text in [
            "1970-01-01T00:00:00.000000Z",
            "1969-12-31T23:59:59.999999Z",
            "2000-02-29T23:59:59.999999Z",
            "2100-03-01T00:00:00.000001Z",
            "0001-01-01T00:00:00.000000Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            let moment: Timestamp = text.parse().unwrap();
            assert_eq!(moment.to_string(), text);
            assert_eq!(serde_json::to_value(moment).unwrap(), text);
        }
        let last: Timestamp = "9999-12-31T23:59:59.999999Z".parse().unwrap();
        for far in [last.plus_micros(1), Timestamp::from_micros(i64::MIN)] {
            assert_eq!(far.to_string(), format!("{}us", far.micros()));
        }
    }
}

//! In which country an address is, by a file in MaxMind's DB format that the operator gives (GeoLite2 Country or City, DB-IP
//! Lite and others).
//!
//! It is shown to users and administrators beside a session. It proves nothing: addresses move, and proxies lend theirs.

use keyward_model::{CountryCode, Timestamp};
use maxminddb::{MaxMindDbError, PathElement, Reader};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;

/// Where the country stands in what is said of a network.
const ISO_CODE: [PathElement<'static>; 2] =
    [PathElement::Key("country"), PathElement::Key("iso_code")];

/// A database that was opened. It is held in memory: GeoLite2 Country is of about 10 MB.
pub struct Countries {
    reader: Reader<Vec<u8>>,
}

/// The file is no such database, or cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not a database of countries in MaxMind's DB format: {0}")]
pub struct CountriesError(#[from] MaxMindDbError);

impl Countries {
    /// Reads a file.
    ///
    /// # Errors
    /// [`CountriesError`].
    pub fn open(path: &Path) -> Result<Self, CountriesError> {
        let reader = Reader::open_readfile(path)?;
        Ok(Self { reader })
    }

    /// The country of an address; none of one that the file does not know.
    pub fn find(&self, address: IpAddr) -> Option<CountryCode> {
        let looked_up = self.reader.lookup(address.to_canonical());
        let decoded = looked_up.and_then(|found| found.decode_path::<String>(&ISO_CODE));
        match decoded {
            Ok(code) => code?.parse().ok(),
            // Of IPv6 in a database of IPv4, or of a part of the file that is broken: nobody waits for it.
            Err(error) => {
                tracing::debug!(%error, "the country of an address was not found");
                None
            }
        }
    }
}

/// Which database it is, and of which day.
impl fmt::Display for Countries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metadata = self.reader.metadata();
        let built = i64::try_from(metadata.build_epoch).unwrap_or(i64::MAX);
        let built = Timestamp::from_micros(0).plus_seconds(built).to_string();
        let day = built.split('T').next().unwrap_or_default();
        write!(formatter, "{} of {day}", metadata.database_type)
    }
}

impl fmt::Debug for Countries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Countries({self})")
    }
}

//! Who a device is: the account's name and the device's number.

use core::fmt;

use uuid::Uuid;

/// The most devices of one account, and the highest number of one.
pub const DEVICE_ID_MAX: u8 = 127;

/// The number of a device of an account: 1 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(u8);

impl DeviceId {
    /// Checks a number.
    ///
    /// # Errors
    /// 0, or more than 127.
    pub fn new(number: u32) -> Result<Self, AddressError> {
        match u8::try_from(number) {
            Ok(number @ 1..=DEVICE_ID_MAX) => Ok(Self(number)),
            _ => Err(AddressError::DeviceId),
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Why an address is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a number from 1 to 127.
    #[error("a device id is a number from 1 to 127")]
    DeviceId,
    /// Neither a UUID nor `PNI:` and a UUID.
    #[error("a service id is a UUID, or PNI: and a UUID")]
    ServiceId,
}

/// The two kinds of names that the wire knows. Use a UUID for an account: only such names are bound to the first messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceId {
    /// An account: the UUID as text.
    Account(Uuid),
    /// A phone number's identity: `PNI:` and the UUID.
    PhoneNumber(Uuid),
}

impl ServiceId {
    /// Reads the text form, upper or lower case.
    ///
    /// # Errors
    /// [`AddressError::ServiceId`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let uuid = |text| parse_uuid(text).ok_or(AddressError::ServiceId);
        match text.strip_prefix("PNI:") {
            Some(rest) => uuid(rest).map(Self::PhoneNumber),
            None => uuid(text).map(Self::Account),
        }
    }

    /// One byte of kind and the UUID's 16.
    fn to_bytes(self) -> [u8; 17] {
        let (kind, uuid) = match self {
            Self::Account(uuid) => (0, uuid),
            Self::PhoneNumber(uuid) => (1, uuid),
        };
        let mut bytes = [kind; 17];
        bytes[1..].copy_from_slice(uuid.as_bytes());
        bytes
    }
}

/// Only the form with hyphens: a name is compared as text elsewhere.
fn parse_uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok())?
}

/// One device of one account: what a session is with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    name: String,
    device_id: DeviceId,
}

impl Address {
    /// The device `device_id` of the account `name`.
    #[must_use]
    pub fn new(name: &str, device_id: DeviceId) -> Self {
        Self {
            name: name.to_owned(),
            device_id,
        }
    }

    /// The account's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The device's number.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        self.device_id
    }

    /// 18 bytes for the `addresses` of a message; none when the name is no [`ServiceId`].
    fn to_bytes(&self) -> Option<[u8; 18]> {
        let mut bytes = [self.device_id.0; 18];
        bytes[..17].copy_from_slice(&ServiceId::parse(&self.name).ok()?.to_bytes());
        Some(bytes)
    }
}

/// `name.device`, for logs.
impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.name, self.device_id)
    }
}

/// The 36 bytes that bind a message to its two ends; none unless both names are service ids.
pub(crate) fn address_binding(sender: &Address, receiver: &Address) -> Option<[u8; 36]> {
    let mut binding = [0; 36];
    binding[..18].copy_from_slice(&sender.to_bytes()?);
    binding[18..].copy_from_slice(&receiver.to_bytes()?);
    Some(binding)
}

#[cfg(test)]
mod tests;

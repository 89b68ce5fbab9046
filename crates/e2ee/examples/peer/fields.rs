//! The fields of a request.

use keyward_e2ee::{Address, DeviceId, PublicKey};
use serde_json::Value;

use crate::answers::Failure;

/// A JSON object, read field by field.
pub(crate) struct Fields<'a>(&'a Value);

impl<'a> Fields<'a> {
    pub(crate) fn of(object: &'a Value) -> Self {
        Self(object)
    }

    /// The command's name.
    pub(crate) fn command(&self) -> Result<&'a str, Failure> {
        ["cmd", "command", "op", "method"]
            .iter()
            .find_map(|name| self.0[*name].as_str())
            .ok_or_else(|| Failure::new("the request has no cmd"))
    }

    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        Some(&self.0[name]).filter(|value| !value.is_null())
    }

    pub(crate) fn object(&self, name: &str) -> Result<Fields<'a>, Failure> {
        self.value(name).map(Fields).ok_or_else(|| missing(name))
    }

    pub(crate) fn optional_object(&self, name: &str) -> Option<Fields<'a>> {
        self.value(name).map(Fields)
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, Failure> {
        self.value(name)
            .and_then(Value::as_str)
            .ok_or_else(|| missing(name))
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.value(name).and_then(Value::as_bool)
    }

    pub(crate) fn number(&self, name: &str) -> Result<u64, Failure> {
        self.optional_number(name).ok_or_else(|| missing(name))
    }

    pub(crate) fn optional_number(&self, name: &str) -> Option<u64> {
        self.value(name).and_then(Value::as_u64)
    }

    /// A number that fits 32 bits.
    pub(crate) fn id(&self, name: &str) -> Result<u32, Failure> {
        u32::try_from(self.number(name)?).map_err(|_| missing(name))
    }

    /// A number that fits 32 bits, or nothing.
    pub(crate) fn optional_id(&self, name: &str) -> Result<Option<u32>, Failure> {
        self.value(name).map(|_| self.id(name)).transpose()
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>, Failure> {
        unhex(self.text(name)?).ok_or_else(|| Failure(format!("{name} is not hexadecimal")))
    }

    pub(crate) fn public_key(&self, name: &str) -> Result<PublicKey, Failure> {
        PublicKey::from_bytes(&self.bytes(name)?).map_err(Failure::of)
    }

    /// `{name, deviceId}` under `name`.
    pub(crate) fn address(&self, name: &str) -> Result<Address, Failure> {
        let fields = self.object(name)?;
        let device_id = DeviceId::new(fields.id("deviceId")?).map_err(Failure::of)?;
        Ok(Address::new(fields.text("name")?, device_id))
    }
}

fn missing(name: &str) -> Failure {
    Failure(format!("the field {name} is missing or of another type"))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

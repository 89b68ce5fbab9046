//! The peer: a device, its store and what the process gives it.

use keyward_e2ee::{
    Address, Device, DeviceId, IdentityKeyPair, MemoryStore, Moment, Policy, SessionKind,
};
use rand_core::{Rng, UnwrapErr};
use serde_json::{Value, json};

use crate::answers::{Failure, hex};
use crate::fields::Fields;

/// The generator of the operating system.
pub(crate) type SystemRng = UnwrapErr<getrandom::SysRng>;

pub(crate) struct Peer {
    pub(crate) device: Device,
    pub(crate) store: MemoryStore,
    pub(crate) rng: SystemRng,
    /// The next id of a pre-key.
    pub(crate) next_id: u32,
}

impl Peer {
    /// `create {profile, name, deviceId?, registrationId?}`
    pub(crate) fn create(request: &Fields<'_>) -> Result<Self, Failure> {
        let kind = match request.text("profile")? {
            "v3-x3dh" => SessionKind::X3dh,
            "v4-pqxdh" => SessionKind::Pqxdh,
            "v4-spqr" => SessionKind::PqxdhWithRatchet,
            other => return Err(Failure(format!("unknown profile {other}"))),
        };
        let mut rng = UnwrapErr(getrandom::SysRng);
        let number = request
            .value("deviceId")
            .map_or(Ok(1), |_| request.id("deviceId"))?;
        let device_id = DeviceId::new(number).map_err(Failure::of)?;
        let registration_id = match request.value("registrationId") {
            Some(_) => request.id("registrationId")?,
            None => 1 + rng.next_u32() % 0x3ffe,
        };
        let device = Device {
            address: Address::new(request.text("name")?, device_id),
            identity: IdentityKeyPair::generate(&mut rng),
            registration_id,
            policy: Policy::only(kind),
        };
        Ok(Self {
            device,
            store: MemoryStore::new(),
            rng,
            next_id: 1,
        })
    }

    /// The answer to `create`.
    pub(crate) fn introduce(&self) -> Value {
        json!({
            "identityKey": hex(self.device.identity.public().as_bytes()),
            "registrationId": self.device.registration_id,
        })
    }

    /// The parts that an operation takes.
    pub(crate) fn parts(&mut self) -> (&Device, &mut MemoryStore, Moment<'_, SystemRng>) {
        let moment = Moment {
            now_seconds: now_seconds(),
            rng: &mut self.rng,
        };
        (&self.device, &mut self.store, moment)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an example is where the clock comes from"
)]
fn now_seconds() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |passed| passed.as_secs())
}

//! Tokens of known devices: opaque to the device, known to the store by their digest only.

use crate::{opaque, sha256};
use keyward_model::{DeviceTokenSecret, Digest, Random};

/// What a device's token starts with.
const PREFIX: &str = "kwd_";

/// Makes a device's token: `kwd_` and 43 characters of base64url for 256 random bits.
pub fn mint_device_token(random: &dyn Random) -> DeviceTokenSecret {
    opaque::mint(PREFIX, random)
}

/// The SHA-256 of the whole text, by which the store knows the device.
pub fn device_token_digest(token: &DeviceTokenSecret) -> Digest {
    sha256(token.expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{device_token_digest, mint_device_token};
    use crate::fixture::Filled;
    use crate::sha256;

    #[test]
    fn a_device_token_carries_256_random_bits_and_is_known_by_all_of_its_text() {
        let token = mint_device_token(&Filled(0xff));
        assert_eq!(
            token.expose(),
            "kwd___________________________________________8"
        );
        assert_eq!(
            device_token_digest(&token),
            sha256(token.expose().as_bytes())
        );
    }
}

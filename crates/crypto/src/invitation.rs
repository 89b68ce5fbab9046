//! Invitations: opaque to whoever is invited, known to the store by their digest only.

use crate::{opaque, sha256};
use keyward_model::{Digest, InvitationSecret, Random};

/// What an invitation starts with.
const PREFIX: &str = "kwi_";

/// Makes an invitation's token: `kwi_` and 43 characters of base64url for 256 random bits (ASVS V6.4.1).
pub fn mint_invitation(random: &dyn Random) -> InvitationSecret {
    opaque::mint(PREFIX, random)
}

/// The SHA-256 of the whole text, by which the store knows the invitation.
pub fn invitation_digest(token: &InvitationSecret) -> Digest {
    sha256(token.expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{invitation_digest, mint_invitation};
    use crate::fixture::Filled;
    use crate::sha256;

    #[test]
    fn an_invitation_carries_256_random_bits_and_is_known_by_all_of_its_text() {
        let token = mint_invitation(&Filled(0xff));
        assert_eq!(
            token.expose(),
            "kwi___________________________________________8"
        );
        assert_eq!(invitation_digest(&token), sha256(token.expose().as_bytes()));
    }
}

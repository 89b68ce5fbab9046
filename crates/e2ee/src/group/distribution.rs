//! What a sender gives to each device of a group, so that it can read on from here.

use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

use crate::keys::PublicKey;
use crate::ratchet::{Chain, ChainSecret};
use crate::secret::Secret;

use super::fields::DistributionFields;
use super::{GroupError, behind_version, distribution_id, with_version};

/// A sender's chain at its present place, and the key that its messages are signed with. It is a secret: it travels inside of
/// session messages only.
#[derive(Debug, Clone)]
pub struct Distribution {
    pub(super) distribution_id: Uuid,
    pub(crate) chain_id: u32,
    pub(crate) chain: Chain,
    pub(super) signing_key: PublicKey,
}

impl Distribution {
    /// Reads what [`Distribution::to_bytes`] or an official client wrote.
    ///
    /// # Errors
    /// Another version, malformed, or a signing key that is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GroupError> {
        let mut fields: DistributionFields = behind_version(bytes)?;
        let mut chain_key = fields.chain_key.take().ok_or(GroupError::Malformed)?;
        let secret = Secret::from_slice(&chain_key);
        chain_key.zeroize();
        let secret = ChainSecret(secret.ok_or(GroupError::Malformed)?);
        let iteration = fields.iteration.ok_or(GroupError::Malformed)?;
        let signing_key = fields.signing_key.ok_or(GroupError::Malformed)?;
        Ok(Self {
            distribution_id: distribution_id(fields.distribution_id.as_deref())?,
            chain_id: fields.chain_id.ok_or(GroupError::Malformed)?,
            chain: Chain::from_kept(secret, iteration),
            signing_key: PublicKey::from_bytes(&signing_key)?,
        })
    }

    /// The message to send over a session. It holds the chain's secret.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut fields = DistributionFields {
            distribution_id: Some(self.distribution_id.as_bytes().to_vec()),
            chain_id: Some(self.chain_id),
            iteration: Some(self.chain.index()),
            chain_key: Some(self.chain.secret().0.expose().to_vec()),
            signing_key: Some(self.signing_key.as_bytes().to_vec()),
        };
        let bytes = Zeroizing::new(with_version(&fields, 0));
        fields.chain_key.zeroize();
        bytes
    }

    /// The group's id, as its members agreed on it.
    #[must_use]
    pub fn distribution_id(&self) -> Uuid {
        self.distribution_id
    }
}

//! Who belongs to a group, said by its members: a signed, versioned list, each version naming the one before.
//!
//! The server only carries lists. It cannot add a member unseen, bring an old list back, or show two histories to one member:
//! version *n + 1* counts only when an administrator of version *n* signed it and it names version *n* by its digest. A member
//! may sign its own leaving and nothing else. What a server can do is hold a new list back: so tell the version that you know
//! inside of messages, and compare.

mod document;

use std::collections::BTreeMap;

use prost::Message;
use rand_core::CryptoRng;
use uuid::Uuid;

use crate::keys::{IdentityKeyPair, PublicKey};
use crate::signed::{DocumentDigest, Signed, SignedError, sign};
use document::{Fields, MemberFields, StoredMembership};

const DOMAIN: &[u8] = b"Keyward group members v1:";
const STORED_VERSION: u32 = 1;

/// The most members of a group.
pub const MEMBERS_MAX: usize = 1000;

/// The most bytes of an account's name.
pub const NAME_BYTES_MAX: usize = 256;

/// A member's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// By this key the account's [device list](crate::device_list) is signed, and its sessions are set up.
    pub identity_key: PublicKey,
    /// Who may change the list.
    pub role: Role,
}

/// What a member may do with the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Leave.
    Member,
    /// Change everything.
    Administrator,
}

/// Accounts by name.
pub type Members = BTreeMap<String, Member>;

/// The newest list of a group that was verified. Load, act, store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    group_id: Uuid,
    version: u64,
    members: Members,
    digest: DocumentDigest,
    signed: Vec<u8>,
}

/// What a new list changed, for the app to show: nobody joins unseen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MembershipChange {
    /// Accounts that were not there.
    pub joined: Vec<String>,
    /// Accounts that are gone: rotate the sender key.
    pub left: Vec<String>,
    /// Accounts whose identity key is another: verify it anew.
    pub rekeyed: Vec<String>,
    /// Accounts whose role is another.
    pub role_changed: Vec<String>,
}

/// Why a list is refused. What was known is then still what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// No list, or one that breaks a rule: too many, a name too long, nobody who may change it.
    #[error("the member list is malformed")]
    Malformed,
    /// The list of another group.
    #[error("the member list belongs to another group")]
    OtherGroup,
    /// Nobody signed it who may.
    #[error("nobody who may change the member list has signed it")]
    Signature,
    /// An older version than the one that is known.
    #[error("the member list is older than the one that is known")]
    Rollback,
    /// Versions between are missing: ask for them, each is checked against the one before.
    #[error("versions of the member list are missing before this one")]
    Gap,
    /// The same version with other contents, or one that follows on another history: somebody shows different lists to
    /// different members. Never to be passed over in silence.
    #[error("the member list contradicts the one that is known")]
    Fork,
    /// What was stored is not what was written.
    #[error("the stored member list cannot be read")]
    Stored,
}

impl From<SignedError> for MembershipError {
    fn from(error: SignedError) -> Self {
        match error {
            SignedError::Malformed => Self::Malformed,
            SignedError::Signature => Self::Signature,
        }
    }
}

impl Membership {
    /// The first list of a group, made and signed by its founder, who must be an administrator in it.
    ///
    /// # Errors
    /// [`MembershipError::Malformed`] when the members break a rule, [`MembershipError::Signature`] when the founder is no
    /// administrator of them.
    pub fn found(
        group_id: Uuid,
        members: Members,
        founder: &IdentityKeyPair,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, MembershipError> {
        let fields = Fields {
            group_id: group_id.as_bytes().to_vec(),
            version: 1,
            previous: Vec::new(),
            members: MemberFields::list(&members),
            signer: name_of(&members, founder.public())?,
        };
        let signed = sign(DOMAIN, &fields, founder, rng);
        Self::trust(group_id, &signed, founder.public())
    }

    /// Where a new member begins: the list that came inside of a session message of who invited, and that the same one signed.
    /// From here on nobody is believed but the list's own administrators.
    ///
    /// # Errors
    /// [`MembershipError`], also when the inviter is no administrator of the list.
    pub fn trust(
        group_id: Uuid,
        signed: &[u8],
        inviter: &PublicKey,
    ) -> Result<Self, MembershipError> {
        let document = Signed::from_bytes(signed)?;
        let fields: Fields = document.verify(DOMAIN, inviter)?;
        if fields.group_id != group_id.as_bytes() {
            return Err(MembershipError::OtherGroup);
        }
        let members = fields.members()?;
        let signer = members.get(&fields.signer);
        if !signer.is_some_and(|signer| signer.is_administrator_by(inviter)) {
            return Err(MembershipError::Signature);
        }
        Ok(Self {
            group_id,
            version: fields.version,
            members,
            digest: document.digest(),
            signed: document.to_bytes(),
        })
    }

    /// The next version with other members, signed by an administrator, or by a member who takes out itself. Give
    /// [`Membership::signed`] to the others.
    ///
    /// # Errors
    /// [`MembershipError`] when it is a version that others would refuse.
    pub fn change(
        &self,
        members: &Members,
        signer: &IdentityKeyPair,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Self, MembershipChange), MembershipError> {
        let version = self.version.checked_add(1);
        let version = version.ok_or(MembershipError::Malformed)?;
        let fields = Fields {
            group_id: self.group_id.as_bytes().to_vec(),
            version,
            previous: self.digest.to_vec(),
            members: MemberFields::list(members),
            signer: name_of(&self.members, signer.public())?,
        };
        let signed = sign(DOMAIN, &fields, signer, rng);
        let mut next = self.clone();
        let change = next.advance(&signed)?;
        Ok((next, change))
    }

    /// Takes the next version; the same one again changes nothing.
    ///
    /// # Errors
    /// [`MembershipError`]; the list is then unchanged.
    pub fn advance(&mut self, signed: &[u8]) -> Result<MembershipChange, MembershipError> {
        let document = Signed::from_bytes(signed)?;
        let said: Fields = document.peek()?;
        if said.group_id != self.group_id.as_bytes() {
            return Err(MembershipError::OtherGroup);
        }
        let digest = document.digest();
        if digest == self.digest {
            return Ok(MembershipChange::default());
        }
        let signer = self.members.get(&said.signer);
        let signer = signer.ok_or(MembershipError::Signature)?;
        document.verify::<Fields>(DOMAIN, &signer.identity_key)?;
        let members = said.members()?;
        let change = MembershipChange::between(&self.members, &members);
        let is_leaving = change.is_one_leaving() == Some(&said.signer);
        if signer.role != Role::Administrator && !is_leaving {
            return Err(MembershipError::Signature);
        }
        // Only now: a contradiction that nobody signed is no alarm.
        self.check_place(&said)?;
        self.version = said.version;
        self.members = members;
        self.digest = digest;
        self.signed = document.to_bytes();
        Ok(change)
    }

    fn check_place(&self, said: &Fields) -> Result<(), MembershipError> {
        match said.version.checked_sub(self.version) {
            None => Err(MembershipError::Rollback),
            Some(0) => Err(MembershipError::Fork),
            Some(1) if said.previous == self.digest => Ok(()),
            Some(1) => Err(MembershipError::Fork),
            Some(_) => Err(MembershipError::Gap),
        }
    }

    /// The group.
    #[must_use]
    pub fn group_id(&self) -> Uuid {
        self.group_id
    }

    /// The version, from 1.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The accounts.
    #[must_use]
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// SHA-256 of the list: compare it with other members inside of messages, to find that a server holds versions back.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The list as it travels.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// The bytes to store. They hold no secret, but whoever can change them can add members.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = StoredMembership {
            version: STORED_VERSION,
            signed: self.signed.clone(),
        };
        stored.encode_to_vec()
    }

    /// Reads what [`Membership::to_bytes`] wrote: its signer was checked when it was taken.
    ///
    /// # Errors
    /// [`MembershipError::Stored`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MembershipError> {
        let stored = StoredMembership::decode(bytes).map_err(|_| MembershipError::Stored)?;
        if stored.version != STORED_VERSION {
            return Err(MembershipError::Stored);
        }
        let document = Signed::from_bytes(&stored.signed).map_err(|_| MembershipError::Stored)?;
        let fields: Fields = document.peek().map_err(|_| MembershipError::Stored)?;
        Ok(Self {
            group_id: Uuid::from_slice(&fields.group_id).map_err(|_| MembershipError::Stored)?,
            version: fields.version,
            members: fields.members().map_err(|_| MembershipError::Stored)?,
            digest: document.digest(),
            signed: stored.signed,
        })
    }
}

/// Under which name the list knows a key.
fn name_of(members: &Members, key: &PublicKey) -> Result<String, MembershipError> {
    let found = members
        .iter()
        .find(|(_, member)| member.identity_key == *key);
    found
        .map(|(name, _)| name.clone())
        .ok_or(MembershipError::Signature)
}

impl Member {
    fn is_administrator_by(&self, key: &PublicKey) -> bool {
        self.role == Role::Administrator && self.identity_key == *key
    }
}

impl MembershipChange {
    fn between(before: &Members, after: &Members) -> Self {
        let mut change = Self::default();
        for (name, member) in after {
            let Some(known) = before.get(name) else {
                change.joined.push(name.clone());
                continue;
            };
            if known.identity_key != member.identity_key {
                change.rekeyed.push(name.clone());
            }
            if known.role != member.role {
                change.role_changed.push(name.clone());
            }
        }
        let left = before.keys().filter(|name| !after.contains_key(*name));
        change.left = left.cloned().collect();
        change
    }

    /// The one who left, when nothing else changed.
    fn is_one_leaving(&self) -> Option<&str> {
        let others = self.joined.len() + self.rekeyed.len() + self.role_changed.len();
        match &self.left[..] {
            [name] if others == 0 => Some(name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

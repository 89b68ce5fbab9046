//! The member list as it is signed and stored.

use crate::keys::PublicKey;

use super::{MEMBERS_MAX, Member, Members, MembershipError, NAME_BYTES_MAX, Role};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredMembership {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) signed: Vec<u8>,
}

/// The document.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Fields {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) group_id: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub(super) version: u64,
    /// The digest of the version before; empty in the first.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) previous: Vec<u8>,
    /// By ascending name.
    #[prost(message, repeated, tag = "4")]
    pub(super) members: Vec<MemberFields>,
    /// The name under which the version before (of the first: this one) knows who signed.
    #[prost(string, tag = "5")]
    pub(super) signer: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MemberFields {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) identity_key: Vec<u8>,
    #[prost(bool, tag = "3")]
    pub(super) is_administrator: bool,
}

impl Fields {
    /// The members, when the document keeps the rules: a version from 1, not too many members, each once, in the order of their
    /// names, and one at least who may change the list.
    pub(super) fn members(&self) -> Result<Members, MembershipError> {
        let is_sorted = self
            .members
            .is_sorted_by(|left, right| left.name < right.name);
        if self.version == 0 || self.members.len() > MEMBERS_MAX || !is_sorted {
            return Err(MembershipError::Malformed);
        }
        let members = self.members.iter().map(MemberFields::read);
        let members: Members = members
            .collect::<Option<_>>()
            .ok_or(MembershipError::Malformed)?;
        let mut roles = members.values().map(|member| member.role);
        match roles.any(|role| role == Role::Administrator) {
            true => Ok(members),
            false => Err(MembershipError::Malformed),
        }
    }
}

impl MemberFields {
    pub(super) fn list(members: &Members) -> Vec<Self> {
        let fields = members.iter().map(|(name, member)| Self {
            name: name.clone(),
            identity_key: member.identity_key.as_bytes().to_vec(),
            is_administrator: member.role == Role::Administrator,
        });
        fields.collect()
    }

    fn read(&self) -> Option<(String, Member)> {
        let is_name = (1..=NAME_BYTES_MAX).contains(&self.name.len());
        let role = match self.is_administrator {
            true => Role::Administrator,
            false => Role::Member,
        };
        let identity_key = PublicKey::from_bytes(&self.identity_key).ok()?;
        let member = Member { identity_key, role };
        is_name.then(|| (self.name.clone(), member))
    }
}

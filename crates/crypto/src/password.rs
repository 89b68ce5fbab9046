//! Password hashing: Argon2id (RFC 9106), stored as PHC strings with their costs.

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use keyward_model::{Password, PasswordHash, Random};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// The weakest costs that new hashes may have (OWASP Password Storage Cheat Sheet; ASVS V11.4.2).
const FLOOR: HashCost = HashCost {
    memory_kib: 19_456,
    iterations: 2,
    parallelism: 1,
};
/// The highest costs that are worked at all, so that neither a setting nor a stored hash can stall a node.
const CEILING: HashCost = HashCost {
    memory_kib: 1_048_576,
    iterations: 20,
    parallelism: 8,
};
/// Length of the salt (RFC 9106 §3.1 recommends 16 bytes; NIST SP 800-63B-4 §3.1.1.2 asks 4).
const SALT_BYTES: usize = 16;
/// Length of the tag.
const TAG_BYTES: usize = 32;
/// The shortest tag that is taken from a stored hash; a shorter one could be met by chance.
const TAG_BYTES_MIN: usize = 16;

/// What hashing one password costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    /// Memory to be filled, in KiB: 19,456 to 1,048,576.
    pub memory_kib: u32,
    /// How often it is passed over: 2 to 20.
    pub iterations: u32,
    /// Lanes that it is split into: 1 to 8. They are worked one after the other.
    pub parallelism: u32,
}

/// Costs are out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CostProblem {
    /// Weaker than the floor.
    #[error(
        "password hashing needs at least 19456 KiB of memory, 2 iterations and a parallelism of 1"
    )]
    BelowFloor,
    /// More than any login should cost.
    #[error(
        "password hashing takes at most 1048576 KiB of memory, 20 iterations and a parallelism of 8"
    )]
    AboveCeiling,
}

/// Why a password could not be hashed or verified. A wrong password is no error but [`Verdict::Wrong`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The hasher's own costs are out of bounds.
    #[error(transparent)]
    Cost(#[from] CostProblem),
    /// The stored hash is no Argon2id PHC string, or one with costs beyond what is worked.
    #[error("the stored password hash is corrupt")]
    Corrupt,
    /// The memory that the hash costs is not to be had.
    #[error("not enough memory to hash a password")]
    OutOfMemory,
}

/// What verifying a password says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Right {
        /// The hash is weaker than a new one would be: hash the password again while it is at hand.
        outdated: bool,
    },
    /// It is not.
    Wrong,
}

/// The memory that hashes are worked in, one at a time, and that is kept between them: taking 19 MiB anew for each costs a
/// twentieth of its time, in pages that the system must clear.
///
/// What a hash leaves in it is not secret in itself, but who reads all of it could try passwords faster than the costs mean
/// them to. The next hash writes over it; [`HashMemory::give_back`] is for when there is none. Clearing it after each would
/// cost another tenth.
#[derive(Default)]
pub struct HashMemory {
    blocks: Vec<Block>,
}

/// Hashes and verifies passwords at one cost.
pub struct PasswordHasher {
    cost: HashCost,
    decoy: PasswordHash,
}

/// A PHC string, taken apart.
struct StoredHash {
    cost: HashCost,
    salt: phc::Salt,
    tag: phc::Output,
}

impl Default for HashCost {
    fn default() -> Self {
        FLOOR
    }
}

impl HashCost {
    /// These costs, if a password may be hashed at them.
    ///
    /// # Errors
    /// [`CostProblem`], whose text names the bounds.
    pub fn checked(self) -> Result<Self, CostProblem> {
        match (self.reaches(FLOOR), CEILING.reaches(self)) {
            (false, _) => Err(CostProblem::BelowFloor),
            (true, false) => Err(CostProblem::AboveCeiling),
            (true, true) => Ok(self),
        }
    }

    /// How much memory one hash takes, in bytes.
    pub fn memory_bytes(self) -> usize {
        self.blocks() * Block::SIZE
    }

    /// A block is of one KiB.
    fn blocks(self) -> usize {
        self.memory_kib as usize
    }

    fn reaches(self, other: Self) -> bool {
        self.memory_kib >= other.memory_kib
            && self.iterations >= other.iterations
            && self.parallelism >= other.parallelism
    }
}

impl HashMemory {
    /// None yet: it is taken when the first hash needs it.
    pub fn new() -> Self {
        Self::default()
    }

    /// How much is held, in bytes.
    pub fn bytes(&self) -> usize {
        self.blocks.capacity() * Block::SIZE
    }

    /// Clears what the last hash left, and gives the memory back to the system.
    pub fn give_back(&mut self) {
        self.blocks.zeroize();
        self.blocks = Vec::new();
    }

    /// `length` blocks, whatever is in them.
    fn of_length(&mut self, length: usize) -> Result<&mut [Block], HashError> {
        if let Some(missing) = length.checked_sub(self.blocks.len()) {
            self.blocks
                .try_reserve_exact(missing)
                .map_err(|_| HashError::OutOfMemory)?;
            self.blocks.resize(length, Block::new());
        }
        self.blocks.get_mut(..length).ok_or(HashError::OutOfMemory)
    }

    /// Keeps no more than one ordinary hash needs: a stored one may have cost far more.
    fn shrink_to(&mut self, length: usize) {
        if self.blocks.len() > length {
            self.give_back();
        }
    }
}

impl Drop for HashMemory {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl fmt::Debug for HashMemory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HashMemory({} bytes)", self.bytes())
    }
}

impl PasswordHasher {
    /// A hasher at `cost`.
    ///
    /// # Errors
    /// [`HashError::Cost`].
    pub fn new(cost: HashCost, random: &dyn Random) -> Result<Self, HashError> {
        let cost = cost.checked()?;
        let (mut salt, mut tag) = ([0_u8; SALT_BYTES], [0_u8; TAG_BYTES]);
        random.fill(&mut salt);
        random.fill(&mut tag);
        Ok(Self {
            cost,
            decoy: phc_string(cost, &salt, &tag),
        })
    }

    /// What a hash costs here.
    pub fn cost(&self) -> HashCost {
        self.cost
    }

    /// Hashes a password under a fresh salt: Argon2id version 19, 16 bytes of salt, 32 of tag.
    ///
    /// # Errors
    /// [`HashError::OutOfMemory`].
    pub fn hash(
        &self,
        password: &Password,
        random: &dyn Random,
        memory: &mut HashMemory,
    ) -> Result<PasswordHash, HashError> {
        let (mut salt, mut tag) = ([0_u8; SALT_BYTES], Zeroizing::new([0_u8; TAG_BYTES]));
        random.fill(&mut salt);
        let derivation = Derivation {
            password,
            salt: &salt,
            cost: self.cost,
        };
        derivation.fill(tag.as_mut(), memory)?;
        Ok(phc_string(self.cost, &salt, tag.as_ref()))
    }

    /// Holds a password against a stored hash, at the stored costs, and compares in constant time (ASVS V11.2.4).
    ///
    /// # Errors
    /// [`HashError::Corrupt`] or [`HashError::OutOfMemory`].
    pub fn verify(
        &self,
        password: &Password,
        hash: &PasswordHash,
        memory: &mut HashMemory,
    ) -> Result<Verdict, HashError> {
        let stored = StoredHash::parse(hash)?;
        let mut tag = Zeroizing::new(vec![0_u8; stored.tag.len()]);
        let derivation = Derivation {
            password,
            salt: &stored.salt,
            cost: stored.cost,
        };
        let derived = derivation.fill(&mut tag, memory);
        memory.shrink_to(self.cost.blocks());
        derived?;
        match verify_slices_are_equal(&tag, stored.tag.as_bytes()) {
            Ok(()) => Ok(Verdict::Right {
                outdated: self.outdates(&stored),
            }),
            Err(_) => Ok(Verdict::Wrong),
        }
    }

    /// Does the work of [`Self::verify`] for an account that does not exist, so that time does not tell it apart from one
    /// that does (ASVS V6.3.8). It is held against a hash that was drawn, and that no password has.
    ///
    /// # Errors
    /// [`HashError::OutOfMemory`].
    pub fn verify_decoy(
        &self,
        password: &Password,
        memory: &mut HashMemory,
    ) -> Result<(), HashError> {
        self.verify(password, &self.decoy, memory).map(drop)
    }

    fn outdates(&self, stored: &StoredHash) -> bool {
        !stored.cost.reaches(self.cost)
            || stored.salt.len() < SALT_BYTES
            || stored.tag.len() < TAG_BYTES
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PasswordHasher")
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

impl StoredHash {
    fn parse(hash: &PasswordHash) -> Result<Self, HashError> {
        let parsed = phc::PasswordHash::new(hash.expose()).map_err(|_| HashError::Corrupt)?;
        let known = parsed.algorithm.as_str() == "argon2id" && parsed.version == Some(19);
        let cost = read_cost(&parsed.params).filter(|cost| CEILING.reaches(*cost));
        match (known, cost, parsed.salt, parsed.hash) {
            (true, Some(cost), Some(salt), Some(tag)) if tag.len() >= TAG_BYTES_MIN => {
                Ok(Self { cost, salt, tag })
            }
            _ => Err(HashError::Corrupt),
        }
    }
}

/// The costs, if the parameters are exactly `m`, `t` and `p`: a `keyid` or `data` would change the tag.
fn read_cost(parameters: &phc::ParamsString) -> Option<HashCost> {
    let cost = HashCost {
        memory_kib: parameters.get_decimal("m")?,
        iterations: parameters.get_decimal("t")?,
        parallelism: parameters.get_decimal("p")?,
    };
    (parameters.iter().count() == 3).then_some(cost)
}

fn phc_string(cost: HashCost, salt: &[u8], tag: &[u8]) -> PasswordHash {
    PasswordHash::from_phc(format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        cost.memory_kib,
        cost.iterations,
        cost.parallelism,
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(tag),
    ))
}

/// What a tag is made of.
struct Derivation<'a> {
    password: &'a Password,
    salt: &'a [u8],
    cost: HashCost,
}

impl Derivation<'_> {
    /// Fills `tag`. Costs that Argon2 itself has no meaning for (RFC 9106 §3.1) can only come from a stored hash.
    fn fill(&self, tag: &mut [u8], memory: &mut HashMemory) -> Result<(), HashError> {
        let cost = self.cost;
        let length = Some(tag.len());
        let parameters = Params::new(cost.memory_kib, cost.iterations, cost.parallelism, length)
            .map_err(|_| HashError::Corrupt)?;
        let blocks = memory.of_length(parameters.block_count())?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password_into_with_memory(self.password.expose(), self.salt, tag, blocks)
            .map_err(|_| HashError::Corrupt)
    }
}

#[cfg(test)]
mod tests;

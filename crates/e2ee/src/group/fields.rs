//! The protobuf fields of sender keys. Those that travel are all optional: whether one is there is checked by who needs it, and
//! a zero is written.

/// Of a message for a group.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GroupMessageFields {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(super) distribution_id: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "2")]
    pub(super) chain_id: Option<u32>,
    #[prost(uint32, optional, tag = "3")]
    pub(super) iteration: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(super) ciphertext: Option<Vec<u8>>,
}

/// Of a distribution message.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DistributionFields {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(super) distribution_id: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "2")]
    pub(super) chain_id: Option<u32>,
    #[prost(uint32, optional, tag = "3")]
    pub(super) iteration: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(super) chain_key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    pub(super) signing_key: Option<Vec<u8>>,
}

/// A stored [`super::SenderKeyRecord`].
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredRecord {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) distribution_id: Vec<u8>,
    /// The newest first.
    #[prost(message, repeated, tag = "3")]
    pub(super) chains: Vec<StoredChain>,
}

/// One chain of a sender.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredChain {
    #[prost(uint32, tag = "1")]
    pub(super) chain_id: u32,
    #[prost(uint32, tag = "2")]
    pub(super) iteration: u32,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) chain_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) signing_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) kept_keys: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "6")]
    pub(super) signing_edwards: Option<Vec<u8>>,
}

/// A stored [`super::SendingKey`].
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredSendingKey {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) distribution_id: Vec<u8>,
    #[prost(uint32, tag = "3")]
    pub(super) chain_id: u32,
    #[prost(uint32, tag = "4")]
    pub(super) iteration: u32,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) chain_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub(super) signing_private: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) signing_public: Vec<u8>,
    #[prost(uint64, tag = "8")]
    pub(super) created_at_seconds: u64,
    /// [`StoredHolders`].
    #[prost(bytes = "vec", tag = "9")]
    pub(super) holders: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    pub(super) signing_edwards: Vec<u8>,
}

/// Who has a key.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredHolders {
    #[prost(message, repeated, tag = "1")]
    pub(super) addresses: Vec<StoredAddress>,
}

/// A device that has the key.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredAddress {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(uint32, tag = "2")]
    pub(super) device_id: u32,
}

//! Password hashing, token digests, sealing and signing keys

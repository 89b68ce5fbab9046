//! The HTTP API of Keyward

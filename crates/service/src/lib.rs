//! The use cases of Keyward

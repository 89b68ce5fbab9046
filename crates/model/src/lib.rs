//! The nouns of Keyward as plain data

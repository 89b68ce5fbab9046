//! What the tests of Keyward share

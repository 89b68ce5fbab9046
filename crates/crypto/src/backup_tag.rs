//! The proof that a backup's manifest was written by whoever has the root key.

use crate::subkey::{Label, subkey};
use aws_lc_rs::hmac;
use keyward_model::{Digest, RootKeySecret};

const LABEL: Label = Label(b"keyward backup manifest v1\x01");

/// HMAC-SHA-256 of a manifest (RFC 2104). A manifest names the digest of the database, so this vouches for the whole.
pub fn backup_tag(root_key: &RootKeySecret, manifest: &[u8]) -> Digest {
    let mut tag = Digest([0; 32]);
    tag.0
        .copy_from_slice(hmac::sign(&subkey(root_key, &LABEL), manifest).as_ref());
    tag
}

/// Whether [`backup_tag`] made this tag; compared in constant time.
pub fn is_backup_tag(root_key: &RootKeySecret, manifest: &[u8], tag: &[u8]) -> bool {
    hmac::verify(&subkey(root_key, &LABEL), manifest, tag).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{backup_tag, is_backup_tag};
    use keyward_model::RootKeySecret;

    #[test]
    fn asvs_v11_3_3_a_tag_holds_for_its_key_and_manifest_alone() {
        let (key, other) = (
            RootKeySecret::new(vec![7; 32]),
            RootKeySecret::new(vec![8; 32]),
        );
        let tag = backup_tag(&key, b"manifest");
        assert!(is_backup_tag(&key, b"manifest", &tag.0));
        assert!(!is_backup_tag(&key, b"manifesT", &tag.0));
        assert!(!is_backup_tag(&other, b"manifest", &tag.0));
        assert!(!is_backup_tag(&key, b"manifest", &tag.0[..31]));
        assert!(!is_backup_tag(&key, b"manifest", b""));
    }

    #[test]
    fn the_form_never_changes() {
        // Computed with Python's hmac: expanded once, then the HMAC of the manifest.
        let tag = backup_tag(&RootKeySecret::new(vec![7; 32]), b"manifest");
        let hex = tag.hex();
        assert_eq!(
            hex,
            "3afde354d62ff5cd5cd2a32d3c316ca4767d039ec074468c06fb3ff299c9a7ac"
        );
    }
}

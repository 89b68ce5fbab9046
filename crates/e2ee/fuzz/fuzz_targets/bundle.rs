//! A bundle as a hostile server may hand it out: only the one that was published is taken.
#![no_main]

use keyward_e2ee::{KemPublicKey, PreKeyBundle, PublicKey};
use keyward_e2ee_fuzz::Choices;
use keyward_e2ee_fuzz::world::{KINDS, Party, address};
use std::sync::OnceLock;

/// By kind of session, with and without a one-time key; the first of the two knows who the other is.
fn scenes() -> &'static [(PreKeyBundle, [Party; 2])] {
    static SCENES: OnceLock<Vec<(PreKeyBundle, [Party; 2])>> = OnceLock::new();
    SCENES.get_or_init(|| {
        let scene = |(kind, one_time)| {
            let [mut alice, mut bob] = [Party::new(0, kind), Party::new(1, kind)];
            let bundle = bob.bundle(one_time);
            alice
                .device
                .accept_identity(&mut alice.store, address(1).name(), &bundle.identity_key)
                .expect("memory");
            (bundle, [alice, bob])
        };
        let kinds = KINDS
            .into_iter()
            .flat_map(|kind| [(kind, true), (kind, false)]);
        kinds.map(scene).collect()
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let kind = choices.below(3);
    let scene = &scenes()[kind * 2 + usize::from(choices.byte().unwrap_or(0) & 1)];
    let (original, [mut alice, mut bob]) = scene.clone();
    let mut bundle = original.clone();
    let mut forged = false;
    let key = |choices: &mut Choices<'_>, original: &PublicKey| {
        let mut bytes = original.as_bytes().to_vec();
        choices.tamper(&mut bytes);
        let changed = PublicKey::from_bytes(&bytes).unwrap_or(*original);
        (changed, changed != *original)
    };
    match choices.byte().unwrap_or(0) % 6 {
        0 => (bundle.identity_key, forged) = key(&mut choices, &original.identity_key),
        1 => (bundle.signed_pre_key.key, forged) = key(&mut choices, &original.signed_pre_key.key),
        2 => forged = choices.tamper(&mut bundle.signed_pre_key.signature),
        3 => {
            if let Some(kem) = &mut bundle.kem_pre_key {
                forged = choices.tamper(&mut kem.signature);
            }
        }
        4 => {
            if let Some(kem) = &mut bundle.kem_pre_key {
                let mut bytes = kem.key.as_bytes().to_vec();
                choices.tamper(&mut bytes);
                if let Ok(key) = KemPublicKey::from_bytes(&bytes) {
                    forged = key.as_bytes() != kem.key.as_bytes();
                    kem.key = key;
                }
            }
        }
        // The one-time key bears no signature: the session then opens at nobody.
        _ => {
            if let Some((_, one_time)) = &mut bundle.pre_key {
                (*one_time, _) = key(&mut choices, &one_time.clone());
            }
        }
    }
    let taken = alice.start(&address(1), &bundle);
    assert!(!(taken && forged), "a forged bundle");
    if taken {
        let sealed = alice.seal(&address(1), b"first").expect("a session");
        let opened = bob.open(&address(0), &sealed);
        let same = bundle.pre_key.map(|(_, key)| key) == original.pre_key.map(|(_, key)| key);
        assert_eq!(opened.is_some(), same);
    }
});

//! One of each of what comes from others, as it should be.

use crate::Numbers;
use crate::world::{KINDS, NAMES, NOW, Party, address, pair};
use keyward_e2ee::decryption_error::{DecryptionError, MessageKind};
use keyward_e2ee::device_list::DeviceList;
use keyward_e2ee::fingerprint::{self, Fingerprint};
use keyward_e2ee::group::SendingKey;
use keyward_e2ee::group::membership::{Member, Membership, Role};
use keyward_e2ee::{DeviceId, IdentityKeyPair, SessionKind};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use uuid::Uuid;

/// Samples, and what they are checked against.
pub struct Scene {
    pub identity: IdentityKeyPair,
    pub fingerprint: Fingerprint,
    pub list: DeviceList,
    pub members: Membership,
    /// One of each; of messages one for each kind of session.
    pub samples: Vec<Vec<u8>>,
}

/// The one scene.
pub fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(make)
}

fn make() -> Scene {
    let mut numbers = Numbers(1);
    let identity = IdentityKeyPair::generate(&mut numbers);
    let device_id = DeviceId::new(1).expect("a device id");
    let own = fingerprint::Party {
        id: b"one",
        identity_key: identity.public(),
    };
    let fingerprint = Fingerprint::with_iterations(2, 2, own, own).expect("iterations");
    let list = BTreeMap::from([(device_id, 7)]);
    let list = DeviceList::sign_first(NAMES[0], &list, &identity, NOW, &mut numbers);
    let list = list.expect("a list");
    let member = Member {
        identity_key: *identity.public(),
        role: Role::Administrator,
    };
    let members = BTreeMap::from([(NAMES[0].to_owned(), member)]);
    let members = Membership::found(Uuid::nil(), members, &identity, &mut numbers);
    let members = members.expect("a list");
    let mut key = SendingKey::generate(Uuid::nil(), NOW, &mut numbers);
    let mut samples = vec![
        key.distribution().to_bytes().to_vec(),
        key.encrypt(b"text", &mut numbers).expect("sealed"),
        list.signed().to_vec(),
        list.to_bytes(),
        members.signed().to_vec(),
        members.to_bytes(),
        fingerprint.scannable(),
        identity.public().as_bytes().to_vec(),
        NAMES[0].as_bytes().to_vec(),
    ];
    samples.extend(KINDS.into_iter().flat_map(of_sessions));
    Scene {
        identity,
        fingerprint,
        list,
        members,
        samples,
    }
}

/// A first message and a later one, the answer of who cannot open it, and a key of a bundle.
fn of_sessions(kind: SessionKind) -> Vec<Vec<u8>> {
    let [mut sender, _] = pair(kind, true, 0);
    let first = sender.seal(&address(1), b"first").expect("a session").body;
    let [mut sender, _] = pair(kind, true, 3);
    let next = sender.seal(&address(1), b"next").expect("a session").body;
    let device_id = DeviceId::new(1).expect("a device id");
    let error = DecryptionError::of_message(MessageKind::Session, &next, 1, device_id);
    let error = error.expect("a message");
    let mut samples = vec![first, next, error.to_bytes(), error.to_plaintext_content()];
    let kem = Party::new(0, kind).bundle(true).kem_pre_key;
    samples.extend(kem.map(|kem| kem.key.as_bytes().to_vec()));
    samples
}

use super::{Address, AddressError, DeviceId, ServiceId, address_binding};

const ALICE: &str = "9d0652a3-dcc3-4d11-975f-74d61598733f";
const BOB: &str = "PNI:796abedb-ca4e-4f18-8803-1fde5b921f9f";

fn address(name: &str, device: u32) -> Address {
    Address::new(name, DeviceId::new(device).expect("device"))
}

#[test]
fn device_ids_are_1_to_127() {
    for refused in [0, 128, 255, 257, u32::MAX] {
        assert_eq!(DeviceId::new(refused), Err(AddressError::DeviceId));
    }
    for taken in [1, 127] {
        assert_eq!(
            DeviceId::new(taken).map(|id| u32::from(id.get())),
            Ok(taken)
        );
    }
}

#[test]
fn service_ids_are_uuids_with_hyphens() {
    assert!(matches!(ServiceId::parse(ALICE), Ok(ServiceId::Account(_))));
    assert!(matches!(
        ServiceId::parse(BOB),
        Ok(ServiceId::PhoneNumber(_))
    ));
    for refused in [
        "",
        "alice",
        "PNI:",
        &ALICE.replace('-', ""),
        &format!("{{{ALICE}}}"),
    ] {
        assert_eq!(ServiceId::parse(refused), Err(AddressError::ServiceId));
    }
}

#[test]
fn a_binding_is_sender_then_receiver() {
    let binding = address_binding(&address(ALICE, 3), &address(BOB, 7)).expect("both are UUIDs");
    assert_eq!(binding[0], 0);
    assert_eq!(binding[1..4], [0x9d, 0x06, 0x52]);
    assert_eq!((binding[17], binding[18]), (3, 1));
    assert_eq!(binding[19..22], [0x79, 0x6a, 0xbe]);
    assert_eq!(binding[35], 7);
    assert_eq!(
        address_binding(&address(ALICE, 3), &address("bob", 1)),
        None
    );
}

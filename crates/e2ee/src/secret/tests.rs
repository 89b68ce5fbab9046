use super::{wipe, wipe_vec};

#[test]
fn wiping_overwrites_and_empties() {
    let mut bytes = [7; 100];
    wipe(&mut bytes[..99]);
    assert_eq!(bytes[..99], [0; 99]);
    assert_eq!(bytes[99], 7);

    let mut bytes = vec![7; 100];
    let capacity = bytes.capacity();
    wipe_vec(&mut bytes);
    assert!(bytes.is_empty());
    assert_eq!(bytes.capacity(), capacity);
}

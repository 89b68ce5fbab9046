use super::read_pair;
use crate::fixture::rng;
use crate::keys::KeyPair;

#[test]
fn half_a_pair_is_none_and_no_pair_is_one_of_none() {
    let pair = KeyPair::generate(&mut rng(1));
    let (private, public) = (pair.private().expose(), pair.public().as_bytes());
    assert_eq!(read_pair(private, public), Some(Some(pair.clone())));
    assert_eq!(read_pair(&[], &[]), Some(None));
    assert_eq!(read_pair(private, &[]), None);
    assert_eq!(read_pair(&[], public), None);
}

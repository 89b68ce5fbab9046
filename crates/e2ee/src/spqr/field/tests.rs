use super::{Multiplier, double, invert, multiply};

#[test]
fn two_generates_all_elements() {
    let mut element = 1;
    let mut order = 0_u32;
    loop {
        let next = double(element);
        assert_eq!(next, multiply(element, 2));
        element = next;
        order += 1;
        if element == 1 {
            break;
        }
    }
    assert_eq!(order, 65_535);
}

#[test]
fn every_element_but_0_has_an_inverse() {
    assert_eq!(invert(0), 0);
    for element in 1..=u16::MAX {
        assert_eq!(multiply(element, invert(element)), 1);
    }
}

#[test]
fn a_prepared_factor_multiplies_alike() {
    for factor in [0, 1, 2, 3, 0x8000, 0xffff, 0x1234] {
        let multiplier = Multiplier::new(factor);
        for element in (0..=u16::MAX).step_by(7) {
            assert_eq!(multiplier.times(element), multiply(factor, element));
        }
    }
}

#[test]
fn the_reduction_is_the_one_on_the_wire() {
    assert_eq!(double(0x8000), 0x100b);
}

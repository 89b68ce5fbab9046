//! The field of 65,536 elements that the erasure code computes in: GF(2^16) modulo x^16 + x^12 + x^3 + x + 1 (0x1100b).
//!
//! What is computed here is public (it crosses the wire), so nothing needs constant time.

const REDUCTION: u16 = 0x100b;

/// Product of two elements.
pub(super) const fn multiply(left: u16, right: u16) -> u16 {
    let (mut product, mut shifted, mut bits) = (0, left, right);
    while bits != 0 {
        product ^= shifted * (bits & 1);
        shifted = double(shifted);
        bits >>= 1;
    }
    product
}

/// The inverse of an element: its 65,534th power. 0 has none and gives 0.
pub(super) const fn invert(element: u16) -> u16 {
    let mut power = element;
    let mut inverse = 1;
    let mut bit = 1;
    while bit < 16 {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
        bit += 1;
    }
    inverse
}

const fn double(element: u16) -> u16 {
    (element << 1) ^ ((element >> 15) * REDUCTION)
}

/// One factor prepared for many products: each is then four look-ups.
pub(super) struct Multiplier([[u16; 16]; 4]);

impl Multiplier {
    pub(super) fn new(factor: u16) -> Self {
        let mut tables = [[0; 16]; 4];
        let mut shifted = factor;
        for table in &mut tables {
            for bit in [1, 2, 4, 8] {
                for low in 0..bit {
                    table[bit + low] = table[low] ^ shifted;
                }
                shifted = double(shifted);
            }
        }
        Self(tables)
    }

    pub(super) fn times(&self, element: u16) -> u16 {
        let digit = |place: usize| usize::from(element >> (4 * place) & 0xf);
        self.0[0][digit(0)] ^ self.0[1][digit(1)] ^ self.0[2][digit(2)] ^ self.0[3][digit(3)]
    }
}

#[cfg(test)]
mod tests;

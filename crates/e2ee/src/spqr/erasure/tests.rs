use super::{CHUNK_BYTES, Chunk, Decoder, Encoder, Interpolation};
use proptest::prelude::{Strategy, any, proptest};

/// A value of 3 to 36 chunks, and for each of twice as many chunks where it comes in the order of arrival.
fn value_and_order() -> impl Strategy<Value = (Vec<u8>, Vec<u16>)> {
    (1_usize..37).prop_flat_map(|count| {
        let value = proptest::collection::vec(any::<u8>(), count * CHUNK_BYTES);
        let order: Vec<u16> = (0..).take(2 * count).collect();
        (value, proptest::strategy::Just(order).prop_shuffle())
    })
}

fn chunks(value: &[u8], count: usize) -> Vec<Chunk> {
    let mut encoder = Encoder::new(value.to_vec());
    (0..count).map(|_| encoder.next_chunk()).collect()
}

proptest! {
    #[test]
    fn any_chunks_enough_give_the_value((value, order) in value_and_order()) {
        let all = chunks(&value, order.len());
        let mut decoder = Decoder::new(value.len());
        for (position, index) in order.iter().enumerate() {
            let chunk = &all[usize::from(*index)];
            let completed = decoder.completed_by(chunk);
            if position + 1 == value.len() / CHUNK_BYTES {
                assert_eq!(completed, Some(value));
                break;
            }
            assert_eq!(completed, None);
            decoder.add(chunk);
            assert_eq!(decoder.completed_by(chunk), None, "the same once more adds nothing");
            let before = decoder.clone();
            decoder.add(chunk);
            assert_eq!(before, decoder);
            let resumed = Decoder::resume(value.len(), decoder.records().to_vec());
            assert_eq!(resumed.as_ref(), Some(&decoder));
        }
    }
}

#[test]
fn the_first_chunks_are_the_value() {
    let value: Vec<u8> = (0..=255).cycle().take(1152).collect();
    let plain: Vec<u8> = chunks(&value, 36)
        .iter()
        .flat_map(|chunk| chunk.bytes)
        .collect();
    assert_eq!(plain, value);
}

#[test]
fn a_chunk_beyond_the_value_is_on_the_line_through_it() {
    // Two chunks: each polynomial is a line, y(2) = y0 + (y1 - y0) * 2, which has no reduction for small values.
    let mut value = vec![0; 64];
    value[1] = 5;
    value[33] = 3;
    let beyond = chunks(&value, 3)[2];
    assert_eq!(beyond.index, 2);
    assert_eq!(beyond.bytes[..2], [0, 5 ^ ((5 ^ 3) << 1)]);
    assert_eq!(beyond.bytes[2..], [0; 30]);
}

#[test]
fn chunks_begin_anew_after_the_last_index() {
    let mut encoder = Encoder::resume(vec![9; 64], u16::MAX, 64).expect("two chunks");
    assert_eq!(encoder.next_chunk().index, u16::MAX);
    assert_eq!(
        encoder.next_chunk(),
        Chunk {
            index: 0,
            bytes: [9; 32]
        }
    );
    assert_eq!(encoder.next(), 1);
}

#[test]
fn what_could_not_have_been_stored_is_not_resumed() {
    assert_eq!(Encoder::resume(vec![0; 63], 0, 64), None);
    let record = [&[0, 1][..], &[0; 32]].concat();
    assert!(Decoder::resume(96, record.clone()).is_some());
    assert_eq!(Decoder::resume(96, record[1..].to_vec()), None, "not whole");
    assert_eq!(
        Decoder::resume(96, record.repeat(2)),
        None,
        "twice the same"
    );
    assert_eq!(
        Decoder::resume(32, record),
        None,
        "would have been complete"
    );
}

#[test]
fn the_weights_that_are_ready_are_those_that_would_be_computed() {
    for count in [3, 5, 30, 36] {
        let points = chunks(&vec![1; count * CHUNK_BYTES], count);
        let ready = Interpolation::of_value(&points);
        assert_eq!(ready.weights, Interpolation::new(&points).weights);
    }
}

//! As much of the wire as the checks look into: where a protobuf's fields are.

use std::ops::Range;

/// A field of a protobuf message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) number: u64,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u64),
    /// Where the bytes are in the whole message.
    Bytes(Range<usize>),
}

/// The fields of `message[range]`.
pub(crate) fn fields(message: &[u8], range: Range<usize>) -> Vec<Field> {
    let mut at = range.start;
    let mut found = Vec::new();
    while at < range.end {
        let key = varint(message, &mut at);
        let value = match key & 7 {
            0 => Value::Number(varint(message, &mut at)),
            2 => {
                let length = usize::try_from(varint(message, &mut at)).unwrap();
                at += length;
                Value::Bytes(at - length..at)
            }
            other => panic!("wire type {other}"),
        };
        let number = key >> 3;
        found.push(Field { number, value });
    }
    assert_eq!(at, range.end, "the message ends inside of a field");
    found
}

/// The bytes of a field; none when it is not there.
pub(crate) fn bytes_of(fields: &[Field], number: u64) -> Option<Range<usize>> {
    fields.iter().find_map(|field| match &field.value {
        Value::Bytes(range) if field.number == number => Some(range.clone()),
        _ => None,
    })
}

/// Where the message that is under the MAC lies in a first message.
pub(crate) fn inner_of_first(body: &[u8]) -> Range<usize> {
    bytes_of(&fields(body, 1..body.len()), 4).expect("an inner message")
}

/// The fields of a message of type 2, given where it is.
pub(crate) fn message_fields(body: &[u8], range: Range<usize>) -> Vec<Field> {
    fields(body, range.start + 1..range.end - 8)
}

/// What a message of type 2 carries of the post-quantum ratchet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PostQuantum {
    pub(crate) epoch: u64,
    /// What its piece is of: 0 nothing, 1 header, 2 and 3 key, 4 an acknowledgement, 5 and 6 ciphertext.
    pub(crate) kind: u8,
    /// The piece's number.
    pub(crate) chunk: Option<u64>,
}

/// `None` when there is nothing of it.
pub(crate) fn post_quantum(body: &[u8]) -> Option<PostQuantum> {
    let fields = message_fields(body, 0..body.len());
    let range = bytes_of(&fields, 5).filter(|range| !range.is_empty())?;
    let mut at = range.start + 1;
    let epoch = varint(body, &mut at);
    let _index = varint(body, &mut at);
    let kind = body[at];
    at += 1;
    let chunk = (at < range.end).then(|| varint(body, &mut at));
    Some(PostQuantum { epoch, kind, chunk })
}

/// The epoch that the post-quantum part of a message of type 2 names; 0 when there is none.
pub(crate) fn pq_epoch(body: &[u8]) -> u64 {
    post_quantum(body).map_or(0, |piece| piece.epoch)
}

fn varint(message: &[u8], at: &mut usize) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = message[*at];
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
    }
    panic!("a number without an end");
}

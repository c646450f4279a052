//! The subset of protobuf that envoyproxy/ratelimit needs, independent of the gate's own code, so that a
//! mistake in one does not hide a mistake in the other.

/// A message: the numbers and payloads of its fields.
pub(super) type Fields = Vec<(u64, Payload)>;

/// The payload of a field.
#[derive(Debug)]
pub(super) enum Payload {
    Number(u64),
    Bytes(Vec<u8>),
}

/// Reads a message.
pub(super) fn fields(mut message: &[u8]) -> Fields {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = read_number(&mut message);
        let number = read_number(&mut message);
        let payload = match tag & 7 {
            0 => Payload::Number(number),
            2 => {
                let (bytes, rest) = message.split_at(usize::try_from(number).unwrap());
                message = rest;
                Payload::Bytes(bytes.to_vec())
            }
            wire_type => panic!("wire type {wire_type} of field {}", tag >> 3),
        };
        fields.push((tag >> 3, payload));
    }
    fields
}

/// Reads a message that has no numbers.
pub(super) fn messages(message: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let bytes = |(field, payload)| match payload {
        Payload::Bytes(bytes) => (field, bytes),
        Payload::Number(number) => panic!("field {field}: {number}"),
    };
    fields(message).into_iter().map(bytes).collect()
}

/// Appends a field with a number.
pub(super) fn push_number(message: &mut Vec<u8>, field: u64, number: u64) {
    push(message, field << 3);
    push(message, number);
}

/// Appends a field with a message.
pub(super) fn push_message(message: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    push(message, (field << 3) | 2);
    push(message, u64::try_from(bytes.len()).unwrap());
    message.extend(bytes);
}

fn push(message: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        message.push(u8::try_from((number & 0x7f) | 0x80).unwrap());
        number >>= 7;
    }
    message.push(u8::try_from(number).unwrap());
}

fn read_number(message: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first().unwrap();
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return number;
        }
    }
    panic!("a number of more than ten bytes");
}

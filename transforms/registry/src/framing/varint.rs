//! Numbers of as many bytes as they need.

/// Reads an unsigned number of at most 64 bits, seven to a byte, the lowest first. Moves the bytes on; `None` where they do
/// not hold one.
pub(crate) fn unsigned_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        // The tenth byte has room for one bit.
        if index == 9 && *byte > 1 {
            return None;
        }
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = bytes.get(index + 1..)?;
            return Some(number);
        }
    }
    None
}

/// Reads a number with a sign in the zigzag form: 0, -1, 1, -2 and so on.
pub(crate) fn zigzag_varint(bytes: &mut &[u8]) -> Option<i64> {
    let number = unsigned_varint(bytes)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

/// Writes an unsigned number as [`unsigned_varint`] reads it.
pub(crate) fn put_unsigned_varint(bytes: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while rest >= 0x80 {
        bytes.push(low_bits(rest) | 0x80);
        rest >>= 7;
    }
    bytes.push(low_bits(rest));
}

/// Writes a number with a sign as [`zigzag_varint`] reads it.
pub(crate) fn put_zigzag_varint(bytes: &mut Vec<u8>, number: i64) {
    put_unsigned_varint(bytes, (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned());
}

fn low_bits(number: u64) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for number in [0, 1, -1, 63, 64, -64, -65, 300, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_zigzag_varint(&mut bytes, number);
            let mut rest = bytes.as_slice();
            assert_eq!((zigzag_varint(&mut rest), rest.len()), (Some(number), 0));
        }
    }
}

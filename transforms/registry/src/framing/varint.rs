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

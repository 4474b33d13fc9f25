//! Strict reading of addresses: a mistyped address must never become another valid one.

use alloy::primitives::Address;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("it is not an address; write 0x and 40 hexadecimal digits")]
    Shape,
    #[error("its upper and lower case do not match its checksum, so a digit is mistyped")]
    Checksum,
    #[error("the zero address belongs to nobody")]
    Zero,
}

/// Reads `0x` + 40 hex digits. Mixed case must satisfy the EIP-55 checksum; one case alone is taken as is.
pub fn parse_address(text: &str) -> Result<Address, AddressError> {
    let digits = text.strip_prefix("0x").ok_or(AddressError::Shape)?;
    if digits.len() != 40 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(AddressError::Shape);
    }
    let mixed =
        digits.bytes().any(|b| b.is_ascii_uppercase()) && digits.bytes().any(|b| b.is_ascii_lowercase());
    let address = if mixed {
        Address::parse_checksummed(text, None).map_err(|_| AddressError::Checksum)?
    } else {
        text.parse().map_err(|_| AddressError::Shape)?
    };
    if address.is_zero() { Err(AddressError::Zero) } else { Ok(address) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_and_checked_addresses_pass() {
        let good = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        assert!(parse_address(good).is_ok());
        assert_eq!(parse_address(&good.to_lowercase()), parse_address(good));
        assert_eq!(parse_address("0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266"), Err(AddressError::Checksum));
        assert_eq!(parse_address(&good[2..]), Err(AddressError::Shape));
        assert_eq!(parse_address(&good[..41]), Err(AddressError::Shape));
        assert_eq!(parse_address("0xzz9Fd6e51aad88F6F4ce6aB8827279cffFb92266"), Err(AddressError::Shape));
        assert_eq!(parse_address(&format!("0x{}", "0".repeat(40))), Err(AddressError::Zero));
    }
}

//! Random text that nobody can guess.

use std::fmt::Write as _;

/// 128 random bits as 32 digits, for a cookie.
///
/// # Errors
/// When the operating system has no random numbers.
pub fn token() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    let mut text = String::with_capacity(32);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// 50 random bits as ten letters and digits that are not easily taken for each other, for people to type.
///
/// # Errors
/// When the operating system has no random numbers.
pub fn code() -> Result<String, getrandom::Error> {
    const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let mut bytes = [0_u8; 10];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_token_has_128_bits_and_a_code_ten_letters() {
        let token = super::token().unwrap();
        assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(token, super::token().unwrap());
        let code = super::code().unwrap();
        assert!(code.len() == 10 && !code.contains(['0', 'O', '1', 'I']));
    }
}

//! What people type, checked.

use crate::limits;
use thiserror::Error;

/// What is wrong with what somebody typed, in words for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("please write something")]
    Empty,
    /// A name that is too long.
    #[error("a name has at most {} characters", limits::NAME)]
    NameTooLong,
    /// A message that is too long.
    #[error("a message has at most {} characters", limits::TEXT)]
    MessageTooLong,
    /// Control characters, which would not be seen.
    #[error("there are characters in it that cannot be shown")]
    Control,
}

/// A person's or a room's name: one line, white space tidied.
///
/// # Errors
/// When it is empty, too long or holds control characters.
pub fn name(typed: &str) -> Result<String, TextError> {
    // Bounded before it is looked at closely.
    if typed.len() > 8 * limits::NAME {
        return Err(TextError::NameTooLong);
    }
    let name = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    match name.chars().count() {
        0 => Err(TextError::Empty),
        n if n > limits::NAME => Err(TextError::NameTooLong),
        _ if name.contains(hidden) => Err(TextError::Control),
        _ => Ok(name),
    }
}

/// A message: lines of text, without white space around.
///
/// # Errors
/// When it is empty, too long or holds control characters.
pub fn message(typed: &str) -> Result<String, TextError> {
    let text = typed.trim();
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    if text.chars().count() > limits::TEXT {
        return Err(TextError::MessageTooLong);
    }
    let control = |c: char| c.is_control() && c != '\n' && c != '\t' && c != '\r';
    if text.contains(control) { Err(TextError::Control) } else { Ok(text.replace("\r\n", "\n")) }
}

/// Characters that reorder or hide what is around them let a name pass for another.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_tidied_and_bounded() {
        assert_eq!(name("  Ann \n B. "), Ok("Ann B.".to_owned()));
        assert_eq!(name(" \t"), Err(TextError::Empty));
        assert_eq!(name(&"é".repeat(40)), Ok("é".repeat(40)));
        assert_eq!(name(&"é".repeat(41)), Err(TextError::NameTooLong));
        assert_eq!(name("Ann\u{202E}"), Err(TextError::Control));
    }

    #[test]
    fn a_message_keeps_its_lines() {
        assert_eq!(message(" a\r\nb\n"), Ok("a\nb".to_owned()));
        assert_eq!(message("\n"), Err(TextError::Empty));
        assert_eq!(message(&"x".repeat(2001)), Err(TextError::MessageTooLong));
        assert_eq!(message("a\u{7}b"), Err(TextError::Control));
    }
}

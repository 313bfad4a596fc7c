//! Everything without brackets and quotes: numbers, names, characters.

use crate::codec::unicode::radix;
use crate::value::token::Token;
use std::borrow::Cow;

type What = &'static str;

/// The run of bytes up to whitespace or a bracket, quote or comment. The first byte belongs to it whatever it is.
pub(super) fn extent(text: &str) -> &str {
    let first = text.chars().next().map_or(0, char::len_utf8);
    let end = text.as_bytes()[first..].iter().position(|&byte| ends_atom(byte));
    &text[..end.map_or(text.len(), |end| first + end)]
}

fn ends_atom(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b'\t'..=b'\r' | 0x1c..=0x1f)
        || matches!(byte, b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'"' | b';' | b'\\' | b'^' | b'@' | b'`' | b'~')
}

/// A number or a name.
pub(super) fn read(text: &str) -> Result<Token<'_>, What> {
    match text.as_bytes() {
        [b'0'..=b'9', ..] | [b'+' | b'-', b'0'..=b'9', ..] => number(text),
        [b':', ..] => {
            let name = &text[1..];
            if is_keyword(name) { Ok(Token::Keyword(Cow::Borrowed(name))) } else { Err("not a keyword") }
        }
        b"nil" => Ok(Token::Nil),
        b"true" => Ok(Token::Boolean(true)),
        b"false" => Ok(Token::Boolean(false)),
        _ if is_symbol(text) => Ok(Token::Symbol(Cow::Borrowed(text))),
        _ => Err("neither a number nor a name"),
    }
}

fn number(text: &str) -> Result<Token<'_>, What> {
    const NOT: What = "not a number";
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let magnitude = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = digits(magnitude);
    if whole.is_empty() {
        return Err(NOT);
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err("a number with a leading zero");
    }
    match &magnitude.as_bytes()[whole.len()..] {
        [] => Ok(unsigned.parse().map_or(Token::BigInteger(unsigned), Token::Integer)),
        [b'N'] => Ok(Token::BigInteger(&unsigned[..unsigned.len() - 1])),
        [b'/', ..] if is_denominator(&magnitude[whole.len() + 1..]) => Ok(Token::Ratio(unsigned)),
        rest => match after_fraction(rest) {
            [] => unsigned.parse().map(Token::Float).map_err(|_| NOT),
            [b'M'] => Ok(Token::Decimal(&unsigned[..unsigned.len() - 1])),
            _ => Err(NOT),
        },
    }
}

fn digits(text: &str) -> &str {
    &text[..text.bytes().take_while(u8::is_ascii_digit).count()]
}

fn is_denominator(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('0') && digits(text).len() == text.len()
}

/// What follows `.5`, `e10` and `.5e10`, each of them optional.
fn after_fraction(mut rest: &[u8]) -> &[u8] {
    let skip = |rest: &mut &[u8]| {
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *rest = &rest[length..];
        length
    };
    if let [b'.', after @ ..] = rest {
        rest = after;
        skip(&mut rest);
    }
    if let [b'e' | b'E', b'+' | b'-', after @ ..] | [b'e' | b'E', after @ ..] = rest {
        let mut exponent = after;
        if skip(&mut exponent) > 0 {
            rest = exponent;
        }
    }
    rest
}

/// Whether `text` is an integer of any size as `1N` has it, without the `N`.
pub(super) fn is_integer(text: &str) -> bool {
    matches!(number(text), Ok(Token::Integer(_) | Token::BigInteger(_))) && !text.ends_with('N')
}

/// Whether `text` is a decimal, without the `M`.
pub(super) fn is_decimal(text: &str) -> bool {
    let signless = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(number(text), Ok(Token::Float(_) | Token::Integer(_) | Token::BigInteger(_)))
        && signless.starts_with(|first: char| first.is_ascii_digit())
        && !text.ends_with('N')
}

/// Whether `text` is a ratio.
pub(super) fn is_ratio(text: &str) -> bool {
    matches!(number(text), Ok(Token::Ratio(_)))
}

/// Whether `name` is one after a colon. Unlike symbols, keywords may begin with a digit, as Clojure allows.
pub(super) fn is_keyword(name: &str) -> bool {
    name != "/" && !name.starts_with(':') && is_name(name)
}

/// Whether `name` is a symbol and nothing else.
pub(super) fn is_symbol(name: &str) -> bool {
    let begins_otherwise =
        matches!(name.as_bytes(), [b'0'..=b'9' | b':' | b'#', ..] | [b'+' | b'-' | b'.', b'0'..=b'9', ..]);
    !begins_otherwise && !matches!(name, "nil" | "true" | "false") && is_name(name)
}

/// Whether `name` can follow `#`.
pub(super) fn is_tag(name: &str) -> bool {
    name.starts_with(char::is_alphabetic) && is_symbol(name)
}

/// Whether `name` can follow `#:`.
pub(super) fn is_namespace(name: &str) -> bool {
    !name.contains('/') && is_symbol(name)
}

/// `name` or `namespace/name`, where only the name may hold further slashes, as in Clojure.
fn is_name(name: &str) -> bool {
    if name.is_empty() || name.ends_with(':') || !name.chars().all(is_constituent) {
        return false;
    }
    match name.split_once('/') {
        None => true,
        Some(("", rest)) => rest.is_empty(),
        Some((namespace, "/")) => !namespace.is_empty(),
        Some((_, local)) => !local.is_empty() && !local.starts_with('/') && !local.ends_with('/'),
    }
}

fn is_constituent(character: char) -> bool {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        '.' | '*' | '+' | '!' | '-' | '_' | '?' | '$' | '%' | '&' | '=' | '<' | '>' | ':' | '#' | '/' | '\'' | '|' => {
            true
        }
        other => !other.is_ascii() && !other.is_whitespace() && !other.is_control(),
    }
}

/// Characters with names.
pub(super) const NAMED: [(&str, char); 6] =
    [("newline", '\n'), ("return", '\r'), ("space", ' '), ("tab", '\t'), ("formfeed", '\u{c}'), ("backspace", '\u{8}')];

/// A character at the start of `text`, and how many bytes it takes.
pub(super) fn character(text: &str) -> Result<(char, usize), What> {
    const NOT: What = "not a character";
    let name = extent(&text[1..]);
    let length = 1 + name.len();
    let mut characters = name.chars();
    let first = characters.next().ok_or(NOT)?;
    if characters.as_str().is_empty() {
        return if first.is_ascii_whitespace() { Err(NOT) } else { Ok((first, length)) };
    }
    if let Some((_, character)) = NAMED.iter().find(|(known, _)| *known == name) {
        return Ok((*character, length));
    }
    let digits = characters.as_str();
    let code = match first {
        'u' if digits.len() == 4 => radix(digits, 16),
        'o' if digits.len() <= 3 => radix(digits, 8).filter(|code| *code <= 0o377),
        _ => None,
    };
    Ok((code.and_then(char::from_u32).ok_or(NOT)?, length))
}

//! Codes by which somebody who is logged in lets another device of theirs in.

use crate::secret;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a code can be used.
pub const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// Codes that can be open at a time: one a person, and this many in all.
const MOST: usize = 10_000;

/// The codes that are open. They live in memory only: a restart asks for a new one.
#[derive(Default)]
pub struct Codes(Mutex<HashMap<String, Code>>);

struct Code {
    person: i64,
    until: Instant,
}

impl Codes {
    /// A new code for this person, in place of an earlier one. `None` when too many are open, or when the operating
    /// system has no random numbers.
    pub fn issue(&self, person: i64, now: Instant) -> Option<String> {
        let text = secret::code().ok()?;
        let mut codes = self.0.lock();
        codes.retain(|_, code| code.until > now && code.person != person);
        if codes.len() >= MOST {
            return None;
        }
        codes.insert(text.clone(), Code { person, until: now + LIFETIME });
        Some(text)
    }

    /// Uses a code up. People may type it in small letters, with spaces and hyphens.
    pub fn redeem(&self, typed: &str, now: Instant) -> Option<i64> {
        let text: String = typed.chars().filter(|c| c.is_ascii_alphanumeric()).take(16).collect();
        let code = self.0.lock().remove(&text.to_ascii_uppercase())?;
        (code.until > now).then_some(code.person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_lets_one_device_in() {
        let (codes, now) = (Codes::default(), Instant::now());
        let code = codes.issue(7, now).unwrap();
        let typed = format!("{}-{} ", &code[..5], code[5..].to_lowercase());
        assert_eq!(codes.redeem(&typed, now), Some(7));
        assert_eq!(codes.redeem(&typed, now), None);
    }

    #[test]
    fn a_code_ends_with_its_time_and_with_the_next_one() {
        let (codes, now) = (Codes::default(), Instant::now());
        let late = codes.issue(7, now).unwrap();
        assert_eq!(codes.redeem(&late, now + LIFETIME), None);
        let first = codes.issue(7, now).unwrap();
        let second = codes.issue(7, now).unwrap();
        assert_eq!(codes.redeem(&first, now), None);
        assert_eq!(codes.redeem(&second, now), Some(7));
    }
}

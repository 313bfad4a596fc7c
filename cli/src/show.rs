//! Values and lines for eyes and machines.

use serde_json::value::RawValue;
use std::io::Write;
use tsugi_client::codec::{edn, json};
use tsugi_client::{Event, Value};

/// How values are written for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tongue {
    Edn,
    Json,
}

impl Tongue {
    /// A value on one line.
    pub(crate) fn value(self, value: &Value) -> String {
        let text = match self {
            // What JSON has no word for is better in EDN than not at all.
            Self::Json => json::write(value).or_else(|_| edn::write(value)),
            Self::Edn => edn::write(value),
        };
        harmless(&text.unwrap_or_else(|error| error.to_string()))
    }

    /// An event as one would type it.
    pub(crate) fn event(self, event: &Event) -> String {
        let id = match self {
            Self::Edn => Value::keyword(event.id.as_str()),
            Self::Json => Value::string(event.id.as_str()),
        };
        self.value(&Value::Vector(std::iter::once(id).chain(event.data.clone()).collect()))
    }
}

/// A value inside of a line of JSON. What JSON has no word for is EDN in a string.
pub(crate) fn raw(value: &Value) -> Option<Box<RawValue>> {
    let text = json::write(value).ok();
    let edn = || edn::write(value).ok().and_then(|text| serde_json::to_string(&text).ok());
    RawValue::from_string(text.or_else(edn)?).ok()
}

/// What others say must not drive the terminal: control characters are written as EDN and JSON escape them.
pub(crate) fn harmless(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => safe.push(' '),
            _ if character.is_control() => safe.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => safe.push(character),
        }
    }
    safe
}

/// A line to standard output, at once.
pub(crate) fn out(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::{Tongue, harmless, raw};
    use tsugi_client::codec::edn;
    use tsugi_client::{Event, Value};

    #[test]
    fn events_are_written_as_one_types_them() {
        let event = Event { data: edn::read("{:a [1 nil]}").ok(), ..Event::bare("x/y").unwrap() };
        assert_eq!(Tongue::Edn.event(&event), "[:x/y {:a [1 nil]}]");
        assert_eq!(Tongue::Json.event(&event), r#"["x/y",{"a":[1,null]}]"#);
        assert_eq!(Tongue::Edn.event(&Event::bare("x/y").unwrap()), "[:x/y]");
    }

    #[test]
    fn what_a_server_says_does_not_drive_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\n\u{9b}c"), "a\\u001b[2Jb\\u000d\\u000a\\u009bc");
        assert!(!Tongue::Edn.value(&Value::string("\u{1b}]0;x\u{7}")).contains(char::is_control));
    }

    #[test]
    fn a_value_that_json_has_no_word_for_is_edn_in_a_string() {
        assert_eq!(raw(&Value::Float(f64::NAN)).unwrap().get(), "\"##NaN\"");
        assert_eq!(raw(&edn::read("{:a 1}").unwrap()).unwrap().get(), r#"{"a":1}"#);
    }
}

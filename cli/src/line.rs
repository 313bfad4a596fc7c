//! What a line means: an event, and whether its reply is wanted.

use serde::de::IgnoredAny;
use thiserror::Error;
use tsugi_client::codec::{edn, json};
use tsugi_client::{Event, EventId, Value};

/// Whether a reply is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    Reply,
    Nothing,
}

/// One line, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) event: Event,
    pub(crate) wants: Wants,
}

/// A line that is no event.
#[derive(Debug, Error)]
#[error("not an event: {0}; write it like  chat/say {{:text \"hi\"}}  or  [\"chat/say\", {{\"text\": \"hi\"}}]")]
pub(crate) struct NotAnEvent(String);

/// Reads a line; `None` for an empty one, or a comment, which begins with `;`.
///
/// `[:chat/say {:text "hi"}]`, `["chat/say", {"text": "hi"}]`, `chat/say {:text "hi"}`, each behind a `!` if no reply is wanted.
pub(crate) fn read(line: &str) -> Result<Option<Said>, NotAnEvent> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(';') {
        return Ok(None);
    }
    let (wants, text) = match line.strip_prefix('!') {
        Some(rest) => (Wants::Nothing, rest.trim_start()),
        None => (Wants::Reply, line),
    };
    let (id, data) = if text.starts_with('[') { vector(text)? } else { words(text)? };
    let id = EventId::new(id.strip_prefix(':').unwrap_or(&id)).map_err(|error| NotAnEvent(error.to_string()))?;
    Ok(Some(Said { event: Event { id, data }, wants }))
}

fn vector(text: &str) -> Result<(String, Option<Value>), NotAnEvent> {
    let value = value(text)?;
    let elements = value.as_elements().unwrap_or_default();
    let (id, data) = match elements {
        [id] => (id, None),
        [id, data] => (id, Some(data.clone())),
        _ => return Err(NotAnEvent(format!("{} elements instead of an id and perhaps data", elements.len()))),
    };
    let id = id.as_text().ok_or_else(|| NotAnEvent("its id is neither a keyword nor text".to_owned()))?;
    Ok((id.to_owned(), data))
}

fn words(text: &str) -> Result<(String, Option<Value>), NotAnEvent> {
    let (id, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let data = if rest.trim().is_empty() { None } else { Some(value(rest.trim())?) };
    Ok((id.to_owned(), data))
}

/// JSON if it reads as JSON, else EDN: nothing that is both means two things but `null`, which is better nil than a symbol.
fn value(text: &str) -> Result<Value, NotAnEvent> {
    // The readers leave alone what comes behind a value; here nothing may.
    let as_json = match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => return json::read(text).map_err(|error| NotAnEvent(error.to_string())),
        Err(error) => error,
    };
    let as_edn = match (edn::read(&format!("[{text}\n]")), edn::read(&format!("({text}\n)"))) {
        (Ok(Value::Vector(mut values)), Ok(_)) if values.len() == 1 => return Ok(values.remove(0)),
        (Ok(_), Ok(_)) => "one value is wanted".to_owned(),
        (Err(error), _) | (_, Err(error)) => error.to_string(),
    };
    let looks_like_json = text.starts_with("[\"") || text.starts_with("{\"");
    Err(NotAnEvent(if looks_like_json { as_json.to_string() } else { as_edn }))
}

#[cfg(test)]
mod tests {
    use super::{Said, Wants, read};
    use tsugi_client::{Event, Value};

    fn said(line: &str) -> Said {
        read(line).unwrap().unwrap()
    }

    #[test]
    fn an_event_is_written_in_edn_in_json_or_in_words() {
        let with = |key: Value| Event {
            data: Some(Value::Map(vec![(key, Value::string("hi"))])),
            ..Event::bare("chat/say").unwrap()
        };
        for line in ["[:chat/say {:text \"hi\"}]", "chat/say {:text \"hi\"}", " :chat/say  {:text \"hi\"} "] {
            assert_eq!(said(line), Said { event: with(Value::keyword("text")), wants: Wants::Reply }, "{line}");
        }
        for line in
            ["[\"chat/say\", {\"text\": \"hi\"}]", "chat/say {\"text\": \"hi\"}", "[\":chat/say\",{\"text\":\"hi\"}]"]
        {
            assert_eq!(said(line), Said { event: with(Value::string("text")), wants: Wants::Reply }, "{line}");
        }
        for line in ["chat/enter", "[:chat/enter]", "[\"chat/enter\"]"] {
            assert_eq!(said(line).event, Event::bare("chat/enter").unwrap(), "{line}");
        }
        assert_eq!(said("a/b null").event.data, Some(Value::Nil));
        assert_eq!(
            said("a/b {\"n\":1}").event,
            Event { data: Some(Value::Map(vec![("n".into(), 1.into())])), ..Event::bare("a/b").unwrap() }
        );
    }

    #[test]
    fn an_exclamation_mark_wants_no_reply_and_comments_are_nothing() {
        for line in ["!a/b 1", "! [:a/b 1]", "![\"a/b\", 1]"] {
            assert_eq!(said(line), Said { event: Event::new("a/b", &1).unwrap(), wants: Wants::Nothing }, "{line}");
        }
        for nothing in ["", "   ", "; a/b 1"] {
            assert_eq!(read(nothing).unwrap(), None, "{nothing:?}");
        }
    }

    #[test]
    fn what_is_no_event_is_said_in_words() {
        for wrong in [
            "hello",
            "[1 2]",
            "[]",
            "[:a/b 1 2]",
            "[:a/b",
            "a/b {:x",
            "a/b 1 2",
            "/quit",
            "!",
            "a/b 1]",
            "a/b 1)",
            "a/b 1}",
            "[:a/b] [:a/b]",
            "[\"a/b\", {\"x\": }]",
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.starts_with("not an event: ") && error.contains("chat/say"), "{wrong}: {error}");
        }
    }
}

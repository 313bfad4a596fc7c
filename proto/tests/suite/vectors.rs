//! The vectors that TypeScript runs too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use tsugi_proto::codec::{self, Codec, Edn, edn, json, msgpack, transit};
use tsugi_proto::{Encoded, Message, Received, Value};

fn lines(text: &str) -> Vec<Json> {
    serde_json::from_str(text).unwrap()
}

fn text<'j>(line: &'j Json, key: &str) -> Option<&'j str> {
    line.get(key).and_then(Json::as_str)
}

/// A value as the vectors write it.
fn value(json: &Json) -> Value {
    let Json::Object(object) = json else {
        return match json {
            Json::Bool(value) => Value::Boolean(*value),
            Json::String(text) => Value::string(text),
            Json::Null => Value::Nil,
            other => panic!("{other} is no value"),
        };
    };
    let (kind, inner) = object.iter().next().unwrap();
    let text = || inner.as_str().unwrap();
    let all = || inner.as_array().unwrap().iter().map(value).collect::<Vec<_>>();
    match kind.as_str() {
        "int" => Value::Integer(text().parse().unwrap()),
        "big" => Value::BigInteger(text().into()),
        "float" => Value::Float(text().parse().unwrap()),
        "decimal" => Value::Decimal(text().into()),
        "ratio" => Value::Ratio(text().into()),
        "char" => Value::Character(text().chars().next().unwrap()),
        "keyword" => Value::keyword(text()),
        "symbol" => Value::Symbol(text().into()),
        "vector" => Value::Vector(all()),
        "list" => Value::List(all()),
        "set" => Value::Set(all()),
        "map" => Value::Map(inner.as_array().unwrap().iter().map(|e| (value(&e[0]), value(&e[1]))).collect()),
        "inst" => Value::Instant(inner.as_i64().unwrap()),
        "uuid" => edn::read(&format!("#uuid \"{}\"", text())).unwrap(),
        "bytes" => Value::Bytes(STANDARD.decode(text()).unwrap().into()),
        "tagged" => Value::Tagged(inner[0].as_str().unwrap().into(), Box::new(value(&inner[1]))),
        other => panic!("unknown kind {other}"),
    }
}

#[test]
fn edn_reads_and_writes_every_vector() {
    for line in lines(include_str!("../../../vectors/edn.json")) {
        let input = text(&line, "text").unwrap();
        let read = edn::read(input);
        let borrowed = edn::from_str::<Value>(input);
        if line.get("error").is_some() {
            assert!(read.is_err() && borrowed.is_err(), "{input} read as {read:?}");
            continue;
        }
        let expected = value(&line["value"]);
        assert_eq!(read.as_ref(), Ok(&expected), "{input}");
        assert_eq!(borrowed.as_ref(), Ok(&expected), "{input}");
        let written = text(&line, "written").unwrap();
        assert_eq!(edn::write(&expected).as_deref(), Ok(written), "{input}");
        assert_eq!(edn::read(written), Ok(expected), "{written}");
    }
}

#[test]
fn json_reads_and_writes_every_vector() {
    for line in lines(include_str!("../../../vectors/json.json")) {
        if line.get("unwritable").is_some() {
            let value = value(&line["value"]);
            assert!(json::write(&value).is_err(), "{value:?}");
            continue;
        }
        let input = text(&line, "text").unwrap();
        if line.get("error").is_some() {
            assert!(json::read(input).is_err(), "{input}");
            continue;
        }
        let expected = value(&line["value"]);
        assert_eq!(json::write(&expected).as_deref(), Ok(input));
        assert_eq!(json::read(input), Ok(line.get("reads").map_or(expected, value)), "{input}");
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

#[test]
fn msgpack_reads_and_writes_every_vector() {
    for line in lines(include_str!("../../../vectors/msgpack.json")) {
        let value = line.get("value").map(value);
        if line.get("unwritable").is_some() {
            assert!(msgpack::write(value.as_ref().unwrap()).is_err(), "{value:?}");
            continue;
        }
        let input = hex(text(&line, "hex").unwrap());
        let read = msgpack::read(&input);
        let borrowed = msgpack::from_slice::<Value>(&input);
        if line.get("error").is_some() {
            assert!(read.is_err() && borrowed.is_err(), "{line} read as {read:?}");
            continue;
        }
        if let Some(value) = &value {
            assert_eq!(msgpack::write(value).as_ref(), Ok(&input), "{line}");
        }
        let expected = line.get("reads").map(self::value).or(value).unwrap();
        assert_eq!(read.as_ref(), Ok(&expected), "{line}");
        assert_eq!(borrowed.as_ref(), Ok(&expected), "{line}");
    }
}

#[test]
fn transit_reads_and_writes_every_vector() {
    for line in lines(include_str!("../../../vectors/transit.json")) {
        let value = line.get("value").map(value);
        for (key, style) in [("json", transit::Style::Json), ("verbose", transit::Style::Verbose)] {
            if line.get("unwritable").is_some() {
                assert!(transit::write(value.as_ref().unwrap(), style).is_err(), "{value:?}");
                continue;
            }
            let Some(input) = text(&line, key) else { continue };
            let read = transit::read(input);
            let borrowed = transit::from_str::<Value>(input);
            if line.get("error").is_some() {
                assert!(read.is_err() && borrowed.is_err(), "{line} read as {read:?}");
                continue;
            }
            if let Some(value) = &value {
                assert_eq!(transit::write(value, style).as_deref(), Ok(input), "{line}");
            }
            let expected = line.get("reads").map(self::value).or_else(|| value.clone()).unwrap();
            assert_eq!(read.as_ref(), Ok(&expected), "{line}");
            assert_eq!(borrowed.as_ref(), Ok(&expected), "{line}");
        }
    }
}

#[test]
fn both_codecs_read_every_packet() {
    let codecs: [&dyn Codec; 2] = [&Edn::new(), &codec::Json::new()];
    for line in lines(include_str!("../../../vectors/packets.json")) {
        for codec in codecs {
            let Some(input) = text(&line, codec.name()) else { continue };
            let read = codec.decode_event(Message::text(input));
            if line.get("error").is_some() {
                assert!(read.is_err(), "{input} read as {read:?}");
                continue;
            }
            let slot = value(&line["slot"]);
            match read.unwrap_or_else(|error| panic!("{input}: {error}")) {
                Received::BadEvent { slot: got, .. } => {
                    assert!(line.get("bad").is_some(), "{input}");
                    assert_eq!(got, slot, "{input}");
                }
                Received::Event { id, data, slot: got } => {
                    assert_eq!((Some(id.as_str()), got), (text(&line, "event"), slot.clone()), "{input}");
                    let expected = line["data"].get(codec.name()).and_then(Json::as_str);
                    assert_eq!(data.as_ref().and_then(Encoded::as_str), expected, "{input}");
                }
            }
            if line.get("canonical").is_some() {
                let packet = codec.decode(&Message::text(input)).unwrap();
                assert_eq!(codec.encode(&packet.payload, &packet.slot), Ok(Message::text(input)));
            }
        }
    }
}

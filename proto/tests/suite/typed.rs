//! Handlers' own types, written as values and read from values, EDN and JSON.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use tsugi_proto::codec::{Codec, Edn, Json, deserialize, edn, json};
use tsugi_proto::value::{from_value, to_value};
use tsugi_proto::{Message, Received, Value};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    user_name: String,
    text: Option<String>,
    kind: Kind,
    tags: Vec<Kind>,
    at: (i64, f64),
    #[serde(default)]
    likes: HashMap<String, u32>,
    big: u64,
    letter: char,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    PlainText,
    Image(String),
    Pair(u8, u8),
    Poll { question: String },
}

fn line() -> Line {
    Line {
        user_name: "ann".into(),
        text: None,
        kind: Kind::PlainText,
        tags: vec![Kind::Image("x.png".into()), Kind::Pair(1, 2), Kind::Poll { question: "?".into() }],
        at: (-5, 1.5),
        likes: HashMap::from([("bob".into(), 3)]),
        big: u64::MAX,
        letter: 'é',
    }
}

const EDN: &str = "{:user_name \"ann\", :text nil, :kind :plain-text, :tags [{:image \"x.png\"} {:pair [1 2]} \
                   {:poll {:question \"?\"}}], :at [-5 1.5], :likes {\"bob\" 3}, :big 18446744073709551615N, :letter \\é}";

#[test]
fn fields_and_variants_are_keywords_and_string_keys_stay_strings() {
    let value = to_value(&line()).unwrap();
    assert_eq!(edn::write(&value).unwrap(), EDN);
    assert_eq!(from_value::<Line>(value), Ok(line()));
    assert_eq!(edn::from_str::<Line>(EDN), Ok(line()));
}

#[test]
fn keys_and_variants_may_be_strings_or_symbols_and_sequences_of_any_kind() {
    let text = "#chat/line {\"user_name\" \"ann\" kind plain-text :tags ({\"image\" \"x.png\"} {:pair (1 2)} {poll {question \"?\"}}) \
                :at [-5 1.5] :likes {:bob 3} :big 18446744073709551615 :letter \"é\" :unknown #{[#foo {}]}}";
    assert_eq!(edn::from_str::<Line>(text), Ok(line()));
}

#[test]
fn json_reads_into_the_same_type() {
    let value = to_value(&line()).unwrap();
    let text = json::write(&value).unwrap();
    assert!(text.contains(r#""big":"18446744073709551615""#), "{text}");
    let message = Message::text(format!("[[\"a/b\",{text}],null]"));
    let Received::Event { data, .. } = Json::new().decode_event(message).unwrap() else { panic!() };
    assert_eq!(deserialize::<Line>(&Json::new(), data.as_ref()), Ok(line()));
}

#[test]
fn what_does_not_fit_says_why() {
    for (text, part) in [
        ("{:user_name 5}", "invalid type: integer `5`, expected a string"),
        ("[1 2 3]", "invalid type"),
        ("{:kind :unheard-of}", "unknown variant"),
        ("{}", "missing field `user_name`"),
    ] {
        let error = edn::from_str::<Line>(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    assert!(edn::from_str::<(u8, u8)>("[1 2 3]").is_err());
    assert!(edn::from_str::<u8>("256").is_err());
    assert!(edn::from_str::<Kind>("{:image \"a\" :pair [1 2]}").is_err());
}

#[test]
fn numbers_widen_but_never_lose() {
    assert_eq!(edn::from_str::<f64>("3"), Ok(3.0));
    assert_eq!(edn::from_str::<f64>("1/4"), Ok(0.25));
    assert_eq!(edn::from_str::<f64>("0.25M"), Ok(0.25));
    assert_eq!(edn::from_str::<i128>("170141183460469231731687303715884105727"), Ok(i128::MAX));
    assert_eq!(edn::from_str::<u128>("340282366920938463463374607431768211455N"), Ok(u128::MAX));
    assert_eq!(edn::from_str::<i64>("#inst \"1970-01-01T00:00:01Z\""), Ok(1000));
    assert!(edn::from_str::<i64>("1.0").is_err());
    assert!(edn::from_str::<i64>("\"1\"").is_err(), "only JSON needs numbers in text");
}

#[test]
fn a_string_without_escapes_is_borrowed() {
    let text = "[\"plain\" :keyword]";
    let read: Vec<&str> = edn::from_str(text).unwrap();
    assert_eq!(read, ["plain", "keyword"]);
    assert!(text.as_bytes().as_ptr_range().contains(&read[0].as_ptr()));
}

#[test]
fn a_value_inside_a_type_loses_nothing() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        value: Value,
        map: BTreeMap<String, Value>,
    }
    let text = "{:value [:k s (1) #{2} #inst \"2020-01-01T00:00:00.000-00:00\" #uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\" \
                1N 1.5M 22/7 \\a nil #foo {[1] :x} #bytes \"AAE=\" ##NaN], :map {\"x\" :y}}";
    let holder: Holder = edn::from_str(text).unwrap();
    let value = to_value(&holder).unwrap();
    assert_eq!(edn::write(&value).unwrap(), text);
    assert_eq!(from_value::<Holder>(value), Ok(holder));
    assert_eq!(
        deserialize::<Value>(&Edn::new(), Some(&Message::text("[:k #{1}]").into())),
        Ok(edn::read("[:k #{1}]").unwrap())
    );
}

#[test]
fn absent_data_reads_as_nil() {
    assert_eq!(deserialize::<Option<u8>>(&Edn::new(), None), Ok(None));
    assert_eq!(deserialize::<()>(&Json::new(), None), Ok(()));
    assert!(deserialize::<String>(&Edn::new(), None).is_err());
}

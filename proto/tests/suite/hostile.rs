//! Input that nobody should send: cut off, changed, or made up.

use proptest::prelude::*;
use std::sync::Arc;
use tsugi_proto::codec::edn;
use tsugi_proto::value::{from_value, to_value};
use tsugi_proto::{Value, fuzzing};

const CORPUS: &[&str] = &[
    "[[:chat/said {:text \"a\\\"\\u00e9\\uD83D\\uDE00\", :at #inst \"2020-01-02T03:04:05.678Z\"}] \"3f1b2c\"]",
    "#:a{:b 1 :_/c [1.5e-7 22/7 1N 2.5M ##NaN \\newline \\u00e9 \\o101] #{x y/z} (nil true false)}",
    "[#_ #_ 1 2 ^{:m 1} #foo/bar #uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\" ; end\n #bytes \"AAH/\" é😀]",
    "[{:id 7 :text \"a\" :kind {:pair [1 -2]} :likes (1 20) :at [-5 1.25] :done true :data #{1.5 nil}} {\"id\" 8}]",
    "[{\"id\":7, \"text\":null,\"kind\":{\"pair\":[1,-2]},\"likes\":[1,\"20\"],\"at\":[-5,1.25],\"done\":true}, {\"data\":{}}]",
    "+[[:chat/said {:text \"a\"}] 0]",
    "-[:chat/said #{1 2}]",
    "[[\"chat/said\",{\"text\":\"a\\\"\\u00e9\\uD83D\\uDE00\",\"n\":[-1.5e-7,9007199254740993,null,true,false]}],\"3f\"]",
];

fn all(data: &[u8]) {
    fuzzing::edn(data);
    fuzzing::json(data);
    fuzzing::packet(data);
}

#[test]
fn a_text_cut_or_changed_at_any_byte_never_panics() {
    for text in CORPUS {
        for at in 0..text.len() {
            all(&text.as_bytes()[..at]);
            all(&text.as_bytes()[at..]);
            for byte in b"\"\\[](){}#:;^_/,-+.0eNM \0\x7f\xff" {
                let mut changed = text.as_bytes().to_vec();
                changed[at] = *byte;
                all(&changed);
                changed.insert(at, *byte);
                all(&changed);
            }
        }
    }
}

#[test]
fn what_a_number_claims_costs_nothing() {
    for text in ["1e999999999M", "1e-999999999M", "[1e999999999M 1E99999999999999999999M]"] {
        let value = edn::read(text).unwrap();
        assert_eq!(edn::write(&value).unwrap(), text);
    }
}

#[test]
fn large_maps_and_sets_take_no_quadratic_time() {
    let keys: String = (0..100_000).map(|n| format!("{n} :k{n} ")).collect();
    assert!(edn::from_str::<Value>(&format!("{{{keys}}}")).is_ok());
    assert!(edn::read(&format!("#{{{keys} 5}}")).is_err());
}

#[test]
fn what_is_no_name_or_number_is_not_written_as_one() {
    let text = |text: &str| Arc::<str>::from(text);
    let forged = ["", "a b", "a]", "a\"", "1", ":a", "a;", "a,b", "\u{a0}x", "nil"];
    for name in forged {
        assert!(edn::write(&Value::Symbol(text(name))).is_err(), "{name}");
    }
    for name in ["", "a b", "a]", ":a", "a;b", "a,b", "a/", "a\n"] {
        assert!(edn::write(&Value::keyword(name)).is_err(), "{name}");
        assert!(edn::write(&Value::Tagged(text(name), Box::new(Value::Nil))).is_err(), "{name}");
    }
    for digits in ["", "x", "1 2", "1N", "1.5N", "01", "1/0", "--1", "+-1", "-"] {
        assert!(edn::write(&Value::BigInteger(text(digits))).is_err(), "{digits}");
        assert!(edn::write(&Value::Decimal(text(digits))).is_err(), "{digits}");
        assert!(edn::write(&Value::Ratio(text(digits))).is_err(), "{digits}");
    }
    assert!(edn::write(&Value::Tagged(text("inst"), Box::new(Value::Nil))).is_err());
    assert!(edn::write(&Value::Instant(i64::MAX)).is_err());
}

fn name() -> impl Strategy<Value = Arc<str>> {
    "[a-zé*!_?$%&=<>][a-z0-9é.*+!_?$%&=<>'#-]{0,6}(/[a-zé][a-z0-9é.*+!-]{0,4})?"
        .prop_filter("a literal", |name| !matches!(name.as_str(), "nil" | "true" | "false"))
        .prop_map(Arc::from)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Float),
        any::<char>().prop_map(Value::Character),
        any::<String>().prop_map(|text| Value::String(text.into())),
        name().prop_map(Value::Keyword),
        name().prop_map(Value::Symbol),
        "-?[1-9][0-9]{0,30}".prop_map(|digits| Value::BigInteger(digits.into())),
        "-?[1-9][0-9]{0,9}(\\.[0-9]{1,9})?(e-?[0-9]{1,3})?".prop_map(|digits| Value::Decimal(digits.into())),
        "-?[1-9][0-9]{0,9}/[1-9][0-9]{0,9}".prop_map(|digits| Value::Ratio(digits.into())),
        (-62_167_219_200_000..=253_402_300_799_999_i64).prop_map(Value::Instant),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Value::Bytes(bytes.into())),
    ]
}

/// Everything that EDN can say.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        let many = proptest::collection::vec(inner.clone(), 0..6).boxed();
        let pairs = proptest::collection::vec((inner.clone(), inner.clone()), 0..6).boxed();
        prop_oneof![
            many.clone().prop_map(Value::Vector),
            many.clone().prop_map(Value::List),
            many.prop_map(|elements| Value::Set(unique(elements, |element: &Value| element))),
            pairs.prop_map(|entries| Value::Map(unique(entries, |(key, _): &(Value, Value)| key))),
            ("[a-z]{1,5}/[a-z]{1,5}", inner).prop_map(|(tag, value)| Value::Tagged(tag.into(), Box::new(value))),
        ]
    })
}

/// The first of each that are equal.
pub(crate) fn unique<T>(items: Vec<T>, key: impl Fn(&T) -> &Value) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for item in items {
        if kept.iter().all(|other| key(other) != key(&item)) {
            kept.push(item);
        }
    }
    kept
}

proptest! {
    #[test]
    fn any_value_comes_back_from_edn_and_through_serde(value in value()) {
        let written = edn::write(&value).unwrap();
        prop_assert_eq!(edn::read(&written), Ok(value.clone()), "{}", written);
        prop_assert_eq!(edn::from_str::<Value>(&written), Ok(value.clone()), "{}", written);
        prop_assert_eq!(to_value(&value), Ok(value.clone()));
        prop_assert_eq!(from_value::<Value>(value.clone()), Ok(value));
    }

    #[test]
    fn any_bytes_are_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..60)) {
        all(&data);
    }

    #[test]
    fn any_run_of_pieces_is_read_or_refused(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..14)) {
        all(pieces.concat().as_bytes());
    }
}

const PIECES: &[&str] = &[
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    "#{",
    "#:a{",
    "#_",
    "#foo ",
    "#inst ",
    "#uuid ",
    "#bytes ",
    "^",
    ":a",
    ":a/b",
    "x",
    " ",
    ",",
    "\"a\"",
    "\"2020\"",
    "\"\\",
    "1",
    "-1",
    "1N",
    "1.0",
    "22/7",
    "1M",
    "##NaN",
    "nil",
    "null",
    "true",
    ";",
    "\n",
    "\\a",
    "\\newline",
    ":",
    "\"a/b\"",
    "\"k\":",
];

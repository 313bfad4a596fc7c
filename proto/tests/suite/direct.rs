//! A type that is written straight is written as its value would be.

use proptest::prelude::*;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant,
};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use tsugi_proto::codec::{Codec, Edn, Json, MessagePack, Transit, frame_of};
use tsugi_proto::value::to_value;
use tsugi_proto::{Frame, Value};

/// Everything that serde can be told.
#[derive(Clone, Debug)]
enum Data {
    Unit,
    UnitStruct,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Wide(i128),
    Single(f32),
    Double(f64),
    Char(char),
    Text(String),
    Bytes(Vec<u8>),
    Nothing,
    Something(Box<Data>),
    Newtype(Box<Data>),
    Seq(Vec<Data>),
    Tuple(Vec<Data>),
    TupleStruct(Vec<Data>),
    Map(Vec<(Data, Data)>),
    Struct(Vec<(&'static str, Data)>),
    UnitVariant(&'static str),
    NewtypeVariant(&'static str, Box<Data>),
    TupleVariant(&'static str, Vec<Data>),
    StructVariant(&'static str, Vec<(&'static str, Data)>),
    Value(Value),
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unit => to.serialize_unit(),
            Self::UnitStruct => to.serialize_unit_struct("Unit"),
            Self::Bool(it) => to.serialize_bool(*it),
            Self::Signed(it) => to.serialize_i64(*it),
            Self::Unsigned(it) => to.serialize_u64(*it),
            Self::Wide(it) => to.serialize_i128(*it),
            Self::Single(it) => to.serialize_f32(*it),
            Self::Double(it) => to.serialize_f64(*it),
            Self::Char(it) => to.serialize_char(*it),
            Self::Text(it) => to.serialize_str(it),
            Self::Bytes(it) => to.serialize_bytes(it),
            Self::Nothing => to.serialize_none(),
            Self::Something(it) => to.serialize_some(it),
            Self::Newtype(it) => to.serialize_newtype_struct("Newtype", it),
            Self::Seq(all) => {
                let mut seq = to.serialize_seq(None)?;
                all.iter().try_for_each(|it| seq.serialize_element(it))?;
                seq.end()
            }
            Self::Tuple(all) => {
                let mut tuple = to.serialize_tuple(all.len())?;
                all.iter().try_for_each(|it| tuple.serialize_element(it))?;
                tuple.end()
            }
            Self::TupleStruct(all) => {
                let mut tuple = to.serialize_tuple_struct("Tuple", all.len())?;
                all.iter().try_for_each(|it| tuple.serialize_field(it))?;
                tuple.end()
            }
            Self::Map(all) => {
                let mut map = to.serialize_map(None)?;
                all.iter().try_for_each(|(key, it)| map.serialize_entry(key, it))?;
                map.end()
            }
            Self::Struct(all) => {
                let mut fields = to.serialize_struct("Struct", all.len())?;
                all.iter().try_for_each(|(name, it)| fields.serialize_field(name, it))?;
                fields.end()
            }
            Self::UnitVariant(name) => to.serialize_unit_variant("Enum", 0, name),
            Self::NewtypeVariant(name, it) => to.serialize_newtype_variant("Enum", 0, name, it),
            Self::TupleVariant(name, all) => {
                let mut tuple = to.serialize_tuple_variant("Enum", 0, name, all.len())?;
                all.iter().try_for_each(|it| tuple.serialize_field(it))?;
                tuple.end()
            }
            Self::StructVariant(name, all) => {
                let mut fields = to.serialize_struct_variant("Enum", 0, name, all.len())?;
                all.iter().try_for_each(|(name, it)| fields.serialize_field(name, it))?;
                fields.end()
            }
            Self::Value(it) => it.serialize(to),
        }
    }
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "user-id", "Ok", "chat/said", "no keyword", "é", ""])
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-z]{1,3}".prop_map(|text| Value::keyword(&text)),
        Just(Value::Uuid([7; 16])),
        Just(Value::Instant(1_577_934_245_678)),
        Just(Value::Set(vec![Value::Integer(1), Value::Integer(2)])),
        Just(Value::Tagged("a/b".into(), Box::new(Value::Nil))),
        Just(Value::Decimal("1.50".into())),
    ]
}

fn data() -> impl Strategy<Value = Data> {
    let leaf = prop_oneof![
        Just(Data::Unit),
        Just(Data::UnitStruct),
        Just(Data::Nothing),
        any::<bool>().prop_map(Data::Bool),
        any::<i64>().prop_map(Data::Signed),
        (-3_i64..3).prop_map(Data::Signed),
        any::<u64>().prop_map(Data::Unsigned),
        any::<i128>().prop_map(Data::Wide),
        any::<f32>().prop_map(Data::Single),
        any::<f64>().prop_map(Data::Double),
        any::<char>().prop_map(Data::Char),
        any::<String>().prop_map(Data::Text),
        "[ -~]{0,8}".prop_map(Data::Text),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Data::Bytes),
        name().prop_map(Data::UnitVariant),
        value().prop_map(Data::Value),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let all = || prop::collection::vec(inner.clone(), 0..4);
        let fields = || prop::collection::vec((name(), inner.clone()), 0..4);
        let texts = prop::collection::vec((any::<String>().prop_map(Data::Text), inner.clone()), 0..4);
        prop_oneof![
            inner.clone().prop_map(|it| Data::Something(Box::new(it))),
            inner.clone().prop_map(|it| Data::Newtype(Box::new(it))),
            all().prop_map(Data::Seq),
            all().prop_map(Data::Tuple),
            all().prop_map(Data::TupleStruct),
            texts.prop_map(Data::Map),
            prop::collection::vec((inner.clone(), inner.clone()), 0..3).prop_map(Data::Map),
            fields().prop_map(Data::Struct),
            (name(), inner.clone()).prop_map(|(name, it)| Data::NewtypeVariant(name, Box::new(it))),
            (name(), all()).prop_map(|(name, all)| Data::TupleVariant(name, all)),
            (name(), fields()).prop_map(|(name, all)| Data::StructVariant(name, all)),
        ]
    })
}

fn over_a_value(codec: &dyn Codec, data: &Data, slot: &Value) -> Option<Frame> {
    codec.encode_frame(&to_value(data).ok()?, slot).ok()
}

proptest! {
    #[test]
    fn every_type_is_written_as_its_value_is_or_refused_where_that_is(data in data(), slot in 0_i64..3) {
        let codecs: [&dyn Codec; 6] =
            [&Json::new(), &Edn::new(), &Json::new().max_depth(4), &Edn::new().max_depth(4), &Transit::new(), &MessagePack::new()];
        for codec in codecs {
            let slot = Value::Integer(slot);
            prop_assert_eq!(frame_of(codec, &data, &slot).ok(), over_a_value(codec, &data, &slot));
        }
    }
}

#[test]
fn a_row_of_a_chat_is_written_with_keywords_in_edn_and_text_in_json() {
    #[derive(Serialize)]
    struct Row<'r> {
        user: &'r str,
        likes: [u32; 2],
        edited: bool,
        marks: BTreeMap<String, f64>,
    }
    let row = Row { user: "ann \"a\"", likes: [1, 2], edited: false, marks: BTreeMap::from([("x".to_owned(), 1.5)]) };
    let text = |codec: &dyn Codec| frame_of(codec, &row, &Value::Integer(7)).unwrap().payload();
    let json = r#"[{"user":"ann \"a\"","likes":[1,2],"edited":false,"marks":{"x":1.5}},7]"#;
    assert_eq!(text(&Json::new()), json.as_bytes());
    let edn = r#"[{:user "ann \"a\"", :likes [1 2], :edited false, :marks {"x" 1.5}} 7]"#;
    assert_eq!(text(&Edn::new()), edn.as_bytes());
}

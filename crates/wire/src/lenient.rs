//! Members of an answer, each read by itself.
//!
//! Compatible servers send numbers for strings, objects for strings, `null` for lists. The official SDKs hand such a
//! member on without a word and fail, if at all, where somebody uses it. So a reader of answers takes each member for
//! what it can be, and for nothing where it is something else; only what is no JSON at all is no answer.
//!
//! A struct of members derives `Default` and `Deserialize`, has `#[serde(default)]`, and reads each member it needs with
//! `#[serde(borrow, deserialize_with = "maybe")]` as an `Option<T>` of a [`Lenient`] type: [`Text`], a number, a list,
//! or another such struct, made one by [`lenient_object!`]. It all happens in serde's one pass: nothing is read twice
//! and nothing is kept besides. A `&RawValue` takes anything by itself.
//!
//! Requests are read strictly ([`crate::members`]): a caller can be told what is wrong, a provider can't.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::members::Text;

/// A type that says of each kind of JSON value what it makes of it: by default, nothing.
pub(crate) trait Lenient<'de>: Sized {
    fn from_text(_text: Cow<'de, str>) -> Option<Self> {
        None
    }

    fn from_number(_number: u64) -> Option<Self> {
        None
    }

    fn from_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// Reads a member, or nothing where it is not what it should be.
pub(crate) fn maybe<'de, D: Deserializer<'de>, T: Lenient<'de>>(json: D) -> Result<Option<T>, D::Error> {
    Maybe::deserialize(json).map(|read| read.0)
}

/// Reads a value that stands alone; an error is one of its JSON, half a surrogate pair in a text above all.
pub(crate) fn read<'a, T: Lenient<'a>>(value: &'a RawValue) -> serde_json::Result<Option<T>> {
    serde_json::from_str::<Maybe<T>>(value.get()).map(|read| read.0)
}

/// Gives each element of a list that can be read to `take`, and keeps none.
pub(crate) fn each<'de, T: Lenient<'de>, A: SeqAccess<'de>>(
    mut list: A,
    mut take: impl FnMut(T),
) -> Result<(), A::Error> {
    while let Some(Maybe(element)) = list.next_element()? {
        element.into_iter().for_each(&mut take);
    }
    Ok(())
}

/// Whether a member says anything at all: some servers write every member there is, with `""`, `0`, `[]` or an object of
/// such values in those they have no use for.
pub(crate) fn is_filled(member: &RawValue) -> bool {
    fn says(value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::Bool(flag) => *flag,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => list.iter().any(says),
            Value::Object(members) => members.values().any(says),
        }
    }
    match member.get() {
        "null" | "\"\"" => false,
        text if text.starts_with('"') => true,
        other => serde_json::from_str(other).is_ok_and(|value| says(&value)),
    }
}

/// Makes structs of members [`Lenient`]: an object is one, anything else is nothing.
macro_rules! lenient_object {
    ($($object:ty),+) => {$(
        impl<'de> $crate::lenient::Lenient<'de> for $object {
            fn from_object<A: serde::de::MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
                serde::Deserialize::deserialize(serde::de::value::MapAccessDeserializer::new(object)).map(Some)
            }
        }
    )+};
}
pub(crate) use lenient_object;

impl<'de> Lenient<'de> for Text<'de> {
    fn from_text(text: Cow<'de, str>) -> Option<Self> {
        Some(Self(text))
    }
}

macro_rules! lenient_number {
    ($($number:ty),+) => {$(
        impl Lenient<'_> for $number {
            fn from_text(text: Cow<'_, str>) -> Option<Self> {
                text.parse().ok()
            }

            fn from_number(number: u64) -> Option<Self> {
                number.try_into().ok()
            }
        }
    )+};
}
lenient_number!(u32, u64, usize);

/// Of a list, the elements that can be read. One object that stands where a list should is its only element.
impl<'de, T: Lenient<'de>> Lenient<'de> for Vec<T> {
    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Ok(T::from_object(object)?.map(|only| vec![only]))
    }

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut read = Self::new();
        while let Some(Maybe(element)) = list.next_element()? {
            let Some(element) = element else { continue };
            if read.is_empty() {
                // Nearly every list of an answer has one element; a vector's first growth makes room for four.
                read.reserve_exact(1);
            }
            read.push(element);
        }
        Ok(Some(read))
    }
}

/// A large member that is seldom there: boxed, it keeps the struct it stands in small.
impl<'de, T: Lenient<'de>> Lenient<'de> for Box<T> {
    fn from_text(text: Cow<'de, str>) -> Option<Self> {
        T::from_text(text).map(Self::new)
    }

    fn from_number(number: u64) -> Option<Self> {
        T::from_number(number).map(Self::new)
    }

    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Ok(T::from_object(object)?.map(Self::new))
    }

    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        Ok(T::from_list(list)?.map(Self::new))
    }
}

struct Maybe<T>(Option<T>);

impl<'de, T: Lenient<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Any(PhantomData)).map(Self)
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Lenient<'de>> Visitor<'de> for Any<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(T::from_text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::from_text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(T::from_number(number))
    }

    fn visit_i64<E>(self, _number: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        // Some servers write whole numbers as `12.0`.
        Ok(number.to_string().parse().ok().and_then(T::from_number))
    }

    fn visit_bool<E>(self, _flag: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        T::from_object(object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::from_list(list)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Outer<'a> {
        #[serde(borrow, deserialize_with = "maybe")]
        name: Option<Text<'a>>,
        #[serde(deserialize_with = "maybe")]
        count: Option<u32>,
        #[serde(borrow, deserialize_with = "maybe")]
        inner: Option<Vec<Inner<'a>>>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Inner<'a> {
        #[serde(borrow, deserialize_with = "maybe")]
        text: Option<Text<'a>>,
    }
    lenient_object!(Inner<'de>);

    fn inner(text: &str) -> Inner<'_> {
        Inner { text: Some(Text(text.into())) }
    }

    #[test]
    fn a_member_that_is_something_else_is_nothing_and_spoils_nothing() {
        let name = |name: &'static str| Outer { name: Some(Text(name.into())), ..Outer::default() };
        let list = |inner| Outer { inner: Some(inner), ..Outer::default() };
        let count = |count| Outer { count: Some(count), ..Outer::default() };
        let cases = [
            ("{}", Outer::default()),
            (r#"{"name":null,"count":null,"inner":null}"#, Outer::default()),
            (r#"{"name":7,"count":true,"inner":"a"}"#, Outer::default()),
            (r#"{"name":{"a":[{"b":1}]},"count":[1,[2]],"inner":-1}"#, Outer::default()),
            (r#"{"count":{"a":1},"inner":1.5,"name":"n","more":[{}]}"#, name("n")),
            (r#"{"count":"x","name":"a\nb"}"#, name("a\nb")),
            (r#"{"name":[],"count":12}"#, count(12)),
            (r#"{"count":12.0}"#, count(12)),
            (r#"{"count":"12"}"#, count(12)),
            (r#"{"count":-12}"#, Outer::default()),
            (r#"{"count":12.5}"#, Outer::default()),
            (r#"{"count":1e300}"#, Outer::default()),
            (r#"{"inner":[]}"#, list(vec![])),
            (r#"{"inner":[null,{"text":"a"},"b",[1],{"text":7}]}"#, list(vec![inner("a"), Inner::default()])),
            (r#"{"inner":{"text":"a","more":1}}"#, list(vec![inner("a")])),
        ];
        for (json, read) in cases {
            assert_eq!(serde_json::from_str::<Outer<'_>>(json).unwrap(), read, "{json}");
        }
    }

    #[test]
    fn a_member_full_of_nothing_says_nothing() {
        for empty in ["null", "\"\"", "0", "0.0", "false", "[]", "{}", r#"{"data":"","at":0,"of":[null,{}]}"#]
        {
            assert!(!is_filled(serde_json::from_str(empty).unwrap()), "{empty}");
        }
        for filled in ["\"a\"", "1", "true", r#"[{"a":["b"]}]"#, r#"{"data":"","at":5}"#, r#""\ud83d""#] {
            assert!(is_filled(serde_json::from_str(filled).unwrap()), "{filled}");
        }
    }

    #[test]
    fn texts_are_borrowed_where_they_hold_no_escapes() {
        let read: Outer<'_> = serde_json::from_str(r#"{"name":"plain"}"#).unwrap();
        assert!(matches!(read.name, Some(Text(Cow::Borrowed("plain")))));
    }

    #[test]
    fn what_is_no_json_is_no_answer() {
        for cut in [r#"{"name":"a"#, r#"{"name":{"#, r#"{"inner":[{"text":}]}"#, "ping", ""] {
            assert!(serde_json::from_str::<Outer<'_>>(cut).is_err(), "{cut}");
        }
    }
}

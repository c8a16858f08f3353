//! The pass over the body. Members the router does not know are skipped without being looked at.

use std::fmt;

use memchr::memmem;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::read::{FIELDS, Field, Place, Scan};

struct Name(Option<(&'static str, Field)>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                Ok(Name(FIELDS.iter().copied().find(|(known, _)| *known == name)))
            }
        }
        deserializer.deserialize_identifier(Text)
    }
}

pub(super) struct Body<'s, 'a>(pub(super) &'s mut Scan<'a>);

impl<'de> Visitor<'de> for Body<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object as the body")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Body(scan) = self;
        while let Some(Name(name)) = map.next_key()? {
            let Some((name, field)) = name else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            scan.place = Place::Member(name);
            // An upstream may read the other of two values; what was routed and metered must be what is run.
            let seen =
                scan.raw[field as usize].is_some() || (field == Field::Messages && scan.messages.is_some());
            if seen {
                return Err(A::Error::custom("is given twice"));
            }
            if field == Field::Messages {
                map.next_value_seed(Messages(scan))?;
            } else {
                scan.raw[field as usize] = Some(map.next_value()?);
            }
            scan.place = Place::Body;
        }
        Ok(())
    }
}

struct Messages<'s, 'a>(&'s mut Scan<'a>);

impl<'de> DeserializeSeed<'de> for Messages<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Messages<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Messages(scan) = self;
        let mut count = 0;
        scan.place = Place::Message(0);
        while seq.next_element_seed(Message(&mut *scan, count))?.is_some() {
            count += 1;
            scan.place = Place::Message(count);
        }
        scan.messages = Some(count);
        Ok(())
    }
}

struct Message<'s, 'a>(&'s mut Scan<'a>, usize);

impl<'de> DeserializeSeed<'de> for Message<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum MessageName {
    Role,
    Content,
    #[serde(other)]
    Other,
}

impl<'de> Visitor<'de> for Message<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Message(scan, at) = self;
        let mut has_role = false;
        while let Some(name) = map.next_key()? {
            match name {
                MessageName::Role => {
                    scan.place = Place::MessageMember(at, "role");
                    let role: &RawValue = map.next_value()?;
                    if !role.get().starts_with('"') {
                        return Err(A::Error::custom("must be a string"));
                    }
                    has_role = true;
                }
                MessageName::Content => {
                    scan.place = Place::MessageMember(at, "content");
                    let content: &RawValue = map.next_value()?;
                    match content.get().as_bytes().first() {
                        Some(b'"' | b'n') => {}
                        Some(b'[') => scan.has_images |= mentions_image(content.get().as_bytes()),
                        _ => return Err(A::Error::custom("must be a string or a list of parts")),
                    }
                }
                MessageName::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            scan.place = Place::Message(at);
        }
        if !has_role {
            scan.place = Place::MessageMember(at, "role");
            return Err(A::Error::custom("is missing"));
        }
        Ok(())
    }
}

/// Whether a content list holds an image part (`"type":"image"` or `"image_url"`). A quote inside text is
/// escaped, so only a text that is the bare word `image` is taken for one.
fn mentions_image(content: &[u8]) -> bool {
    memmem::find_iter(content, b"\"image")
        .any(|at| matches!(content.get(at + 6..), Some(rest) if rest.starts_with(b"\"") || rest.starts_with(b"_url\"")))
}

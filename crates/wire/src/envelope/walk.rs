//! The pass over the body. Members the router does not know are skipped without being looked at.

use std::fmt;

use memchr::memchr2;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use switchyard_domain::{Feature, Operation};

use super::fields::{FIELDS, Field};
use super::read::{Place, Scan};
use crate::Dialect;

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
            let is_conversation = scan.conversation() == Some(field);
            // An upstream may read the other of two values; what was routed and metered must be what is run.
            if scan.raw[field as usize].is_some() || (is_conversation && scan.messages.is_some()) {
                return Err(A::Error::custom("is given twice"));
            }
            if is_conversation {
                map.next_value_seed(Conversation(scan))?;
            } else {
                scan.raw[field as usize] = Some(map.next_value()?);
            }
            scan.place = Place::Body;
        }
        Ok(())
    }
}

/// `messages`, or the `input` of a Responses request, which may be a text.
struct Conversation<'s, 'a>(&'s mut Scan<'a>);

impl<'de> DeserializeSeed<'de> for Conversation<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0.dialect {
            Dialect::OpenAiResponses => deserializer.deserialize_any(self),
            Dialect::OpenAiChat | Dialect::AnthropicMessages | Dialect::Gemini | Dialect::BedrockConverse => {
                deserializer.deserialize_seq(self)
            }
        }
    }
}

impl<'de> Visitor<'de> for Conversation<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.dialect {
            Dialect::OpenAiResponses => "a text or a list of items",
            Dialect::OpenAiChat | Dialect::AnthropicMessages | Dialect::Gemini | Dialect::BedrockConverse => {
                "a list of messages"
            }
        })
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if self.0.dialect != Dialect::OpenAiResponses {
            return Err(E::invalid_type(serde::de::Unexpected::Str(text), &self));
        }
        self.0.messages = Some(usize::from(!text.is_empty()));
        self.0.parts.text_bytes += text.len() as u64;
        self.0.parts.opening.add(text);
        self.0.parts.opening.is_over = true;
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        if self.0.dialect != Dialect::OpenAiResponses {
            return Err(E::invalid_type(serde::de::Unexpected::Unit, &self));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Conversation(scan) = self;
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

/// A message, or an item of a Responses `input`.
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
    Type,
    Content,
    ToolCalls,
    Arguments,
    Input,
    Output,
    #[serde(other)]
    Other,
}

#[derive(Default)]
struct Seen<'a> {
    role: Option<&'a str>,
    kind: Option<&'a str>,
    calls: u32,
}

impl<'de> Visitor<'de> for Message<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.dialect {
            Dialect::OpenAiResponses => "an item object",
            Dialect::OpenAiChat | Dialect::AnthropicMessages | Dialect::Gemini | Dialect::BedrockConverse => {
                "a message object"
            }
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Message(scan, at) = self;
        let mut seen = Seen::default();
        let opening = scan.parts.opening;
        scan.parts.calls = 0;
        while let Some(name) = map.next_key()? {
            match name {
                MessageName::Role => {
                    scan.place = Place::MessageMember(at, "role");
                    seen.role = Some(string::<A::Error>(map.next_value()?)?);
                }
                MessageName::Type => {
                    scan.place = Place::MessageMember(at, "type");
                    seen.kind = Some(string::<A::Error>(map.next_value()?)?);
                }
                MessageName::Content => {
                    scan.place = Place::MessageMember(at, "content");
                    let content: &RawValue = map.next_value()?;
                    scan.parts.content(content).map_err(A::Error::custom)?;
                }
                MessageName::Output => {
                    scan.place = Place::MessageMember(at, "output");
                    let output: &RawValue = map.next_value()?;
                    if matches!(output.get().as_bytes().first(), Some(b'"' | b'[')) {
                        scan.parts.content(output).map_err(A::Error::custom)?;
                    }
                }
                MessageName::ToolCalls => {
                    let calls: &RawValue = map.next_value()?;
                    scan.parts.count(calls);
                    seen.calls = elements_of(calls.get());
                }
                MessageName::Arguments | MessageName::Input => scan.parts.count(map.next_value()?),
                MessageName::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            scan.place = Place::Message(at);
        }
        seen.calls += scan.parts.calls;
        note(scan, &seen);
        // The speaker may be named behind the words.
        match seen.role {
            Some("\"user\"") => scan.parts.opening.is_over = true,
            Some("\"system\"" | "\"developer\"") => {}
            Some(_) | None => scan.parts.opening = opening,
        }
        // Every message has a speaker; other items have a type instead.
        let is_message = matches!(seen.kind, None | Some("\"message\""));
        let needs_role = scan.dialect != Dialect::OpenAiResponses || is_message;
        if needs_role && seen.role.is_none() {
            scan.place = Place::MessageMember(at, "role");
            return Err(A::Error::custom("is missing"));
        }
        Ok(())
    }
}

fn string<E: serde::de::Error>(raw: &RawValue) -> Result<&str, E> {
    if raw.get().starts_with('"') { Ok(raw.get()) } else { Err(E::custom("must be a string")) }
}

/// How many elements a list has; none for what is no list. `json` is known to be JSON, so brackets and commas outside of
/// strings tell it all; reading it a second time would cost more than the pass itself.
fn elements_of(json: &str) -> u32 {
    let Some(inside) = json.strip_prefix('[') else { return 0 };
    if inside.trim_start().starts_with(']') {
        return 0;
    }
    let mut elements = 1;
    let mut depth = 0_u32;
    let mut rest = inside.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'"' => rest = after_string(after),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => elements += 1,
            _ => {}
        }
    }
    elements
}

/// What follows a string of which the opening quote is gone.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        if rest[at] == b'"' {
            return &rest[at + 1..];
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    &[]
}

/// Notes what a message says of the conversation.
fn note(scan: &mut Scan<'_>, seen: &Seen<'_>) {
    let responses = scan.dialect == Dialect::OpenAiResponses
        && matches!(scan.operation, Operation::Complete | Operation::Compact);
    let is_call = responses && matches!(seen.kind, Some("\"function_call\"" | "\"custom_tool_call\""));
    scan.calls_in_turn = if is_call { scan.calls_in_turn + 1 } else { seen.calls };
    if scan.calls_in_turn > 1 {
        scan.parts.features.insert(Feature::ParallelTools);
    }
    scan.ends_with_assistant = seen.role == Some("\"assistant\"") && seen.calls == 0;
}

#[cfg(test)]
mod tests {
    use super::elements_of;

    #[test]
    fn the_elements_of_a_list_are_counted_whatever_is_in_them() {
        let lists = [
            r#"[]"#,
            "[ \n ]",
            r#"null"#,
            r#""a,b""#,
            r#"[1]"#,
            r#"[{"a":[1,2],"b":",]}"},{"c":"\\"},"\",",[[],[]]]"#,
            r#"[ "a\\\"," , {} ]"#,
        ];
        for list in lists {
            let read = serde_json::from_str::<Vec<serde_json::Value>>(list).map_or(0, |list| list.len());
            assert_eq!(elements_of(list) as usize, read, "{list}");
        }
    }
}

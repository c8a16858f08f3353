//! The shape of a document, by the schema.
//!
//! A document whose shape is wrong somewhere is still read: each misshapen place becomes a fault and is left out, so
//! that the proof can report the rest in the same breath.

mod quoted_number;

use std::cell::LazyCell;
use std::sync::LazyLock;

use serde_json::Value;

use super::fault::{Fault, Faults, MOST_FAULTS, Path};
use super::proof::prices::FORMS;
use super::raw::{RawMap, RawPriceSettings, RawRoute};
use crate::nearest::nearest;

/// The largest whole number that every reader of JSON takes for what it is (RFC 8259, 6).
const LARGEST_WHOLE: i64 = 9_007_199_254_740_991;

/// The JSON Schema of a map, for editors.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(RawMap).to_value();
    without_null(&mut schema);
    one_rule_too(&mut schema);
    schema
}

/// Lets a job's `match` be one rule as well as a list of them.
fn one_rule_too(schema: &mut Value) {
    if let Some(list) = schema.pointer_mut("/$defs/RawJob/properties/match")
        && let (Some(rule), Some(list)) = (list.get("items").cloned(), list.as_object_mut())
        && let Some(kind) = list.shift_remove("type")
        && let Some(items) = list.shift_remove("items")
    {
        list.insert("anyOf".to_owned(), serde_json::json!([rule, { "type": kind, "items": items }]));
    }
}

/// Writes one rule of a job as a list, which is what is checked and read.
fn rules_as_list(value: &mut Value) {
    let jobs = value.get_mut("jobs").and_then(Value::as_object_mut);
    for rule in jobs.into_iter().flat_map(|jobs| jobs.values_mut()).filter_map(|job| job.get_mut("match")) {
        if rule.is_object() {
            *rule = Value::Array(vec![rule.take()]);
        }
    }
}

/// The schema as documents are checked with it: choices as plain lists, so that a fault can name them.
fn checked<T: schemars::JsonSchema>() -> Value {
    let mut schema = schemars::schema_for!(T).to_value();
    without_null(&mut schema);
    choices_as_list(&mut schema);
    bound_whole_numbers(&mut schema);
    schema
}

/// Bounds whole numbers by their type where nothing else does, so that no fault speaks of Rust's types.
fn bound_whole_numbers(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let bounds: Option<(Value, Value)> = match map.get("format").and_then(Value::as_str) {
                Some("uint8") => Some((0.into(), u8::MAX.into())),
                Some("uint16") => Some((0.into(), u16::MAX.into())),
                Some("uint32") => Some((0.into(), u32::MAX.into())),
                Some("uint64" | "uint") => Some((0.into(), LARGEST_WHOLE.into())),
                Some("int64" | "int") => Some(((-LARGEST_WHOLE).into(), LARGEST_WHOLE.into())),
                Some(_) | None => None,
            };
            if let Some((least, most)) = bounds {
                map.entry("minimum").or_insert(least);
                map.entry("maximum").or_insert(most);
            }
            map.values_mut().for_each(bound_whole_numbers);
        }
        Value::Array(list) => list.iter_mut().for_each(bound_whole_numbers),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Writes `5.0` as `5`: JSON Schema takes both for a whole number, the types take one.
fn whole_as_written(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(whole_as_written),
        Value::Array(list) => list.iter_mut().for_each(whole_as_written),
        Value::Number(number) => {
            let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0);
            if let Some(whole) = float.and_then(|float| format!("{float:.0}").parse::<i64>().ok()) {
                *value = whole.into();
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn choices_as_list(value: &mut Value) {
    if let Value::Object(map) = value {
        let choices: Option<Vec<Value>> = map
            .get("oneOf")
            .and_then(Value::as_array)
            .and_then(|options| options.iter().map(|option| option.get("const").cloned()).collect());
        if let Some(choices) = choices {
            map.shift_remove("oneOf");
            map.insert("enum".to_owned(), Value::Array(choices));
        }
        map.values_mut().for_each(choices_as_list);
    } else if let Value::Array(list) = value {
        list.iter_mut().for_each(choices_as_list);
    }
}

/// A key may be left out, never be `null`: takes the `null` that `Option` brings out of the schema.
fn without_null(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|t| t != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(options)) = map.get_mut("anyOf") {
                options.retain(|option| option.get("type").is_none_or(|t| t != "null"));
                if let [Value::Object(only)] = options.as_slice() {
                    let only = only.clone();
                    map.shift_remove("anyOf");
                    map.extend(only);
                }
            }
            map.values_mut().for_each(without_null);
        }
        Value::Array(list) => list.iter_mut().for_each(without_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The checked schema of a map, made once: that takes longer than all else about reading one, and an editor reads a map
/// with every change. It is kept in some 400 KiB.
static VALIDATOR: LazyLock<Option<jsonschema::Validator>> =
    LazyLock::new(|| jsonschema::validator_for(&checked::<RawMap>()).ok());

/// Reads the shape; every misshapen place is a fault and left out.
///
/// None where there are so many that nothing would be left to prove.
pub(super) fn from_value(mut value: Value, faults: &mut Faults) -> Option<RawMap> {
    // The fast path has to agree with the schema's bounds too, so the validator always has the last word.
    whole_as_written(&mut value);
    rules_as_list(&mut value);
    let Some(validator) = VALIDATOR.as_ref() else {
        faults.push(Fault::new("", "The built-in schema is broken. Please report this."));
        return None;
    };
    let schema: LazyCell<Value> = LazyCell::new(checked::<RawMap>);
    let mut bad = Bads { found: Vec::new(), schema: &schema };
    for error in validator.iter_errors(&value) {
        collect(&error, &value, &mut bad);
        if bad.is_full() {
            break;
        }
    }
    let is_full = bad.is_full();
    for (pointer, fault) in bad.found {
        if !faults.has(&fault) {
            faults.push(fault);
        }
        if let Some(pointer) = pointer {
            prune(&mut value, &pointer);
        }
    }
    if is_full {
        return None;
    }
    let raw = serde_json::from_value(value);
    Some(raw.unwrap_or_else(|error| {
        faults.push(Fault::new("", format!("The map can't be read: {error}")));
        RawMap::default()
    }))
}

/// What is misshapen so far.
struct Bads<'s> {
    /// Where it is, as a JSON pointer, and what is wrong.
    found: Vec<(Option<String>, Fault)>,
    /// The schema of a map, made for the first fault.
    schema: &'s LazyCell<Value>,
}

impl Bads<'_> {
    /// One more than is told: whoever reads them sees that there are more.
    fn is_full(&self) -> bool {
        self.found.len() > MOST_FAULTS
    }

    fn push(&mut self, pointer: Option<String>, fault: Fault) {
        self.found.push((pointer, fault));
    }

    /// Keys nobody knows, in the object at a place.
    fn unknown(&mut self, keys: &[String], pointer: &str, path: &Path) {
        let known = keys_at(pointer, self.schema);
        self.unknown_of(keys, pointer, path, &known);
    }

    /// As [`Bads::unknown`], of an object that takes these keys.
    fn unknown_of(&mut self, keys: &[String], pointer: &str, path: &Path, known: &[String]) {
        for key in keys {
            if self.is_full() {
                return;
            }
            let fault = Fault::new(path.field(key), unknown_key(key, known));
            self.push(Some(format!("{pointer}/{}", escape(key))), fault);
        }
    }
}

fn collect(error: &jsonschema::ValidationError<'_>, document: &Value, bad: &mut Bads<'_>) {
    use jsonschema::error::ValidationErrorKind as Kind;
    let pointer = error.instance_path().to_string();
    let path = readable(&pointer, document);
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's enum; every other kind reads well as it is"
    )]
    match error.kind() {
        // The proof says it better, with the fix.
        Kind::Required { .. } => {}
        Kind::AdditionalProperties { unexpected } => {
            bad.unknown(unexpected, &pointer, &path);
        }
        Kind::AnyOf { .. } if is_price(&pointer) => price_faults(error.instance(), pointer, document, bad),
        Kind::AnyOf { .. } if error.instance().is_object() => {
            // A route of a job's own: say what is wrong inside it.
            if !faults_inside::<RawRoute>(error.instance(), &pointer, document, bad) {
                let fault = Fault::new(path, sentence(error, bad.schema));
                bad.push(Some(pointer), fault);
            }
        }
        _ => {
            let fault = Fault::new(path, sentence(error, bad.schema));
            bad.push(Some(pointer), fault);
        }
    }
}

/// True for the place of a price: `/prices/GLOB`, or `price` of a route.
fn is_price(pointer: &str) -> bool {
    let mut parts = pointer.rsplit('/');
    let last = parts.next();
    last == Some("price") || pointer.strip_prefix("/prices/").is_some_and(|glob| !glob.contains('/'))
}

/// A price that is neither `"free"` nor rates: says what is wrong with its rates, or how prices are written.
fn price_faults(instance: &Value, pointer: String, document: &Value, bad: &mut Bads<'_>) {
    if !instance.is_object() || !faults_inside::<RawPriceSettings>(instance, &pointer, document, bad) {
        let fault = Fault::new(readable(&pointer, document), format!("{instance} is not a price. {FORMS}"));
        bad.push(Some(pointer), fault);
    }
}

/// False when nothing is wrong with it as a `T`.
fn faults_inside<T: schemars::JsonSchema>(
    instance: &Value,
    pointer: &str,
    document: &Value,
    bad: &mut Bads<'_>,
) -> bool {
    use jsonschema::error::ValidationErrorKind as Kind;
    let schema = checked::<T>();
    let Ok(validator) = jsonschema::validator_for(&schema) else { return false };
    let mut any = false;
    for error in validator.iter_errors(instance) {
        any = true;
        let place = format!("{pointer}{}", error.instance_path());
        let at = readable(&place, document);
        if let Kind::AdditionalProperties { unexpected } = error.kind() {
            let known = keys_at(error.instance_path().as_str(), &schema);
            bad.unknown_of(unexpected, &place, &at, &known);
        } else if matches!(error.kind(), Kind::AnyOf { .. }) && is_price(&place) {
            price_faults(error.instance(), place, document, bad);
        } else if !matches!(error.kind(), Kind::Required { .. }) {
            bad.push(Some(place), Fault::new(at, sentence(&error, &schema)));
        }
    }
    any
}

fn sentence(error: &jsonschema::ValidationError<'_>, schema: &Value) -> String {
    use jsonschema::error::ValidationErrorKind as Kind;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's enum; every other kind reads well as it is"
    )]
    match error.kind() {
        Kind::Minimum { limit } => {
            format!(
                "{} is too small. The least is {limit}.{}",
                error.instance(),
                other_bound(error, schema, "maximum")
            )
        }
        Kind::Maximum { limit } => {
            format!(
                "{} is too large. The most is {limit}.{}",
                error.instance(),
                other_bound(error, schema, "minimum")
            )
        }
        Kind::Enum { options } => {
            let names: Vec<String> = options
                .as_array()
                .map(|list| list.iter().filter(|v| !v.is_null()).map(ToString::to_string).collect())
                .unwrap_or_default();
            format!("{} is not one of {}.", error.instance(), names.join(", "))
        }
        Kind::Type { .. } => match wanted(&place_in(schema, error)) {
            Some(wanted) => {
                let fix = quoted_number::fix(error.instance(), &place_in(schema, error));
                format!("{} is not {wanted}.{fix}", error.instance())
            }
            None => format!("{error}. See `switchyard map schema`."),
        },
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            format!("{} is not a value this key takes. See `switchyard map schema`.", error.instance())
        }
        _ => format!("{error}."),
    }
}

/// The part of the schema a fault is about.
fn place_in(schema: &Value, error: &jsonschema::ValidationError<'_>) -> Value {
    let path = error.schema_path().to_string();
    let Some((path, _)) = path.rsplit_once('/') else { return Value::Null };
    let mut at = schema;
    for part in path.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let below = if part == "$ref" { Some(object_of(at, schema)) } else { at.get(&part) };
        let below = below.or_else(|| part.parse::<usize>().ok().and_then(|index| at.get(index)));
        at = below.unwrap_or(&Value::Null);
    }
    at.clone()
}

/// What a value of this schema is, in words: `a whole number from 1 to 100`.
fn wanted(schema: &Value) -> Option<String> {
    let plain = match schema.get("type")?.as_str()? {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "string" => "a text in quotes",
        "array" => "a list in `[` and `]`",
        "object" => "an object in `{` and `}`",
        _ => return None,
    };
    let bound = |name: &str| schema.get(name).filter(|bound| bound.as_i64() != Some(LARGEST_WHOLE));
    Some(match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => format!("{plain} from {least} to {most}"),
        (Some(least), None) => format!("{plain}, {least} or more"),
        (None, Some(most)) => format!("{plain}, {most} at most"),
        (None, None) => plain.to_owned(),
    })
}

/// The bound on the other side of one that a value breaks: ` The most is 100.`
fn other_bound(error: &jsonschema::ValidationError<'_>, schema: &Value, name: &str) -> String {
    let word = if name == "maximum" { "most" } else { "least" };
    let place = place_in(schema, error);
    let bound = place.get(name).filter(|bound| bound.as_i64() != Some(LARGEST_WHOLE));
    bound.map_or_else(String::new, |bound| format!(" The {word} is {bound}."))
}

fn unknown_key(key: &str, known: &[String]) -> String {
    nearest(key, known.iter().map(String::as_str)).map_or_else(
        || "Unknown key. Remove it, or see `switchyard map schema` for the keys there are.".to_owned(),
        |known| format!("Unknown key. Did you mean `{known}`?"),
    )
}

/// The keys the object at a place of a map takes.
fn keys_at(pointer: &str, schema: &Value) -> Vec<String> {
    let mut at = schema;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let object = object_of(at, schema);
        let below = object.get("properties").and_then(|properties| properties.get(&part));
        let below = below.or_else(|| object.get("items")).or_else(|| object.get("additionalProperties"));
        at = below.unwrap_or(&Value::Null);
    }
    let properties = object_of(at, schema).get("properties").and_then(Value::as_object);
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

/// The schema a reference or a choice stands for; of a choice the one that has keys.
fn object_of<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return root
            .pointer(reference.trim_start_matches('#'))
            .map_or(schema, |found| object_of(found, root));
    }
    let options = schema.get("anyOf").and_then(Value::as_array);
    let found = options.and_then(|options| options.iter().find(|option| option.get("$ref").is_some()));
    found.map_or(schema, |option| object_of(option, root))
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn readable(pointer: &str, document: &Value) -> Path {
    let mut path = Path::root();
    let mut at = Some(document);
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let index = at.filter(|v| v.is_array()).and_then(|_| part.parse::<usize>().ok());
        path = index.map_or_else(|| path.field(&part), |index| path.index(index));
        at = at.and_then(|v| index.map_or_else(|| v.get(&part), |index| v.get(index)));
    }
    path
}

/// Takes the place out of its object. In a list of routes or names it becomes empty, so that the others keep their
/// index; any other list goes as a whole.
fn prune(value: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let key = last.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.shift_remove(&key);
        }
        Some(Value::Array(list)) => {
            let empty = match parent.rsplit('/').next() {
                Some("hot" | "warm" | "match") => Value::Object(serde_json::Map::new()),
                Some("aliases" | "credentials" | "notify") => Value::String(String::new()),
                Some(_) | None => return prune(value, parent),
            };
            if let Some(slot) = key.parse::<usize>().ok().and_then(|index| list.get_mut(index)) {
                *slot = empty;
            }
        }
        _ => {}
    }
}

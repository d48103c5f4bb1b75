//! Functions of jq that need the values themselves. What would read the environment, the clock or a file is not there.
#![allow(clippy::cast_possible_truncation, reason = "what does not fit becomes null")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jaq_core::load::parse::Def;
use jaq_core::native::{Fun, bome, run, unary, v};
use jaq_core::{Bind, Cv, Error, RunPtr, ValR, load};
use regex::{Captures, Regex, RegexBuilder};
use sluice_connector_api::Json;

use super::access::places_of;
use super::kind::JqKind;
use super::meter;
use super::number::JqNumber;
use super::value::{JqFields, JqValue};

/// Definitions of `jaq` that need a function which is not there.
const LEFT_OUT: [&str; 22] = [
    "stderr",
    "debug",
    "halt",
    "halt_error",
    "todate",
    "fromdate",
    "logb",
    "significand",
    "pow10",
    "drem",
    "nexttoward",
    "scalb",
    "gamma",
    "@html",
    "@htmld",
    "@uri",
    "@urid",
    "@base64",
    "@base64d",
    "input",
    "inputs",
    "env",
];

/// Definitions of our own.
const OWN: &str = r#"
def tonumber: if isnumber then . else to_number end;
def toboolean: if isboolean then . elif . == "true" then true elif . == "false" then false else error("cannot parse as boolean") end;
def in(object): . as $key | object | has($key);
def inside(whole): . as $part | whole | contains($part);
def index($part): indices($part)[0];
def rindex($part): indices($part)[-1];
def transpose: . as $rows | [range($rows | map(length) | max // 0) as $at | [$rows[][$at]]];
def ascii: [.] | implode;
def @json: tojson;
def @base64: tostring | encode_base64;
def @base64d: tostring | decode_base64;
def @csv: map(if isstring then "\"" + gsub("\""; "\"\"") + "\"" elif . == null then "" else tostring end) | join(",");
def pow10: pow(10; .);
"#;

/// The definitions that programs may use.
pub(super) fn defs() -> Vec<Def<&'static str>> {
    let of_jaq = jaq_core::defs().chain(jaq_std::defs()).filter(|def| !LEFT_OUT.contains(&def.name));
    let own = load::parse(OWN, |parser| parser.defs()).unwrap_or_default();
    of_jaq.chain(own).collect()
}

/// The functions that programs may use.
pub(super) fn funs() -> Vec<Fun<JqKind>> {
    let base = jaq_std::base_funs::<JqKind>().filter(|(name, ..)| *name != "halt");
    let own = own_funs().into_iter().map(|fun: OwnFun| run::<JqKind>(fun));
    jaq_core::funs::<JqKind>().chain(base).chain(own).collect()
}

type OwnFun = (&'static str, Box<[Bind]>, RunPtr<JqKind>);

fn own_funs() -> Vec<OwnFun> {
    vec![
        ("length", v(0), |cv| bome(length(&cv.1))),
        ("tojson", v(0), |cv| bome(Ok(JqValue::text(&cv.1.to_json().to_string())))),
        ("fromjson", v(0), |cv| bome(from_json(&cv.1))),
        ("to_number", v(0), |cv| bome(to_number(&cv.1))),
        ("has", v(1), |cv| unary(cv, |value, key| has(&value, &key))),
        ("contains", v(1), |cv| unary(cv, |whole, part| Ok(contains(&whole, &part).into()))),
        ("indices", v(1), |cv| unary(cv, |whole, part| indices(&whole, &part))),
        ("encode_base64", v(0), |cv| bome(text(&cv.1).map(|text| JqValue::text(&STANDARD.encode(text))))),
        ("decode_base64", v(0), |cv| bome(decode_base64(&cv.1))),
        ("matches", v(2), |cv| bome(matches(cv, Wanted::Matches))),
        ("split_matches", v(2), |cv| bome(matches(cv, Wanted::Both))),
        ("split_", v(2), |cv| bome(matches(cv, Wanted::Rest))),
        ("sqrt", v(0), |cv| bome(float(&cv.1, f64::sqrt))),
        ("exp", v(0), |cv| bome(float(&cv.1, f64::exp))),
        ("log", v(0), |cv| bome(float(&cv.1, f64::ln))),
        ("log2", v(0), |cv| bome(float(&cv.1, f64::log2))),
        ("log10", v(0), |cv| bome(float(&cv.1, f64::log10))),
        ("trunc", v(0), |cv| bome(float(&cv.1, f64::trunc))),
        ("fabs", v(0), |cv| bome(float(&cv.1, f64::abs))),
        ("pow", v(2), |mut cv| {
            let exponent = cv.0.pop_var();
            let base = cv.0.pop_var();
            bome(
                number(&base)
                    .and_then(|base| Ok(JqValue::float(base.float().powf(number(&exponent)?.float())))),
            )
        }),
    ]
}

fn text(value: &JqValue) -> Result<&str, Error<JqValue>> {
    match value {
        JqValue::Text(text) => {
            meter::step(u64::try_from(text.len() / 64).unwrap_or(0));
            Ok(text)
        }
        other => Err(Error::typ(other.clone(), "string")),
    }
}

fn number(value: &JqValue) -> Result<&JqNumber, Error<JqValue>> {
    match value {
        JqValue::Number(number) => Ok(number),
        other => Err(Error::typ(other.clone(), "number")),
    }
}

fn float(value: &JqValue, change: fn(f64) -> f64) -> ValR<JqValue> {
    number(value).map(|number| JqValue::float(change(number.float())))
}

fn length(value: &JqValue) -> ValR<JqValue> {
    match value {
        JqValue::Null => Ok(JqValue::int(0)),
        JqValue::Bool(_) => Err(Error::str(format!("{value} has no length"))),
        JqValue::Number(number) if number.float() >= 0.0 => Ok(value.clone()),
        JqValue::Number(_) => -value.clone(),
        JqValue::Text(_) => text(value).map(|text| JqValue::count(text.chars().count())),
        JqValue::Array(items) => Ok(JqValue::count(items.inner.len())),
        JqValue::Object(fields) => Ok(JqValue::count(fields.inner.len())),
    }
}

fn from_json(value: &JqValue) -> ValR<JqValue> {
    let text = text(value)?;
    meter::make(text.len());
    match Json::value_from_slice(text.as_bytes()) {
        Ok(value) => Ok(JqValue::from_json(&value)),
        Err(error) => Err(Error::str(format!("cannot parse as JSON: {error}"))),
    }
}

fn to_number(value: &JqValue) -> ValR<JqValue> {
    let text = text(value)?;
    let is_json = serde_json::from_str::<serde_json::Number>(text.trim()).is_ok();
    let number = JqNumber::parse(text.trim()).filter(|_| is_json);
    number.map(JqValue::Number).ok_or_else(|| Error::str(format!("cannot parse {value} as number")))
}

fn has(value: &JqValue, key: &JqValue) -> ValR<JqValue> {
    match (value, key) {
        (JqValue::Object(fields), JqValue::Text(name)) => Ok(fields.inner.contains_key(name).into()),
        (JqValue::Array(items), JqValue::Number(number)) => {
            let index = number.int().and_then(|index| usize::try_from(index).ok());
            Ok(index.is_some_and(|index| index < items.inner.len()).into())
        }
        _ => Err(Error::index(value.clone(), key.clone())),
    }
}

fn contains(whole: &JqValue, part: &JqValue) -> bool {
    meter::step(1);
    match (whole, part) {
        (JqValue::Text(whole), JqValue::Text(part)) => {
            meter::step(u64::try_from(whole.len() / 64).unwrap_or(0));
            whole.contains(&**part)
        }
        (JqValue::Array(whole), JqValue::Array(part)) => {
            part.inner.iter().all(|part| whole.inner.iter().any(|item| contains(item, part)))
        }
        (JqValue::Object(whole), JqValue::Object(part)) => part
            .inner
            .iter()
            .all(|(name, part)| whole.inner.get(name).is_some_and(|value| contains(value, part))),
        _ => whole == part,
    }
}

fn indices(whole: &JqValue, part: &JqValue) -> ValR<JqValue> {
    match (whole, part) {
        (JqValue::Null, _) => Ok(JqValue::Null),
        (JqValue::Text(_), JqValue::Text(part)) if part.is_empty() => Ok(JqValue::Null),
        (JqValue::Text(_), JqValue::Text(part)) => {
            let whole = text(whole)?;
            // Places are counted in characters, and may overlap.
            let places = whole.char_indices().enumerate().filter(|(_, (at, _))| {
                meter::step(1);
                whole.get(*at..).is_some_and(|rest| rest.starts_with(&**part))
            });
            Ok(places.map(|(count, _)| JqValue::count(count)).collect())
        }
        (JqValue::Array(items), JqValue::Array(part)) => Ok(places_of(&items.inner, &part.inner)),
        (JqValue::Array(items), part) => Ok(places_of(&items.inner, std::slice::from_ref(part))),
        _ => Err(Error::index(whole.clone(), part.clone())),
    }
}

fn decode_base64(value: &JqValue) -> ValR<JqValue> {
    let text = text(value)?;
    let bytes =
        STANDARD.decode(text.trim()).map_err(|_| Error::str(format!("{value} is not valid base64")))?;
    Ok(JqValue::text(&String::from_utf8_lossy(&bytes)))
}

/// What is wanted of the matches of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Matches,
    Rest,
    Both,
}

/// Looks for a pattern: an array with an array for each match, and with the texts between them.
fn matches(mut cv: Cv<'_, JqKind>, wanted: Wanted) -> ValR<JqValue> {
    let (flags, pattern) = (cv.0.pop_var(), cv.0.pop_var());
    let PatternOfProgram { regex, is_global, most_bytes } = regex(text(&pattern)?, text(&flags)?)?;
    let whole = text(&cv.1)?;
    if whole.len() > most_bytes {
        return Err(Error::str(format!("a text of {} bytes is too long for this pattern", whole.len())));
    }
    let (mut found, mut end) = (Vec::new(), 0);
    for captures in regex.captures_iter(whole).take(if is_global { usize::MAX } else { 1 }) {
        let range = captures.get(0).map_or(0..0, |found| found.range());
        if wanted != Wanted::Matches {
            found.push(JqValue::text(whole.get(end..range.start).unwrap_or_default()));
        }
        if wanted != Wanted::Rest {
            found.push(match_of(&regex, &captures, whole));
        }
        end = range.end;
    }
    if wanted != Wanted::Matches {
        found.push(JqValue::text(whole.get(end..).unwrap_or_default()));
    }
    Ok(JqValue::array(found))
}

/// A pattern, whether all matches are wanted, and how long a text it may look through.
struct PatternOfProgram {
    regex: Regex,
    is_global: bool,
    most_bytes: usize,
}

/// What a pattern may take when it is compiled, and the longest text for one of that size. One search takes up to the product
/// of both, and cannot be left in the middle.
const SIZES: [(usize, usize); 2] = [(128 << 10, 256 << 10), (1 << 20, 32 << 10)];

/// Compiles a pattern with jq's flags.
fn regex(pattern: &str, flags: &str) -> Result<PatternOfProgram, Error<JqValue>> {
    let mut is_global = false;
    let mut builder = RegexBuilder::new(pattern);
    for flag in flags.chars() {
        match flag {
            'g' => is_global = true,
            'i' => {
                builder.case_insensitive(true);
            }
            'x' => {
                builder.ignore_whitespace(true);
            }
            's' => {
                builder.dot_matches_new_line(true);
            }
            'n' | 'l' => {}
            'p' => {
                builder.dot_matches_new_line(true).multi_line(true);
            }
            other => return Err(Error::str(format!("`{other}` is no flag of a pattern"))),
        }
    }
    // A program may make the pattern anew for each item.
    meter::step(2000);
    for (size, most_bytes) in SIZES {
        if let Ok(regex) = builder.size_limit(size).build() {
            return Ok(PatternOfProgram { regex, is_global, most_bytes });
        }
    }
    Err(Error::str(format!("`{pattern}` is no regular expression, or too large a one")))
}

/// Writes a match as jq has it: the whole first, then the groups.
fn match_of(regex: &Regex, captures: &Captures<'_>, whole: &str) -> JqValue {
    let mut groups = Vec::new();
    for (group, name) in captures.iter().zip(regex.capture_names()) {
        let mut fields = JqFields::new();
        let offset = group.map(|group| whole.get(..group.start()).unwrap_or_default().chars().count());
        let string = group.map(|group| JqValue::text(group.as_str()));
        meter::step(u64::try_from(group.map_or(0, |group| group.start()) / 64).unwrap_or(0));
        fields.insert("offset".into(), offset.map_or(JqValue::int(-1), JqValue::count));
        fields
            .insert("length".into(), JqValue::count(group.map_or(0, |group| group.as_str().chars().count())));
        fields.insert("string".into(), string.unwrap_or(JqValue::Null));
        if let Some(name) = name {
            fields.insert("name".into(), JqValue::text(name));
        }
        groups.push(JqValue::object(fields));
    }
    JqValue::array(groups)
}

/// What `jaq`'s own functions ask of values.
impl jaq_std::ValT for JqValue {
    fn into_seq<S: FromIterator<Self>>(self) -> Result<S, Self> {
        match self {
            Self::Array(items) => Ok(items.inner.iter().cloned().collect()),
            other => Err(other),
        }
    }

    fn is_int(&self) -> bool {
        matches!(self, Self::Number(number) if number.is_int())
    }

    fn as_isize(&self) -> Option<isize> {
        match self {
            Self::Number(number) => isize::try_from(number.int()?).ok(),
            _ => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number.float()),
            _ => None,
        }
    }

    fn is_utf8_str(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    fn as_sub_str(&self, part: &[u8]) -> Self {
        Self::text(&String::from_utf8_lossy(part))
    }

    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self::text(&String::from_utf8_lossy(bytes.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_definitions_are_read() {
        assert!(load::parse(OWN, |parser| parser.defs()).is_some_and(|defs| defs.len() >= 12));
    }
}

//! JSON that is written value by value, and so is known to be JSON without a second look.
//!
//! The writer puts commas, colons, quotes and escapes itself, and notes where the fields at the root come to stand. Calls in an
//! order that makes no JSON, and digits that make no number, are written, too. Such a text is read before it is taken for a
//! document, as any text from outside is.

use serde::Serialize;

use super::document::Json;
use super::fields::{FieldPlaces, Span};

/// The deepest nesting that needs no second look; readers go to 128.
const MOST_DEPTH: u32 = 100;
/// Fields at the root for which there is room at once.
const ROOM: usize = 8;
/// More than the digits of any number of 64 bits.
const MOST_DIGITS: usize = 48;

/// The name of a field, with its quotes and escapes.
///
/// ```
/// use sluice_connector_api::JsonName;
///
/// assert_eq!(JsonName::new("a").as_str(), "a");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonName {
    name: String,
    quoted: String,
}

impl JsonName {
    /// Prepares a name that is written often.
    pub fn new(name: &str) -> Self {
        let mut quoted = String::with_capacity(name.len() + 2);
        push_string(&mut quoted, name);
        Self { name: name.to_owned(), quoted }
    }

    /// Returns the name as it is.
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

/// A document that is written from its beginning to its end, without blanks.
///
/// ```
/// use sluice_connector_api::JsonWriter;
///
/// let mut writer = JsonWriter::with_capacity(64);
/// writer.begin_object();
/// writer.name("price");
/// writer.digits("44.50");
/// writer.end_object();
/// assert_eq!(writer.finish()?.to_bytes(), r#"{"price":44.50}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonWriter {
    text: String,
    /// How many objects and arrays are open, and which of them are objects: the innermost is the lowest bit.
    depth: u32,
    objects: u128,
    next: Next,
    /// Whether all that was written makes JSON so far.
    is_known: bool,
    /// Whether each piece stands for itself: no escapes, no exponents.
    is_plain: bool,
    /// Where the fields at the root are, and the name of the one that is being written.
    fields: Vec<(Span, Span)>,
    field: Option<Span>,
    value_start: usize,
    /// The names of the objects that are open below the root, as they are written, and where those of each begin.
    names: Vec<Span>,
    opened: Vec<usize>,
    /// Whether each object has each of its names once, as far as it was looked.
    has_each_name_once: bool,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// A value: of the document, or of a field whose name was written.
    Value,
    /// The first item or field of what was opened, or its end.
    First,
    /// A further one, or the end.
    Further,
    Nothing,
}

impl JsonWriter {
    /// Begins a document that will have about so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            depth: 0,
            objects: 0,
            next: Next::Value,
            is_known: true,
            is_plain: true,
            fields: Vec::new(),
            field: None,
            value_start: 0,
            names: Vec::new(),
            opened: Vec::new(),
            has_each_name_once: true,
        }
    }

    /// Returns how many bytes were written.
    pub fn length(&self) -> usize {
        self.text.len()
    }

    /// Opens an object, in which each value follows a name.
    pub fn begin_object(&mut self) {
        self.begin('{', 1);
    }

    /// Closes the object that is open.
    pub fn end_object(&mut self) {
        self.end('}', 1);
    }

    /// Opens an array.
    pub fn begin_array(&mut self) {
        self.begin('[', 0);
    }

    /// Closes the array that is open.
    pub fn end_array(&mut self) {
        self.end(']', 0);
    }

    /// Writes the name of the field whose value comes next.
    pub fn name(&mut self, name: &str) {
        self.before_name();
        let start = self.text.len();
        push_string(&mut self.text, name);
        self.after_name(start, name.len());
    }

    /// Does what [`JsonWriter::name`] does.
    pub fn ready_name(&mut self, name: &JsonName) {
        self.before_name();
        let start = self.text.len();
        self.text.push_str(&name.quoted);
        self.after_name(start, name.name.len());
    }

    /// Writes null.
    pub fn null(&mut self) {
        self.word("null");
    }

    /// Writes `true` or `false`.
    pub fn boolean(&mut self, value: bool) {
        self.word(if value { "true" } else { "false" });
    }

    /// Writes a string.
    pub fn string(&mut self, text: &str) {
        self.before_value();
        let start = self.text.len();
        push_string(&mut self.text, text);
        self.is_plain &= is_unescaped(self.text.len() - start, text.len());
        self.after_value();
    }

    /// Writes a whole number.
    pub fn integer(&mut self, number: i64) {
        self.word(itoa::Buffer::new().format(number));
    }

    /// Writes a whole number that has no sign.
    pub fn unsigned(&mut self, number: u64) {
        self.word(itoa::Buffer::new().format(number));
    }

    /// Writes a number with this many digits behind the point, of which it is the whole ones: 4450 with the scale 2 is `44.50`.
    pub fn scaled(&mut self, unscaled: i64, scale: u16) {
        let scale = usize::from(scale);
        self.before_value();
        if unscaled < 0 {
            self.text.push('-');
        }
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(unscaled.unsigned_abs());
        // At least one digit stands before the point.
        let zeros = (scale + 1).saturating_sub(digits.len());
        self.text.extend(std::iter::repeat_n('0', zeros));
        self.text.push_str(digits);
        if scale > 0 {
            self.text.insert(self.text.len() - scale, '.');
        }
        self.after_value();
    }

    /// Writes a number of 32 bits in the fewest digits that name it; one that is not finite becomes null.
    pub fn float(&mut self, number: f32) {
        self.number(&number);
    }

    /// Writes a number of 64 bits in the fewest digits that name it; one that is not finite becomes null.
    pub fn double(&mut self, number: f64) {
        self.number(&number);
    }

    /// Writes a number as it is written already.
    pub fn digits(&mut self, digits: &str) {
        self.is_known &= is_number(digits.as_bytes());
        self.is_plain &= !digits.contains(['e', 'E']);
        self.word(digits);
    }

    /// Returns the document. An error says what is wrong with it where it was not written as JSON is.
    pub fn finish(self) -> serde_json::Result<Json> {
        if !self.is_known || self.next != Next::Nothing {
            return Json::parse(self.text.into());
        }
        let is_compact =
            self.has_each_name_once && Span::differ(&self.fields.iter().map(|(name, _)| *name), &self.text);
        let has_places = self.is_plain && self.text.starts_with('{');
        let fields = has_places.then(|| FieldPlaces::from_spans(self.fields));
        Ok(Json::from_known(self.text.into(), fields, is_compact))
    }

    fn number<T: Serialize>(&mut self, number: &T) {
        let mut digits = [0; MOST_DIGITS];
        let mut rest = digits.as_mut_slice();
        let written = serde_json::to_writer(&mut rest, number);
        let length = MOST_DIGITS - rest.len();
        let text =
            digits.get(..length).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default();
        self.is_known &= written.is_ok();
        self.is_plain &= !text.contains('e');
        self.word(text);
    }

    fn word(&mut self, word: &str) {
        self.before_value();
        self.text.push_str(word);
        self.after_value();
    }

    fn begin(&mut self, bracket: char, kind: u128) {
        self.before_value();
        self.text.push(bracket);
        self.depth += 1;
        self.objects = self.objects << 1 | kind;
        self.is_known &= self.depth <= MOST_DEPTH;
        self.next = Next::First;
        match (kind, self.depth) {
            (1, 1) => self.fields.reserve(ROOM),
            (1, _) => self.opened.push(self.names.len()),
            _ => {}
        }
    }

    fn end(&mut self, bracket: char, kind: u128) {
        self.is_known &= self.is_open(kind) && matches!(self.next, Next::First | Next::Further);
        if kind == 1 && self.depth > 1 {
            self.look_at_names();
        }
        self.text.push(bracket);
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        self.after_value();
    }

    /// Looks whether the object that ends has each of its names once.
    fn look_at_names(&mut self) {
        let start = self.opened.pop().unwrap_or_default();
        let names = self.names.get(start..).unwrap_or_default();
        self.has_each_name_once &= Span::differ(&names.iter().copied(), &self.text);
        self.names.truncate(start);
    }

    /// Says whether the innermost of what is open is of this kind.
    fn is_open(&self, kind: u128) -> bool {
        self.depth > 0 && self.objects & 1 == kind
    }

    fn before_value(&mut self) {
        match self.next {
            Next::Value => {}
            Next::First => self.is_known &= self.is_open(0),
            Next::Further => {
                self.is_known &= self.is_open(0);
                self.text.push(',');
            }
            Next::Nothing => self.is_known = false,
        }
    }

    fn after_value(&mut self) {
        self.next = if self.depth == 0 { Next::Nothing } else { Next::Further };
        if self.depth == 1
            && let Some(name) = self.field.take()
        {
            if let Some(value) = Span::new(self.value_start, self.text.len() - self.value_start) {
                self.fields.push((name, value));
            } else {
                self.is_plain = false;
                self.has_each_name_once = false;
            }
        }
    }

    fn before_name(&mut self) {
        self.is_known &= self.is_open(1) && matches!(self.next, Next::First | Next::Further);
        if self.next == Next::Further {
            self.text.push(',');
        }
    }

    /// `start` is where the name's quotes begin; `length` is that of the name as it is.
    fn after_name(&mut self, start: usize, length: usize) {
        let written = self.text.len() - start;
        let is_unescaped = is_unescaped(written, length);
        self.is_plain &= is_unescaped;
        self.text.push(':');
        self.next = Next::Value;
        if self.depth == 1 {
            self.field = Span::new(start + 1, length);
            self.value_start = self.text.len();
            self.is_plain &= self.field.is_some();
            self.has_each_name_once &= is_unescaped && self.field.is_some();
        } else {
            match Span::new(start, written) {
                Some(name) => self.names.push(name),
                None => self.has_each_name_once = false,
            }
        }
    }
}

/// Says whether a string that has so many bytes with its quotes was written as it is.
fn is_unescaped(written: usize, length: usize) -> bool {
    written == length + 2
}

/// Writes a string as `serde_json` does.
fn push_string(to: &mut String, text: &str) {
    let takes_escape = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    // To count them all is quicker than to look for the first: many bytes are looked at at once.
    let count = text.bytes().map(|byte| usize::from(takes_escape(byte))).sum::<usize>();
    if count == 0 {
        to.push('"');
        to.push_str(text);
        to.push('"');
    } else {
        to.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Says whether a text is a number as JSON has it.
fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, rest) = digits_of(text);
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with(b"0")) {
        return false;
    }
    let rest = match rest.strip_prefix(b".") {
        None => rest,
        Some(rest) => match digits_of(rest) {
            ([], _) => return false,
            (_, rest) => rest,
        },
    };
    let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) else {
        return rest.is_empty();
    };
    let exponent = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
    let (digits, behind) = digits_of(exponent);
    !digits.is_empty() && behind.is_empty()
}

/// Splits a text behind the digits that it begins with.
fn digits_of(text: &[u8]) -> (&[u8], &[u8]) {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::read::tests::documents;
    use super::*;
    use crate::Found;

    fn write(writer: &mut JsonWriter, value: &Value) {
        match value {
            Value::Null => writer.null(),
            Value::Bool(value) => writer.boolean(*value),
            Value::Number(number) => writer.digits(number.as_str()),
            Value::String(text) => writer.string(text),
            Value::Array(items) => {
                writer.begin_array();
                for item in items {
                    write(writer, item);
                }
                writer.end_array();
            }
            Value::Object(fields) => {
                writer.begin_object();
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index % 2 == 0 {
                        writer.name(name);
                    } else {
                        writer.ready_name(&JsonName::new(name));
                    }
                    write(writer, value);
                }
                writer.end_object();
            }
        }
    }

    /// What was written looks to everybody as it would had it been read.
    fn assert_is_as_read(written: &Json, text: &str) {
        let read = Json::parse(text.to_owned().into()).unwrap();
        for path in [&["a"][..], &["b"], &[" "], &["a", "0"], &["a", "b"], &[]] {
            assert_eq!(written.find(path), read.find(path), "{text} {path:?}");
        }
        if let Some(fields) = read.value().as_object() {
            for (name, value) in fields {
                assert_eq!(written.find(&[name]), Some(Found::from_value(value)), "{text} {name}");
            }
        }
        assert_eq!(
            (written.is_object(), written.is_flat_object()),
            (read.is_object(), read.is_flat_object())
        );
        assert_eq!((written.to_bytes(), written.length()), (read.to_bytes(), read.length()));
        assert_eq!(written.value(), read.value());
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_would_be_read(document in documents()) {
            let value = Json::parse(document.into()).unwrap().into_value();
            let mut writer = JsonWriter::with_capacity(0);
            write(&mut writer, &value);
            prop_assert!(writer.is_known && writer.next == Next::Nothing);
            let text = value.to_string();
            prop_assert_eq!(writer.length(), text.len());
            assert_is_as_read(&writer.finish().unwrap(), &text);
        }

        /// Names may come twice; the last counts.
        #[test]
        fn names_that_come_twice_are_as_they_would_be_read(
            fields in prop::collection::vec(("[ab\"]", documents()), 0..6),
        ) {
            let mut writer = JsonWriter::with_capacity(0);
            let mut texts = Vec::new();
            writer.begin_object();
            for (name, document) in &fields {
                let value = Json::parse(document.clone().into()).unwrap().into_value();
                writer.name(name);
                write(&mut writer, &value);
                texts.push(format!("{}:{value}", Value::from(name.as_str())));
            }
            writer.end_object();
            assert_is_as_read(&writer.finish().unwrap(), &format!("{{{}}}", texts.join(",")));
        }

        /// So it is below the root, where what goes out as it is written needs no reading.
        #[test]
        fn names_below_the_root_are_looked_at(
            objects in prop::collection::vec((prop::collection::vec("[ab\"é]", 0..4), 0..3_usize), 1..5),
        ) {
            let mut writer = JsonWriter::with_capacity(0);
            let mut is_once = true;
            writer.begin_array();
            for (names, deeper) in &objects {
                for _ in 0..*deeper {
                    writer.begin_object();
                    writer.name("a");
                }
                writer.begin_object();
                for (index, name) in names.iter().enumerate() {
                    is_once &= !names[..index].contains(name);
                    writer.name(name);
                    writer.string("\"");
                }
                (0..=*deeper).for_each(|_| writer.end_object());
            }
            writer.end_array();
            let text = writer.text.clone();
            let written = writer.finish().unwrap();
            assert_is_as_read(&written, &text);
            prop_assert_eq!(written.compact().is_some(), is_once);
        }

        /// Whatever the writer is told, in whatever order, what it hands over is a document that can be read, or nothing.
        #[test]
        fn no_order_of_calls_makes_a_document_that_is_none(calls in prop::collection::vec((0..9, "[a\",}{0-9.]{0,3}"), 0..12)) {
            let mut writer = JsonWriter::with_capacity(0);
            for (call, text) in &calls {
                match call {
                    0 => writer.begin_object(),
                    1 => writer.end_object(),
                    2 => writer.begin_array(),
                    3 => writer.end_array(),
                    4 => writer.name(text),
                    5 => writer.string(text),
                    6 => writer.digits(text),
                    7 => writer.null(),
                    _ => writer.double(f64::MAX),
                }
            }
            let text = writer.text.clone();
            match (writer.finish(), Json::parse(text.clone().into())) {
                (Ok(written), Ok(_)) => assert_is_as_read(&written, &text),
                (written, read) => prop_assert_eq!(written.is_ok(), read.is_ok(), "{}", text),
            }
        }

        #[test]
        fn numbers_are_those_of_the_reader(text in "-?[0-9]{0,2}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?x?") {
            let is_read = Json::value_from_slice(text.as_bytes()).is_ok_and(|value| value.is_number());
            prop_assert_eq!(is_number(text.as_bytes()), is_read, "{}", text);
        }
    }

    #[test]
    fn numbers_are_written_as_serde_json_writes_them() {
        let mut writer = JsonWriter::with_capacity(0);
        writer.begin_array();
        writer.integer(i64::MIN);
        writer.unsigned(u64::MAX);
        writer.float(1.1);
        writer.double(-f64::MIN_POSITIVE);
        writer.double(1e300);
        writer.double(f64::NAN);
        writer.integer(-7);
        writer.end_array();
        let expected =
            serde_json::to_string(&(i64::MIN, u64::MAX, 1.1_f32, -f64::MIN_POSITIVE, 1e300, (), -7)).unwrap();
        assert_eq!(writer.finish().unwrap().to_bytes(), expected);
    }

    #[test]
    fn a_scaled_number_keeps_its_digits() {
        for (unscaled, scale, expected) in [
            (4450, 2, "44.50"),
            (-4450, 2, "-44.50"),
            (-1, 3, "-0.001"),
            (0, 2, "0.00"),
            (0, 0, "0"),
            (7, 0, "7"),
            (i64::MIN, 0, "-9223372036854775808"),
            (i64::MAX, 19, "0.9223372036854775807"),
            (i64::MIN, 25, "-0.0000009223372036854775808"),
        ] {
            let mut writer = JsonWriter::with_capacity(0);
            writer.scaled(unscaled, scale);
            assert!(writer.is_known && is_number(writer.text.as_bytes()), "{expected}");
            assert_eq!(writer.finish().unwrap().to_bytes(), expected);
        }
    }

    #[test]
    fn what_was_written_flat_goes_out_as_it_is() {
        let mut writer = JsonWriter::with_capacity(0);
        writer.begin_object();
        writer.ready_name(&JsonName::new("timestamp"));
        writer.double(1_739_712_345.678);
        writer.name("ticker");
        writer.string("OOOO 1e5");
        writer.name("price");
        writer.digits("44.50");
        writer.end_object();
        let json = writer.finish().unwrap();
        let text: &[u8] = br#"{"timestamp":1739712345.678,"ticker":"OOOO 1e5","price":44.50}"#;
        assert_eq!(json.compact().map(|text| &**text), Some(text));
    }

    #[test]
    fn what_is_no_json_is_not_taken_for_it() {
        for forged in ["1,\"role\":\"admin\"", "1}\n{\"forged\":true", "", "01", "NaN", "1 "] {
            let mut writer = JsonWriter::with_capacity(0);
            writer.begin_object();
            writer.name("a");
            writer.digits(forged);
            assert!(!writer.is_known, "{forged}");
        }
        let mut writer = JsonWriter::with_capacity(0);
        (0..200).for_each(|_| writer.begin_array());
        (0..200).for_each(|_| writer.end_array());
        assert!(writer.finish().is_err());
    }
}

//! Refuses a chain in which every record would be rejected for its form.
//!
//! Each plug-in states the forms of payloads that it takes and makes. Here a record's forms are followed from the
//! converters through the transforms into the sink; where none of those that can arrive is one that a plug-in takes, the
//! key that asks for another is at fault.

use sluice_connector_api::{
    Converter, FormNeed, PayloadForm, PayloadForms, RecordFields, RecordForms, SettingsError, Side, Sink,
};

use crate::transform::chain::Step;

/// A key that rejects every record: the path to the plug-in's settings, and what is wrong in them.
pub(super) type DeadKey = (String, SettingsError);

/// The forms of records on their way, and what made them so.
pub(super) struct FormCheck<'a> {
    forms: RecordForms,
    makers: [Maker<'a>; 2],
    /// What is known of the fields of records behind each transform, with its name and place.
    fields: Vec<(&'a str, usize, RecordFields)>,
    dead: Vec<DeadKey>,
}

/// What made a payload what it is.
#[derive(Clone, Copy)]
enum Maker<'a> {
    /// The converter.
    Converter,
    /// A transform, by its name and its place in the file, from 0.
    Transform(&'a str, usize),
    /// The dead letter queue gets records as they were read.
    AsRead,
}

impl<'a> FormCheck<'a> {
    /// Begins with what converters make. Without one, bytes stay bytes.
    pub(super) fn read_by(key: Option<&dyn Converter>, value: Option<&dyn Converter>) -> Self {
        let made = |converter: Option<&dyn Converter>| match converter {
            Some(converter) => converter.makes(),
            None => PayloadForm::Bytes.into(),
        };
        let forms = RecordForms::new(made(key), made(value));
        Self { forms, makers: [Maker::Converter; 2], fields: Vec::new(), dead: Vec::new() }
    }

    /// Begins with records as they were read, as the dead letter queue gets them.
    pub(super) fn as_read() -> Self {
        let forms = RecordForms::new(PayloadForm::Bytes, PayloadForm::Bytes);
        Self { forms, makers: [Maker::AsRead; 2], fields: Vec::new(), dead: Vec::new() }
    }

    /// Goes through a transform.
    pub(super) fn through(&mut self, index: usize, step: &'a Step) {
        let path = format!("transforms.{index}");
        if let Some(condition) = &step.condition {
            let path = format!("{path}.predicate.{}", condition.name);
            self.meet(&path, condition.predicate.needs(), "; move it behind this one");
        }
        let needs = step.transform.needs();
        self.meet(&format!("{path}.{}", step.name), needs, "; move it behind this one");
        let made = step.makes(self.forms);
        let [key, value] = &mut self.makers;
        for (side, maker) in [(Side::Key, key), (Side::Value, value)] {
            if made.of(side) != self.forms.of(side) {
                *maker = Maker::Transform(step.name, index);
            }
        }
        self.forms = made;
        let before = self.fields.last().map(|(_, _, fields)| fields.clone()).unwrap_or_default();
        self.fields.push((step.name, index, step.leaves(before)));
    }

    /// Ends in a sink. Returns what is dead.
    pub(super) fn into_sink(mut self, path: &str, sink: &dyn Sink) -> Vec<DeadKey> {
        self.meet(path, sink.needs(), "");
        self.dead
    }

    /// `move_it` is the way out where a transform took the form away.
    fn meet(&mut self, path: &str, needs: Vec<FormNeed>, move_it: &str) {
        for need in needs {
            let reason = if need.is_met_by(self.forms.of(need.side)) {
                self.lacking(&need, move_it)
            } else {
                Some(self.reason(&need, move_it))
            };
            if let Some(reason) = reason {
                let why = SettingsError::at(need.why.path(), reason);
                self.dead.push((path.to_owned(), why));
            }
        }
    }

    /// Says that a field cannot be there without which every record is rejected, and which transform took it away.
    fn lacking(&self, need: &FormNeed, move_it: &str) -> Option<String> {
        if self.forms.of(need.side) != PayloadForm::Json.into() {
            return None;
        }
        let side = need.side;
        let (_, _, now) = self.fields.last()?;
        let field = need.fields.iter().find(|field| now.of(side).lacks(field))?;
        // The first one behind which it was always lacking.
        let kept = self.fields.iter().rposition(|(_, _, fields)| !fields.of(side).lacks(field));
        let (name, index, _) = self.fields.get(kept.map_or(0, |kept| kept + 1))?;
        Some(format!(
            "reads the field `{field}` of the {side}, but `{name}` (transform {}) leaves no such field, and every record \
             would be rejected; keep it there{}",
            index + 1,
            move_it.replace("; move it", ", or move this one").replace("behind this one", "before that one")
        ))
    }

    fn reason(&self, need: &FormNeed, move_it: &str) -> String {
        let (side, forms) = (need.side, self.forms.of(need.side));
        let [key, value] = self.makers;
        let maker = match side {
            Side::Key => key,
            Side::Value => value,
        };
        let wants_json = need.forms == PayloadForms::from(PayloadForm::Json);
        let made = match maker {
            Maker::Transform(name, index) => {
                Some(format!("`{name}` (transform {}) makes it so{move_it}", index + 1))
            }
            Maker::AsRead => Some("the queue gets records as they were read".to_owned()),
            Maker::Converter if wants_json => Some(format!("set `source.{side}: json`")),
            Maker::Converter => None,
        };
        let is_converter = matches!(maker, Maker::Converter);
        let way_out = match (made, &need.way_out) {
            (Some(made), Some(way_out)) if made == *way_out => format!("; {made}"),
            (Some(made), Some(way_out)) if is_converter => format!("; {made}, or {way_out}"),
            (Some(made), Some(way_out)) => format!("; {made}; {way_out}"),
            (Some(only), None) => format!("; {only}"),
            (None, Some(only)) => format!("; {only}"),
            (None, None) => String::new(),
        };
        let why = need.why.reason();
        format!("{why}, but the {side} is {forms} here, and every record would be rejected{way_out}")
    }
}

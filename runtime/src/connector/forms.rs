//! Refuses a chain in which every record would be rejected for its form.
//!
//! Each plug-in states the forms of payloads that it takes and makes. Here a record's forms are followed from the
//! converters through the transforms into the sink; where none of those that can arrive is one that a plug-in takes, the
//! key that asks for another is at fault.

use sluice_connector_api::{
    Converter, FieldNeed, FormNeed, KnownFields, PayloadForm, RecordFields, RecordForms, SettingsError, Side,
    Sink, UnmetKind,
};

use crate::transform::chain::Step;

/// A key that rejects every record: the path to the plug-in's settings, and what is wrong in them.
pub(super) type DeadKey = (String, SettingsError);

/// What following the forms found.
#[derive(Default)]
pub(super) struct FormFindings {
    /// Keys that reject every record.
    pub(super) dead: Vec<DeadKey>,
    /// Keys that have no effect, since the field that they name cannot be there, and those that hardly name what was meant.
    pub(super) idle: Vec<DeadKey>,
}

/// What other tools call the value in the names of its fields.
const VALUE: &str = "value";

/// The forms of records on their way, and what made them so.
pub(super) struct FormCheck<'a> {
    forms: RecordForms,
    makers: [Maker<'a>; 2],
    /// What is known of the fields of records behind each transform, with its name and place.
    fields: Vec<(&'a str, usize, RecordFields)>,
    found: FormFindings,
}

/// What a field or a header cannot be there for.
enum Missed<'n> {
    Field(&'n [String]),
    Header(&'n str),
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
        Self { forms, makers: [Maker::Converter; 2], fields: Vec::new(), found: FormFindings::default() }
    }

    /// Begins with records as they were read, as the dead letter queue gets them.
    pub(super) fn as_read() -> Self {
        let forms = RecordForms::new(PayloadForm::Bytes, PayloadForm::Bytes);
        Self { forms, makers: [Maker::AsRead; 2], fields: Vec::new(), found: FormFindings::default() }
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

    /// Ends in a sink. Returns what is dead, and what has no effect.
    pub(super) fn into_sink(mut self, path: &str, sink: &dyn Sink) -> FormFindings {
        self.meet(path, sink.needs(), "");
        self.found
    }

    /// `move_it` is the way out where a transform took the form away.
    fn meet(&mut self, path: &str, needs: Vec<FormNeed>, move_it: &str) {
        let mut unmet: Vec<(Side, String)> = Vec::new();
        for need in needs {
            let at = |reason| (path.to_owned(), SettingsError::at(need.why.path(), reason));
            if !need.is_met_by(self.forms.of(need.side)) {
                // Of a list that is refused, its items say nothing new.
                let is_said =
                    |(side, above): &(Side, String)| *side == need.side && is_below(need.why.path(), above);
                if !unmet.iter().any(is_said) {
                    self.found.dead.push(at(self.reason(&need, move_it)));
                }
                unmet.push((need.side, need.why.path().to_owned()));
            } else if let Some(missed) = self.missed(&need, &need.fields, &need.headers) {
                let lacking = self.lacking(&need, &missed);
                let way_out = sooner(move_it);
                let reason = format!("{lacking}, and every record would be rejected; keep it there{way_out}");
                self.found.dead.push(at(reason));
            } else if let Some(missed) = self.missed(&need, &need.sought, &need.sought_headers) {
                let lacking = self.lacking(&need, &missed);
                let way_out = sooner(move_it);
                let reason = format!(
                    "{lacking}, so that this has no effect; keep it there{way_out}, or leave this out"
                );
                self.found.idle.push(at(reason));
            } else if let Some((kind, known)) = self.misfit(&need) {
                let (reason, found) = (self.misfit_reason(&need, kind, &known, move_it), &mut self.found);
                match kind.unmet {
                    UnmetKind::Rejects => found.dead.push(at(reason)),
                    UnmetKind::NeverHolds => found.idle.push(at(reason)),
                }
            } else if let Some(field) = self.doubled(&need) {
                let (whole, within) = (written(field), written(field.get(1..).unwrap_or_default()));
                let reason = format!(
                    "reads `{whole}`, a field within one that is called `{VALUE}`; a field of the record's value itself is \
                     `{within}` alone"
                );
                self.found.idle.push(at(reason));
            }
        }
    }

    /// Finds the first of the fields that are named as other tools name those of the value, `value.price`, where nothing tells
    /// that the value has a field of this name.
    fn doubled<'n>(&self, need: &'n FormNeed) -> Option<&'n [String]> {
        if need.side != Side::Value || !self.is_json(need) {
            return None;
        }
        let begins =
            |field: &&Vec<String>| field.len() > 1 && field.first().is_some_and(|first| first == VALUE);
        let mut fields = need.fields.iter().chain(&need.sought).filter(begins);
        let is_known = self.fields.last().is_some_and(|(_, _, now)| {
            let known = now.of(Side::Value).clone().of_any_kind();
            // One of which nothing was said is there only now.
            let below = known.below(&[VALUE]).unwrap_or_default();
            known.clone().with_known(&[VALUE], below).of_any_kind() == known
        });
        fields.next().filter(|_| !is_known).map(Vec::as_slice)
    }

    /// Finds the first of the fields that is never what it has to be, and what is known of it.
    fn misfit<'n>(&self, need: &'n FormNeed) -> Option<(&'n FieldNeed, KnownFields)> {
        let (_, _, now) = self.fields.last()?;
        let is_json = self.is_json(need);
        let known = |kind: &FieldNeed| now.of(need.side).below(&kind.path);
        let kinds = need.kinds.iter().filter(|kind| is_json || kind.path.is_empty());
        let mut misfits = kinds.filter_map(|kind| Some((kind, known(kind)?)));
        misfits.find(|(kind, known)| !kind.is_met_by(known))
    }

    /// Says what a field has to be, and which transform made it something else.
    fn misfit_reason(&self, need: &FormNeed, kind: &FieldNeed, known: &KnownFields, move_it: &str) -> String {
        let maker = self.taker(|fields| {
            fields.of(need.side).below(&kind.path).is_none_or(|known| !kind.is_met_by(&known))
        });
        let (why, what, made) = (need.why.reason(), &kind.what, known.kinds());
        let form = if kind.has_kind(known) { " of another form" } else { "" };
        let outcome = match kind.unmet {
            UnmetKind::Rejects => "and every record would be rejected",
            UnmetKind::NeverHolds => "so that this never holds",
        };
        let way_out = if move_it.is_empty() {
            "mend one of the two"
        } else {
            "move this one before that one, or mend one of the two"
        };
        format!("{why}, which has to be {what}, but {maker} makes it {made}{form}, {outcome}; {way_out}")
    }

    /// Finds the first of some fields and headers that cannot be there.
    fn missed<'n>(
        &self,
        need: &FormNeed,
        fields: &'n [Vec<String>],
        headers: &'n [String],
    ) -> Option<Missed<'n>> {
        if let Some(field) = fields.iter().find(|field| self.lacks(need, field)) {
            return Some(Missed::Field(field));
        }
        let (_, _, now) = self.fields.last()?;
        headers.iter().find(|name| now.headers.lacks(&[name])).map(|name| Missed::Header(name))
    }

    /// Says whether it is JSON that arrives, and nothing else that will do.
    fn is_json(&self, need: &FormNeed) -> bool {
        self.forms.of(need.side).common(need.forms) == PayloadForm::Json.into()
    }

    /// Says whether a field cannot be there. Where another form than JSON will do, nothing is known of fields.
    fn lacks(&self, need: &FormNeed, field: &[String]) -> bool {
        self.is_json(need) && self.fields.last().is_some_and(|(_, _, now)| now.of(need.side).lacks(field))
    }

    /// Names the first transform behind which something was always lacking.
    fn taker(&self, is_lacking: impl Fn(&RecordFields) -> bool) -> String {
        let kept = self.fields.iter().rposition(|(_, _, fields)| !is_lacking(fields));
        let taker = self.fields.get(kept.map_or(0, |kept| kept + 1));
        taker.map_or_else(String::new, |(name, index, _)| format!("`{name}` (transform {})", index + 1))
    }

    /// Says that something cannot be there, and which transform took it away.
    fn lacking(&self, need: &FormNeed, missed: &Missed<'_>) -> String {
        match missed {
            Missed::Field(field) => {
                let (written, side) = (written(field), need.side);
                let taker = self.taker(|fields| fields.of(side).lacks(field));
                format!("reads the field `{written}` of the {side}, but {taker} leaves no such field")
            }
            Missed::Header(name) => {
                let taker = self.taker(|fields| fields.headers.lacks(&[name]));
                format!("reads the header `{name}`, but {taker} leaves no such header")
            }
        }
    }

    fn reason(&self, need: &FormNeed, move_it: &str) -> String {
        let (side, forms) = (need.side, self.forms.of(need.side));
        let [key, value] = self.makers;
        let maker = match side {
            Side::Key => key,
            Side::Value => value,
        };
        let wants_json = need.forms.has(PayloadForm::Json) && !need.forms.has(PayloadForm::Text);
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

/// Says whether a key is another one, or in it. The key of no name is the plug-in itself.
fn is_below(key: &str, above: &str) -> bool {
    above.is_empty() || key.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Where a transform took a field away, this one may stand before it.
fn sooner(move_it: &str) -> &'static str {
    if move_it.is_empty() { "" } else { ", or move this one before that one" }
}

/// Writes a path as the files have it: names with dots stand in brackets.
fn written(path: &[String]) -> String {
    let name = |name: &String| if name.contains('.') { format!("[{name}]") } else { name.clone() };
    path.iter().map(name).collect::<Vec<_>>().join(".")
}

//! What happens to a record between the source and the batch: converters, then transforms.

use std::cell::Cell;
use std::fmt;

use sluice_connector_api::{
    Blanks, Converter, ConverterContext, Failure, NotConverted, Origin, Payload, Predicate, Record,
    RecordFields, RecordForms, Rejection, SchemaId, Side, Transform, Transformed,
};

use crate::guard;

/// Where a record was rejected, in Kafka Connect's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the key.
    KeyConverter,
    /// Reading the value.
    ValueConverter,
    /// A transform or its predicate.
    Transformation {
        /// The transform's place in the file, from 0.
        index: usize,
        /// The transform's name.
        name: &'static str,
    },
    /// The sink.
    TaskPut,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyConverter => f.write_str("key converter"),
            Self::ValueConverter => f.write_str("value converter"),
            Self::Transformation { index, name } => write!(f, "transform {} ({name})", index + 1),
            Self::TaskPut => f.write_str("sink"),
        }
    }
}

/// A record that some stage rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageError {
    /// The stage.
    pub stage: Stage,
    /// Why.
    pub rejection: Rejection,
}

/// A record that waits for a schema, without which one of its sides cannot be read.
#[derive(Clone, Debug)]
pub struct PendingRecord {
    /// The record; what stands before the side is read already.
    pub record: Record,
    /// The side that waits.
    pub side: Side,
    /// What it waits for.
    pub schema: SchemaId,
}

/// Why a record did not come out of the chain.
#[derive(Clone, Debug)]
pub enum NotApplied {
    /// Some stage rejected it.
    Rejected(StageError),
    /// A schema has to be fetched, and then [`Chain::go_on`].
    NeedsSchema(Box<PendingRecord>),
}

/// When a transform applies.
pub struct Condition {
    /// The predicate's name.
    pub name: &'static str,
    /// What is asked.
    pub predicate: Box<dyn Predicate>,
    /// Whether the answer is turned round.
    pub negate: bool,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("negate", &self.negate).finish_non_exhaustive()
    }
}

/// A transform in a chain.
pub struct Step {
    /// The transform's name.
    pub name: &'static str,
    /// The transform.
    pub transform: Box<dyn Transform>,
    /// When it applies; always, without one.
    pub condition: Option<Condition>,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("name", &self.name)
            .field("condition", &self.condition)
            .finish_non_exhaustive()
    }
}

/// Converters and transforms of a connector, in order. Pure and shared by all its tasks.
pub struct Chain {
    /// Without one, keys stay the bytes that they are.
    key: Option<Box<dyn Converter>>,
    /// Without one, values stay the bytes that they are.
    value: Option<Box<dyn Converter>>,
    steps: Vec<Step>,
    /// What is blanked in what plug-ins say (invariant 8).
    blanks: Blanks,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl Chain {
    /// Puts a chain together. Keys or values without a converter stay the bytes that they are.
    pub fn new(key: Option<Box<dyn Converter>>, value: Option<Box<dyn Converter>>, steps: Vec<Step>) -> Self {
        Self { key, value, steps, blanks: Blanks::default() }
    }

    /// Blanks secrets in what plug-ins say.
    #[must_use]
    pub fn with_blanks(mut self, blanks: Blanks) -> Self {
        self.blanks = blanks;
        self
    }

    /// Takes a record as read through the whole chain. Several records from one are numbered. `origin` is that of the
    /// record, which none of its successors may change.
    ///
    /// A plug-in that panics rejects the record (invariant 9: no record can crash a connector).
    pub fn apply(&self, origin: &Origin, record: Record) -> Result<Transformed, NotApplied> {
        self.apply_seen(Side::Key, origin, record, |_, _| {})
    }

    /// Goes on with a record whose schema was fetched.
    pub fn go_on(&self, origin: &Origin, pending: PendingRecord) -> Result<Transformed, NotApplied> {
        self.apply_seen(pending.side, origin, pending.record, |_, _| {})
    }

    /// Fetches a schema that a record waits for. One call at a time.
    ///
    /// A converter that panics here has failed in a way that may pass: it says nothing of the record.
    pub async fn fetch(&self, side: Side, schema: &SchemaId) -> Result<(), Failure> {
        let converter = match side {
            Side::Key => &self.key,
            Side::Value => &self.value,
        };
        let Some(converter) = converter else { return Ok(()) };
        let fetched = guard::wait_for(converter.fetch(schema)).await;
        let fetched = fetched.unwrap_or_else(|panicked| Err(Failure::retriable(panicked.to_string())));
        fetched.map_err(|failure| failure.blanked(&self.blanks))
    }

    /// Does what [`Chain::apply`] does, and shows the records after each stage. `side` is the first one that is not read.
    pub fn apply_seen(
        &self,
        side: Side,
        origin: &Origin,
        record: Record,
        see: impl FnMut(&str, &[Record]),
    ) -> Result<Transformed, NotApplied> {
        self.guarded(|at| {
            let out = self.run(at, side, origin, record, see)?;
            records(&out).iter().for_each(read_json);
            Ok(out)
        })
    }

    /// Runs plug-ins, which say in the cell at which stage they are, and answers for one that panics.
    fn guarded(
        &self,
        run: impl FnOnce(&Cell<Stage>) -> Result<Transformed, Halt>,
    ) -> Result<Transformed, NotApplied> {
        let at = Cell::new(Stage::KeyConverter);
        let result = guard::call(|| run(&at));
        let result = result.unwrap_or_else(|panicked| Err(Rejection::new(panicked.to_string()).into()));
        result.map_err(|halt| match halt {
            Halt::Rejected(rejection) => {
                let rejection = rejection.blanked(&self.blanks);
                NotApplied::Rejected(StageError { stage: at.into_inner(), rejection })
            }
            Halt::NeedsSchema(pending) => NotApplied::NeedsSchema(pending),
        })
    }

    fn run(
        &self,
        at: &Cell<Stage>,
        side: Side,
        origin: &Origin,
        mut record: Record,
        mut see: impl FnMut(&str, &[Record]),
    ) -> Result<Transformed, Halt> {
        if side == Side::Key
            && let Some(converter) = &self.key
            && let Err(error) = convert(converter.as_ref(), Side::Key, &mut record)
        {
            return Err(Halt::new(error, record, Side::Key));
        }
        at.set(Stage::ValueConverter);
        if let Some(converter) = &self.value
            && let Err(error) = convert(converter.as_ref(), Side::Value, &mut record)
        {
            return Err(Halt::new(error, record, Side::Value));
        }
        see("read", std::slice::from_ref(&record));
        let mut steps = self.steps.iter().enumerate();
        while let Some((index, step)) = steps.next() {
            at.set(Stage::Transformation { index, name: step.name });
            let out = step.apply(origin, record)?;
            see(step.name, records(&out));
            match out {
                Transformed::One(next) => record = next,
                Transformed::Dropped => return Ok(Transformed::Dropped),
                Transformed::Several(records) => {
                    return Ok(number(apply_each(at, steps, origin, records, see)?));
                }
            }
        }
        Ok(Transformed::One(record))
    }
}

/// Reads one side of a record, unless it has been read already.
fn convert(converter: &dyn Converter, side: Side, record: &mut Record) -> Result<(), NotConverted> {
    match place(record, side).take() {
        Some(Payload::Bytes(bytes)) => {
            let context = ConverterContext::new(side, record.origin().topic(), &record.headers)
                .with_schema(record.schema(side));
            let payload = converter.convert(bytes, &context)?;
            *place(record, side) = payload;
        }
        read => *place(record, side) = read,
    }
    Ok(())
}

fn place(record: &mut Record, side: Side) -> &mut Option<Payload> {
    match side {
        Side::Key => &mut record.key,
        Side::Value => &mut record.value,
    }
}

/// Why a record goes no further in the chain.
enum Halt {
    Rejected(Rejection),
    NeedsSchema(Box<PendingRecord>),
}

impl Halt {
    /// A side that waits for its schema has its bytes again.
    fn new(error: NotConverted, mut record: Record, side: Side) -> Self {
        match error {
            NotConverted::Rejected(rejection) => Self::Rejected(rejection),
            NotConverted::NeedsSchema { schema, bytes } => {
                *place(&mut record, side) = Some(Payload::Bytes(bytes));
                Self::NeedsSchema(Box::new(PendingRecord { record, side, schema }))
            }
            _ => Self::Rejected(Rejection::new(format!("the {side} cannot be read"))),
        }
    }
}

impl From<Rejection> for Halt {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// Takes the records that a step made of one through the steps behind it.
fn apply_each<'a>(
    at: &Cell<Stage>,
    steps: impl Iterator<Item = (usize, &'a Step)>,
    origin: &Origin,
    mut current: Vec<Record>,
    mut see: impl FnMut(&str, &[Record]),
) -> Result<Vec<Record>, Rejection> {
    for (index, step) in steps {
        at.set(Stage::Transformation { index, name: step.name });
        let mut out = Vec::with_capacity(current.len());
        for record in current {
            match step.apply(origin, record)? {
                Transformed::One(record) => out.push(record),
                Transformed::Dropped => {}
                Transformed::Several(records) => out.extend(records),
            }
        }
        see(step.name, &out);
        current = out;
    }
    Ok(current)
}

impl Step {
    /// Says in which forms records come out: with a predicate, some come out as they went in.
    pub(crate) fn makes(&self, forms: RecordForms) -> RecordForms {
        let made = self.transform.makes(forms);
        if self.condition.is_some() { made | forms } else { made }
    }

    /// Says which fields records can have that come out: with a predicate, some come out as they went in.
    pub(crate) fn leaves(&self, fields: RecordFields) -> RecordFields {
        match self.condition {
            Some(_) => self.transform.leaves(fields.clone()) | fields,
            None => self.transform.leaves(fields),
        }
    }

    /// Takes a record through the step, where its condition holds.
    pub(crate) fn apply(&self, origin: &Origin, record: Record) -> Result<Transformed, Rejection> {
        if !self.applies(&record)? {
            return Ok(record.into());
        }
        let out = self.transform.apply(record)?;
        // Invariant 4: a transform that made a new record would commit somebody else's offset.
        if records(&out).iter().any(|record| record.origin() != origin) {
            return Err(Rejection::new(format!("the transform `{}` changed the record's origin", self.name)));
        }
        Ok(out)
    }

    fn applies(&self, record: &Record) -> Result<bool, Rejection> {
        match &self.condition {
            Some(condition) => Ok(condition.predicate.test(record)? != condition.negate),
            None => Ok(true),
        }
    }
}

/// Reads JSON that has to be read to be measured: here many cores do, and behind the chain one task makes the batches of
/// all.
fn read_json(record: &Record) {
    for payload in [&record.key, &record.value].into_iter().flatten() {
        if let Payload::Json(json) = payload
            && json.compact().is_none()
        {
            json.value();
        }
    }
}

/// Views what came out of a transform as a list.
pub(crate) fn records(transformed: &Transformed) -> &[Record] {
    match transformed {
        Transformed::One(record) => std::slice::from_ref(record),
        Transformed::Dropped => &[],
        Transformed::Several(records) => records,
    }
}

/// Numbers the records that one became; none means that it was dropped.
fn number(records: Vec<Record>) -> Transformed {
    if records.is_empty() {
        return Transformed::Dropped;
    }
    Transformed::Several((0..).zip(records).map(|(part, record)| record.with_part(part)).collect())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sluice_connector_api::{ConverterContext, NotConverted, PayloadForm, PayloadForms};

    use super::*;

    /// Panics over what holds this text; a transform makes two of every other record.
    struct Upset(&'static str);

    impl Upset {
        fn look(&self, bytes: &[u8]) {
            assert!(bytes != self.0.as_bytes(), "upset by {}", self.0);
        }
    }

    impl Converter for Upset {
        fn convert(&self, bytes: Bytes, _: &ConverterContext<'_>) -> Result<Option<Payload>, NotConverted> {
            self.look(&bytes);
            Ok(Some(Payload::Bytes(bytes)))
        }

        fn makes(&self) -> PayloadForms {
            PayloadForm::Bytes.into()
        }
    }

    impl Predicate for Upset {
        fn test(&self, record: &Record) -> Result<bool, Rejection> {
            self.look(&record.value.as_ref().unwrap().to_bytes());
            Ok(true)
        }
    }

    impl Transform for Upset {
        fn apply(&self, record: Record) -> Result<Transformed, Rejection> {
            self.look(&record.value.as_ref().unwrap().to_bytes());
            Ok(Transformed::Several(vec![record.clone(), record]))
        }
    }

    /// Takes a record with this value through a chain with something that is upset by it at every stage.
    fn stage_of_panic(value: &'static str) -> Option<(String, String)> {
        let step = |name, upset, asked| {
            let condition =
                Some(Condition { name: "upset", predicate: Box::new(Upset(asked)), negate: false });
            Step { name, transform: Box::new(Upset(upset)), condition }
        };
        let steps = vec![step("first", "c", "d"), step("second", "e", "f")];
        let chain = Chain::new(Some(Box::new(Upset("a"))), Some(Box::new(Upset("b"))), steps);
        let mut record = Record::new(Origin::new("t", 0, 0));
        record.key = (value == "a").then(|| Payload::Bytes(value.into()));
        record.value = Some(Payload::Bytes(value.into()));
        let NotApplied::Rejected(error) = chain.apply(&Origin::new("t", 0, 0), record).err()? else {
            return None;
        };
        Some((error.stage.to_string(), error.rejection.to_string()))
    }

    #[test]
    fn a_panic_rejects_the_record_at_the_stage_where_it_happened() {
        let stages = [
            ("a", "key converter"),
            ("b", "value converter"),
            ("c", "transform 1 (first)"),
            ("d", "transform 1 (first)"),
            ("e", "transform 2 (second)"),
            ("f", "transform 2 (second)"),
        ];
        for (value, expected) in stages {
            let (stage, reason) = stage_of_panic(value).unwrap();
            assert_eq!(stage, expected, "{value}");
            assert!(reason.starts_with("panicked at "), "{reason}");
            assert!(reason.ends_with(&format!(": upset by {value}")), "{reason}");
        }
        assert_eq!(stage_of_panic("g"), None);
    }
}

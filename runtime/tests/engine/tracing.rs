//! Whoever traces puts sees each of them, with its records and what came of it, and the sink finds its span.

use std::sync::{Arc, Mutex};

use sluice_connector_api::{Failure, PutError, Record, TraceParent};
use sluice_runtime::trace::{PutSpan, PutTracer};

use crate::support::{Answer, Script, Setup, records, refusing};

/// What was seen of a put: its number, its records, and the outcome.
type SeenPut = (u64, usize, Option<String>);

/// Numbers spans from 1.
#[derive(Clone, Debug, Default)]
struct Spans(Arc<Mutex<Vec<SeenPut>>>);

struct OpenSpan(Spans, u64);

impl PutTracer for Spans {
    fn begin(&self, connector: &str, sink: &str, records: &[Record]) -> Box<dyn PutSpan> {
        assert_eq!((connector, sink), ("prices", "scripted"));
        let mut all = self.0.lock().unwrap();
        let number = all.len() as u64 + 1;
        all.push((number, records.len(), None));
        Box::new(OpenSpan(self.clone(), number))
    }
}

impl PutSpan for OpenSpan {
    fn place(&self) -> Option<TraceParent> {
        TraceParent::new(7, self.1, 1)
    }

    fn end(self: Box<Self>, answer: &Result<(), PutError>) {
        let outcome = match answer {
            Ok(()) => "stored".to_owned(),
            Err(PutError::Batch(failure)) => failure.to_string(),
            Err(PutError::Records(failures)) => format!("{} failed", failures.len()),
        };
        let mut all = self.0.0.lock().unwrap();
        all.iter_mut().find(|(number, ..)| *number == self.1).unwrap().2 = Some(outcome);
    }
}

impl Spans {
    fn trace(&self, setup: Setup) -> Setup {
        let tracer = Arc::new(self.clone());
        setup.with(|settings| settings.lane.tap.trace_puts(tracer, "prices".into(), "scripted"))
    }

    fn seen(&self) -> Vec<SeenPut> {
        self.0.lock().unwrap().clone()
    }
}

/// Notes the span that each put finds, and answers as another script does.
fn noting(found: &Arc<Mutex<Vec<Option<u64>>>>, mut script: Script) -> Script {
    let found = Arc::clone(found);
    Box::new(move |batch| {
        found.lock().unwrap().push(TraceParent::current().map(TraceParent::span));
        script(batch)
    })
}

#[tokio::test(start_paused = true)]
async fn each_put_has_a_span_of_its_own_with_what_came_of_it() {
    let (spans, found) = (Spans::default(), Arc::default());
    let mut run = spans.trace(Setup::new(noting(&found, refusing())).tolerant()).start_with(records(
        0,
        0,
        &["a", "bad"],
    ));
    run.finish().await.unwrap();
    let outcome = |text: &str| Some(text.to_owned());
    let expected =
        [(1, 2, outcome("something is bad")), (2, 1, outcome("stored")), (3, 1, outcome("something is bad"))];
    assert_eq!(spans.seen(), expected);
    assert_eq!(*found.lock().unwrap(), [Some(1), Some(2), Some(3)]);
}

#[tokio::test(start_paused = true)]
async fn a_put_that_panics_or_stops_the_connector_ends_its_span_and_leaves_no_span_behind() {
    for (answer, outcome) in
        [(Answer::Panic, "panicked"), (Answer::Fail(Failure::fatal("no rights")), "no rights")]
    {
        let (spans, found) = (Spans::default(), Arc::default());
        let mut answers = vec![Some(answer)].into_iter();
        let script: Script = Box::new(move |_| answers.next().flatten().unwrap_or(Answer::Store));
        let mut run = spans.trace(Setup::new(noting(&found, script))).start_with(records(0, 0, &["a"]));
        let _stopped = run.finish().await;
        let first = spans.seen().remove(0).2.unwrap();
        assert!(first.contains(outcome), "{first}");
        assert_eq!(TraceParent::current(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn where_puts_are_not_traced_a_sink_finds_no_span() {
    let found = Arc::default();
    let mut run = Setup::new(noting(&found, refusing())).start_with(records(0, 0, &["a"]));
    run.finish().await.unwrap();
    assert_eq!(*found.lock().unwrap(), [None]);
}

//! What a function answers, and that it does so in time.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_connector_api::{Failure, Limits, Order, Pace, Registry, SettingsError, Sink, SinkSettings};
use sluice_runtime::config::interpolate::Follow;
use sluice_runtime::config::worker::BatchResponse;
use sluice_runtime::lambda::{self, Host, HostSettings};
use sluice_runtime::transform::chain::Chain;
use tokio::time::Instant;

use crate::support::{
    Answer, Fetch, Gate, HoldScript, Journal, SchemaRegistry, Script, ScriptedSink, naming, once, record,
    refusing, script,
};

/// Holds the place of a scripted sink in the file.
#[derive(Deserialize, Serialize, JsonSchema)]
struct ScriptedSettings {}

impl SinkSettings for ScriptedSettings {
    const NAME: &'static str = "scripted";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(ScriptedSink::new(script([]), Limits::default(), Journal::default())))
    }
}

/// A function that is about to be made, with batches of up to 10 records, ordered by key.
struct Function {
    limits: Limits,
    errors: &'static str,
    response: BatchResponse,
    letters: Option<Script>,
    hold: Option<HoldScript>,
    /// Has the schemas of the values.
    schemas: Option<SchemaRegistry>,
}

/// A function, and what its sink and its dead letter queue saw.
struct Running {
    host: Host,
    journal: Journal,
    letters: Journal,
}

/// How an invocation ended, what it measured, and how long it took.
struct Invoked {
    answer: Result<Value, String>,
    metrics: Value,
    took: Duration,
}

impl Function {
    fn new() -> Self {
        let limits = Limits::default().with_max_records(10).with_order(Order::Key);
        Self {
            limits,
            errors: "{ retry_delay: 1s }",
            response: BatchResponse::Whole,
            letters: None,
            hold: None,
            schemas: None,
        }
    }

    fn partial(self) -> Self {
        Self { response: BatchResponse::Partial, ..self }
    }

    fn with(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    fn letters(self, script: Script) -> Self {
        let errors = "{ tolerance: all, dead_letter_queue: { sink: { scripted: {} } } }";
        Self { errors, letters: Some(script), ..self }
    }

    /// The sink holds what is put.
    fn holding(mut self, hold: HoldScript) -> Self {
        self.limits.order = Order::Partition;
        self.hold = Some(hold);
        self
    }

    /// Values name a schema, and errors are tolerated.
    fn schemas(self, registry: &SchemaRegistry) -> Self {
        Self { schemas: Some(registry.clone()), errors: "{ tolerance: all, retry_delay: 1s }", ..self }
    }

    fn start(self, script: Script) -> Running {
        let text =
            format!("source: {{ value: bytes }}\nsink: {{ scripted: {{}} }}\nerrors: {}\n", self.errors);
        let registry = sluice_transforms::register(Registry::new()).with_sink::<ScriptedSettings>();
        let loaded = lambda::load(Path::new("prices.yaml"), &text, &registry, Follow::Every);
        let mut connector = loaded.now_or_never().unwrap().unwrap();
        let (journal, letters) = (Journal::default(), Journal::default());
        let sink = ScriptedSink::new(script, self.limits, journal.clone());
        connector.sink = Arc::new(sink.holding(self.hold, &Arc::default()));
        if let Some(registry) = &self.schemas {
            connector.chain = Arc::new(Chain::new(None, Some(registry.converter()), Vec::new()));
        }
        connector.dead_letters = self.letters.map(|script| {
            Arc::new(ScriptedSink::new(script, Limits::default(), letters.clone())) as Arc<dyn Sink>
        });
        let settings =
            HostSettings { batch_response: self.response, deadline_margin: Duration::from_secs(2) };
        Running { host: Host::new(connector, settings), journal, letters }
    }
}

impl Running {
    /// Invokes the function with 60 seconds of time.
    async fn invoke(&self, records: Value) -> Invoked {
        let event =
            serde_json::from_value(json!({ "eventSource": "aws:kafka", "records": records })).unwrap();
        let (began, mut metrics) = (Instant::now(), Value::Null);
        let see = |line: &str| metrics = serde_json::from_str(line).unwrap();
        let deadline = SystemTime::now() + Duration::from_mins(1);
        let answer = self.host.invoke(event, "request-1", deadline, see).await;
        let answer = answer.map(|answer| json!(answer)).map_err(|error| error.to_string());
        Invoked { answer, metrics, took: began.elapsed() }
    }

    /// The offsets that the sink stored.
    fn stored(&self) -> Vec<i64> {
        self.journal.stored().iter().map(|record| record.origin().offset()).collect()
    }
}

impl Invoked {
    /// The offsets that a partial answer lists.
    fn offsets(&self) -> Vec<i64> {
        let failures = self.answer.as_ref().unwrap()["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"]["offset"].as_i64().unwrap()).collect()
    }

    fn metric(&self, name: &str) -> u64 {
        self.metrics[name].as_u64().unwrap()
    }
}

/// Records of one partition, from offset 0 on: `a` is `{ value: "a" }`, `k=a` has the key `k` besides.
fn event(texts: &[&str]) -> Value {
    let record = |(offset, text): (usize, &&str)| match text.split_once('=') {
        Some((key, value)) => json!({ "offset": offset, "key": base64(key), "value": base64(value) }),
        None => json!({ "offset": offset, "value": base64(text) }),
    };
    json!({ "t-0": texts.iter().enumerate().map(record).collect::<Vec<_>>() })
}

/// The words of these tests in base64.
fn base64(text: &str) -> &'static str {
    match text {
        "a" => "YQ==",
        "b" => "Yg==",
        "k" => "aw==",
        "l" => "bA==",
        "bad" => "YmFk",
        "raw:a" => "cmF3OmE=",
        "7:b" => "Nzpi",
        other => panic!("no base64 of {other} here"),
    }
}

#[tokio::test(start_paused = true)]
async fn seventeen_records_become_two_puts_and_an_empty_list() {
    for function in [Function::new(), Function::new().partial()] {
        let running = function.start(script([]));
        let invoked = running.invoke(event(&["a"; 17])).await;
        assert_eq!(invoked.answer, Ok(json!({ "batchItemFailures": [] })));
        let sizes: Vec<_> = running.journal.puts().iter().map(Vec::len).collect();
        assert_eq!(
            (sizes, invoked.took < Duration::from_millis(50)),
            (vec![10, 7], true),
            "{:?}",
            invoked.took
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_at_fault_is_reported_and_all_others_are_delivered() {
    let mut texts = ["a"; 17];
    texts[7] = "bad";
    for make in [naming, refusing] {
        let whole = Function::new().start(make());
        let error = whole.invoke(event(&texts)).await.answer.unwrap_err();
        assert!(
            error.starts_with("1 of 17 records are not done (t-0: 7): record t-0-7 was rejected by sink"),
            "{error}"
        );
        assert_eq!(whole.stored().len(), 16);
        let partial = Function::new().partial().start(make());
        assert_eq!(partial.invoke(event(&texts)).await.offsets(), [7]);
        assert_eq!(partial.stored().len(), 16);
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_later_of_the_same_key_is_not_done_either() {
    let function = Function::new().with(|limits| limits.max_records = 3).partial().start(naming());
    // The first batch stores offset 2 beside the record at fault; offset 4 still waits.
    let invoked = function.invoke(event(&["k=a", "k=bad", "k=b", "l=a", "k=a", "l=b"])).await;
    assert_eq!(invoked.offsets(), [1, 2, 4]);
    assert_eq!(function.stored(), [0, 2, 3, 5], "offset 4 is not put any more");
    let counts = ["read", "delivered", "abandoned"]
        .map(|name| invoked.metric(&format!("sluice_records_{name}_total")));
    assert_eq!(counts, [6, 3, 3], "each record is in one count");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_is_at_fault_alone() {
    let records = json!({ "t-0": [
        { "offset": 0, "value": "YQ==" },
        { "offset": 1, "key": base64("k"), "value": "*" },
        { "offset": 2, "key": base64("k"), "value": "Yg==" },
        { "offset": 3, "key": base64("l"), "value": "Yg==" },
    ] });
    let function = Function::new().start(script([]));
    let error = function.invoke(records.clone()).await.answer.unwrap_err();
    assert!(error.contains("(t-0: 1-2): record t-0-1 was rejected by value converter"), "{error}");
    assert_eq!(function.stored(), [0, 3]);
    let tolerant = Function::new().letters(script([])).start(script([]));
    assert_eq!(tolerant.invoke(records).await.offsets(), [0_i64; 0]);
    assert_eq!(tolerant.letters.stored()[0].value_text(), Some("*"));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_throttles_past_the_deadline_is_given_up_in_time() {
    let throttled = || Answer::Fail(Failure::throttled("slow down").retry_after(Duration::from_secs(7)));
    let function = Function::new().partial().start(script(std::iter::repeat_with(throttled)));
    let invoked = function.invoke(event(&["a"; 17])).await;
    assert_eq!(invoked.offsets(), (0..17).collect::<Vec<_>>());
    assert!(invoked.metric("sluice_put_retries_throttled_total") > 1, "{:?}", invoked.metrics);
    let seconds = invoked.took.as_secs_f64();
    assert!((57.0..58.1).contains(&seconds), "two seconds before the deadline: {seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_put_that_hangs_does_not_keep_the_answer() {
    let gate = Gate::new();
    let function = Function::new().start(script([Answer::Store, Answer::held(&gate)]));
    let invoked = function.invoke(event(&["a"; 17])).await;
    let error = invoked.answer.unwrap_err();
    assert!(error.contains("7 of 17 records are not done (t-0: 10-16): the time"), "{error}");
    assert!(invoked.took < Duration::from_mins(1), "{:?}", invoked.took);
    assert_eq!(function.invoke(event(&["a"])).await.answer, Ok(json!({ "batchItemFailures": [] })));
}

#[tokio::test(start_paused = true)]
async fn a_put_that_ends_within_the_margin_counts() {
    let function = Function::new().start(once(Answer::late(58_500)));
    let invoked = function.invoke(event(&["a"; 17])).await;
    assert!(invoked.answer.unwrap_err().contains("(t-0: 10-16)"), "the second batch is not begun any more");
}

#[tokio::test(start_paused = true)]
async fn pacing_never_outlives_the_deadline() {
    let pace = Pace::new("an account", 0.1);
    let function = Function::new().with(|limits| limits.pace = Some(pace)).partial().start(script([]));
    let invoked = function.invoke(event(&["a"; 100])).await;
    assert_eq!(invoked.offsets(), (60..100).collect::<Vec<_>>(), "six calls in 58 seconds");
}

#[tokio::test(start_paused = true)]
async fn the_learned_pace_stays_and_nothing_else_does() {
    let pace = Pace::new("an account", 10.0);
    let answers = [Answer::Fail(Failure::throttled("slow down"))];
    let function = Function::new().with(|limits| limits.pace = Some(pace)).start(script(answers));
    let rates = [function.invoke(event(&["a"])).await, function.invoke(event(&["a"])).await].map(|invoked| {
        (
            invoked.metric("sluice_records_read_total"),
            invoked.metrics["sluice_learned_calls_per_second"].as_f64().unwrap(),
        )
    });
    let [(1, first), (1, second)] = rates else { panic!("{rates:?}") };
    assert!(first < 10.0 && second < 10.0, "{rates:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fatal_failure_leaves_all_that_is_not_stored_and_says_why() {
    let fail = || Answer::Fail(Failure::fatal("no rights"));
    let function =
        Function::new().with(|limits| limits.order = Order::Partition).start(script([Answer::Store, fail()]));
    let error = function.invoke(event(&vec!["a"; 1200])).await.answer.unwrap_err();
    assert_eq!(error, "1190 of 1200 records are not done (t-0: 10-1199): no rights");
    assert_eq!(function.journal.puts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_awaited_before_the_answer() {
    let function = Function::new().letters(once(Answer::late(5_000))).start(naming());
    let invoked = function.invoke(event(&["a", "bad", "b"])).await;
    assert_eq!(invoked.answer, Ok(json!({ "batchItemFailures": [] })));
    assert!(invoked.took >= Duration::from_secs(5), "{:?}", invoked.took);
    let letter = &function.letters.stored()[0];
    assert_eq!(letter.headers.last("__connect.errors.offset").unwrap().value.as_deref(), Some(&b"1"[..]));
    assert_eq!(invoked.metric("sluice_records_dead_lettered_total"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_nobody_takes_is_reported() {
    let gate = Gate::new();
    let function = Function::new().letters(once(Answer::held(&gate))).partial().start(naming());
    let invoked = function.invoke(event(&["a", "bad", "b"])).await;
    assert_eq!(invoked.offsets(), [1]);
    assert!(invoked.took < Duration::from_mins(1), "{:?}", invoked.took);
}

#[tokio::test(start_paused = true)]
async fn records_of_several_partitions_are_reported_by_partition() {
    let value = base64("bad");
    let records = json!({ "t-3": [{ "offset": 5, "value": value }], "t-0": [{ "offset": 5, "value": base64("a") }, { "offset": 9, "value": value }] });
    let function = Function::new().partial().start(naming());
    let answer = function.invoke(records).await.answer.unwrap();
    let names: Vec<_> = answer["batchItemFailures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| failure["itemIdentifier"]["partition"].clone())
        .collect();
    assert_eq!(names, ["t-3", "t-0"]);
    assert_eq!(
        function.journal.stored(),
        [{
            let mut stored = record(0, 5, "", "a");
            stored.value = Some(sluice_connector_api::Payload::Bytes("a".into()));
            stored
        }]
    );
}

/// Invariant 9: a target that rejects everything from the first record on is set up wrongly. Nothing of the event counts as
/// done, so that the mapping reads it again; nor does it in the next invocation.
#[tokio::test(start_paused = true)]
async fn an_event_of_which_everything_is_rejected_is_not_done() {
    let partial = Function { errors: "{ tolerance: all }", ..Function::new().partial() }.start(refusing());
    let whole = Function { errors: "{ tolerance: all }", ..Function::new() }.start(refusing());
    let all: Vec<i64> = (0..30).collect();
    for _ in 0..2 {
        assert_eq!(partial.invoke(event(&["bad"; 30])).await.offsets(), all);
        let failed = whole.invoke(event(&["bad"; 30])).await.answer.unwrap_err();
        assert!(failed.contains("30 of 30") && failed.contains("nothing was ever stored"), "{failed}");
    }
}

/// Invariant 9: a registry that is away is waited for until the deadline is near. Then what needs it is not done, as what
/// stands behind it, and none of it is skipped, whatever is tolerated.
#[tokio::test(start_paused = true)]
async fn a_registry_that_stays_away_is_given_up_in_time() {
    let away = || Fetch::Fails(Failure::retriable("the registry is away"));
    for answers in [vec![Fetch::Hangs], std::iter::repeat_with(away).take(1000).collect()] {
        let registry = SchemaRegistry::answering(answers);
        let function = Function::new().partial().schemas(&registry).start(script([]));
        let texts = [&["raw:a"][..], &["7:b"; 6]].concat();
        let invoked = function.invoke(event(&texts)).await;
        assert_eq!(invoked.offsets(), (1..7).collect::<Vec<_>>());
        assert_eq!((function.stored(), invoked.metric("sluice_records_abandoned_total")), (vec![0], 6));
        assert_eq!(
            invoked.metrics.get("sluice_records_skipped_total").and_then(Value::as_u64).unwrap_or(0),
            0
        );
        let seconds = invoked.took.as_secs_f64();
        assert!((57.0..58.1).contains(&seconds), "two seconds before the deadline: {seconds}");
    }
}

/// The next invocation has them again, and then they are done.
#[tokio::test(start_paused = true)]
async fn a_registry_that_comes_back_is_no_loss() {
    let away = || Fetch::Fails(Failure::retriable("the registry is away"));
    let registry = SchemaRegistry::answering([Fetch::Hangs, away(), away()]);
    let function = Function::new().schemas(&registry).start(script([]));
    let failed = function.invoke(event(&["7:b"; 3])).await.answer.unwrap_err();
    assert!(failed.starts_with("3 of 3 records are not done (t-0: 0-2)"), "{failed}");
    let invoked = function.invoke(event(&["7:b"; 3])).await;
    assert_eq!(invoked.answer, Ok(json!({ "batchItemFailures": [] })));
    assert_eq!((function.stored(), registry.asked().len()), (vec![0, 1, 2], 4));
}

/// A registry that refuses us, or gives up before the deadline, is no fault of a record either.
#[tokio::test(start_paused = true)]
async fn a_registry_that_refuses_leaves_its_records_not_done() {
    let registry = SchemaRegistry::answering([Fetch::Fails(Failure::fatal("403 Forbidden"))]);
    let function = Function::new().schemas(&registry).start(script([]));
    let failed = function.invoke(event(&["raw:a", "7:b"])).await.answer.unwrap_err();
    assert!(
        failed.contains("1 of 2 records are not done (t-0: 1)") && failed.ends_with("403 Forbidden"),
        "{failed}"
    );
    assert_eq!(function.stored(), [0]);
}

/// Invariant 1: what the sink has taken and cannot store is not done, whatever the puts said.
#[tokio::test(start_paused = true)]
async fn records_that_are_held_and_not_stored_are_reported() {
    let never = || VecDeque::from([Failure::fatal("no right to write")]);
    let away = || (0..1000).map(|_| Failure::retriable("away")).collect();
    for (failures, said) in [(never(), "no right to write"), (away(), "time of the invocation")] {
        // Two are one object, and the third is held until the end.
        let hold = HoldScript { complete: 2, failures, ..HoldScript::default() };
        let running =
            Function::new().partial().with(|limits| limits.max_records = 1).holding(hold).start(script([]));
        let invoked = running.invoke(event(&["a", "a", "a"])).await;
        assert_eq!((invoked.offsets(), running.stored()), (vec![2], vec![0, 1]), "{said}");
        assert_eq!(invoked.metric("sluice_records_delivered_total"), 2);
    }
    let never = HoldScript { complete: 2, failures: never(), ..HoldScript::default() };
    let one_by_one = Function::new().with(|limits| limits.max_records = 1);
    let failed = one_by_one.holding(never).start(script([])).invoke(event(&["a", "a", "a"])).await;
    let said = failed.answer.unwrap_err();
    assert!(said.contains("1 of 3 records are not done") && said.contains("no right to write"), "{said}");
    let running =
        Function::new().holding(HoldScript { complete: 2, ..HoldScript::default() }).start(script([]));
    assert_eq!(running.invoke(event(&["a", "a", "a"])).await.answer, Ok(json!({ "batchItemFailures": [] })));
    assert_eq!(running.stored(), [0, 1, 2]);
}

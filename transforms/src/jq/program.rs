//! A program, compiled and run.

use std::panic::resume_unwind;
use std::thread;

use jaq_core::load::{Arena, Error as LoadError, File, Loader, span};
use jaq_core::{Ctx, Filter, Vars};
use serde_json::Value;
use sluice_connector_api::SettingsError;

use super::kind::{JqKind, JqTable};
use super::meter;
use super::natives;
use super::value::JqValue;
use crate::field_fault::FieldFault;

/// The longest program.
const MOST_BYTES: usize = 16 << 10;
/// The stack on which a program is read: it is read as deep as it is nested, which is no more than it is long.
const READING_STACK: usize = 512 << 20;
/// The stack of a program that may loop. What such a loop made is a list as long as the loop, and is dropped item within
/// item; the steps of a run bound how long that is.
const LOOPING_STACK: usize = 512 << 20;
/// How much of that stack the program itself may take.
const MOST_OF_LOOPING_STACK: usize = 16 << 20;
/// How much of the caller's stack another program may take: the smallest that there is has more than twice of that.
const MOST_OF_STACK: usize = 768 << 10;
/// What a program has to have in its text to loop, or to follow paths that need no end.
const LOOPS: [&str; 9] = ["def", "recurse", "repeat", "while", "until", "path", "pick", "reduce", "foreach"];
/// The name by which a program finds the record.
const RECORD: &str = "$record";

/// A compiled program.
pub(crate) struct JqProgram {
    filter: Filter<JqKind>,
    reads_record: bool,
    may_loop: bool,
}

/// What came of a run: at most so many values as were asked for, and whether there were more.
#[derive(Debug, PartialEq)]
pub(crate) struct JqOutcome {
    pub(crate) values: Vec<Value>,
    pub(crate) are_more: bool,
}

/// What is wrong with a program, and where in it.
struct ProgramFault {
    reason: String,
    at: usize,
}

impl JqProgram {
    /// Compiles a program; `key` is the setting that holds it.
    pub(crate) fn new(key: &str, text: &str) -> Result<Self, SettingsError> {
        if text.len() > MOST_BYTES {
            return Err(SettingsError::at(key, format!("is longer than {MOST_BYTES} bytes")));
        }
        let program = text.to_owned();
        let reading = thread::Builder::new().stack_size(READING_STACK).spawn(move || compile(&program));
        let compiled = match reading.map(thread::JoinHandle::join) {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(_)) => Err(ProgramFault { reason: "cannot be read".to_owned(), at: 0 }),
            Err(error) => return Err(SettingsError::at(key, format!("cannot be read: {error}"))),
        };
        let filter = compiled.map_err(|fault| {
            let (line, column) = place(text, fault.at);
            SettingsError::at(key, fault.reason).in_text(line, column)
        })?;
        let may_loop = LOOPS.iter().any(|word| text.contains(word));
        Ok(Self { filter, reads_record: text.contains(RECORD), may_loop })
    }

    /// Says whether the program asks for the record: what it is given besides its input.
    pub(crate) fn reads_record(&self) -> bool {
        self.reads_record
    }

    /// Runs the program. Faults say why it gave nothing, without what it is called.
    pub(crate) fn run(&self, input: &Value, record: &Value, most: usize) -> Result<JqOutcome, FieldFault> {
        if !self.may_loop {
            return self.run_bounded(MOST_OF_STACK, input, record, most);
        }
        thread::scope(|scope| {
            let run = || self.run_bounded(MOST_OF_LOOPING_STACK, input, record, most);
            match thread::Builder::new().stack_size(LOOPING_STACK).spawn_scoped(scope, run) {
                Ok(running) => running.join().unwrap_or_else(|panic| resume_unwind(panic)),
                Err(error) => Err(FieldFault::new(format!("cannot be run: {error}"))),
            }
        })
    }

    fn run_bounded(
        &self,
        most_stack: usize,
        input: &Value,
        record: &Value,
        most: usize,
    ) -> Result<JqOutcome, FieldFault> {
        match meter::bounded(most_stack, || self.run_unbounded(input, record, most)) {
            Ok(outcome) => outcome.map_err(|said| FieldFault::new("failed").with_found(said)),
            Err(exceeded) => Err(FieldFault::new(exceeded.reason())),
        }
    }

    fn run_unbounded(&self, input: &Value, record: &Value, most: usize) -> Result<JqOutcome, String> {
        let vars = Vars::new([JqValue::from_json(record)]);
        let context = Ctx::<JqKind>::new(JqTable::new(&self.filter.lut), vars);
        let mut values = Vec::new();
        for out in self.filter.id.run((context, JqValue::from_json(input))) {
            if values.len() == most {
                return Ok(JqOutcome { values, are_more: true });
            }
            match out {
                Ok(value) => values.push(value.to_json()),
                Err(thrown) => match thrown.get_err() {
                    Ok(error) => return Err(error.into_val().to_json().to_string()),
                    Err(_) => return Err("it breaks out of nothing".to_owned()),
                },
            }
        }
        Ok(JqOutcome { values, are_more: false })
    }
}

fn compile(text: &str) -> Result<Filter<JqKind>, ProgramFault> {
    let arena = Arena::default();
    let loader = Loader::new(natives::defs());
    let modules = loader.load(&arena, File { code: text, path: () }).map_err(|errors| {
        let fault = errors.into_iter().next().map(|(file, error)| unread(file.code, error));
        fault.unwrap_or_else(|| ProgramFault { reason: "cannot be read".to_owned(), at: 0 })
    })?;
    let compiler = jaq_core::Compiler::default().with_funs(natives::funs()).with_global_vars([RECORD]);
    compiler.compile(modules).map_err(|errors| {
        let first = errors
            .into_iter()
            .find_map(|(file, found)| found.into_iter().next().map(|error| (file.code, error)));
        match first {
            Some((code, (name, undefined))) => {
                let reason = format!("there is no {} `{name}`", undefined.as_str());
                ProgramFault { reason, at: offset(code, name) }
            }
            None => ProgramFault { reason: "cannot be compiled".to_owned(), at: 0 },
        }
    })
}

fn unread(code: &str, error: LoadError<&str>) -> ProgramFault {
    let found = match error {
        LoadError::Lex(errors) => {
            errors.into_iter().next().map(|(expected, at)| (expected.as_str().to_owned(), at))
        }
        LoadError::Parse(errors) => {
            errors.into_iter().next().map(|(expected, at)| (expected.as_str().to_owned(), at))
        }
        LoadError::Io(errors) => {
            let (path, _) = errors.into_iter().next().unwrap_or_default();
            return ProgramFault {
                reason: "a program cannot import another".to_owned(),
                at: offset(code, path),
            };
        }
    };
    match found {
        Some((expected, at)) => {
            let found = at.chars().take(20).collect::<String>();
            let found =
                if found.is_empty() { "the end".to_owned() } else { format!("`{}`", found.trim_end()) };
            ProgramFault { reason: format!("expected {expected}, found {found}"), at: offset(code, at) }
        }
        None => ProgramFault { reason: "cannot be read".to_owned(), at: 0 },
    }
}

/// Finds where a part of a program begins; at the end where it is none of it.
fn offset(code: &str, part: &str) -> usize {
    let range = code.as_bytes().as_ptr_range();
    if range.contains(&part.as_ptr()) { span(code, part).start } else { code.len() }
}

/// Returns line and column of a place, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;
    use sluice_connector_api::Json;

    use super::*;

    fn run(program: &str, input: &str) -> Result<Vec<String>, String> {
        let program = JqProgram::new("program", program).map_err(|error| error.to_string())?;
        let input = Json::from_slice(input.as_bytes()).unwrap().into_value();
        let outcome =
            program.run(&input, &json!({"offset": 7}), 100).map_err(|fault| fault.of("it").to_string())?;
        Ok(outcome.values.iter().map(ToString::to_string).collect())
    }

    fn one(program: &str, input: &str) -> String {
        let mut values = run(program, input).unwrap_or_else(|error| vec![error]);
        if values.len() == 1 { values.remove(0) } else { format!("{values:?}") }
    }

    #[test]
    fn what_is_not_calculated_with_keeps_its_digits() {
        let input = r#"{"a":44.50,"b":9007199254740993,"c":1e5,"d":[0.10,-0]}"#;
        assert_eq!(one(".", input), input);
        assert_eq!(one("{x: .a, y: .b, z: .d}", input), r#"{"x":44.50,"y":9007199254740993,"z":[0.10,-0]}"#);
        assert_eq!(one(".b + 1", input), "9007199254740994");
        assert_eq!(one(".a * 2", input), "89");
        assert_eq!(one(".a == 44.5 and .b > 9007199254740992", input), "true");
    }

    #[test]
    fn programs_do_what_jq_does() {
        let input = r#"{"a":[3,1,2],"o":{"x":{"y":null},"z":"text"},"s":"a-b-c"}"#;
        for (program, expected) in [
            (".a | sort", "[1,2,3]"),
            ("[.a[] | select(. > 1)]", "[3,2]"),
            (".a | map(. * 10) | add", "60"),
            (".a[-1], .a[1:] | tojson", r#"["\"2\"", "\"[1,2]\""]"#),
            (".o.x.y // \"none\"", "\"none\""),
            (".missing.deeper", "null"),
            (".o | keys", r#"["x","z"]"#),
            (".o | to_entries | map(.key) | join(\",\")", "\"x,z\""),
            (".s | split(\"-\")", r#"["a","b","c"]"#),
            (".s | gsub(\"-\"; \"+\")", "\"a+b+c\""),
            (".s | test(\"B\"; \"i\")", "true"),
            (".s | capture(\"(?<first>.)-(?<second>.)\")", r#"{"first":"a","second":"b"}"#),
            ("[.s | scan(\"[a-z]\")]", r#"["a","b","c"]"#),
            (".a |= map(. + 1) | .a", "[4,2,3]"),
            (".o.x.new = 1 | .o.x", r#"{"y":null,"new":1}"#),
            ("del(.o, .s)", r#"{"a":[3,1,2]}"#),
            (".a[5] = 0 | .a", "[3,1,2,null,null,0]"),
            ("[paths] | length", "9"),
            ("with_entries(.value |= type)", r#"{"a":"array","o":"object","s":"string"}"#),
            ("reduce .a[] as $n (0; . + $n)", "6"),
            ("[limit(3; repeat(1))]", "[1,1,1]"),
            ("[range(0; 10; 3)]", "[0,3,6,9]"),
            ("def f(n): if n > 0 then n, f(n - 1) else empty end; [f(3)]", "[3,2,1]"),
            ("\"\\(.s)!\" | ascii_upcase", "\"A-B-C!\""),
            ("try error(\"x\") catch .", "\"x\""),
            (".a | group_by(. > 1) | map(length)", "[1,2]"),
            (".a | min, max | tostring", r#"["\"1\"", "\"3\""]"#),
            ("\"12.50\" | tonumber", "12.50"),
            ("10 / 4, 10 / 5, 7 % 3 | tojson", r#"["\"2.5\"", "\"2\"", "\"1\""]"#),
            ("\"eyJhIjoxfQ==\" | @base64d | fromjson", r#"{"a":1}"#),
            (
                "[.a[] | if . == 1 then \"one\" elif . == 2 then \"two\" else \"more\" end]",
                r#"["more","one","two"]"#,
            ),
            ("$record.offset", "7"),
            ("[.[] | strings]", r#"["a-b-c"]"#),
            ("{a, n: (.a | length)} | @json", "\"{\\\"a\\\":[3,1,2],\\\"n\\\":3}\""),
            ("[.a, .s] | flatten", r#"[3,1,2,"a-b-c"]"#),
            ("walk(if isnumber then . + 1 else . end) | .a", "[4,2,3]"),
            ("[splits(\"-\")?]", "[]"),
            (".s | ltrimstr(\"a-\")", "\"b-c\""),
            ("[1, 1.0, 1.5] | unique", "[1,1.5]"),
            ("infinite, nan | tojson", r#"["\"1.7976931348623157e+308\"", "\"null\""]"#),
        ] {
            assert_eq!(one(program, input), expected, "{program}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let refused = |program: &str| {
            let error = JqProgram::new("program", program).err().unwrap();
            (error.reason().to_owned(), error.position())
        };
        for (program, reason, place) in [
            (".a |\n  foo(1)", "there is no filter `foo`", (2, 3)),
            (". + $x", "there is no variable `$x`", (1, 5)),
            ("{a: [1, }", "expected", (1, 9)),
            ("if . then 1", "expected", (1, 12)),
            ("import \"a\" as a; .", "a program cannot import another", (1, 19)),
        ] {
            let (said, at) = refused(program);
            assert!(said.starts_with(reason), "{program}: {said}");
            assert_eq!(at.map(|(line, _)| line), Some(place.0), "{program}: {said} {at:?}");
        }
        assert_eq!(refused(".a |\n  foo(1)").1, Some((2, 3)));
    }

    #[test]
    fn neither_environment_nor_clock_nor_input_is_there() {
        for program in [
            "env",
            "$ENV",
            "now",
            "input",
            "inputs",
            "halt",
            "halt_error",
            "debug",
            "stderr",
            "input_filename",
            "localtime",
            "get_search_list",
        ] {
            assert!(JqProgram::new("program", program).is_err(), "{program}");
        }
    }

    /// Programs without an end, without a bottom, or with more than there is room for.
    const HOSTILE: [&str; 69] = [
        "def f: 1 + f; f",
        "def f: f; f",
        "def f: f | f; f",
        "def f: first(f); f",
        "def f: [f]; f",
        "def f(g): f(f(g)); f(.)",
        "def f: f, f; f",
        "repeat(.) | empty",
        "repeat(empty)",
        "first(repeat(empty))",
        "last(repeat(1))",
        "until(false; .)",
        "until(false; [.])",
        "[repeat(1)]",
        "[range(1e15)]",
        "[range(0; 1; 0)]",
        "[limit(1e12; repeat(1))]",
        "recurse(.) |= .",
        "(repeat(.)) |= 1",
        "path(recurse([.]))",
        "[recurse([.])] | length",
        "reduce range(1000000) as $i (null; [.])",
        "reduce range(200) as $i (null; {a: .})",
        "reduce range(60) as $i (\"x\"; . + .)",
        "reduce range(60) as $i ([1]; . + .)",
        "\"x\" * 1e18",
        ".[1e15] = 1",
        "[range(3000)] | combinations(9)",
        "[range(1e5)] | [.[] as $a | .[] as $b | $a * $b] | add",
        "\"a\" * 100000 | [match(\"a\"; \"g\")] | length",
        "\"a\" * 1000000 | [range(1e5) as $i | test(\"(a*)*b\")] | any",
        "[range(1e6)] | sort_by(-.) | group_by(.) | unique | length",
        "\"x\" * 1000000 | explode | implode | explode | implode | explode | implode | explode | length",
        "[range(100000)] | . - .",
        "[range(100000)] as $a | $a | contains($a)",
        "[range(100000) | tostring] | join(\",\") | . * 1000",
        "foreach repeat(1) as $x (0; . + $x; empty)",
        "label $out | repeat(., break $nothing)",
        "limit(1e9; range(1e9)) | select(false)",
        "walk([.])  | walk([.]) | walk([.]) | until(false; walk([.]))",
        "[splits(\"\")]",
        "tojson | until(false; tojson)",
        "[.] | until(false; . + . )",
        "{} | until(false; . * {a: {b: .}})",
        "try until(false; .) catch .",
        "isempty(repeat(empty))",
        "getpath([range(1e6)])",
        "[paths(until(false; .))]",
        "del(repeat(.))",
        "to_entries | until(false; with_entries(.))",
        "@json | until(false; @base64)",
        "ltrimstr(repeat(\"a\"))",
        "\"a\" * 200000 | test(\"(a{0,40}){0,20}b\")",
        "\"a\" * 30000 | test(\"(a{0,100}){0,60}b\")",
        "path(until(false; .a))",
        "[path(recurse(.a))] | length",
        "last(path(recurse(.[0:])))",
        "path(reduce range(1e6) as $i (.a; .b))",
        "def f(g): f(g | g); f(.)",
        "def f($n): f($n + 1); f(0)",
        "def f: def g: f; g; f",
        "def f: . as $x | f; f",
        "def f: label $l | f; f",
        "def f: f as $x | 1; f",
        "def f: reduce f as $x (0; .); f",
        "def f: try f catch f; f",
        "def f: .. |= f; f",
        "def f: path(f); f",
        "[limit(100000; repeat(1))] | until(length == 0; .[1:])",
    ];

    /// Values that share their parts, so that they are far larger than what holds them.
    const SHARED: [&str; 34] = [
        "reduce range(40) as $i (1; [., .])",
        "reduce range(40) as $i (1; {a: ., b: .})",
        "reduce range(40) as $i (1; [., .]) | tojson",
        "reduce range(40) as $i (1; [., .]) | tostring | length",
        "reduce range(40) as $i (1; [., .]) | . == .",
        "reduce range(40) as $i (1; [., .]) as $a | reduce range(40) as $i (1; [., .]) | . == $a",
        "reduce range(40) as $i (1; [., .]) as $a | reduce range(40) as $i (1; [., .]) | . < $a",
        "reduce range(40) as $i (1; {a: ., b: .}) as $a | reduce range(40) as $i (1; {a: ., b: .}) | . == $a",
        "reduce range(40) as $i (1; [., .]) | flatten | length",
        "reduce range(40) as $i (1; [., .]) | [..] | length",
        "reduce range(40) as $i (1; [., .]) | [paths] | length",
        "reduce range(40) as $i (1; [., .]) | [leaf_paths] | length",
        "reduce range(40) as $i (1; [., .]) | walk(.) | length",
        "reduce range(40) as $i (1; [., .]) | sort | unique | length",
        "reduce range(40) as $i (1; [., .]) | contains([[]])",
        "reduce range(40) as $i (1; [., .]) | index([[1]])",
        "reduce range(40) as $i (1; [., .]) | {(tojson): 1}",
        "reduce range(40) as $i (1; [., .]) | @json | length",
        "reduce range(40) as $i (1; [., .]) | @text | length",
        "reduce range(40) as $i (1; [., .]) | tojson | fromjson | length",
        "reduce range(40) as $i (1; [., .]) | map(.) | add | add | length",
        "reduce range(40) as $i (1; [., .]) | (.. | numbers) |= . + 1 | length",
        "reduce range(40) as $i (1; [., .]) | del(..) | length",
        "reduce range(40) as $i (1; [., .]) | to_entries | from_entries",
        "reduce range(40) as $i ({}; . * {a: ., b: .})",
        "reduce range(40) as $i ([]; . + [.])",
        "reduce range(40) as $i (\"x\"; [., .]) | join(\",\")",
        "reduce range(40) as $i (1; [., .]) | error",
        "reduce range(40) as $i (1; [., .]) | group_by(.) | length",
        "reduce range(40) as $i (1; [., .]) | [limit(3; .[])] | transpose",
        "[range(1e5)] | [.[] | -. , .] | min, max, (sort | length)",
        "[range(5e4) | tostring] | combinations",
        "[-1, 1114112, 1e300, nan] | implode",
        ".a[nan], .a[1e400:], .a[-1e400:1e400], .a[infinite] | tojson",
    ];

    /// Each runs until a bound, and so this takes seconds.
    #[test]
    fn no_program_stalls_fills_the_memory_or_ends_the_process() {
        for program in HOSTILE.into_iter().chain(SHARED) {
            let begun = Instant::now();
            let _outcome = run(program, r#"{"a":[1,2,3]}"#);
            assert!(begun.elapsed() < Duration::from_secs(5), "{program}: {:?}", begun.elapsed());
        }
    }

    #[test]
    fn what_is_left_is_told_why() {
        for (program, reason) in [
            ("until(false; .)", "it takes more than 1000000 steps"),
            ("\"x\" * 1e18", "it makes more than 64 MiB of values"),
            ("reduce range(1000) as $i (null; [.])", "it nests too deep"),
            ("def f: 1 + f; f", "it nests too deep"),
            ("error(\"x\")", "it failed"),
        ] {
            let said = run(program, "null").unwrap_err();
            let in_time = said == "it takes longer than a second";
            assert!(said == reason || in_time, "{program}: {said}");
        }
        assert_eq!(run("1", "null"), Ok(vec!["1".to_owned()]), "the next run is not bounded by the last");
    }

    #[test]
    fn a_program_that_is_nested_very_deep_is_read_or_refused() {
        for piece in [
            "(", "[", "-", "{a:", "if ", "try ", ".a|", "def f: ", "\"\\(", "1+", "reduce ", ".[", "not|",
            "..|",
        ] {
            let program = piece.repeat(MOST_BYTES / piece.len());
            let _refused = JqProgram::new("program", &program);
            let closed = format!("{}1{}", "(".repeat(3000), ")".repeat(3000));
            let _outcome =
                JqProgram::new("program", &closed).map(|program| program.run(&json!(1), &json!(null), 1));
        }
        assert!(JqProgram::new("program", &" ".repeat(MOST_BYTES + 1)).is_err());
    }
}

//! References such as `${env:NAME}`, `${env:NAME:-default}` and `${file:/path}` in scalar values.
//!
//! They are resolved after the file is parsed, so that no value can inject YAML. `$${` stands for `${`. What is behind
//! a prefix is a [`Provider`]: `env` and `file` are always there, a program's registry may
//! add more. Each reference is asked for once per file, however often it stands there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sluice_connector_api::{Provider, Registry};

use crate::config::places::SchemaPlace;
use crate::config::problem::{Position, Problem};
use crate::config::providers::Providers;
use crate::config::reference::{Dialect, Piece, Reference, parse};
use crate::config::remembered;
use crate::config::secrets::ResolvedReference;
use crate::config::yaml::{Content, Node, YamlScalar};

/// How far references are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Follow {
    /// Every provider is asked, and what has no value is a problem: to run.
    Every,
    /// Only providers of this machine are asked. What others have stays the reference that it is: to check the form of a
    /// file without reaching anything.
    Local,
    /// As `Local`, and what has no value stays, too: for a preview, which does not need it.
    Present,
    /// Nobody is asked: defaults are taken, and what has none stays. For what is to end alike on every machine.
    Nothing,
}

/// What a reference was found to stand for.
enum Found {
    Value(String),
    /// There is none; the text says so, with the way out.
    Missing(String),
    /// Nobody was asked.
    Kept,
    /// The provider could not answer.
    Failed(String),
}

/// The answers, by prefix and name.
type Answers = BTreeMap<(String, String), Found>;

/// What became of the references of a file.
#[derive(Default)]
pub(crate) struct Interpolated {
    /// What could not be resolved.
    pub(crate) problems: Vec<Problem>,
    /// What the others were replaced by.
    pub(crate) resolved: Vec<ResolvedReference>,
}

/// Resolves every reference below `node`. The schema says which values are patterns.
pub(crate) async fn interpolate(
    file: &Path,
    node: &mut Node,
    schema: &Value,
    registry: &Registry,
    follow: Follow,
) -> Interpolated {
    let providers = match Providers::new(registry) {
        Ok(providers) => providers,
        Err(error) => {
            let problem = Problem::of_file(file, format!("a provider cannot be built: {error}"));
            return Interpolated { problems: vec![problem], ..Interpolated::default() };
        }
    };
    let prefixes = providers.prefixes();
    let schema = SchemaPlace::new(schema);
    let asked = asked_for(node, &schema, &prefixes);
    let mut answers = Answers::new();
    for (prefix, name) in asked {
        if let Some(provider) = providers.get(&prefix) {
            let found = ask(provider, &prefix, &name, follow).await;
            answers.insert((prefix, name), found);
        }
    }
    let mut resolved = Vec::new();
    let wrong = visit(node, &schema, &mut Vec::new(), &mut |scalar, place, path| {
        let dialect = dialect_of(&prefixes, place, path);
        let pieces = parse(&scalar.text, dialect)?;
        let mut written = Written::default();
        let result = write(&pieces, &answers, follow, scalar, &mut written);
        for (prefix, range) in written.values {
            let (path, text) = (path.to_owned(), written.text.clone());
            resolved.push(ResolvedReference { path, prefix, range, text });
        }
        scalar.text = written.text;
        result
    });
    let problems = wrong.into_iter().map(|(position, text)| Problem::at(file, position, text)).collect();
    Interpolated { problems, resolved }
}

/// A value with its references replaced.
#[derive(Default)]
struct Written {
    text: String,
    /// The prefix of each reference that had a value, and where in the text that is.
    values: Vec<(String, Range<usize>)>,
}

/// What the references of a file speak of, defaults included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Referred {
    /// The files that `file` reads.
    pub(crate) files: Vec<PathBuf>,
    /// Whether some are resolved by another machine.
    pub(crate) is_remote: bool,
}

/// Returns what the references below `node` speak of.
pub(crate) fn referred(node: &mut Node, schema: &Value, registry: &Registry) -> Referred {
    let Ok(providers) = Providers::new(registry) else { return Referred::default() };
    let mut referred = Referred::default();
    for (prefix, name) in asked_for(node, &SchemaPlace::new(schema), &providers.prefixes()) {
        referred.is_remote |= providers.get(&prefix).is_some_and(Provider::is_remote);
        if prefix == "file" {
            referred.files.push(PathBuf::from(name));
        }
    }
    referred
}

fn asked_for(
    node: &mut Node,
    schema: &SchemaPlace<'_>,
    prefixes: &BTreeSet<&str>,
) -> BTreeSet<(String, String)> {
    let mut asked = BTreeSet::new();
    visit(node, schema, &mut Vec::new(), &mut |scalar, place, path| {
        let dialect = dialect_of(prefixes, place, path);
        if let Ok(pieces) = parse(&scalar.text, dialect) {
            collect(&pieces, &mut asked);
        }
        Ok(())
    });
    asked
}

/// Notes the references among pieces. Those in a default are asked for, too: they cost little, and order is kept simple.
fn collect(pieces: &[Piece], asked: &mut BTreeSet<(String, String)>) {
    for piece in pieces {
        if let Piece::Reference(reference) = piece {
            asked.insert((reference.prefix.clone(), reference.name.clone()));
            collect(reference.default.as_deref().unwrap_or_default(), asked);
        }
    }
}

async fn ask(provider: &dyn Provider, prefix: &str, name: &str, follow: Follow) -> Found {
    if let Some(wrong) = provider.wrong_with_name(name) {
        return Found::Failed(wrong);
    }
    if provider.is_remote() && follow != Follow::Every {
        return Found::Kept;
    }
    if follow == Follow::Nothing {
        return Found::Missing(String::new());
    }
    let asked = if provider.is_remote() {
        remembered::value_of(provider, prefix, name).await
    } else {
        provider.value(name).await
    };
    match asked {
        Ok(Some(value)) => Found::Value(value),
        Ok(None) => Found::Missing(provider.missing(name)),
        Err(failure) => Found::Failed(failure.to_string()),
    }
}

/// Writes a value out of its pieces, and notes in `scalar` where they came from.
fn write(
    pieces: &[Piece],
    answers: &Answers,
    follow: Follow,
    scalar: &mut YamlScalar,
    written: &mut Written,
) -> Result<(), String> {
    for piece in pieces {
        match piece {
            Piece::Text(plain) => written.text.push_str(plain),
            Piece::Reference(reference) => {
                scalar.interpolated = true;
                write_reference(reference, answers, follow, scalar, written)?;
            }
        }
    }
    Ok(())
}

fn write_reference(
    reference: &Reference,
    answers: &Answers,
    follow: Follow,
    scalar: &mut YamlScalar,
    written: &mut Written,
) -> Result<(), String> {
    let Reference { prefix, name, default } = reference;
    let found = answers.get(&(prefix.clone(), name.clone()));
    match (found, default) {
        // Like a shell's `:-`, the default also stands in for an empty value.
        (Some(Found::Value(value)), Some(default)) if value.is_empty() => {
            write(default, answers, follow, scalar, written)
        }
        (Some(Found::Value(value)), _) => {
            let start = written.text.len();
            written.text.push_str(value);
            written.values.push((prefix.clone(), start..written.text.len()));
            Ok(())
        }
        (Some(Found::Missing(_)), Some(default)) => write(default, answers, follow, scalar, written),
        (Some(Found::Missing(reason)), None) if !matches!(follow, Follow::Present | Follow::Nothing) => {
            Err(reason.clone())
        }
        (Some(Found::Failed(reason)), _) => Err(reason.clone()),
        (Some(Found::Missing(_) | Found::Kept) | None, _) => {
            scalar.kept = true;
            written.text.extend(["${", prefix, ":", name, "}"]);
            Ok(())
        }
    }
}

/// Says which `${` in a value are references, and whether they may be shown. Headers hold credentials.
fn dialect_of<'a>(prefixes: &'a BTreeSet<&'a str>, place: &SchemaPlace<'_>, path: &[String]) -> Dialect<'a> {
    let is_secret = place.is_secret() || path.iter().any(|key| key == "headers");
    Dialect { prefixes, is_pattern: place.is_pattern(), is_secret }
}

/// Calls `change` for every scalar that may hold a reference, with what the schema says of it and with the keys that lead to
/// it, and returns what it found wrong, with its place.
fn visit(
    node: &mut Node,
    schema: &SchemaPlace<'_>,
    path: &mut Vec<String>,
    change: &mut impl FnMut(&mut YamlScalar, &SchemaPlace<'_>, &[String]) -> Result<(), String>,
) -> Vec<(Position, String)> {
    let mut wrong = Vec::new();
    match &mut node.content {
        Content::Scalar(scalar) if scalar.text.contains("${") => {
            let result = change(scalar, schema, path);
            wrong.extend(result.err().map(|text| (node.position, text)));
        }
        Content::Scalar(_) => {}
        Content::List(items) => {
            let schema = schema.items();
            for (index, item) in items.iter_mut().enumerate() {
                path.push(index.to_string());
                wrong.extend(visit(item, &schema, path, change));
                path.pop();
            }
        }
        Content::Map(entries) => {
            for (key, value) in entries {
                path.push(key.name.clone());
                wrong.extend(visit(value, &schema.key(&key.name), path, change));
                path.pop();
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;
    use sluice_connector_api::{Failure, ProviderSettings, SettingsError};

    use super::*;

    /// An environment of the tests' own.
    #[derive(Deserialize, JsonSchema)]
    struct Env {}

    #[async_trait]
    impl Provider for Env {
        async fn value(&self, name: &str) -> Result<Option<String>, Failure> {
            Ok(match name {
                "SET" => Some("a: b\n- {x}".to_owned()),
                "EMPTY" => Some(String::new()),
                "DIGITS" => Some("1234567890".to_owned()),
                _ => None,
            })
        }

        fn missing(&self, name: &str) -> String {
            format!("environment variable `{name}` is not set")
        }
    }

    impl ProviderSettings for Env {
        const NAME: &'static str = "env";

        fn build(self) -> Result<Box<dyn Provider>, SettingsError> {
            Ok(Box::new(self))
        }
    }

    static ASKED: AtomicBool = AtomicBool::new(false);

    /// A secret store far away.
    #[derive(Deserialize, JsonSchema)]
    struct Vault {}

    #[async_trait]
    impl Provider for Vault {
        async fn value(&self, name: &str) -> Result<Option<String>, Failure> {
            match name {
                "once" if ASKED.swap(true, Ordering::Relaxed) => {
                    Err(Failure::retriable("the vault does not answer"))
                }
                "away" => Err(Failure::retriable("the vault does not answer")),
                "nothing" => Ok(None),
                name => Ok(Some(format!("secret of {name}"))),
            }
        }

        fn wrong_with_name(&self, name: &str) -> Option<String> {
            name.contains(' ').then(|| format!("`{name}` is no name of the vault"))
        }

        fn is_remote(&self) -> bool {
            true
        }
    }

    impl ProviderSettings for Vault {
        const NAME: &'static str = "vault";

        fn build(self) -> Result<Box<dyn Provider>, SettingsError> {
            Ok(Box::new(self))
        }
    }

    fn followed(source: &str, follow: Follow) -> (Value, Vec<String>) {
        let mut node = Node::parse(source).unwrap();
        let registry = Registry::new().with_provider::<Env>().with_provider::<Vault>();
        let schema = json!({ "properties": { "pattern": { "x-pattern": true } } });
        let problems = interpolate(Path::new("f.yaml"), &mut node, &schema, &registry, follow);
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let problems = tokio.block_on(problems).problems;
        (node.to_json(), problems.iter().map(ToString::to_string).collect())
    }

    fn run(source: &str) -> (Value, Vec<String>) {
        followed(source, Follow::Every)
    }

    #[test]
    fn a_value_cannot_inject_yaml() {
        assert_eq!(run("k: ${env:SET}"), (json!({"k": "a: b\n- {x}"}), vec![]));
    }

    #[test]
    fn a_default_stands_in_for_what_is_unset_or_empty() {
        assert_eq!(
            run("[\"${env:NO:-a:9092}\", \"${env:EMPTY:-b}\", \"${env:NO:-}\"]").0,
            json!(["a:9092", "b", ""])
        );
        let nested =
            run("[\"${env:NO:-${env:EMPTY:-c}}\", \"${env:NO:-${env:DIGITS}}\", \"${file:/no/such:-d}\"]");
        assert_eq!(nested, (json!(["c", "1234567890", "d"]), vec![]));
    }

    #[test]
    fn what_is_missing_is_named_with_its_place() {
        let (_, problems) = run("a: 1\nk: \"x-${env:NO}\"");
        assert_eq!(problems.len(), 1);
        assert!(
            problems.iter().all(|text| text.starts_with("f.yaml:2:4: environment variable `NO` is not set")),
            "{problems:?}"
        );
    }

    #[test]
    fn digits_from_the_environment_stay_text() {
        assert_eq!(run("k: ${env:DIGITS}").0, json!({"k": "1234567890"}));
    }

    #[test]
    fn other_dollars_are_text_but_a_forgotten_provider_is_not() {
        assert_eq!(run("k: 'a$ $b ${{c}} $${env:SET}'").0, json!({"k": "a$ $b ${{c}} ${env:SET}"}));
        assert!(run("k: ${KBID}").1.iter().all(|text| text.contains("write `${env:KBID}`")));
        assert_eq!(run("k: ${KBID}").1.len(), 1);
    }

    #[test]
    fn a_key_that_is_a_pattern_knows_only_prefixes() {
        let (value, problems) = run("pattern: 'a-${1}-${env:EMPTY:-b}'\nother: '${1}'");
        assert_eq!(value["pattern"], "a-${1}-b");
        assert_eq!(problems.len(), 1, "{problems:?}");
    }

    #[test]
    fn a_file_is_read_without_its_last_line_break() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"secret\n").unwrap();
        let (value, problems) = run(&format!("k: ${{file:{}}}", file.path().display()));
        assert_eq!((value, problems), (json!({"k": "secret"}), vec![]));
        assert!(run("k: ${file:/no/such}").1.iter().all(|text| text.contains("cannot read `/no/such`")));
        assert_eq!(run("k: ${file:/no/such}").1.len(), 1);
    }

    #[test]
    fn a_provider_far_away_is_asked_only_to_run() {
        let text = "[\"${vault:a}\", \"${vault:nothing:-b}\"]";
        assert_eq!(run(text), (json!(["secret of a", "b"]), vec![]));
        for follow in [Follow::Local, Follow::Present] {
            assert_eq!(followed(text, follow), (json!(["${vault:a}", "${vault:nothing}"]), vec![]));
        }
        assert!(run("k: ${vault:away:-x}").1.join("").contains("the vault does not answer"));
        assert!(run("k: ${vault:nothing}").1.join("").contains("there is nothing named `nothing`"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_value_holds_while_a_store_is_away() {
        let registry = Registry::new().with_provider::<Vault>();
        for _ in 0..3 {
            let mut node = Node::parse("k: ${vault:once}").unwrap();
            let schema = json!({});
            let done = interpolate(Path::new("f.yaml"), &mut node, &schema, &registry, Follow::Every).await;
            assert!(done.problems.is_empty(), "{:?}", done.problems);
            assert_eq!(node.to_json(), json!({ "k": "secret of once" }));
            tokio::time::advance(std::time::Duration::from_hours(1)).await;
        }
        assert!(ASKED.load(Ordering::Relaxed));
    }

    #[test]
    fn the_form_of_a_name_is_looked_at_without_asking() {
        for follow in [Follow::Local, Follow::Present, Follow::Every] {
            assert!(followed("k: ${vault:a b}", follow).1.join("").contains("`a b` is no name of the vault"));
        }
    }

    #[test]
    fn a_preview_keeps_what_is_not_set() {
        assert_eq!(followed("k: ${env:NO}", Follow::Present), (json!({"k": "${env:NO}"}), vec![]));
        assert_eq!(followed("k: ${env:NO}", Follow::Local).1.len(), 1);
        let nothing = followed("a: ${env:A:-d}\nb: ${env:A}", Follow::Nothing);
        assert_eq!(nothing, (json!({"a": "d", "b": "${env:A}"}), vec![]), "whatever is set here");
        assert_eq!(followed("k: ${ENV:NO}", Follow::Present).1.len(), 1, "the form is still wrong");
    }
}

//! Single message transforms and predicates: the tables, and how an entry is read.

use serde_json::{Map, Value};
use sluice_connector_api::Registry;

use super::options::Options;

/// How an option of Kafka Connect is written here.
#[derive(Clone, Copy)]
enum Kind {
    /// Text as it is.
    Text,
    /// A list with commas between its items.
    List,
    /// The name of a field. Unless it says otherwise, Kafka Connect knows no paths: a dot is part of a name there.
    Field,
    /// Names of fields.
    Fields,
    /// Pairs such as `field:type`, whose first part names a field.
    Pairs,
}

/// What is converted: a transform or predicate of Kafka Connect, and the one that stands for it.
struct PluginEntry {
    /// Its class; a transform's without `$Key` or `$Value`.
    class: &'static str,
    /// The plug-in here. Where the program does not have it, there is no counterpart.
    name: &'static str,
    /// Its options: the name there, the name here, and how it is written.
    keys: &'static [(&'static str, &'static str, Kind)],
    /// Options that need no counterpart.
    ignored: &'static [&'static str],
    /// What the rows above cannot say; or why it has no counterpart.
    special: fn(&mut Part<'_>, &mut Map<String, Value>) -> Result<(), String>,
}

const CONNECT: &str = "org.apache.kafka.connect.transforms.";

/// The transforms that have a counterpart.
const TRANSFORMS: &[PluginEntry] = &[
    PluginEntry {
        keys: &[("spec", "spec", Kind::Pairs)],
        ignored: &["replace.null.with.default"],
        ..plain("Cast", "cast")
    },
    PluginEntry { keys: &[("headers", "headers", Kind::List)], ..plain("DropHeaders", "drop_headers") },
    PluginEntry {
        keys: &[("field", "field", Kind::Field)],
        ignored: &["replace.null.with.default"],
        ..plain("ExtractField", "extract_field")
    },
    plain("Filter", "filter"),
    PluginEntry { keys: &[("delimiter", "delimiter", Kind::Text)], ..plain("Flatten", "flatten") },
    PluginEntry {
        keys: &[
            ("fields", "fields", Kind::Fields),
            ("headers", "headers", Kind::List),
            ("operation", "operation", Kind::Text),
        ],
        ignored: &["replace.null.with.default"],
        ..plain("HeaderFrom", "header_from")
    },
    PluginEntry { keys: &[("field", "field", Kind::Text)], ..plain("HoistField", "hoist_field") },
    PluginEntry {
        keys: &[
            ("topic.field", "topic_field", Kind::Field),
            ("partition.field", "partition_field", Kind::Field),
            ("offset.field", "offset_field", Kind::Field),
            ("timestamp.field", "timestamp_field", Kind::Field),
            ("static.field", "static_field", Kind::Field),
            ("static.value", "static_value", Kind::Text),
        ],
        ignored: &["replace.null.with.default"],
        ..plain("InsertField", "insert_field")
    },
    PluginEntry {
        keys: &[("header", "header", Kind::Text), ("value.literal", "value_literal", Kind::Text)],
        ..plain("InsertHeader", "insert_header")
    },
    PluginEntry {
        keys: &[("fields", "fields", Kind::Fields), ("replacement", "replacement", Kind::Text)],
        ignored: &["replace.null.with.default"],
        ..plain("MaskField", "mask_field")
    },
    PluginEntry {
        keys: &[("regex", "regex", Kind::Text), ("replacement", "replacement", Kind::Text)],
        ..plain("RegexRouter", "regex_router")
    },
    PluginEntry {
        keys: &[
            ("exclude", "exclude", Kind::Fields),
            ("blacklist", "exclude", Kind::Fields),
            ("include", "include", Kind::Fields),
            ("whitelist", "include", Kind::Fields),
            ("renames", "renames", Kind::Pairs),
        ],
        ignored: &["replace.null.with.default"],
        ..plain("ReplaceField", "replace_field")
    },
    PluginEntry {
        ignored: &["replace.null.with.default"],
        special: timestamp,
        ..plain("TimestampConverter", "timestamp")
    },
    PluginEntry {
        keys: &[
            ("topic.format", "topic_format", Kind::Text),
            ("timestamp.format", "timestamp_format", Kind::Text),
        ],
        ..plain("TimestampRouter", "timestamp_router")
    },
    PluginEntry {
        keys: &[("fields", "fields", Kind::Fields)],
        ignored: &["replace.null.with.default"],
        ..plain("ValueToKey", "value_to_key")
    },
    PluginEntry {
        class: "io.debezium.transforms.ExtractNewRecordState",
        keys: &[
            ("add.fields", "add_fields", Kind::List),
            ("add.headers", "add_headers", Kind::List),
            ("add.fields.prefix", "prefix", Kind::Text),
        ],
        ignored: &["add.headers.prefix", "drop.tombstones"],
        special: debezium,
        ..plain("", "unwrap_cdc")
    },
];

/// The predicates that have a counterpart.
const PREDICATES: &[PluginEntry] = &[
    PluginEntry {
        keys: &[("pattern", "pattern", Kind::Text)],
        ..plain("predicates.TopicNameMatches", "topic_name_matches")
    },
    PluginEntry {
        keys: &[("name", "name", Kind::Text)],
        ..plain("predicates.HasHeaderKey", "has_header_key")
    },
    plain("predicates.RecordIsTombstone", "record_is_tombstone"),
];

/// An entry of Kafka Connect's own without an option.
const fn plain(class: &'static str, name: &'static str) -> PluginEntry {
    PluginEntry { class, name, keys: &[], ignored: &[], special: nothing }
}

#[allow(clippy::unnecessary_wraps, reason = "others can fail")]
fn nothing(_: &mut Part<'_>, _: &mut Map<String, Value>) -> Result<(), String> {
    Ok(())
}

/// The options of one transform or predicate.
struct Part<'a> {
    options: &'a mut Options,
    prefix: String,
    /// Whether others may ask for the same options: several transforms may name one predicate.
    is_shared: bool,
}

impl Part<'_> {
    /// Takes an option by the name that it has behind the alias.
    fn take(&mut self, name: &str) -> Option<String> {
        let name = format!("{}{name}", self.prefix);
        if self.is_shared { self.options.peek(&name) } else { self.options.take(&name) }
    }

    fn read(&mut self, entry: &PluginEntry) -> Result<Map<String, Value>, String> {
        let mut settings = Map::new();
        let name = if self.take("field.syntax.version").as_deref() == Some("V2") { path } else { field };
        for (there, here, kind) in entry.keys {
            if let Some(value) = self.take(there) {
                settings.insert((*here).to_owned(), kind.written(&value, name));
            }
        }
        (entry.special)(self, &mut settings)?;
        for name in entry.ignored {
            self.take(name);
        }
        Ok(settings)
    }
}

impl Kind {
    fn written(self, value: &str, name: fn(&str) -> String) -> Value {
        let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
        match self {
            Self::Text => value.into(),
            Self::List => items.collect(),
            Self::Field => name(value).into(),
            Self::Fields => items.map(name).collect(),
            // One type alone is for the whole key or value.
            Self::Pairs if !value.contains(':') => value.into(),
            Self::Pairs => items.map(|item| pair(item, name)).collect(),
        }
    }
}

/// A name that has a dot stands between backticks here.
fn field(name: &str) -> String {
    if name.contains(['.', '[', '*']) { format!("`{name}`") } else { name.to_owned() }
}

fn path(path: &str) -> String {
    path.to_owned()
}

fn pair(text: &str, name: fn(&str) -> String) -> String {
    match text.split_once(':') {
        Some((first, other)) => format!("{}:{other}", name(first)),
        None => text.to_owned(),
    }
}

/// Writes `transforms`, in their order.
pub(super) fn transforms(registry: &Registry, options: &mut Options) -> Vec<Value> {
    let mut written = Vec::new();
    for alias in options.list("transforms") {
        written.extend(transform(&alias, registry, options).map(Value::Object));
    }
    for alias in options.list("predicates") {
        options.forget_below(&format!("predicates.{alias}."));
    }
    written
}

fn transform(alias: &str, registry: &Registry, options: &mut Options) -> Option<Map<String, Value>> {
    let prefix = format!("transforms.{alias}.");
    let predicate = options.take(&format!("{prefix}predicate"));
    let negate = options.bool(&format!("{prefix}negate")).unwrap_or(false);
    if options.peek(&format!("{prefix}type")).is_some_and(|class| class.contains("SetSchemaMetadata")) {
        options.forget_below(&prefix);
        options
            .remarks
            .push(format!("transforms.{alias}: a record has no Connect schema here whose name could be set"));
        return None;
    }
    let known = |name: &str| registry.transform(name).is_ok();
    let mut step = plugin(TRANSFORMS, &prefix, false, known, options)?;
    if let Some(predicate) = predicate {
        let known = |name: &str| registry.predicate(name).is_ok();
        let Some(predicate) = plugin(PREDICATES, &format!("predicates.{predicate}."), true, known, options)
        else {
            let text = "is left out, since its predicate has no counterpart";
            options.no_counterpart(prefix.trim_end_matches('.'), text);
            return None;
        };
        step.insert("predicate".to_owned(), predicate.into());
        if negate {
            step.insert("negate".to_owned(), true.into());
        }
    }
    Some(step)
}

/// Converts a transform or a predicate; notes where it has no counterpart.
fn plugin(
    table: &[PluginEntry],
    prefix: &str,
    is_shared: bool,
    is_there: impl Fn(&str) -> bool,
    options: &mut Options,
) -> Option<Map<String, Value>> {
    let name = prefix.trim_end_matches('.').to_owned();
    let mut part = Part { options, prefix: prefix.to_owned(), is_shared };
    let Some(class) = part.take("type") else {
        options.no_counterpart(&name, "has no `type`");
        return None;
    };
    let (plain, side) = class.split_once('$').unwrap_or((&class, ""));
    let is_it =
        |entry: &&PluginEntry| plain == entry.class || plain.strip_prefix(CONNECT) == Some(entry.class);
    let converted = match table.iter().find(is_it).filter(|entry| is_there(entry.name)) {
        Some(entry) => part.read(entry).map(|settings| (entry.name, settings)),
        None => Err("has no counterpart yet".to_owned()),
    };
    match converted {
        Ok((plugin, mut settings)) => {
            if side == "Key" {
                settings.insert("of".to_owned(), "key".into());
            }
            Some([(plugin.to_owned(), settings.into())].into_iter().collect())
        }
        Err(reason) => {
            options.forget_below(prefix);
            options.no_counterpart(&name, &format!("{class} {reason}"));
            None
        }
    }
}

/// Its input may be text or a number there; here it is what its options make of it.
fn timestamp(part: &mut Part<'_>, settings: &mut Map<String, Value>) -> Result<(), String> {
    let precision = part.take("unix.precision").unwrap_or_else(|| "milliseconds".to_owned());
    let unix = match &*precision {
        "seconds" => "unix_seconds",
        "milliseconds" => "unix_millis",
        "microseconds" => "unix_micros",
        "nanoseconds" => "unix_nanos",
        _ => return Err(format!("has the precision `{precision}`, which is not known here")),
    };
    let format = part.take("format");
    let (from, to) = match (part.take("target.type").unwrap_or_default().as_str(), format) {
        ("string", Some(format)) => (unix.to_owned(), format),
        ("unix", Some(format)) => (format, unix.to_owned()),
        ("string" | "unix", None) => return Err("has no `format`".to_owned()),
        ("", _) => return Err("has no `target.type`".to_owned()),
        (other, _) => {
            return Err(format!("makes a {other}, and JSON has none; write it as text or as a number"));
        }
    };
    if let Some(name) = part.take("field").filter(|name| !name.is_empty()) {
        settings.insert("field".to_owned(), field(&name).into());
    }
    settings.insert("from".to_owned(), from.into());
    settings.insert("to".to_owned(), to.into());
    settings.insert("on_null".to_owned(), "skip".into());
    Ok(())
}

fn debezium(part: &mut Part<'_>, settings: &mut Map<String, Value>) -> Result<(), String> {
    let mode = part.take("delete.tombstone.handling.mode").or_else(|| part.take("delete.handling.mode"));
    let on_delete = match mode.as_deref() {
        None | Some("tombstone" | "delete-to-tombstone" | "none") => return Ok(()),
        Some("drop") => "drop",
        Some("rewrite" | "rewrite-with-tombstone") => "rewrite",
        Some(_) => return Err("has a mode for deletes that is not known here".to_owned()),
    };
    settings.insert("on_delete".to_owned(), on_delete.into());
    Ok(())
}

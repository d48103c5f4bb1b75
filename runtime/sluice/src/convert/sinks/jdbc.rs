//! Sinks over JDBC, of which those into PostgreSQL have a counterpart.

use serde_json::{Value, json};

use super::section::{SinkEntry, SinkSection};
use crate::convert::options::Options;

pub(super) const SINKS: &[SinkEntry] = &[
    SinkEntry { class: "io.debezium.connector.jdbc.JdbcSinkConnector", name: "postgres", convert: debezium },
    SinkEntry { class: "io.confluent.connect.jdbc.JdbcSinkConnector", name: "postgres", convert: jdbc },
    SinkEntry { class: "io.aiven.connect.jdbc.JdbcSinkConnector", name: "postgres", convert: jdbc },
];

/// The columns of `pk.mode=kafka` where nothing names others.
const KAFKA_COLUMNS: [&str; 3] = ["__connect_topic", "__connect_partition", "__connect_offset"];

/// What the address may say of Java's driver alone.
const DRIVER: [&str; 12] = [
    "binaryTransfer",
    "defaultRowFetchSize",
    "loggerLevel",
    "preferQueryMode",
    "preparedStatementCacheQueries",
    "prepareThreshold",
    "reWriteBatchedInserts",
    "socketTimeout",
    "sslfactory",
    "stringtype",
    "tcpKeepAlive",
    "loginTimeout",
];

fn jdbc(options: &mut Options) -> Result<SinkSection, String> {
    let section = rows(options)?;
    note_parts(&section, options);
    Ok(section)
}

/// What both sinks have.
fn rows(options: &mut Options) -> Result<SinkSection, String> {
    let mut section = SinkSection::default();
    let schema = connection(&mut section, options)?;
    tables(&mut section, options, schema.as_deref());
    let mode = options.take("insert.mode").unwrap_or_else(|| "insert".to_owned()).to_ascii_lowercase();
    match mode.as_str() {
        "insert" => {}
        "upsert" | "update" => section.set("mode", Some(mode)),
        _ => options.no_counterpart("insert.mode", "is none of insert, upsert and update"),
    }
    key(&mut section, options);
    match (options.bool("delete.enabled"), section.settings.get("key").and_then(Value::as_str)) {
        (Some(true), Some("record_key")) => section.set("on_null", Some("delete")),
        (Some(true), _) => {
            options.no_counterpart("delete.enabled", "needs `pk.mode=record_key`, there as here");
        }
        _ => {}
    }
    if let Some(records) = options.number("batch.size").filter(|records| *records > 0) {
        section.batch.insert("max_records".to_owned(), records.into());
    }
    section.set_retries(options);
    growth(&mut section, options);
    for name in ["quote.sql.identifiers", "sql.quote.identifiers"] {
        if options.take(name).is_some_and(|when| matches!(&*when.to_ascii_lowercase(), "never" | "false")) {
            options.no_counterpart(
                name,
                "names are taken as they are written: write the table in small letters, and rename fields that are not",
            );
        }
    }
    kept_fields(&mut section, options);
    options.needless(&[
        "connection.attempts",
        "connection.backoff.ms",
        "db.timezone",
        "date.timezone",
        "dialect.name",
        "table.types",
        "trim.sensitive.log",
        "max.retries",
        "replace.null.with.default",
    ]);
    Ok(section)
}

/// Debezium's sink, which has other names for the same, and takes the row out of the envelope itself.
fn debezium(options: &mut Options) -> Result<SinkSection, String> {
    for (theirs, ours) in [
        ("connection.username", "connection.user"),
        ("primary.key.mode", "pk.mode"),
        ("primary.key.fields", "pk.fields"),
    ] {
        if let Some(value) = options.take(theirs) {
            options.give(ours, &value);
        }
    }
    if options.take("schema.evolution").is_some_and(|kind| kind.eq_ignore_ascii_case("basic")) {
        options.give("auto.create", "true");
        options.give("auto.evolve", "true");
    }
    let format = options.take("collection.name.format").or_else(|| options.take("table.name.format"));
    let format = format.unwrap_or_else(|| "${topic}".to_owned());
    if format.contains("${source.") {
        options.no_counterpart("collection.name.format", "a field of `source` does not name a table here");
    }
    options.give("table.name.format", &format);
    if options.peek("pk.mode").is_some_and(|mode| mode.eq_ignore_ascii_case("record_header")) {
        options.take("pk.mode");
        options.no_counterpart(
            "primary.key.mode",
            "a header does not name a row here; make it a field or the key before",
        );
    }
    for name in ["field.include.list", "field.exclude.list"] {
        if options.take(name).is_some() {
            options.no_counterpart(
                name,
                "use the transform `replace_field`, whose `include` and `exclude` list fields",
            );
        }
    }
    if options.bool("truncate.enabled") == Some(true) {
        options.no_counterpart(
            "truncate.enabled",
            "a record that says that a table was emptied is rejected, or dropped by `on_truncate`",
        );
    }
    options.drop_below("connection.pool.", "a connection per batch in flight is open: `max_in_flight`");
    options.drop_below("dialect.", "is about another database");
    options.ignore(&[
        "use.time.zone",
        "database.time_zone",
        "quote.identifiers",
        "use.reduction.buffer",
        "flush.max.retries",
        "flush.retry.delay.ms",
        "column.naming.strategy",
        "collection.naming.strategy",
        "table.naming.strategy",
    ]);
    let topics = options.peek("topics").unwrap_or_default();
    let mut section = rows(options)?;
    under_scores(&mut section, &topics, options);
    section.transforms.push(json!({ "unwrap_cdc": {} }));
    let remark = "unwrap_cdc: takes the row out of Debezium's envelope, as the sink did; leave it out where the records are rows already";
    options.remarks.push(remark.to_owned());
    Ok(section)
}

/// Debezium writes the dots of a topic as underscores in the name of its table.
fn under_scores(section: &mut SinkSection, topics: &str, options: &mut Options) {
    if !topics.contains('.') {
        return;
    }
    let is_template =
        section.settings.get("table").and_then(Value::as_str).is_some_and(|table| table.contains("{{"));
    if is_template {
        let text = "a topic with dots names the table with underscores there, and with its dots here; rename it with `regex_router`";
        return options.no_counterpart("collection.name.format", text);
    }
    if let Some(Value::String(table)) = section.settings.get_mut("table") {
        for topic in topics.split(',').map(str::trim).filter(|topic| !topic.is_empty()) {
            *table = table.replace(topic, &topic.replace('.', "_"));
        }
    }
}

/// Keeps the fields of a list alone, and those of the key beside them.
fn kept_fields(section: &mut SinkSection, options: &mut Options) {
    let mut kept = options.list("fields.whitelist");
    if kept.is_empty() {
        return;
    }
    if section.settings.get("key").is_some_and(|key| key == "fields") {
        let columns = section.settings.get("key_columns").and_then(Value::as_array);
        for column in columns.into_iter().flatten().filter_map(Value::as_str) {
            if !kept.iter().any(|field| field == column) {
                kept.push(column.to_owned());
            }
        }
    }
    section.transforms.push(json!({ "replace_field": { "include": kept } }));
}

/// Tables that are made, and columns that are added. There the types are those of a schema.
fn growth(section: &mut SinkSection, options: &mut Options) {
    let (creates, evolves) =
        (options.bool("auto.create") == Some(true), options.bool("auto.evolve") == Some(true));
    let updates = section.settings.get("mode").is_some_and(|mode| mode == "update");
    if creates && updates {
        options.no_counterpart("auto.create", "makes a table without rows, in which an update finds none");
    } else if creates {
        section.set("auto_create", Some(true));
    }
    if evolves {
        section.set("auto_evolve", Some(true));
    }
    if creates || evolves {
        options.remarks.push(
            "auto.create, auto.evolve: types are found out from the values; name those of times, numbers and the like in `column_types`"
                .to_owned(),
        );
    }
}

/// Writes `jdbc:postgresql://host/shop?sslmode=require` as an address with its user. Returns the schema that it names.
fn connection(section: &mut SinkSection, options: &mut Options) -> Result<Option<String>, String> {
    let url = options.take("connection.url").ok_or("has no `connection.url`")?;
    let Some(place) = url.strip_prefix("jdbc:postgresql:") else {
        let database =
            url.strip_prefix("jdbc:").and_then(|rest| rest.split(':').next()).unwrap_or("something else");
        return Err(format!("writes to {database} over JDBC, for which there is no sink yet"));
    };
    let (place, query) = place.split_once('?').unwrap_or((place, ""));
    let place = place_of(place);
    let (mut user, mut kept, mut schema) = (options.take("connection.user"), Vec::new(), None);
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "user" => user = user.or_else(|| Some(value.to_owned())),
            "sslmode" if matches!(value, "disable" | "prefer" | "require" | "verify-ca" | "verify-full") => {
                kept.push(format!("sslmode={value}"));
            }
            "currentSchema" if !value.is_empty() && !value.contains([',', '%']) => {
                schema = Some(value.to_owned());
            }
            "ssl" if value == "true" => kept.push("sslmode=require".to_owned()),
            "password" => section.set("password", Some("${env:CONNECTION_PASSWORD}")),
            "ApplicationName" => kept.push(format!("application_name={value}")),
            "targetServerType" if matches!(value, "primary" | "master") => {
                kept.push("target_session_attrs=read-write".to_owned());
            }
            "sslrootcert" | "sslcert" | "sslkey" => options.no_counterpart(
                "connection.url",
                &format!("its parameter {name} names a file; write one of PEM into `tls`: `ca_file`, `cert_file`, `key_file`"),
            ),
            _ if DRIVER.contains(&name) => {}
            _ => {
                options.no_counterpart("connection.url", &format!("its parameter {name} has no counterpart"));
            }
        }
    }
    let user = user.map(|user| format!("{}@", options.safe("connection.user", &user))).unwrap_or_default();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    let url = options.safe("connection.url", &format!("{place}{query}"));
    section.set("url", Some(format!("postgres://{user}{url}")));
    if let Some(password) = options.secret("connection.password") {
        section.set("password", Some(password));
    } else if section.settings.contains_key("password") {
        options.variables.insert("CONNECTION_PASSWORD".to_owned());
    }
    Ok(schema)
}

/// Java's driver takes an address without a host, or a database alone, for one on this machine.
fn place_of(address: &str) -> String {
    match address.strip_prefix("//") {
        Some(place) if !place.starts_with('/') => place.to_owned(),
        _ => format!("localhost/{}", address.trim_start_matches('/')),
    }
}

/// Returns the name of a table without the quotes around its parts.
fn unquoted(name: &str) -> String {
    let part = |part: &str| {
        part.strip_prefix('"').and_then(|part| part.strip_suffix('"')).unwrap_or(part).to_owned()
    };
    name.split('.').map(part).collect::<Vec<_>>().join(".")
}

/// Notes a table of more parts than one has here, such as one that is called like a topic of Debezium's.
fn note_parts(section: &SinkSection, options: &mut Options) {
    let tables = section.settings.get("tables").and_then(Value::as_array).into_iter().flatten();
    let named = tables.chain(section.settings.get("table")).filter_map(Value::as_str);
    let mut fixed = named.filter(|table| !table.contains("{{"));
    if let Some(table) = fixed.find(|table| table.split('.').count() > 2) {
        let text = format!(
            "`{table}` has more parts than schema and table; name the table in `table`, or rename the topic with `regex_router`"
        );
        options.no_counterpart("table.name.format", &text);
    }
}

/// Writes the table: one for a single topic, and a list of those that there may be for several. `schema` is theirs where the
/// format names none.
fn tables(section: &mut SinkSection, options: &mut Options, schema: Option<&str>) {
    let format = options.take("table.name.format").unwrap_or_else(|| "${topic}".to_owned());
    let topics = options.peek("topics").unwrap_or_default();
    let names_schema = format.contains('.') || format.contains("${topic}") && topics.contains('.');
    let format = match schema {
        Some(schema) if !names_schema => format!("{schema}.{format}"),
        _ => format,
    };
    let topics: Vec<&str> = topics.split(',').map(str::trim).filter(|topic| !topic.is_empty()).collect();
    match topics.as_slice() {
        _ if !format.contains("${topic}") => section.set("table", Some(unquoted(&format))),
        [topic] => section.set("table", Some(unquoted(&format.replace("${topic}", topic)))),
        topics => {
            let format = unquoted(&format);
            section.set("table", Some(format.replace("${topic}", "{{@record.topic}}")));
            let tables: Vec<String> = topics.iter().map(|topic| format.replace("${topic}", topic)).collect();
            if tables.is_empty() {
                options.no_counterpart(
                    "table.name.format",
                    "name the tables that it may come out as in `tables`",
                );
            }
            section.set("tables", Some(tables));
        }
    }
}

/// Writes what names a row.
fn key(section: &mut SinkSection, options: &mut Options) {
    let columns = options.list("pk.fields");
    let mode = options.take("pk.mode").unwrap_or_else(|| "none".to_owned()).to_ascii_lowercase();
    let (key, columns) = match mode.as_str() {
        "none" => return,
        "kafka" if columns.is_empty() => ("origin", KAFKA_COLUMNS.map(str::to_owned).to_vec()),
        "kafka" => ("origin", columns),
        "record_key" => ("record_key", columns),
        "record_value" => ("fields", columns),
        _ => return options.no_counterpart("pk.mode", "is none of none, kafka, record_key and record_value"),
    };
    if key == "record_key" && options.peek("key.converter").is_none() {
        options.give("key.converter", "org.apache.kafka.connect.json.JsonConverter");
        options.give("key.converter.schemas.enable", "false");
        options.remarks.push(
            "key.converter: is that of the worker, which this configuration does not say; `json` is taken"
                .to_owned(),
        );
    }
    section.set("key", Some(key));
    if !columns.is_empty() {
        section.set("key_columns", Some(columns));
    }
    options.remarks.push("pk.mode: the columns of the key need a primary key or a unique index; an insert leaves a row that is there as it is".to_owned());
}

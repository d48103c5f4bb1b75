//! Sinks over JDBC, of which those into PostgreSQL have a counterpart.

use super::section::{SinkEntry, SinkSection};
use crate::convert::options::Options;

pub(super) const SINKS: &[SinkEntry] = &[
    SinkEntry { class: "io.confluent.connect.jdbc.JdbcSinkConnector", name: "postgres", convert: jdbc },
    SinkEntry { class: "io.aiven.connect.jdbc.JdbcSinkConnector", name: "postgres", convert: jdbc },
];

/// The columns of `pk.mode=kafka` where nothing names others.
const KAFKA_COLUMNS: [&str; 3] = ["__connect_topic", "__connect_partition", "__connect_offset"];

fn jdbc(options: &mut Options) -> Result<SinkSection, String> {
    let mut section = SinkSection::default();
    connection(&mut section, options)?;
    tables(&mut section, options);
    let mode = options.take("insert.mode").unwrap_or_else(|| "insert".to_owned()).to_ascii_lowercase();
    match mode.as_str() {
        "insert" => {}
        "upsert" | "update" => section.set("mode", Some(mode)),
        _ => options.no_counterpart("insert.mode", "is none of insert, upsert and update"),
    }
    key(&mut section, options);
    if options.bool("delete.enabled") == Some(true) {
        section.set("on_null", Some("delete"));
    }
    if let Some(records) = options.number("batch.size").filter(|records| *records > 0) {
        section.batch.insert("max_records".to_owned(), records.into());
    }
    section.set_retries(options);
    growth(&mut section, options);
    if !options.list("fields.whitelist").is_empty() {
        options.no_counterpart(
            "fields.whitelist",
            "use the transform `replace_field`, whose `include` lists the fields to keep",
        );
    }
    options.ignore(&[
        "connection.attempts",
        "connection.backoff.ms",
        "db.timezone",
        "date.timezone",
        "dialect.name",
        "quote.sql.identifiers",
        "sql.quote.identifiers",
        "table.types",
        "trim.sensitive.log",
        "max.retries",
        "replace.null.with.default",
    ]);
    options.drop_below("mssql.", "is about another database");
    Ok(section)
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

/// Writes `jdbc:postgresql://host/shop?sslmode=require` as an address with its user.
fn connection(section: &mut SinkSection, options: &mut Options) -> Result<(), String> {
    let url = options.take("connection.url").ok_or("has no `connection.url`")?;
    let Some(place) = url.strip_prefix("jdbc:postgresql://") else {
        let database =
            url.strip_prefix("jdbc:").and_then(|rest| rest.split(':').next()).unwrap_or("something else");
        return Err(format!("writes to {database} over JDBC, for which there is no sink yet"));
    };
    let (place, query) = place.split_once('?').unwrap_or((place, ""));
    let (mut user, mut kept) = (options.take("connection.user"), Vec::new());
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "user" => user = user.or_else(|| Some(value.to_owned())),
            "sslmode" if matches!(value, "disable" | "prefer" | "require" | "verify-ca" | "verify-full") => {
                kept.push(format!("sslmode={value}"));
            }
            "ssl" if value == "true" => kept.push("sslmode=require".to_owned()),
            "password" => section.set("password", Some("${env:CONNECTION_PASSWORD}")),
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
    Ok(())
}

/// Writes the table: one for a single topic, and a list of those that there may be for several.
fn tables(section: &mut SinkSection, options: &mut Options) {
    let format = options.take("table.name.format").unwrap_or_else(|| "${topic}".to_owned());
    let topics = options.peek("topics").unwrap_or_default();
    let topics: Vec<&str> = topics.split(',').map(str::trim).filter(|topic| !topic.is_empty()).collect();
    match topics.as_slice() {
        _ if !format.contains("${topic}") => section.set("table", Some(format)),
        [topic] => section.set("table", Some(format.replace("${topic}", topic))),
        topics => {
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
    section.set("key", Some(key));
    if !columns.is_empty() {
        section.set("key_columns", Some(columns));
    }
    options.remarks.push("pk.mode: the columns of the key need a primary key or a unique index; an insert leaves a row that is there as it is".to_owned());
}

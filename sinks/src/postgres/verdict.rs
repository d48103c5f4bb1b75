//! What an error of the database says about a batch.

use deadpool_postgres::PoolError;
use sluice_connector_api::{Failure, Trouble};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

/// What is to be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It may pass, for this reason.
    MayPass(Trouble),
    /// The data is at fault.
    OfData,
    /// A right is missing.
    Forbidden,
    /// The set-up is at fault.
    OfSetUp,
}

/// Says what an SQLSTATE means, by its code or by its class (PostgreSQL's documentation, appendix A).
fn meaning(state: &SqlState) -> Meaning {
    let code = state.code();
    let class = code.get(..2).unwrap_or_default();
    match (code, class) {
        // Too many connections: others may close theirs.
        ("53300", _) => Meaning::MayPass(Trouble::Throttled),
        // A statement, or a transaction, that took longer than the database allows.
        ("57014" | "25P03" | "25P04", _) => Meaning::MayPass(Trouble::TimedOut),
        // A deadlock, a conflict of transactions, a lock that was not to be had, and a server that may only be read from, as one
        // is in a failover.
        ("40001" | "40P01" | "55P03" | "25006" | "55006", _) => Meaning::MayPass(Trouble::Other),
        ("57P01" | "57P02" | "57P03" | "57P05", _) | (_, "08") => Meaning::MayPass(Trouble::Unreachable),
        // An exception that a trigger or a function raised, or did not catch; and two rows of one statement that are the same by the
        // table's own comparison: each alone is not.
        ("P0001" | "P0002" | "P0003" | "P0004" | "20000" | "21000", _)
        | (_, "22" | "23" | "38" | "39" | "44" | "54") => Meaning::OfData,
        ("42501", _) | (_, "28") => Meaning::Forbidden,
        // No room, no memory, an error of the disk, or one of the server itself.
        (_, "53" | "58" | "XX" | "40" | "57") => Meaning::MayPass(Trouble::ServerError),
        _ => Meaning::OfSetUp,
    }
}

/// Says what an SQLSTATE means that comes of writing rows; `file` is where the server says it.
fn meaning_of_rows(state: &SqlState, file: Option<&str>) -> Meaning {
    match state.code() {
        // The syntax of a value, such as of `tsquery`: that of the statement is ours.
        "42601" => Meaning::OfData,
        "XX000" if file.is_some_and(|file| READERS.contains(&file)) => Meaning::OfData,
        code if code.get(..2).is_some_and(is_of_nobody) => Meaning::OfData,
        _ => meaning(state),
    }
}

/// Says whether PostgreSQL has no such class, so that a trigger made it up.
fn is_of_nobody(class: &str) -> bool {
    const CLASSES: [&str; 44] = [
        "00", "01", "02", "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21", "22", "23",
        "24", "25", "26", "27", "28", "2B", "2D", "2F", "34", "38", "39", "3B", "3D", "3F", "40", "42", "44",
        "53", "54", "55", "57", "58", "72", "F0", "HV", "P0", "XX",
    ];
    !CLASSES.contains(&class)
}

/// Says whether an error, or what caused it, is that of a server that may only be read from.
pub(super) fn is_of_reader(error: &(dyn std::error::Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut states = causes.filter_map(|cause| cause.downcast_ref::<Error>()).filter_map(Error::code);
    states.any(|state| state.code() == "25006")
}

/// Says whether an error may come of a table that is built otherwise than it was when it was looked at.
pub(super) fn may_be_of_shape(error: &Error) -> bool {
    let Some(state) = error.code().map(SqlState::code) else { return false };
    // A text that is no value of the type that the column had, by the type's own syntax, too; and undefined table, column and
    // function, a wrong type, no unique index for the key, a generated column, and one that takes no null.
    state.starts_with("22")
        || matches!(
            state,
            "42601" | "42P01" | "42703" | "42883" | "42804" | "42846" | "42P10" | "42704" | "428C9" | "23502"
        )
}

/// Where extensions read values, and say of one that they cannot read that the server has an internal error: `hstore` up to PostgreSQL
/// 15, and `PostGIS`.
const READERS: [&str; 2] = ["hstore_io.c", "lwgeom_pg.c"];

/// Makes a failure of an error. `what` was to be done, such as `writing to the table orders`.
pub(super) fn failure(what: &str, error: Error) -> Failure {
    failure_of(what, error, |answer| meaning(answer.code()), "")
}

/// Makes a failure of an error at writing rows, with what is known of its place: see [`columns_at_fault`].
pub(super) fn failure_of_rows(what: &str, error: Error, place: &str) -> Failure {
    failure_of(what, error, |answer| meaning_of_rows(answer.code(), answer.file()), place)
}

fn failure_of(what: &str, error: Error, meaning: impl Fn(&DbError) -> Meaning, place: &str) -> Failure {
    let Some(answer) = error.as_db_error() else { return without_answer(what, &error) };
    let code = answer.code().code();
    let reason = format!("{what} was answered {code}{}{place}", named(answer));
    let failure = match meaning(answer) {
        // What the server lacks is no content.
        Meaning::MayPass(trouble) if matches!(code.get(..2), Some("25" | "53" | "58")) => {
            Failure::retriable(format!("{reason}; {}", words(answer))).because(trouble)
        }
        Meaning::MayPass(trouble) => Failure::retriable(reason).because(trouble),
        // A limit of the database, such as that of columns or of the size of a row: numbers, and no content.
        Meaning::OfData if code.starts_with("54") => {
            Failure::rejected(format!("{reason}; {}", words(answer)))
        }
        Meaning::OfData => Failure::rejected(reason),
        Meaning::Forbidden => Failure::forbidden(format!("{reason}; {}", words(answer))),
        Meaning::OfSetUp => Failure::fatal(format!("{reason}; {}", words(answer))),
    };
    let detail = answer.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    // It may hold content of the record, such as the key that is there already.
    failure.with_detail(format!("{}{detail}", answer.message())).caused_by(error)
}

/// Names the columns, each given as its name and its type, that may be at fault for a value that is none of their type: the answer
/// names the type, and quotes the value. Empty where it does not say.
pub(super) fn columns_at_fault<'a>(
    error: &Error,
    columns: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    let Some(answer) = error.as_db_error() else { return String::new() };
    match answer.code().code() {
        "22000" => dimensions(answer.message()),
        code if code.starts_with("22") => of_type(answer.message(), columns),
        _ => String::new(),
    }
}

fn of_type<'a>(message: &str, columns: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut said = Vec::new();
    for before in ["for type ", "for enum "] {
        said.extend(
            message.split(before).skip(1).map(|rest| rest.split([':', '(', '"']).next().unwrap_or_default()),
        );
    }
    let mut at_fault = Vec::new();
    for (name, type_name) in columns {
        // `timestamp` is short for `timestamp without time zone`, and `jsonb` is read as `json`.
        let is_said = |said: &&str| {
            type_name == *said
                || *said == "json" && type_name == "jsonb"
                || type_name.strip_prefix(*said) == Some(" without time zone")
        };
        if said.iter().any(is_said) {
            at_fault.push(format!("`{name}` of type {type_name}"));
        }
    }
    match at_fault.as_slice() {
        [] => String::new(),
        [one] => format!(", column {one}"),
        several => format!(", one of the columns {}", several.join(", ")),
    }
}

/// What pgvector says of an array of another length, in numbers alone.
fn dimensions(message: &str) -> String {
    let is_plain = message.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | ','));
    if message.starts_with("expected ") && message.contains(" dimensions, not ") && is_plain {
        format!("; {message}")
    } else {
        String::new()
    }
}

/// Names what the answer is about. These are names of the schema, and none of a record.
fn named(answer: &DbError) -> String {
    let of = |what: &str, name: Option<&str>| name.map(|name| format!(", {what} {name}")).unwrap_or_default();
    format!("{}{}", of("column", answer.column()), of("constraint", answer.constraint()))
}

/// Returns what the answer says of the set-up, which is no content of a record.
fn words(answer: &DbError) -> String {
    match answer.hint() {
        Some(hint) => format!("{} ({hint})", answer.message()),
        None => answer.message().to_owned(),
    }
}

fn without_answer(what: &str, error: &Error) -> Failure {
    let causes = sluice_wire::causes(error);
    let trouble = if error.is_closed() { Trouble::Unreachable } else { Trouble::Other };
    let is_set_up =
        causes.contains("server does not support TLS") || causes.contains("invalid configuration");
    if is_set_up {
        return Failure::fatal(format!("{what} failed: {causes}"));
    }
    Failure::retriable(format!("{what} failed: {causes}{}", way_out(&causes))).because(trouble)
}

/// Says what may be done about a certificate that is not taken. It may be renewed there, too, so that it is tried again.
fn way_out(causes: &str) -> &'static str {
    // One that is called like ours, and has another key, signs badly.
    if causes.contains("UnknownIssuer") || causes.contains("BadSignature") {
        "; if the database has an authority of its own, set `tls.ca_file`"
    } else if causes.contains("not valid for name") || causes.contains("NotValidForName") {
        "; mend the host in `url`, or write `sslmode=verify-ca`, which takes the certificate of any host"
    } else {
        ""
    }
}

/// Makes a failure of a connection that was not to be had.
pub(super) fn connection_failure(error: PoolError) -> Failure {
    match error {
        PoolError::Backend(error) => failure("connecting to the database", error),
        PoolError::Timeout(_) => {
            Failure::retriable("the database did not accept a connection in time").because(Trouble::TimedOut)
        }
        other => Failure::retriable(format!("there is no connection to the database: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_the_type_that_an_answer_names_are_named_and_no_value() {
        let columns = [
            ("n", "bigint"),
            ("m", "bigint"),
            ("at", "timestamp without time zone"),
            ("j", "jsonb"),
            ("s", "character varying"),
        ];
        for (message, named) in [
            (
                "invalid input syntax for type bigint: \"4111\"",
                ", one of the columns `n` of type bigint, `m` of type bigint",
            ),
            (
                "value \"4111\" is out of range for type bigint",
                ", one of the columns `n` of type bigint, `m` of type bigint",
            ),
            (
                "invalid input syntax for type timestamp: \"4111\"",
                ", column `at` of type timestamp without time zone",
            ),
            ("invalid input syntax for type json", ", column `j` of type jsonb"),
            ("value too long for type character varying(5)", ", column `s` of type character varying"),
            ("invalid input syntax for type uuid: \"for type 4111\"", ""),
            ("numeric field overflow", ""),
        ] {
            assert_eq!(of_type(message, columns.into_iter()), named, "{message}");
        }
        assert_eq!(dimensions("expected 3 dimensions, not 2"), "; expected 3 dimensions, not 2");
        assert_eq!(dimensions("expected 3 dimensions, not \"4111\""), "");
    }

    #[test]
    fn a_state_means_what_is_to_be_done() {
        let of = |code| meaning(&SqlState::from_code(code));
        for code in [
            "40001", "40P01", "08006", "57P01", "57014", "53300", "53100", "58030", "XX000", "25006", "25P04",
        ] {
            assert!(matches!(of(code), Meaning::MayPass(_)), "{code}");
        }
        for code in [
            "22P02", "22001", "23505", "23503", "23502", "44000", "21000", "P0001", "P0004", "54000", "38000",
        ] {
            assert_eq!(of(code), Meaning::OfData, "{code}");
        }
        let of_rows = |code, file| meaning_of_rows(&SqlState::from_code(code), file);
        for (code, file) in
            [("42601", None), ("45000", None), ("SH001", None), ("XX000", Some("lwgeom_pg.c"))]
        {
            assert_eq!(of_rows(code, file), Meaning::OfData, "{code}");
            assert_ne!(of(code), Meaning::OfData, "{code} at anything else, such as connecting");
        }
        assert!(matches!(of_rows("XX000", Some("heapam.c")), Meaning::MayPass(_)));
        for code in ["42501", "28P01", "28000"] {
            assert_eq!(of(code), Meaning::Forbidden, "{code}");
        }
        for code in ["42P01", "42703", "3D000", "42P10", "0A000", "42601"] {
            assert_eq!(of(code), Meaning::OfSetUp, "{code}");
        }
    }
}

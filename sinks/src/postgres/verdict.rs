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
        ("57014", _) => Meaning::MayPass(Trouble::TimedOut),
        // A deadlock, a conflict of transactions, a lock that was not to be had, and a server that may only be read from, as one
        // is in a failover.
        ("40001" | "40P01" | "55P03" | "25006" | "55006", _) => Meaning::MayPass(Trouble::Other),
        ("57P01" | "57P02" | "57P03" | "57P05", _) | (_, "08") => Meaning::MayPass(Trouble::Unreachable),
        // An exception that a trigger or a function raised; and two rows of one statement that are the same by the table's own
        // comparison, such as that of `citext`: each alone is not.
        ("P0001" | "21000", _) | (_, "22" | "23" | "44" | "54") => Meaning::OfData,
        ("42501", _) | (_, "28") => Meaning::Forbidden,
        // No room, no memory, an error of the disk, or one of the server itself.
        (_, "53" | "58" | "XX" | "40" | "57") => Meaning::MayPass(Trouble::ServerError),
        _ => Meaning::OfSetUp,
    }
}

/// Says whether an error may come of a table that is built otherwise than it was when it was looked at.
pub(super) fn may_be_of_shape(error: &Error) -> bool {
    let Some(state) = error.code().map(SqlState::code) else { return false };
    // A text that is no value of the type that the column had; and undefined table, column and function, a wrong type, no unique
    // index for the key, a generated column, and one that takes no null.
    state.starts_with("22")
        || matches!(
            state,
            "42P01" | "42703" | "42883" | "42804" | "42846" | "42P10" | "42704" | "428C9" | "23502"
        )
}

/// Makes a failure of an error. `what` was to be done, such as `writing to the table orders`.
pub(super) fn failure(what: &str, error: Error) -> Failure {
    failure_at(what, error, "")
}

/// Makes a failure of an error, with what is known of its place: see [`columns_at_fault`].
pub(super) fn failure_at(what: &str, error: Error, place: &str) -> Failure {
    let Some(answer) = error.as_db_error() else { return without_answer(what, &error) };
    let code = answer.code().code();
    let reason = format!("{what} was answered {code}{}{place}", named(answer));
    let failure = match meaning(answer.code()) {
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
        for code in ["40001", "40P01", "08006", "57P01", "57014", "53300", "53100", "58030", "XX000", "25006"]
        {
            assert!(matches!(of(code), Meaning::MayPass(_)), "{code}");
        }
        for code in ["22P02", "22001", "23505", "23503", "23502", "44000", "21000", "P0001", "54000"] {
            assert_eq!(of(code), Meaning::OfData, "{code}");
        }
        for code in ["42501", "28P01", "28000"] {
            assert_eq!(of(code), Meaning::Forbidden, "{code}");
        }
        for code in ["42P01", "42703", "3D000", "42P10", "0A000", "42601"] {
            assert_eq!(of(code), Meaning::OfSetUp, "{code}");
        }
    }
}

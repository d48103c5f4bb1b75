//! Conditions as they go over the wire, and what is refused.
#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_pass_by_value, reason = "a test may panic")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use aws_sdk_bedrockagentruntime::types::RetrievalFilter;

use super::{Filter, parser};
use crate::bedrock_kb::people::passage_json::json_of;

/// Shows a filter as it goes over the wire (`RetrievalFilter` of the API's model).
fn wire(filter: &RetrievalFilter) -> Value {
    use RetrievalFilter as F;
    let all = |filters: &[F]| filters.iter().map(wire).collect::<Value>();
    let (name, attribute) = match filter {
        F::AndAll(filters) => return json!({ "andAll": all(filters) }),
        F::OrAll(filters) => return json!({ "orAll": all(filters) }),
        F::Equals(attribute) => ("equals", attribute),
        F::NotEquals(attribute) => ("notEquals", attribute),
        F::GreaterThan(attribute) => ("greaterThan", attribute),
        F::GreaterThanOrEquals(attribute) => ("greaterThanOrEquals", attribute),
        F::LessThan(attribute) => ("lessThan", attribute),
        F::LessThanOrEquals(attribute) => ("lessThanOrEquals", attribute),
        F::In(attribute) => ("in", attribute),
        F::NotIn(attribute) => ("notIn", attribute),
        F::StartsWith(attribute) => ("startsWith", attribute),
        F::ListContains(attribute) => ("listContains", attribute),
        F::StringContains(attribute) => ("stringContains", attribute),
        other => panic!("{other:?}"),
    };
    json!({ name: { "key": attribute.key, "value": json_of(attribute.value.clone()) } })
}

#[track_caller]
fn assert_filter(text: &str, expected: Value) {
    let filter: Filter = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(wire(&filter.0), expected, "{text}");
}

#[track_caller]
fn assert_wrong(text: &str, expected: &str) {
    assert_eq!(text.parse::<Filter>().map_err(|error| error.to_string()), Err(expected.to_owned()), "{text}");
}

fn one(operator: &str, value: Value) -> Value {
    json!({ operator: { "key": "k", "value": value } })
}

#[test]
fn whole_numbers_are_sent_to_the_last_digit() {
    for (text, value) in [
        ("k = 9007199254740993", json!(9_007_199_254_740_993_u64)),
        ("k = 18446744073709551615", json!(u64::MAX)),
        ("k = -9223372036854775808", json!(i64::MIN)),
        ("k = -0", json!(0)),
    ] {
        assert_filter(text, one("equals", value));
    }
}

#[test]
fn each_comparison_has_its_operator_of_the_service() {
    for (text, operator, value) in [
        ("k = a", "equals", json!("a")),
        ("k != a", "notEquals", json!("a")),
        ("k > 1", "greaterThan", json!(1)),
        ("k >= 1.5", "greaterThanOrEquals", json!(1.5)),
        ("k < -1", "lessThan", json!(-1)),
        ("k <= 1e3", "lessThanOrEquals", json!(1000.0)),
        ("k in (a, 1, true)", "in", json!(["a", 1, true])),
        ("k NOT IN (a)", "notIn", json!(["a"])),
        ("k starts with http://a/b", "startsWith", json!("http://a/b")),
        ("k contains 'a b'", "stringContains", json!("a b")),
        ("k list contains 7", "listContains", json!("7")),
    ] {
        assert_filter(text, one(operator, value));
    }
}

#[test]
fn quotes_make_text_of_what_would_be_a_number_a_keyword_or_two_words() {
    assert_filter("k = '1'", one("equals", json!("1")));
    assert_filter("k = \"true\"", one("equals", json!("true")));
    assert_filter(r"k = 'it\'s \\ \n'", one("equals", json!(r"it's \ n")));
    assert_filter("k = 'and'", one("equals", json!("and")));
    assert_filter("k = ''", one("equals", json!("")));
    assert_filter("'k'=nan", one("equals", json!("nan")));
    assert_filter(
        "'a key' = x-amz_b.c:d/e",
        json!({ "equals": { "key": "a key", "value": "x-amz_b.c:d/e" } }),
    );
}

#[test]
fn and_binds_closer_than_or_and_parentheses_closest() {
    let [a, b, c] = ["a", "b", "c"].map(|key| json!({ "equals": { "key": key, "value": 1 } }));
    assert_filter("a=1 and b=1 and c=1", json!({ "andAll": [a, b, c] }));
    assert_filter("a=1 or b=1 AND c=1", json!({ "orAll": [a, { "andAll": [b, c] }] }));
    assert_filter("(a=1 or b=1) and c=1", json!({ "andAll": [{ "orAll": [a, b] }, c] }));
    assert_filter("((a=1))", a);
}

#[test]
fn a_key_may_be_a_keyword() {
    assert_filter("list contains x", json!({ "stringContains": { "key": "list", "value": "x" } }));
    assert_filter("in in (1)", json!({ "in": { "key": "in", "value": [1] } }));
}

#[test]
fn what_is_wrong_is_told_with_its_column() {
    assert_wrong("", "column 1: expected the key of an attribute, found the end");
    assert_wrong("ticker = ", "column 10: expected a value, found the end");
    assert_wrong("ticker = OOOO or", "column 17: expected the key of an attribute, found the end");
    assert_wrong("a = 1 b = 2", "column 7: expected `and`, `or` or the end, found `b`");
    assert_wrong("a > b", "column 5: expected a number after `>`, found `b`");
    assert_wrong("(a = 1", "column 7: expected `)`, `and` or `or`, found the end");
    assert_wrong("a in 1", "column 6: expected `(` and values, found `1`");
    assert_wrong("a in (1 2)", "column 9: expected `,` or `)`, found `2`");
    assert_wrong("a not 1", "column 7: expected `in` after `not`, found `1`");
    assert_wrong("a = 'open", "column 5: the quote ' is not closed");
    assert_wrong("é = and", "column 5: expected a value, in quotes if it is that word, found `and`");
    assert_wrong("a 'b'", &format!("column 3: expected {}, found the text 'b'", parser::OPERATORS));
    assert_wrong("a ! 1", &format!("column 3: expected {}, found `!`", parser::OPERATORS));
    let long = "k".repeat(101);
    assert_wrong(&format!("{long} = 1"), "column 1: a key has 1 to 100 characters, and this one has 101");
    assert_wrong(&"(".repeat(40), "column 33: more than 32 parentheses within one another");
}

proptest! {
    #[test]
    fn whatever_is_written_is_a_filter_or_wrong_at_a_column(
        parts in vec(select(vec!["(", ")", "'", "\"", "\\", "=", "!", "<", ",", " ", "and", "or", "in", "k", "1", "é"]), 0..12),
    ) {
        let text = parts.concat();
        if let Err(error) = text.parse::<Filter>() {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{text}: {error}");
        }
    }
}

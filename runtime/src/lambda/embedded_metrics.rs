//! Metrics of an invocation as a log line that CloudWatch takes for metrics: its embedded metric format.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Number, Value, json};

use crate::engine::Counters;
use crate::observe::metrics::{counts, histograms};

/// The namespace of the metrics in CloudWatch.
const NAMESPACE: &str = "Sluice";

/// The line of an invocation: the metrics that `/metrics` serves, under the same names, by connector. What is 0 is left
/// out: CloudWatch bills a metric for each hour that it appears in.
pub(super) fn line(
    connector: &str,
    request: &str,
    counters: &Counters,
    calls_per_second: Option<f64>,
) -> Value {
    let mut values = values(counters, calls_per_second);
    values.retain(|(_, value)| value.as_f64().is_some_and(|value| value > 0.0));
    let metrics: Vec<_> =
        values.iter().map(|(name, _)| json!({ "Name": name, "Unit": unit(name) })).collect();
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [["connector"]], "Metrics": metrics });
    let mut line = Map::new();
    line.insert("_aws".to_owned(), json!({ "Timestamp": now(), "CloudWatchMetrics": [directive] }));
    line.insert("connector".to_owned(), connector.into());
    line.insert("requestId".to_owned(), request.into());
    line.extend(values.into_iter().map(|(name, value)| (name, Value::Number(value))));
    Value::Object(line)
}

/// Writes the section of the reference page of the metrics that says which of them there are.
pub(crate) fn section() -> String {
    let all = values(&Counters::default(), Some(1.0));
    let names: Vec<_> = all.iter().map(|(name, _)| format!("`{name}`")).collect();
    format!(
        "## In CloudWatch\n\n\
         An AWS Lambda function writes these, for each invocation, in the namespace `{NAMESPACE}` by `connector`; those \
         that are 0 it leaves out. Of a counter with a label there is the sum and each by itself, of a histogram the sum \
         and the count:\n\n{}.\n",
        names.join(", ")
    )
}

/// A histogram is there by its sum and its count; names that only repeat another in Kafka Connect's words are left out.
fn values(counters: &Counters, calls_per_second: Option<f64>) -> Vec<(String, Number)> {
    let counts = counts(counters).into_iter().map(|(name, count)| (name, count.into()));
    let rate = calls_per_second.and_then(Number::from_f64);
    let rate = rate.map(|rate| ("sluice_learned_calls_per_second".to_owned(), rate));
    counts.chain(measures(counters)).chain(rate).collect()
}

/// Returns the sums and counts of the histograms.
fn measures(counters: &Counters) -> Vec<(String, Number)> {
    let mut measures = Vec::new();
    for (name, histogram) in histograms(counters) {
        let counts = histogram.counts();
        measures.extend(Number::from_f64(counts.sum).map(|sum| (format!("{name}_sum"), sum)));
        measures.push((format!("{name}_count"), counts.count().into()));
    }
    measures
}

fn unit(name: &str) -> &'static str {
    match name {
        _ if name.ends_with("_seconds_sum") => "Seconds",
        _ if name.ends_with("_per_second") => "Count/Second",
        _ => "Count",
    }
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sluice_connector_api::Trouble;

    use super::*;
    use crate::engine::ledger::counters::Verdict;

    #[test]
    fn what_is_told_apart_by_a_label_is_there_by_itself_and_what_is_0_is_not() {
        let counters = Counters::default();
        for trouble in [Trouble::Throttled, Trouble::Throttled, Trouble::TimedOut] {
            counters.puts.retry(trouble);
        }
        let line = line("prices", "r-1", &counters, None);
        let retries = |class: &str| line[format!("sluice_put_retries_{class}total")].as_u64();
        assert_eq!(["", "throttled_", "timed_out_"].map(retries), [Some(3), Some(2), Some(1)]);
        assert_eq!(line.as_object().unwrap().len(), 3 + 3, "{line}");
    }

    #[test]
    fn the_page_names_what_a_line_holds() {
        let section = section();
        for name in [
            "sluice_put_retries_throttled_total",
            "sluice_put_seconds_sum",
            "sluice_learned_calls_per_second",
        ] {
            assert!(section.contains(&format!("`{name}`")), "{section}");
        }
    }

    #[test]
    fn the_line_declares_every_metric_that_it_holds() {
        let counters = Counters::default();
        counters.read(3);
        counters.done(Verdict::Delivered, 1);
        counters.puts.put(3, Duration::from_millis(250), &Ok(()));
        let line = line("prices", "r-1", &counters, Some(4.5));
        assert_eq!((&line["connector"], &line["requestId"]), (&json!("prices"), &json!("r-1")));
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            (&directive["Namespace"], &directive["Dimensions"]),
            (&json!("Sluice"), &json!([["connector"]]))
        );
        let declared = directive["Metrics"].as_array().unwrap();
        assert!(declared.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_number()), "{line}");
        assert_eq!(line.as_object().unwrap().len(), declared.len() + 3);
        assert!(line["_aws"]["Timestamp"].as_u64().is_some_and(|millis| millis > 1_700_000_000_000));
        let value = |name: &str| line[name].as_f64();
        assert_eq!(
            (value("sluice_records_read_total"), value("sluice_records_delivered_total")),
            (Some(3.0), Some(1.0))
        );
        assert_eq!(
            (value("sluice_put_seconds_sum"), value("sluice_put_seconds_count")),
            (Some(0.25), Some(1.0))
        );
        assert_eq!(value("sluice_learned_calls_per_second"), Some(4.5));
        assert!(
            declared
                .iter()
                .any(|metric| *metric == json!({ "Name": "sluice_put_seconds_sum", "Unit": "Seconds" }))
        );
    }
}

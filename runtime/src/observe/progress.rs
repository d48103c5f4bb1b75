//! A line of the log for each connector that records flow through.

/// Logs how connectors fare: their names, records done per second, and how far they are behind.
pub(super) fn log(flowing: &[(String, f64, Option<u64>)]) {
    for (connector, rate, lag) in flowing {
        let rate = if *rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") };
        let lag = lag.map_or_else(|| "unknown".to_owned(), |lag| lag.to_string());
        tracing::info!(connector, "{rate} records/s, lag {lag}");
    }
}

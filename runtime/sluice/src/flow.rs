//! Prices that flow for as long as a demo keeps running, through a connector and into a knowledge base of their own: what is
//! produced by hand into the first one stays as it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sluice_emulator::{DataSource, KnowledgeBaseResource};
use sluice_runtime::cli::{Exit, TopicProducer, rows, seconds};
use sluice_runtime::kafka::{Access, Identity};

/// The topic that they flow through.
pub(crate) const TOPIC: &str = "live-prices";
/// The file of their connector, and so its name.
pub(crate) const FILE: &str = "live-prices.yaml";
const KNOWLEDGE_BASE: &str = "DEMOKB0002";
const DATA_SOURCE: &str = "DEMODS0002";
/// Between two prices.
const PAUSE: Duration = Duration::from_millis(250);

/// Returns the knowledge base that they end in.
pub(crate) fn knowledge_base() -> KnowledgeBaseResource {
    let data_source = DataSource::new(DATA_SOURCE, "live-data-source");
    KnowledgeBaseResource::new(KNOWLEDGE_BASE, "live-knowledge-base").with(data_source)
}

/// Makes their connector of that for stock prices.
pub(crate) fn connector(stock_prices: &str) -> String {
    stock_prices
        .replace("topics: [streamtopic]", &format!("topics: [{TOPIC}]"))
        .replace("${env:KBID}", KNOWLEDGE_BASE)
        // With the time of each record, so that an answer knows its age.
        .replace("${env:DSID}", &format!("{DATA_SOURCE}\n    metadata: {{ origin: [timestamp] }}"))
}

/// Prices that flow until the value is dropped.
pub(crate) struct Flow(Arc<AtomicBool>);

impl Flow {
    /// Has the prices of a file flow, each with the present time, over and over, up and down a little.
    pub(crate) fn start(bootstrap_servers: String, prices: &'static str) -> Self {
        let flows = Arc::new(AtomicBool::new(true));
        let flowing = Arc::clone(&flows);
        thread::spawn(move || {
            if let Err(exit) = run(&bootstrap_servers, prices, &flowing) {
                tracing::warn!("the prices of the demo flow no more: {exit:?}");
            }
        });
        Self(flows)
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn run(bootstrap_servers: &str, prices: &'static str, flows: &AtomicBool) -> Result<(), Exit> {
    let mut producer =
        TopicProducer::new(TOPIC, Access::from_servers(bootstrap_servers), Identity::default())?;
    for round in 0_u32.. {
        for row in rows(prices.as_bytes(), b',')? {
            if !flows.load(Ordering::Relaxed) {
                return Ok(());
            }
            let mut row = row?;
            let price = row.get("price").and_then(Value::as_str).map(|price| moved(price, round));
            row.insert("price".to_owned(), price.unwrap_or_default().into());
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            row.insert("timestamp".to_owned(), seconds(now));
            producer.send(None, &Value::Object(row).to_string())?;
            thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// Moves a price such as `$3,413.23` by up to two per cent.
fn moved(price: &str, round: u32) -> String {
    let digits: String = price.chars().filter(|char| char.is_ascii_digit() || *char == '.').collect();
    match digits.parse::<f64>() {
        Ok(number) => format!("${:.2}", number * (1.0 + 0.02 * (f64::from(round) * 0.7).sin())),
        Err(_) => price.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_moves_a_little() {
        assert_eq!(moved("$3,413.23", 0), "$3413.23");
        assert_ne!(moved("$3,413.23", 1), "$3413.23");
        assert_eq!(moved("unknown", 1), "unknown");
    }

    #[test]
    fn the_connector_is_that_for_stock_prices_with_a_topic_and_a_knowledge_base_of_its_own() {
        let text = connector(include_str!("../../../connectors.d/stock-prices.yaml"));
        assert!(
            text.contains("topics: [live-prices]") && text.contains("knowledge_base_id: DEMOKB0002"),
            "{text}"
        );
        assert!(
            text.contains("data_source_id: DEMODS0002\n    metadata: { origin: [timestamp] }\n"),
            "{text}"
        );
        assert!(!text.contains("KBID") && !text.contains("streamtopic]"), "{text}");
    }
}

//! What the records look like, and the sentence that is made of each.

use std::fmt::Write;
use std::sync::OnceLock;

use jiff::Timestamp;

/// Records of more than a price have a note of words.
const WORDS: [&str; 16] = [
    "market", "opened", "with", "strong", "demand", "for", "grain", "while", "oil", "fell", "after", "news",
    "from", "the", "north", "today",
];
/// The text that notes are cut from: longer than the longest of them.
const TEXT: usize = 4 << 20;
/// Size of a nested record.
const ORDER: usize = 2048;

/// The shape of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordShape {
    /// A stock price of 62 bytes, as the demo has them.
    Price,
    /// The same with a note, so that a record has just so many bytes. The note is part of the sentence.
    Note(usize),
    /// An order of 2 KB, five levels deep, of which a sentence with ten fields is made.
    Order,
}

/// A piece of a sentence.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SentencePiece {
    Text(&'static str),
    /// The field `timestamp` as `2025-02-16 13:25:45`.
    Time,
    /// A field, by the names on the way to it.
    Field(&'static str),
}

use SentencePiece::{Field, Text, Time};

const PRICE_PIECES: [SentencePiece; 6] =
    [Text("At "), Time, Text(" the price of "), Field("ticker"), Text(" is "), Field("price")];

const ORDER_PIECES: [SentencePiece; 22] = [
    Text("At "),
    Time,
    Text(" order "),
    Field("id"),
    Text(" of "),
    Field("customer.name"),
    Text(" ("),
    Field("customer.email"),
    Text(", "),
    Field("customer.address.city"),
    Text(", "),
    Field("customer.address.country"),
    Text(") is "),
    Field("status"),
    Text(": "),
    Field("payment.total"),
    Text(" by "),
    Field("payment.method"),
    Text(", sent with "),
    Field("shipping.carrier"),
    Text(" as "),
    Field("shipping.tracking"),
];

/// A record to write, and what is to become of it.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) key: String,
    pub(crate) value: String,
    /// The sentence.
    pub(crate) text: String,
}

impl RecordShape {
    /// The name that the contenders know it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Note(_) => "note",
            Self::Order => "order",
        }
    }

    /// Bytes of a record.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Price => 62,
            Self::Note(size) => size,
            Self::Order => ORDER,
        }
    }

    /// What a sentence is put together from.
    pub(crate) fn pieces(self) -> Vec<SentencePiece> {
        let mut pieces = match self {
            Self::Price | Self::Note(_) => PRICE_PIECES.to_vec(),
            Self::Order => ORDER_PIECES.to_vec(),
        };
        match self {
            Self::Note(_) => pieces.extend([Text(". "), Field("note")]),
            Self::Price | Self::Order => pieces.push(Text(".")),
        }
        pieces
    }

    /// Makes the record of this number.
    pub(crate) fn draft(self, number: usize) -> Draft {
        match self {
            Self::Price => price(&format!("ZZ{:03}", number % 500), number, None),
            Self::Note(size) => price(&format!("ZZ{:03}", number % 500), number, Some(size)),
            Self::Order => order(number),
        }
    }
}

/// Makes a price whose ticker tells its number, for whoever wants to know when it came.
pub(crate) fn numbered(number: usize) -> Draft {
    price(&format!("N{number:08}"), number, None)
}

fn time(number: usize) -> (i64, usize) {
    (1_739_712_345 + i64::try_from(number / 1000).expect("a time"), number % 1000)
}

fn shown(seconds: i64) -> String {
    Timestamp::from_second(seconds).expect("a time").strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn price(ticker: &str, number: usize, size: Option<usize>) -> Draft {
    let ((seconds, millis), dollars, cents) = (time(number), 10 + number % 90, number % 100);
    let mut value =
        format!(r#"{{"timestamp":{seconds}.{millis:03},"ticker":"{ticker}","price":"${dollars}.{cents:02}""#);
    let mut text = format!("At {} the price of {ticker} is ${dollars}.{cents:02}.", shown(seconds));
    if let Some(size) = size {
        let around = value.len() + r#","note":""}"#.len();
        let note = words(number, size.saturating_sub(around));
        write!(value, r#","note":"{note}""#).unwrap();
        write!(text, " {note}").unwrap();
    }
    value.push('}');
    Draft { key: ticker.to_owned(), value, text }
}

fn order(number: usize) -> Draft {
    const STATUSES: [&str; 4] = ["paid", "packed", "sent", "delivered"];
    const NAMES: [&str; 5] =
        ["Ada Byron", "Grace Hopper", "Alan Turing", "Edsger Dijkstra", "Barbara Liskov"];
    const CITIES: [(&str, &str); 4] = [("Graz", "AT"), ("Porto", "PT"), ("Malmo", "SE"), ("Ghent", "BE")];
    let ((seconds, millis), id) = (time(number), format!("O{number:08}"));
    let (status, name) = (STATUSES[number % 4], NAMES[number % 5]);
    let (city, country) = CITIES[number % 4];
    let (email, total) =
        (format!("c{}@example.com", number % 1000), format!("${}.{:02}", 20 + number % 900, number % 100));
    let (method, carrier) = (["card", "transfer"][number % 2], ["DHL", "UPS", "DPD"][number % 3]);
    let tracking = format!("T{:010}", number * 37);
    let mut items = String::new();
    for item in 1..=6 {
        let comma = if item == 1 { "" } else { "," };
        write!(
            items,
            r#"{comma}{{"sku":"S{:05}","name":"part {item}","quantity":{item},"price":"${item}.50"}}"#,
            number % 90_000
        )
        .unwrap();
    }
    let mut value = format!(
        r#"{{"id":"{id}","timestamp":{seconds}.{millis:03},"status":"{status}","customer":{{"name":"{name}","email":"{email}","loyal":true,"address":{{"street":"Main Street 1","zip":"8010","city":"{city}","country":"{country}"}},"account":{{"since":2019,"limits":{{"daily":{{"amount":500,"currency":"EUR"}}}}}}}},"payment":{{"method":"{method}","total":"{total}","currency":"EUR","instalments":3}},"shipping":{{"carrier":"{carrier}","tracking":"{tracking}","weight":1250,"insured":false}},"items":[{items}]"#
    );
    let around = value.len() + r#","remarks":""}"#.len();
    write!(value, r#","remarks":"{}"}}"#, words(number, ORDER.saturating_sub(around))).unwrap();
    let text = format!(
        "At {} order {id} of {name} ({email}, {city}, {country}) is {status}: {total} by {method}, sent with {carrier} as {tracking}.",
        shown(seconds)
    );
    Draft { key: id, value, text }
}

/// Cuts so many bytes of words, others for each number.
fn words(number: usize, bytes: usize) -> &'static str {
    static ALL: OnceLock<String> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let (mut text, mut seed) = (String::with_capacity(2 * TEXT + 16), 1_u64);
        while text.len() < 2 * TEXT {
            // Knuth's MMIX generator; its upper bits are the good ones.
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(WORDS[usize::try_from(seed >> 60).expect("four bits")]);
            text.push(' ');
        }
        text
    });
    let start = number.wrapping_mul(7919) % TEXT;
    &all[start..start + bytes.min(TEXT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_size_of_its_shape_and_a_sentence_of_its_fields() {
        for shape in
            [RecordShape::Price, RecordShape::Note(1024), RecordShape::Note(1 << 20), RecordShape::Order]
        {
            for number in [0, 7, 123_456] {
                let Draft { value, text, .. } = shape.draft(number);
                assert_eq!(value.len(), shape.size(), "{shape:?}: {value}");
                let value: serde_json::Value = serde_json::from_str(&value).unwrap();
                let mut made = String::new();
                for piece in shape.pieces() {
                    match piece {
                        Text(text) => made.push_str(text),
                        Time => made.push_str(&shown(time(number).0)),
                        Field(path) => {
                            let found = value.pointer(&format!("/{}", path.replace('.', "/")));
                            made.push_str(found.unwrap().as_str().unwrap());
                        }
                    }
                }
                assert_eq!(made, text);
            }
        }
    }
}

//! A strict reader of the `OpenMetrics` text format, version 1.0: it fails with what is wrong.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of a sample.
pub type LabelSet = BTreeMap<String, String>;

/// A metric with its samples.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// `counter`, `gauge`, `histogram`.
    pub kind: String,
    /// What it says of itself.
    pub help: String,
    /// Name, labels and value of each sample.
    pub samples: Vec<(String, LabelSet, f64)>,
}

/// All that was served.
#[derive(Clone, Debug)]
pub struct Exposition(BTreeMap<String, Family>);

impl Exposition {
    /// Reads a text.
    ///
    /// # Panics
    /// If it breaks a rule of the format.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut current = String::new();
        for line in body.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.splitn(3, ' ');
                let mut word = || words.next().unwrap_or_else(|| panic!("`{line}` says too little"));
                let (keyword, name, said) = (word(), word(), word());
                assert!(is_name(name), "`{name}` is not a name");
                if name != current {
                    assert!(!families.contains_key(name), "family {name} is there twice");
                    name.clone_into(&mut current);
                }
                let family = families.entry(current.clone()).or_default();
                assert!(family.samples.is_empty(), "`{line}` comes after samples");
                let slot = match keyword {
                    "HELP" => &mut family.help,
                    "TYPE" => &mut family.kind,
                    _ => panic!("`{line}` begins with no keyword"),
                };
                assert!(slot.is_empty(), "`{line}` is there twice");
                said.clone_into(slot);
            } else {
                let family = families.get_mut(&current).unwrap_or_else(|| panic!("no TYPE before `{line}`"));
                family.samples.push(sample(line));
            }
        }
        for (name, family) in &families {
            family.check(name);
        }
        Self(families)
    }

    /// Returns the names of all families.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Returns a family.
    #[track_caller]
    pub fn family(&self, name: &str) -> &Family {
        self.0.get(name).unwrap_or_else(|| panic!("no family {name} in {:?}", self.names()))
    }

    /// Returns the value of the only sample of this name with at least these labels.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has =
            |found: &LabelSet| labels.iter().all(|(key, value)| found.get(*key).is_some_and(|v| v == value));
        let all = self.0.values().flat_map(|family| &family.samples);
        let found: Vec<f64> =
            all.filter(|(n, l, _)| n == name && has(l)).map(|(_, _, value)| *value).collect();
        assert_eq!(found.len(), 1, "samples {name} with {labels:?}");
        found[0]
    }
}

impl Family {
    #[track_caller]
    fn check(&self, name: &str) {
        assert!(!self.help.is_empty(), "family {name} has no HELP");
        let suffixes: &[&str] = match self.kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_count", "_sum"],
            other => panic!("family {name} has the type `{other}`"),
        };
        let mut seen = BTreeSet::new();
        for (sample, labels, value) in &self.samples {
            let suffix = sample.strip_prefix(name);
            assert!(
                suffix.is_some_and(|s| suffixes.contains(&s)),
                "sample {sample} is none of family {name}"
            );
            assert!(seen.insert((sample, labels)), "{sample} {labels:?} is there twice");
            assert!(self.kind == "gauge" || *value >= 0.0, "{sample} is {value}");
        }
        if self.kind == "histogram" {
            self.check_buckets(name);
        }
    }

    /// Buckets of one histogram stand together, grow, and end with all that was counted.
    #[track_caller]
    fn check_buckets(&self, name: &str) {
        let mut histograms: BTreeMap<LabelSet, Vec<(f64, f64)>> = BTreeMap::new();
        for (_, labels, value) in self.samples.iter().filter(|(n, _, _)| n.ends_with("_bucket")) {
            let mut labels = labels.clone();
            let bound = labels.remove("le").expect("a bucket has a bound");
            histograms.entry(labels).or_default().push((number(&bound), *value));
        }
        for (labels, buckets) in histograms {
            let grows = buckets.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
            assert!(grows, "{name} {labels:?}: {buckets:?}");
            let of = |suffix: &str| {
                let name = format!("{name}{suffix}");
                let found = self.samples.iter().find(|(n, l, _)| *n == name && *l == labels);
                found.unwrap_or_else(|| panic!("no {name} {labels:?}")).2
            };
            let last = buckets[buckets.len() - 1];
            assert!(last.0 == f64::INFINITY && is(last.1, of("_count")), "{name} {labels:?}: {last:?}");
            assert!(of("_sum") >= 0.0);
        }
    }
}

/// Counts are exact in a float.
fn is(left: f64, right: f64) -> bool {
    (left - right).abs() < 0.5
}

fn is_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.starts_with(|c: char| !c.is_ascii_digit()) && name.chars().all(legal)
}

fn number(text: &str) -> f64 {
    if text == "+Inf" {
        f64::INFINITY
    } else {
        text.parse().unwrap_or_else(|_| panic!("`{text}` is not a number"))
    }
}

/// Reads `name{label="value",…} number`.
#[track_caller]
fn sample(line: &str) -> (String, LabelSet, f64) {
    let (name, rest) =
        line.split_at(line.find(['{', ' ']).unwrap_or_else(|| panic!("`{line}` is no sample")));
    assert!(is_name(name), "`{line}` has no name");
    let mut labels = LabelSet::new();
    let mut rest = rest;
    if let Some(mut inside) = rest.strip_prefix('{') {
        while !inside.starts_with('}') {
            let (label, after) = inside.split_once("=\"").unwrap_or_else(|| panic!("a label in `{line}`"));
            assert!(is_name(label), "`{label}` in `{line}`");
            let (value, after) = quoted(after).unwrap_or_else(|| panic!("{label} in `{line}` has no end"));
            assert!(labels.insert(label.to_owned(), value).is_none(), "{label} twice in `{line}`");
            inside = after.strip_prefix(',').unwrap_or(after);
        }
        rest = inside.strip_prefix('}').unwrap_or_default();
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no space before the value in `{line}`"));
    (name.to_owned(), labels, number(value))
}

/// Reads to the closing quote; returns what was quoted and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

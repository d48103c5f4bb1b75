//! What `sluice check` has against a file that was made.

use std::path::Path;

use sluice_connector_api::Registry;
use sluice_runtime::config::interpolate::Follow;
use sluice_runtime::connector::load::Connector;

/// Says what keeps a file from running, whatever its references stand for.
pub(super) async fn refusals(file: &str, registry: &Registry) -> Vec<String> {
    let text = with_stand_ins(file);
    match Connector::parse(Path::new("converted.yaml"), &text, registry, Follow::Nothing).await {
        Ok(_) => Vec::new(),
        Err(problems) => problems.into_iter().map(|problem| problem.text).collect(),
    }
}

/// Puts something in the place of each reference to the environment that has no default.
fn with_stand_ins(file: &str) -> String {
    let mut text = String::new();
    let mut parts = file.split("${env:");
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        match part.split_once('}') {
            Some((name, rest)) if !name.contains(":-") => {
                text.push_str(if name.contains("URL") { "https://set.example/x" } else { "set" });
                text.push_str(rest);
            }
            _ => {
                text.push_str("${env:");
                text.push_str(part);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_without_a_default_has_a_stand_in() {
        let text = "a: ${env:A_URL}/${env:B}\nb: ${env:C:-d}\nc: ${env:";
        assert_eq!(with_stand_ins(text), "a: https://set.example/x/set\nb: ${env:C:-d}\nc: ${env:");
    }
}

//! The parameters of a request.

use form_urlencoded::parse;

/// The parameters behind the question mark, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads what is behind the question mark.
    pub(super) fn from_query(query: Option<&str>) -> Self {
        Self(parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// Says whether a parameter is true. Some clients write `True`, as Python does.
    pub(super) fn is_true(&self, name: &str, default: bool) -> bool {
        let text = self.0.iter().find(|(known, _)| known == name).map(|(_, text)| text);
        text.map_or(default, |text| text.eq_ignore_ascii_case("true"))
    }

    /// Returns every value of a parameter, those with commas between them included.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let values = self.0.iter().filter(|(known, _)| known == name);
        values.flat_map(|(_, text)| text.split(',')).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_the_clients_write_them() {
        let parameters =
            Parameters::from_query(Some("expand=status&expand=info&includeTasks=True&onlyFailed=False"));
        assert_eq!(parameters.all("expand"), ["status", "info"]);
        assert!(parameters.is_true("includeTasks", false) && !parameters.is_true("onlyFailed", true));
        assert!(
            parameters.is_true("connectorsOnly", true)
                && Parameters::from_query(None).all("expand").is_empty()
        );
    }
}

//! When a transform applies: predicates, and predicates made of these.

use serde_json::Value;
use sluice_connector_api::Predicate;

use crate::connector::parts::{Parts, only_entry};
use crate::transform::chain::Condition;
use crate::transform::combined::{Combination, CombinedPredicate};

impl Parts<'_> {
    /// Builds the condition of the transform at a path.
    pub(super) fn condition(
        &mut self,
        path: &str,
        predicate: Value,
        negate: Option<Value>,
    ) -> Option<Condition> {
        let (name, predicate) = self.predicate(&format!("{path}.predicate"), predicate)?;
        let negate = negate.and_then(|negate| negate.as_bool()).unwrap_or(false);
        Some(Condition { name, predicate, negate })
    }

    fn predicate(&mut self, path: &str, value: Value) -> Option<(&'static str, Box<dyn Predicate>)> {
        let (name, settings) = only_entry(value)?;
        let path = format!("{path}.{name}");
        if let Ok(plugin) = self.registry.predicate(&name) {
            let built = self.settle(&path, settings, plugin)?;
            return Some((plugin.name(), built));
        }
        let combination = Combination::from_name(&name)?;
        let parts = self.combined(&path, settings)?;
        Some((combination.name(), Box::new(CombinedPredicate::new(combination, parts))))
    }

    /// Builds the predicates that are combined, and reports what is wrong with each.
    fn combined(&mut self, path: &str, settings: Value) -> Option<Vec<(&'static str, Box<dyn Predicate>)>> {
        let Value::Array(items) = settings else { return Some(vec![self.predicate(path, settings)?]) };
        let built: Vec<_> = items
            .into_iter()
            .enumerate()
            .map(|(index, item)| self.predicate(&format!("{path}.{index}"), item))
            .collect();
        built.into_iter().collect()
    }
}

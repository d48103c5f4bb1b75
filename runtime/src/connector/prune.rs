//! Settings without what is known to be wrong in them, so that a plug-in can say what else is.

use serde_json::Value;

use crate::config::problem::Position;
use crate::config::yaml::{Content, Node};

/// Takes out of a value what begins at one of these places in the file. Returns the keys that are gone.
///
/// A list that has something wrong in it goes as a whole: its other items would move.
pub(super) fn prune(node: &Node, value: &mut Value, wrong: &[Position]) -> Vec<String> {
    let (Content::Map(entries), Value::Object(fields)) = (&node.content, value) else { return Vec::new() };
    let mut pruned = Vec::new();
    for (key, below) in entries {
        let is_list = matches!(below.content, Content::List(_));
        let is_wrong = |position: &Position| *position == key.position || *position == below.position;
        if wrong.iter().any(is_wrong) || (is_list && wrong.iter().any(|position| below.holds(*position))) {
            fields.shift_remove(&key.name);
            pruned.push(key.name.clone());
        } else if let Some(value) = fields.get_mut(&key.name) {
            pruned.extend(prune(below, value, wrong));
        }
    }
    pruned
}

/// Takes one key out of a value; keys within keys are separated by dots. Returns the name of the key that is gone.
pub(super) fn remove(value: &mut Value, path: &str) -> Option<String> {
    let fields = value.as_object_mut()?;
    if fields.shift_remove(path).is_some() {
        return Some(path.to_owned());
    }
    // A key may have dots of its own: the longest one that is there leads on.
    let mut ends: Vec<usize> = path.match_indices('.').map(|(index, _)| index).collect();
    ends.reverse();
    for end in ends {
        if let Some((key, rest)) = path.split_at_checked(end)
            && let Some(below) = fields.get_mut(key)
        {
            return match below {
                Value::Object(_) => remove(below, rest.trim_start_matches('.')),
                _ => fields.shift_remove(key).map(|_| key.to_owned()),
            };
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_taken_out_and_nothing_else() {
        let node = Node::parse("a: 1\nb: { c: 2, d: 3 }\ne: [4, 5]\n").unwrap();
        let place = |path: &[&str]| node.find(path.iter().copied()).position;
        let mut value = node.to_json();
        assert_eq!(prune(&node, &mut value, &[place(&["b", "c"]), place(&["e", "1"])]), ["c", "e"]);
        assert_eq!(value, json!({"a": 1, "b": {"d": 3}}));
        assert_eq!(prune(&node, &mut value, &[]), [""; 0]);
    }

    #[test]
    fn a_key_is_found_whether_it_has_dots_or_not() {
        let mut value = json!({"a": {"b.c": 1, "d": 2}, "e": [3]});
        assert_eq!(remove(&mut value, "a.b.c").as_deref(), Some("b.c"));
        assert_eq!(remove(&mut value, "e.0").as_deref(), Some("e"));
        assert_eq!(remove(&mut value, "x.y"), None);
        assert_eq!(value, json!({"a": {"d": 2}}));
    }
}

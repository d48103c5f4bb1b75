//! What a target that keeps the newest record of a key comes to.

use std::collections::BTreeMap;

use crate::matrix::judge::Sent;
use crate::matrix::keys::key_of;
use crate::target::Arrival;

/// Lists the records that are stored, or that a newer one of their key is stored over, of what the target has of each key.
pub(super) fn arrivals_of(newest: &BTreeMap<String, usize>, sent: &[Sent]) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    for sent in sent.iter().filter(|sent| !sent.poison) {
        let key = key_of(sent.number);
        if newest.get(&key).is_some_and(|newest| sent.number <= *newest) {
            arrivals.push(Arrival { key, number: sent.number, early: false });
        }
    }
    arrivals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_record_over_a_newer_one_is_a_loss_of_the_newer_one() {
        // Of one key, in this order.
        let sent = [0, 1, 2].map(|number| Sent {
            number,
            partition: 0,
            offset: i64::try_from(number).unwrap(),
            poison: false,
        });
        let numbers = |newest: usize| {
            let newest = BTreeMap::from([(key_of(0), newest)]);
            arrivals_of(&newest, &sent).iter().map(|arrival| arrival.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(2), [0, 1, 2]);
        assert_eq!(numbers(1), [0, 1]);
    }
}

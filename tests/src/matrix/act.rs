//! What happens while records flow.

use std::thread;
use std::time::Duration;

use super::case::Act;
use super::scene::{BrokerInUse, Instance, PARTITIONS, Scene};
use crate::kafka::Broker;

/// What is said of a position that does not mean any more what it meant.
const LOST: &str = "the position was lost";
/// How long something is away.
const AWAY: Duration = Duration::from_secs(1);

impl Scene<'_> {
    /// Plays the act with all records, and returns the instances that are left.
    pub(super) fn play(&mut self) -> Vec<Instance> {
        match self.case.act {
            Act::Flow => self.flow(),
            Act::Stay => self.stay(),
            Act::Kill(..) => self.killed(),
            Act::Restart(..) => self.restarted(),
            Act::BrokerStop => self.broker_stop(),
            Act::BrokerKill => self.broker_kill(),
            Act::Join => self.others_join(),
            Act::Die => self.other_dies(),
            Act::Bounce { kill } => self.bounce(kill),
            Act::Outage => self.outage(),
            Act::Full => self.full(),
            Act::Mend => self.mend(),
            Act::Recreate { away } => self.recreate(away),
            Act::Trim => self.trim(),
            Act::Beyond => self.beyond(),
        }
    }

    fn flow(&mut self) -> Vec<Instance> {
        let one = self.start("one");
        self.send(1);
        vec![one]
    }

    fn stay(&mut self) -> Vec<Instance> {
        let mut one = self.join("one");
        self.send(1);
        let all = self.case.size(self.long);
        self.wait_for_more(&mut one, all);
        // All are stored, and the first answers are still to come.
        while self.committed().contains(&None) || self.committed().contains(&Some(0)) {
            thread::sleep(AWAY / 4);
        }
        self.expect_no_rebalance(&one, 1);
        vec![one]
    }

    fn killed(&mut self) -> Vec<Instance> {
        for _ in 0..self.rounds() {
            self.send(self.rounds() + 1);
            let mut one = self.start("one");
            if self.random.u8(0..4) == 0 {
                // Perhaps before it has joined.
                thread::sleep(Duration::from_millis(self.random.u64(0..1500)));
            } else {
                let more = self.random.usize(1..=20);
                self.wait_for_more(&mut one, more);
                thread::sleep(Duration::from_millis(self.random.u64(0..100)));
            }
            self.kill(one);
        }
        self.send(self.rounds() + 1);
        vec![self.start("one")]
    }

    fn restarted(&mut self) -> Vec<Instance> {
        for _ in 0..self.rounds() {
            self.send(self.rounds() + 1);
            let mut one = self.start("one");
            let more = self.random.usize(1..=20);
            self.wait_for_more(&mut one, more);
            thread::sleep(Duration::from_millis(self.random.u64(0..100)));
            self.stop(one);
        }
        self.send(self.rounds() + 1);
        vec![self.start("one")]
    }

    fn broker_stop(&mut self) -> Vec<Instance> {
        self.send(3);
        self.broker_away(Broker::stop, None);
        let mut one = self.start("one");
        one.0.wait_for_log("tried again until it passes");
        self.broker_back();
        self.wait_for_more(&mut one, 20);
        self.send(3);
        self.broker_away(Broker::stop, Some(AWAY));
        self.broker_back();
        self.send(3);
        vec![one]
    }

    fn broker_kill(&mut self) -> Vec<Instance> {
        let mut one = self.start("one");
        for _ in 0..2 {
            self.send(3);
            self.wait_for_more(&mut one, 20);
            self.broker_away(Broker::kill, Some(AWAY));
            self.broker_back();
        }
        self.send(3);
        vec![one]
    }

    fn broker_away(&mut self, act: impl FnOnce(&mut Broker), wait: Option<Duration>) {
        let BrokerInUse::Own(broker) = &mut self.host else { panic!("the broker of others is left alone") };
        act(broker);
        thread::sleep(wait.unwrap_or_default());
    }

    fn broker_back(&mut self) {
        let BrokerInUse::Own(broker) = &mut self.host else { panic!("the broker of others is left alone") };
        broker.restart();
        self.read_again(1);
    }

    fn others_join(&mut self) -> Vec<Instance> {
        let mut one = self.join("one");
        self.send(6);
        self.wait_for_more(&mut one, 5);
        let two = self.join("two");
        self.send(6);
        let three = self.join("three");
        self.send(6);
        self.wait_for_more(&mut one, 20);
        self.stop(two);
        self.send(6);
        self.wait_for_more(&mut one, 20);
        self.stop(three);
        self.send(6);
        self.wait_for_more(&mut one, 5);
        self.send(6);
        vec![one]
    }

    fn other_dies(&mut self) -> Vec<Instance> {
        let one = self.join("one");
        self.send(4);
        let mut two = self.join("two");
        self.send(4);
        self.wait_for_more(&mut two, 20);
        self.send(4);
        thread::sleep(Duration::from_millis(self.random.u64(0..60)));
        self.kill(two);
        self.send(4);
        vec![one]
    }

    fn bounce(&mut self, kill: bool) -> Vec<Instance> {
        let mut one = self.join("one");
        let mut two = self.join("two");
        self.send(3);
        self.wait_for_more(&mut one, 40);
        let before = rebalances(&one);
        self.send(3);
        self.wait_for_more(&mut two, 5);
        if kill {
            self.kill(two);
        } else {
            self.stop(two);
        }
        let two = self.join("two");
        self.send(3);
        self.wait_for_more(&mut one, 40);
        self.expect_no_rebalance(&one, before);
        vec![one, two]
    }

    fn outage(&mut self) -> Vec<Instance> {
        // Who asks the target where to begin has to begin before.
        let early = self.target.keeps_positions().then(|| self.join("one"));
        self.target.set_down(true);
        let mut one = early.unwrap_or_else(|| self.join("one"));
        self.send(2);
        one.0.wait_for_log("put failed and is tried again");
        let two = if self.target.keeps_positions() { self.start("two") } else { self.join("two") };
        thread::sleep(AWAY);
        self.stop(two);
        self.send(2);
        thread::sleep(AWAY);
        self.target.set_down(false);
        vec![one]
    }

    /// Partitions go while they are paused, since the buffer is full, and come back when they need not be.
    fn full(&mut self) -> Vec<Instance> {
        self.target.set_down(true);
        let mut one = self.join("one");
        self.send(2);
        one.0.wait_for_log("put failed and is tried again");
        thread::sleep(AWAY);
        let two = self.join("two");
        self.target.set_down(false);
        self.wait_for_more(&mut one, 40);
        self.stop(two);
        self.send(2);
        vec![one]
    }

    fn mend(&mut self) -> Vec<Instance> {
        self.send(1);
        let mut one = self.start("one");
        one.0.wait_for_log("connector failed for good");
        self.expect_no_commit_past_poison();
        let [_, mended] = self.case.queue.refusal().expect("a queue that refuses");
        self.host.alter_topic(&self.queue, &[mended]);
        // Nobody but an operator starts it again, so that what is behind the record is put once more, and not over and over.
        self.read_again(1);
        self.stop(one);
        one = self.start("one");
        let all = self.case.size(self.long);
        self.wait_for_more(&mut one, all);
        self.read_again(one.0.log_lines("connector failed and is restarted").len());
        vec![one]
    }

    fn recreate(&mut self, away: bool) -> Vec<Instance> {
        let mut one = Some(self.start("one"));
        self.send(4);
        self.wait_for_commits();
        if away {
            one.take().into_iter().for_each(|one| self.stop(one));
        }
        let first_of_new = self.evidence.sent.len();
        self.host.delete_topic(&self.topic);
        self.host.create_topic(&self.topic, PARTITIONS);
        (0..3).for_each(|_| self.send(4));
        let Some(mut one) = one else { return vec![self.start("one")] };
        one.0.wait_for_logs(LOST, usize::try_from(PARTITIONS).expect("a number"));
        // Until it was noticed, records of the new topic may have been taken for those that follow.
        self.mark_early(first_of_new);
        vec![one]
    }

    fn trim(&mut self) -> Vec<Instance> {
        let one = self.start("one");
        self.send(4);
        self.wait_for_commits();
        self.stop(one);
        let kept = self.evidence.sent.len();
        self.send(4);
        self.evidence.sent.truncate(kept);
        for (end, partition) in self.host.end_offsets(&self.topic).into_iter().zip(0..) {
            self.host.delete_records(&self.topic, partition, end);
        }
        self.skip_numbers(4);
        self.send(4);
        let mut one = self.start("one");
        self.expect_losses(&mut one, "log_trimmed");
        vec![one]
    }

    fn beyond(&mut self) -> Vec<Instance> {
        self.send(1);
        for (end, partition) in self.host.end_offsets(&self.topic).into_iter().zip(0..) {
            self.host.commit(&self.topic, &self.topic, partition, end + 1000);
        }
        let mut one = self.start("one");
        self.expect_losses(&mut one, "log_truncated");
        vec![one]
    }

    /// Expects one line for each partition, and no other.
    fn expect_losses(&mut self, one: &mut Instance, why: &str) {
        let lines = one.0.wait_for_logs(LOST, usize::try_from(PARTITIONS).expect("a number"));
        let others = lines.iter().filter(|line| !line.contains(why)).count();
        if others > 0 {
            self.problems.push(format!("{others} position(s) were lost and not {why}"));
        }
    }

    /// No letter is stored yet, so that nothing from the first poisoned record on may be committed.
    fn expect_no_commit_past_poison(&mut self) {
        for (committed, partition) in self.committed().into_iter().zip(0..) {
            let mut poison =
                self.evidence.sent.iter().filter(|sent| sent.poison && sent.partition == partition);
            let first = poison.next().map(|sent| sent.offset);
            if first.is_some_and(|first| committed > Some(first)) {
                self.problems
                    .push(format!("partition {partition} is committed at {committed:?}, past its poison"));
            }
        }
    }

    fn expect_no_rebalance(&mut self, instance: &Instance, before: usize) {
        let after = rebalances(instance);
        if after != before {
            self.problems.push(format!("{} rebalance(s) that nothing called for", after - before));
        }
    }
}

/// How often partitions came to an instance or left it.
fn rebalances(Instance(running): &Instance) -> usize {
    running.log_lines("partitions assigned").len() + running.log_lines("partitions revoked").len()
}

//! What befalls the logs where a broker keeps them, which takes a restart.

use std::fs;
use std::path::Path;

use super::Broker;

/// What stands in a batch before its records.
const HEAD: usize = 61;
/// The offset of its first record, and how many bytes follow (`DefaultRecordBatch` of Kafka).
const OFFSET_AND_LENGTH: usize = 12;

/// What is damaged of a partition's log.
#[derive(Clone, Copy, Debug)]
pub enum Damage {
    /// All that stands behind the head of the first batch, so that it cannot even be taken apart.
    AllBytes,
    /// The last bit of the value of a record, which is the only one of the batch at this offset, and has no headers: what was text
    /// still is.
    OneBit(i64),
}

impl Broker {
    /// Damages batches where the broker keeps them, which does not look at them when it hands them out.
    pub fn damage<'t>(&mut self, damages: impl IntoIterator<Item = (&'t str, i32, Damage)>) {
        self.stop();
        for (topic, partition, damage) in damages {
            let file = self.server.first_segment(topic, partition);
            let mut log = fs::read(&file).expect("a segment");
            match damage {
                Damage::AllBytes => log.iter_mut().skip(HEAD).for_each(|byte| *byte = !*byte),
                Damage::OneBit(offset) => {
                    // Behind the value stands how many headers there are.
                    let last = length_before(&log, offset + 1) - 2;
                    log[last] ^= 1;
                }
            }
            fs::write(&file, log).expect("a segment");
        }
        self.restart();
    }

    /// Takes the ends of partitions away, from an offset on, as an unclean election does: the broker that leads them from now
    /// on never had what another one had acknowledged, and writes other records in its place, in a later epoch. Only whole
    /// batches can be taken away, so that what is lost has to have been written apart.
    pub fn lose_ends<'t>(&mut self, lost: impl IntoIterator<Item = (&'t str, i32, i64)>) {
        self.stop();
        for (topic, partition, from) in lost {
            let file = self.server.first_segment(topic, partition);
            let mut log = fs::read(&file).expect("a segment");
            let kept = length_before(&log, from);
            assert!(kept < log.len(), "{topic}-{partition} has no batch from {from} on");
            log.truncate(kept);
            fs::write(&file, log).expect("a segment");
            for index in ["index", "timeindex"] {
                fs::remove_file(file.with_extension(index)).expect("an index, which is made again");
            }
            remove_snapshots(file.parent().expect("a folder"));
        }
        self.restart();
    }
}

/// Returns how many bytes the batches take that begin before an offset.
fn length_before(log: &[u8], offset: i64) -> usize {
    let mut length = 0;
    while let Some((begin, rest)) =
        log.get(length..length + OFFSET_AND_LENGTH).and_then(<[u8]>::split_first_chunk)
    {
        let (Ok(bytes), begin) = (<[u8; 4]>::try_from(rest), i64::from_be_bytes(*begin)) else { break };
        if begin >= offset {
            break;
        }
        length += OFFSET_AND_LENGTH + u32::from_be_bytes(bytes) as usize;
    }
    length
}

/// What is known of producers is of the end that is lost.
fn remove_snapshots(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "snapshot") {
            fs::remove_file(entry.path()).expect("a snapshot");
        }
    }
}

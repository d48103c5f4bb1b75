//! What the kernel knows of a process.

use std::fs;

/// Linux counts processor time for programs in hundredths of a second, whatever the kernel's own tick.
const TICKS_A_SECOND: f64 = 100.0;

/// Returns the processor time of a process so far, in seconds.
pub fn cpu_seconds(id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("the process runs");
    // The name in parentheses may have spaces. User and system time are the 14th and 15th field of proc_pid_stat(5).
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let times = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().expect("ticks"));
    times.sum::<f64>() / TICKS_A_SECOND
}

/// Returns the most memory that a process ever had, in MiB.
pub fn peak_memory(id: u32) -> f64 {
    memory(id, "VmHWM:")
}

/// Returns the memory that a process has now, in MiB.
pub fn resident_memory(id: u32) -> f64 {
    memory(id, "VmRSS:")
}

/// Returns the memory that a process has now and shares with nobody, in MiB: the pages of its program are not in it.
pub fn own_memory(id: u32) -> f64 {
    memory(id, "RssAnon:")
}

fn memory(id: u32, field: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("kibibytes") / 1024.0
}

/// Returns a process and all that stand below it.
pub fn tree(id: u32) -> Vec<u32> {
    let all: Vec<(u32, u32)> = fs::read_dir("/proc").expect("a /proc").filter_map(with_parent).collect();
    let mut tree = vec![id];
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        tree.extend(all.iter().filter(|(_, its)| *its == parent).map(|(child, _)| *child));
        next += 1;
    }
    tree
}

/// Reads the number of a process and that of its parent, the 4th field of `proc_pid_stat(5)`.
fn with_parent(entry: std::io::Result<fs::DirEntry>) -> Option<(u32, u32)> {
    let id = entry.ok()?.file_name().to_str()?.parse().ok()?;
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some((id, fields.split_whitespace().nth(1)?.parse().ok()?))
}

/// Returns the processor time of a process and all below it so far, in seconds. Of those that have ended, their parent knows it.
pub fn tree_cpu_seconds(id: u32) -> f64 {
    let of = |id: u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        // User and system time of its own and of its ended children are the 14th to 17th field.
        let ticks = fields.split_whitespace().skip(11).take(4).map(|field| field.parse::<f64>().ok());
        ticks.sum::<Option<f64>>()
    };
    tree(id).into_iter().filter_map(of).sum::<f64>() / TICKS_A_SECOND
}

/// Returns the most memory that a process and those below it ever had, in MiB; `timeout`, which bounds the life of one, does not
/// count.
pub fn tree_peak_memory(id: u32) -> f64 {
    let of = |id: u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let peak = peak.trim().trim_end_matches(" kB").parse::<f64>().ok()?;
        (!status.starts_with("Name:\ttimeout\n")).then_some(peak / 1024.0)
    };
    tree(id).into_iter().filter_map(of).sum()
}

/// Returns the processes that wanted a core over the last minute.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").expect("a load");
    load.split(' ').next().unwrap_or_default().to_owned()
}

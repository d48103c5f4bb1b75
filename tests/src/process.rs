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

fn memory(id: u32, field: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("kibibytes") / 1024.0
}

/// Returns the processes that wanted a core over the last minute.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").expect("a load");
    load.split(' ').next().unwrap_or_default().to_owned()
}

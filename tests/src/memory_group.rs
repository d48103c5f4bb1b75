//! A bound of memory as containers have it: a control group of the kernel, where one can be made here.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sluice::{Sluice, binary};

/// Where Linux shows its control groups: of the first kind each controller in a folder of its own, or all in one of the second.
const FIRST: &str = "/sys/fs/cgroup/memory";
const SECOND: &str = "/sys/fs/cgroup";

/// A control group with a bound. Whoever takes more is killed by the kernel.
#[derive(Debug)]
pub struct MemoryGroup {
    folder: PathBuf,
}

impl MemoryGroup {
    /// Makes a group that may have so many bytes, and no place to swap to. `None` where this process may not make one.
    pub fn new(bytes: u64) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("sluice-tests-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        places().into_iter().find_map(|place| Self::at(place.join(&name), bytes))
    }

    fn at(folder: PathBuf, bytes: u64) -> Option<Self> {
        fs::create_dir(&folder).ok()?;
        let group = Self { folder };
        let limits = ["memory.max", "memory.limit_in_bytes"];
        let is_set = limits.iter().any(|limit| group.write(limit, &bytes.to_string()));
        // Where there is no swap there are none of these.
        group.write("memory.swap.max", "0");
        group.write("memory.memsw.limit_in_bytes", &bytes.to_string());
        is_set.then_some(group)
    }

    fn write(&self, file: &str, text: &str) -> bool {
        let file = self.folder.join(file);
        file.exists() && fs::write(file, text).is_ok()
    }

    fn read(&self, files: [&str; 2]) -> String {
        let found = files.iter().find_map(|file| fs::read_to_string(self.folder.join(file)).ok());
        found.unwrap_or_default()
    }

    /// Makes a command line whose process is in the group before it begins, so that all of it counts.
    pub fn sluice<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Sluice {
        let enter = Sluice::of(Path::new("/bin/sh")).arg("-c").arg("echo $$ > \"$0\" && exec \"$@\"");
        let sluice = enter.arg(self.folder.join("cgroup.procs")).arg(binary());
        arguments.into_iter().fold(sluice, Sluice::arg)
    }

    /// Returns the most memory that it ever had, in MiB, with the pages of files that the kernel keeps for it as long as nobody
    /// wants their place.
    pub fn peak(&self) -> f64 {
        let bytes = self.read(["memory.peak", "memory.max_usage_in_bytes"]);
        bytes.trim().parse::<f64>().expect("bytes") / (1024.0 * 1024.0)
    }

    /// Returns how many of its processes were killed for want of memory.
    pub fn killed(&self) -> u64 {
        let events = self.read(["memory.events", "memory.oom_control"]);
        let killed = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        killed.expect("the count").trim().parse().expect("a number")
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // One that still has a process stays, and the next restart of the machine removes it.
        fs::remove_dir(&self.folder).ok();
    }
}

/// Where a group may be made: below that of this process, beside it, or at the top.
fn places() -> Vec<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut places = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let top = match controllers {
            "" => Path::new(SECOND),
            _ if controllers.split(',').any(|controller| controller == "memory") => Path::new(FIRST),
            _ => continue,
        };
        let own = top.join(path.trim_start_matches('/'));
        places.extend(own.parent().filter(|parent| parent.starts_with(top)).map(Path::to_owned));
        places.extend([own, top.to_owned()]);
    }
    places
}

//! The pages of the program's own code.
#![allow(unsafe_code, reason = "a system call on memory; see the safety comment")]

use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::ptr;
use std::time::Duration;

use rustix::mm::{Advice, madvise};

/// How long a start takes at most, with a broker that is there.
const STARTED: Duration = Duration::from_secs(2);

/// Gives back what only the start needed, once that is over.
///
/// A start goes through most of the program once: the command line, the schemas, the connector files. That leaves 12 MB
/// of code mapped, where a daemon at rest needs 1.
pub(crate) async fn give_back_after_start() {
    tokio::time::sleep(STARTED).await;
    if let Err(error) = give_back() {
        tracing::debug!("the pages of the start stay mapped: {error}");
    }
}

/// Gives the pages of the code back to the kernel, which maps them again where they are needed.
fn give_back() -> io::Result<()> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let program = std::fs::read_link("/proc/self/exe")?;
    for code in maps.lines().filter_map(|line| code_of(line, &program.to_string_lossy())) {
        // SAFETY: the range is mapped from the program's file, for reading and executing only, so it is as the file has
        // it and comes back from there at the next access. Nothing unmaps the program.
        unsafe {
            madvise(ptr::without_provenance_mut::<c_void>(code.start), code.len(), Advice::LinuxDontNeed)
        }?;
    }
    Ok(())
}

/// Returns the addresses of a line of `proc_pid_maps(5)` where it stands for code of the program.
fn code_of(line: &str, program: &str) -> Option<Range<usize>> {
    let rest = line.strip_suffix(program)?;
    let mut fields = rest.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let is_code = fields.next()? == "r-xp";
    let address = |digits| usize::from_str_radix(digits, 16).ok();
    is_code.then_some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_of_the_program_is_given_back() {
        let code = |permissions, path| {
            let line = format!("5600-57ff {permissions} 007b3000 fe:00 1674220          {path}");
            code_of(&line, "/usr/bin/sluice")
        };
        assert_eq!(code("r-xp", "/usr/bin/sluice"), Some(0x5600..0x57ff));
        // What the loader wrote to them would be lost.
        assert_eq!(code("r--p", "/usr/bin/sluice"), None);
        assert_eq!(code("rw-p", "/usr/bin/sluice"), None);
        assert_eq!(code("r-xp", "/usr/lib/libc.so.6"), None);
        assert_eq!(code("r-xp", ""), None);
    }
}

//! The pages of code and constants, of the program and of its libraries.
#![allow(unsafe_code, reason = "a system call on memory; see the safety comment")]

use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::ptr;

use rustix::mm::{Advice, madvise};

/// Gives back what was needed so far: the pages of code and constants that are as their files have them. The kernel maps them
/// again where they are needed.
///
/// Reading the command line, the schemas and the connector files goes through most of the program once. That leaves 12 MB of code
/// mapped and 4 of constants, where a daemon at rest needs 1.
pub(crate) fn give_back() {
    if let Err(error) = try_to_give_back() {
        tracing::debug!("the pages of the start stay mapped: {error}");
    }
}

fn try_to_give_back() -> io::Result<()> {
    let maps = std::fs::read_to_string("/proc/self/smaps")?;
    for pages in untouched(&maps) {
        // SAFETY: the range is mapped from a file, privately and not for writing, and no page of it was written to before, so it is
        // as the file has it and comes back from there at the next access. Nothing unmaps the program or its libraries.
        unsafe {
            madvise(ptr::without_provenance_mut::<c_void>(pages.start), pages.len(), Advice::LinuxDontNeed)
        }?;
    }
    Ok(())
}

/// Returns the addresses of what is mapped of files, not for writing and never written to: `proc_pid_smaps(5)` has a line for each
/// mapping, and below it how much of it is `Anonymous`, which is what was written to.
fn untouched(smaps: &str) -> Vec<Range<usize>> {
    let mut untouched = Vec::new();
    let mut mapping = None;
    for line in smaps.lines() {
        if let Some(written) = line.strip_prefix("Anonymous:") {
            untouched.extend(mapping.take().filter(|_| written.trim() == "0 kB"));
        } else if line.contains('/') || line.split(' ').next().is_some_and(|word| word.contains('-')) {
            mapping = read_only(line);
        }
    }
    untouched
}

/// Returns the addresses of a mapping of the program or of a library that is not for writing.
fn read_only(line: &str) -> Option<Range<usize>> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let is_read_only = matches!(fields.next()?, "r-xp" | "r--p") && fields.nth(3)?.starts_with('/');
    let address = |digits| usize::from_str_radix(digits, 16).ok();
    is_read_only.then_some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_as_the_program_has_it_is_given_back() {
        let given_back = |permissions: &str, path: &str, written: &str| {
            let smaps = format!(
                "5600-57ff {permissions} 007b3000 fe:00 1674220          {path}\nSize: 8 kB\nRss: 8 kB\nAnonymous: {written}\n\
                 VmFlags: rd ex\n5800-58ff rw-p 00000000 00:00 0 \nAnonymous: 0 kB\n"
            );
            untouched(&smaps).pop()
        };
        assert_eq!(given_back("r-xp", "/usr/bin/sluice", "0 kB"), Some(0x5600..0x57ff));
        assert_eq!(given_back("r--p", "/usr/bin/sluice", "0 kB"), Some(0x5600..0x57ff));
        // What the loader wrote to them would be lost.
        assert_eq!(given_back("r--p", "/usr/bin/sluice", "12 kB"), None);
        assert_eq!(given_back("rw-p", "/usr/bin/sluice", "0 kB"), None);
        assert_eq!(given_back("r-xp", "/usr/lib/libc.so.6", "0 kB"), Some(0x5600..0x57ff));
        assert_eq!(given_back("rw-s", "/dev/shm/shared", "0 kB"), None);
        assert_eq!(given_back("r-xp", "[vdso]", "0 kB"), None);
        assert_eq!(given_back("r--p", "", "0 kB"), None);
    }
}

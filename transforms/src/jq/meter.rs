//! What a program may take: steps, memory, depth and time.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// The most steps of one run. A step is a part of the program that is evaluated, or a value that is made or compared.
const MOST_STEPS: u64 = 1_000_000;
/// The most bytes of all values that one run makes.
const MOST_BYTES: usize = 64 << 20;
/// How many values may stand within each other: what JSON of a record may have.
pub(super) const MOST_DEPTH: u32 = 120;
/// The longest time of one run, whatever its steps take.
const LONGEST: Duration = Duration::from_secs(1);
/// The time is looked at once in so many steps.
const STEPS_PER_LOOK: u64 = 4096;

/// Why a run was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    Steps,
    Bytes,
    Depth,
    Time,
}

impl Exceeded {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Steps => "takes more than 1000000 steps",
            Self::Bytes => "makes more than 64 MiB of values",
            Self::Depth => "nests too deep",
            Self::Time => "takes longer than a second",
        }
    }
}

struct Meter {
    steps: Cell<u64>,
    bytes: Cell<usize>,
    /// The lowest address that the stack may reach; 0 outside of runs.
    lowest: Cell<usize>,
    until: Cell<Option<Instant>>,
}

thread_local! {
    static METER: Meter = const {
        Meter { steps: Cell::new(u64::MAX), bytes: Cell::new(usize::MAX), lowest: Cell::new(0), until: Cell::new(None) }
    };
}

/// Counts steps, and leaves the run where they are too many, the stack too deep or the time over.
pub(super) fn step(count: u64) {
    METER.with(|meter| {
        let left = meter.steps.get();
        if here() < meter.lowest.get() {
            leave(Exceeded::Depth);
        }
        let Some(rest) = left.checked_sub(count) else { leave(Exceeded::Steps) };
        meter.steps.set(rest);
        if left / STEPS_PER_LOOK != rest / STEPS_PER_LOOK
            && meter.until.get().is_some_and(|until| Instant::now() > until)
        {
            leave(Exceeded::Time);
        }
    });
}

/// Counts the bytes of a value before it is made, and leaves the run where they are too many.
pub(super) fn make(bytes: usize) {
    METER.with(|meter| match meter.bytes.get().checked_sub(bytes) {
        Some(rest) => meter.bytes.set(rest),
        None => leave(Exceeded::Bytes),
    });
    step(1);
}

/// Leaves the run where a value is deeper than may be.
pub(super) fn nest(depth: u32) {
    if depth > MOST_DEPTH {
        leave(Exceeded::Depth);
    }
}

/// Returns where the stack is. It grows downwards on every system that this is built for.
#[inline(never)]
fn here() -> usize {
    let mark = 0_u8;
    std::ptr::from_ref(&mark).addr()
}

/// Unwinds to the beginning of the run: the interpreter has no other way out of its depths. No panic is shown for it.
fn leave(stop: Exceeded) -> ! {
    resume_unwind(Box::new(stop))
}

/// Runs something within the bounds, on so much of the stack at most.
pub(super) fn bounded<T>(most_stack: usize, run: impl FnOnce() -> T) -> Result<T, Exceeded> {
    METER.with(|meter| {
        meter.steps.set(MOST_STEPS);
        meter.bytes.set(MOST_BYTES);
        meter.lowest.set(here().saturating_sub(most_stack));
        meter.until.set(Some(Instant::now() + LONGEST));
    });
    // What the run made is dropped on the way, and it shares nothing.
    let outcome = catch_unwind(AssertUnwindSafe(run));
    METER.with(|meter| {
        meter.steps.set(u64::MAX);
        meter.bytes.set(usize::MAX);
        meter.lowest.set(0);
        meter.until.set(None);
    });
    outcome.or_else(|thrown| match thrown.downcast::<Exceeded>() {
        Ok(stop) => Err(*stop),
        Err(panic) => resume_unwind(panic),
    })
}

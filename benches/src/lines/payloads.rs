//! P3, P6: much data to other processes.

use super::{Entry, Scale, THREADS};
use crate::Failure;
use crate::measure::{Amount, Contender, Goal, Line, Role};
use crate::processes::{Ours, Procspawn};
use concurrent_futures::shared_memory::{SharedBytes, SharedSlice};
use serde_bytes::ByteBuf;
use std::hint::black_box;
use std::rc::Rc;

pub(super) const ENTRIES: &[Entry] = &[Entry { id: "P3", make: there_and_back }, Entry { id: "P6", make: handed_out }];

// ---------------------------------------------------------------------------------------------- P3

const COPIES: &str = "two memcpy";

/// One byte of each page, so that all of them have to be there.
fn sample(bytes: &[u8]) -> u64 {
    bytes.iter().step_by(4_096).map(|byte| u64::from(*byte)).sum::<u64>() + bytes.len() as u64
}

/// What was sent, by which it can be told that all of it has come back.
struct Sent {
    bytes: Rc<[u8]>,
    /// What came first was compared with it, byte by byte, which is not for the rounds that count.
    is_compared: bool,
}

impl Sent {
    fn new(bytes: &Rc<[u8]>) -> Self {
        Sent { bytes: Rc::clone(bytes), is_compared: false }
    }

    /// Looks at every page, and in the first turn, which warms up and is not counted, at every byte.
    fn check(&mut self, came: &[u8]) -> Result<u64, Failure> {
        if !std::mem::replace(&mut self.is_compared, true) && *came != *self.bytes {
            return Err("other bytes came back than were sent".into());
        }
        Ok(sample(came))
    }
}

/// Serialised: what comes back is what is sent the next time, so nobody has to copy it for the bench's sake.
fn echoing(
    name: &'static str,
    role: Role,
    amount: Amount,
    bytes: &Rc<[u8]>,
    echo: impl Fn(ByteBuf) -> Result<ByteBuf, Failure> + 'static,
) -> Contender {
    let (mut held, mut sent) = (ByteBuf::from(bytes.to_vec()), Sent::new(bytes));
    Contender::timed(name, role, amount, move || {
        held = echo(std::mem::take(&mut held))?;
        sent.check(&held)
    })
}

/// As memory that both processes have; it is filled with the bytes each time.
fn sharing(
    name: &'static str,
    amount: Amount,
    bytes: &Rc<[u8]>,
    share: impl Fn(&[u8]) -> Result<SharedBytes, Failure> + 'static,
) -> Contender {
    let mut sent = Sent::new(bytes);
    Contender::timed(name, Role::Ours, amount, move || {
        let came = share(&sent.bytes)?;
        sent.check(&came)
    })
}

/// Ours in the ways that users have: memory that both processes have, and bytes that serde sees as such.
///
/// * "SharedBytes" is the same work as the peer's: a function that gives back what it got. It begins with bytes that
///   are not shared yet, and ends with bytes that can be read. That nothing is copied in the worker, nor on the way back,
///   is what such memory is for.
/// * "SharedBytes, a new one back" is more than that, for functions that compute as much as they get: the worker reads all
///   of the memory, and makes another one of that size.
/// * "serde_bytes" is the peer's work with the peer's types: who does not change a program gets this.
fn there_and_back(scale: Scale) -> Result<Line, Failure> {
    let length = scale.of(64 << 20) as usize;
    let bytes: Rc<[u8]> = (0..length).map(|place| (place % 251) as u8).collect();
    let amount = Amount { items: 1, expected: sample(&bytes) };
    let (ours, procspawn) = (Ours::start(THREADS)?, Procspawn::start(THREADS)?);
    let (same, copy, echo) = (ours.clone(), ours.clone(), ours);
    let (mut here, mut there) = (bytes.to_vec(), bytes.to_vec());
    let contenders = vec![
        sharing("SharedBytes", amount, &bytes, move |bytes| same.echo_shared(bytes)),
        sharing("SharedBytes, a new one back", amount, &bytes, move |bytes| copy.copy(bytes)),
        echoing("serde_bytes", Role::Ours, amount, &bytes, move |bytes| echo.echo(bytes)),
        echoing(Procspawn::NAME, Role::Peer, amount, &bytes, move |bytes| procspawn.echo(bytes)),
        // Into memory that is there already.
        Contender::timed(COPIES, Role::Limit, amount, move || {
            there.copy_from_slice(black_box(&here));
            here.copy_from_slice(black_box(&there));
            Ok(sample(black_box(&here)))
        }),
    ];
    let title = format!("{} MiB to a process and back", length >> 20);
    let goals = vec![Goal::Than(COPIES, 2.0), Goal::Than(Procspawn::NAME, 0.1)];
    Ok(Line::of_times("P3", title, goals, contenders))
}

// ---------------------------------------------------------------------------------------------- P6

const SMALL: &str = "1 MiB";
/// What one measurement may differ from the other by, where the cost is the same.
const SAME: f64 = 1.25;

fn handing(ours: &Ours, name: &'static str, role: Role, mebibytes: usize) -> Result<Contender, Failure> {
    let tasks = 100;
    let length = (mebibytes << 20) / size_of::<u64>();
    let mut slice = SharedSlice::<u64>::zeroed(length)?;
    for task in 0..tasks {
        slice[task * (length / tasks)] = task as u64;
    }
    let (ours, slice) = (ours.clone(), slice.freeze()?);
    let amount = Amount::numbers_below(tasks as u64);
    Ok(Contender::timed(name, role, amount, move || ours.hand_out(&slice, tasks)))
}

/// Each of a hundred tasks reads one element, and a page of it is mapped for that; how long the slice is does not count.
fn handed_out(scale: Scale) -> Result<Line, Failure> {
    let ours = Ours::start(THREADS)?;
    let (mebibytes, large) = if scale.quick { (128, "128 MiB") } else { (1_024, "1 GiB") };
    let contenders = vec![handing(&ours, large, Role::Ours, mebibytes)?, handing(&ours, SMALL, Role::Limit, 1)?];
    let title = format!("a SharedSlice of {large} to 100 tasks");
    Ok(Line::of_times("P6", title, vec![Goal::Than(SMALL, SAME)], contenders))
}

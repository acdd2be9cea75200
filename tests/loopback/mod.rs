//! An engine that sends its tasks nowhere: they are packed, run from their parcels, and come back as bytes, all on the
//! thread that submits. For tests of what travels, and of what becomes of it here.
#![expect(unsafe_code, reason = "addresses that have been numbers")]
#![expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::disallowed_types,
    reason = "tests inside of the library, written as those outside: with std's locks, and the macros' attributes"
)]

use crate::error::Rejected;
use crate::executor::{Executor, Shutdown, ShutdownReport};
use crate::process::{Courier, Received, run_received};
use crate::task::{Anybody, CancelOutcome, Header, Packed, Remote, Task};
use crate::wire::{CodeMap, Frames, Place, Segment, Whole};
use crate::{Future, ReturnWhen, TaskError, call, task, wait};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// Every address is its own place.
struct Here;

impl CodeMap for Here {
    fn locate(&self, address: *const ()) -> Result<Place, String> {
        let mut place = Place::default();
        place[..8].copy_from_slice(&address.expose_provenance().to_ne_bytes());
        Ok(place)
    }
}

#[derive(Default)]
struct Parcels {
    frames: Vec<u8>,
    begun: usize,
}

impl Courier for Parcels {
    fn begins(&mut self) {
        self.begun += 1;
    }

    fn deliver(&mut self, frame: &mut Vec<u8>) {
        self.frames.extend_from_slice(frame);
    }

    fn attach(&mut self, _: &[Arc<OwnedFd>]) -> Result<u32, String> {
        Err("descriptors stay here".to_owned())
    }

    fn resolve(&self, place: &Place) -> Result<*const (), String> {
        let (address, _) = place.split_first_chunk().unwrap();
        Ok(std::ptr::with_exposed_provenance(usize::from_ne_bytes(*address)))
    }
}

/// What becomes of the frames on the way.
type Tamper = fn(&mut Vec<u8>);

struct Loopback {
    remote: Arc<NobodyRuns>,
    /// The first item to be run; those before it have failed.
    first: usize,
    tamper: Tamper,
    kept: Mutex<Vec<Packed>>,
    keeps: bool,
}

impl Loopback {
    fn new() -> Self {
        Loopback { remote: Arc::new(NobodyRuns), first: 0, tamper: |_| {}, kept: Mutex::default(), keeps: false }
    }
}

/// There is no worker that could have begun anything.
struct NobodyRuns;

impl Remote for NobodyRuns {
    fn cancel(&self, _: &Header) -> Option<bool> {
        Some(false)
    }

    fn expire(&self, _: &Header) {}

    fn is_running(&self, _: &Header) -> bool {
        false
    }

    fn watch(&self, _: &Header) {}

    fn expect(&self, _: &Header) {}

    fn lost(&self) -> Option<TaskError> {
        None
    }

    fn request_cancel(&self, _: &Header) {}

    fn kill(&self, _: &Header, _: Duration) -> CancelOutcome {
        CancelOutcome::Signalled
    }
}

impl Executor for Loopback {
    fn try_execute(&self, task: Task) -> Result<(), Rejected<Task>> {
        let Some(begun) = task.begin() else { return Ok(()) };
        let remote: Weak<dyn Remote> = Arc::<NobodyRuns>::downgrade(&self.remote);
        let Some((packed, parcel)) = Packed::new(begun, remote, &Here) else { return Ok(()) };
        if self.keeps {
            // As an engine takes it, which has it from then on.
            assert_eq!(packed.set_ticket(1), Ok(()));
            self.kept.lock().unwrap().push(packed);
            return Ok(());
        }
        let mut parcels = Parcels::default();
        let received = Received {
            entry: parcel.entry,
            payload: &parcel.payload,
            items: parcel.items,
            first: self.first,
            state: &(),
            name: None,
            cancelled: Arc::new(|| false),
        };
        run_received(received, &mut parcels);
        assert_eq!(parcels.begun, parcel.items - self.first);
        (self.tamper)(&mut parcels.frames);
        let mut segments = vec![Segment::Frames(Frames::Here(parcels.frames))];
        if self.first > 0 {
            segments.insert(0, Segment::Failed(self.first, TaskError::Abandoned));
        }
        let whole = Whole { items: parcel.items, segments, elapsed: Duration::ZERO, beside: None };
        packed.arrived(whole.into(), &Anybody);
        Ok(())
    }

    fn shutdown(&self, _: Shutdown) -> ShutdownReport {
        ShutdownReport::default()
    }

    fn max_workers(&self) -> usize {
        1
    }
}

fn any(engine: &Loopback) -> &dyn Executor {
    engine
}

fn area(width: u32, height: u32) -> u32 {
    width * height
}

#[test]
fn calls_and_tasks_come_back() {
    let engine = Loopback::new();
    assert_eq!(any(&engine).submit(call!(area(6, 7))).result(None).unwrap(), 42);
    let words = vec!["one".to_owned(), "two".to_owned()];
    let future = any(&engine).submit(task!([words, n = 3_usize] => words.len() * n));
    assert_eq!(future.result(None).unwrap(), 6);
    let text = any(&engine).submit(call!((|a: String, b: char| a + &b.to_string())("ab".to_owned(), 'c')));
    assert_eq!(text.result(None).unwrap(), "abc");
}

#[test]
fn maps_come_back_item_by_item() {
    let engine = Loopback::new();
    let halves = |n: u32| if n == 3 { panic!("three") } else { n / 2 };
    let results: Vec<_> = any(&engine).map(halves, 0..10).chunksize(4).collect();
    assert_eq!(results.len(), 10);
    for (n, result) in results.into_iter().enumerate() {
        match result {
            Ok(half) => assert_eq!(half as usize, n / 2),
            Err(error) => assert!(n == 3 && error.is_panicked() && error.to_string().contains("three"), "{error}"),
        }
    }
    let scaled = any(&engine).map_with(vec![10_u64, 20], |by, n: usize| by[n % 2] * n as u64, 0..5).chunksize(2);
    assert_eq!(scaled.collect::<Result<Vec<_>, _>>().unwrap(), [0, 20, 20, 60, 40]);
    let futures = any(&engine).map(|n: u32| n + 1, 0..3).into_futures();
    assert_eq!(futures.iter().map(|future| future.result(None).unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_chunk_goes_on_where_another_worker_has_stopped() {
    let engine = Loopback { first: 2, ..Loopback::new() };
    let results: Vec<_> = any(&engine).map(|n: u32| n + 1, 0..4).chunksize(4).collect();
    assert!(results[..2].iter().all(|result| result.as_ref().is_err_and(TaskError::is_abandoned)));
    assert_eq!(results[2..].iter().map(|result| result.clone().unwrap()).collect::<Vec<_>>(), [3, 4]);
}

/// Travels in one direction only, or panics on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fickle {
    Fine,
    StaysHere,
    PanicsHere,
    NeverArrives,
    PanicsThere,
}

impl Serialize for Fickle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Fickle::StaysHere => Err(serde::ser::Error::custom("it stays here")),
            Fickle::PanicsHere => std::panic::resume_unwind(Box::new("a panic on the way out")),
            other => serializer.serialize_u8(*other as u8),
        }
    }
}

impl<'de> Deserialize<'de> for Fickle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(Fickle::Fine),
            3 => Err(serde::de::Error::custom("it never arrives")),
            _ => std::panic::resume_unwind(Box::new("a panic on the way in")),
        }
    }
}

const FICKLE: [(Fickle, &str); 4] = [
    (Fickle::StaysHere, "it stays here"),
    (Fickle::PanicsHere, "a panic on the way out"),
    (Fickle::NeverArrives, "it never arrives"),
    (Fickle::PanicsThere, "a panic on the way in"),
];

#[track_caller]
fn assert_codec(error: &TaskError, why: &str) {
    let said = error.to_string();
    assert!(error.is_codec() && said.contains("Fickle") && said.contains(why), "{said}");
}

#[test]
fn arguments_and_results_that_cannot_travel_are_errors_of_their_task() {
    let engine = Loopback::new();
    for (fickle, why) in FICKLE {
        assert_codec(&any(&engine).submit(call!((|_: Fickle| 1_u8)(fickle))).result(None).unwrap_err(), why);
        let number = fickle as u8;
        let made = any(&engine).submit(task!([number] => FICKLE[usize::from(number) - 1].0));
        assert!(made.done());
        assert_codec(&made.exception(Duration::ZERO).unwrap().unwrap(), why);
        assert_codec(&made.result(None).unwrap_err(), why);
        // Of a chunk they are errors of their items.
        let mixed: Vec<_> =
            any(&engine).map(|it: Fickle| it, [Fickle::Fine, fickle, Fickle::Fine]).chunksize(3).collect();
        assert_eq!(mixed.len(), 3);
        assert_codec(mixed[1].as_ref().unwrap_err(), why);
        assert!(mixed[0].is_ok() && mixed[2].is_ok(), "{mixed:?}");
    }
    let fine = any(&engine).submit(task!([] => Fickle::Fine));
    assert_eq!(fine.result(None).unwrap(), Fickle::Fine);
}

/// Whoever comes first decodes, and everybody sees the same.
#[test]
fn an_outcome_in_bytes_is_like_any_other() {
    let engine = Loopback::new();
    let good = || any(&engine).submit(task!([] => String::from("good")));
    let bad = || any(&engine).submit(task!([] => Fickle::NeverArrives));
    assert_eq!(good().exception(None).unwrap().map(|error| error.to_string()), None);
    assert_eq!(good().try_result().unwrap().unwrap(), "good");
    let shared = good().shared();
    assert_eq!(
        (shared.result(None).unwrap(), shared.clone().result(None).unwrap()),
        (&"good".to_owned(), &"good".to_owned())
    );
    assert_codec(&bad().shared().result(None).unwrap_err(), "it never arrives");
    assert_eq!(futures::executor::block_on(good()).unwrap(), "good");
    assert_codec(&futures::executor::block_on(bad().shared()).unwrap_err(), "it never arrives");
    let seen = Arc::new(Mutex::new(Vec::new()));
    for future in [good(), good()] {
        let seen = Arc::clone(&seen);
        future.add_done_callback(move |outcome| seen.lock().unwrap().push(outcome.unwrap().clone()));
        assert_eq!(future.result(None).unwrap(), "good");
    }
    assert_eq!(*seen.lock().unwrap(), ["good", "good"]);
    let failing = bad();
    failing.add_done_callback(|outcome| assert_codec(outcome.unwrap_err(), "it never arrives"));
    assert_codec(&failing.result(None).unwrap_err(), "it never arrives");
    let fallible: Future<u32> =
        any(&engine).submit(task!([] => "x".parse::<u32>().map_err(crate::PortableError::from))).fallible();
    assert!(fallible.result(None).unwrap_err().is_failed());
    let ended = wait([bad()], None, ReturnWhen::FirstError);
    assert_eq!(ended.done.len(), 1);
    // Nobody wants these.
    drop((good(), bad()));
}

/// A future that its decoder asks for, from inside.
static OWN: Mutex<Option<Arc<Future<Asks>>>> = Mutex::new(None);

struct Asks;

impl Serialize for Asks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Asks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer)?;
        let own = OWN.lock().unwrap().clone();
        if let Some(own) = own {
            assert!(own.result(None).is_err_and(|error| error.is_deadlock()));
            assert!(own.exception(None).unwrap().is_none());
            assert!(own.done());
        }
        Ok(Asks)
    }
}

#[test]
fn a_decoder_that_asks_for_its_own_future() {
    let engine = Loopback::new();
    let future = Arc::new(any(&engine).submit(task!([] => Asks)));
    *OWN.lock().unwrap() = Some(Arc::clone(&future));
    assert!(future.result(None).is_ok());
    *OWN.lock().unwrap() = None;
}

#[test]
fn damaged_frames_are_errors() {
    let tampers: [Tamper; 7] = [
        |frames| frames.truncate(3),
        |frames| frames.truncate(frames.len() - 1),
        |frames| frames.clear(),
        |frames| frames[0] = 77,
        |frames| frames[1] = 77,
        |frames| frames[..4].fill(0xff),
        |frames| frames[..4].fill(0),
    ];
    for tamper in tampers {
        let engine = Loopback { tamper, ..Loopback::new() };
        let error = any(&engine).submit(call!(area(6, 7))).result(None).unwrap_err();
        assert!(error.is_codec(), "{error}");
        let results: Vec<_> = any(&engine).map(|n: u32| n, 0..3).chunksize(3).collect();
        assert_eq!(results.len(), 3, "one for each input, whatever came back");
        assert!(results.iter().any(|result| result.as_ref().is_err_and(TaskError::is_codec)));
    }
}

/// A packed task is the engine's: its word says that it runs, and only the engine knows whether it does.
#[test]
fn what_the_engine_has_not_begun_does_not_run() {
    let engine = Loopback { keeps: true, ..Loopback::new() };
    let future = any(&engine).submit(call!(area(6, 7)));
    assert!(!future.running() && !future.done() && !future.cancel());
    assert_eq!(future.kill(Duration::ZERO), CancelOutcome::Signalled);
    assert!(future.result(Duration::ZERO).unwrap_err().is_timed_out());
    drop(engine);
    assert!(future.result(None).unwrap_err().is_abandoned());
}

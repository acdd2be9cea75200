//! One allocation a task: the header, then one slot that holds first the job and later its outcome.
#![expect(unsafe_code, reason = "one allocation whose slot changes its type")]

use super::cells;
use super::extras::{Attached, Extras};
use super::header::{CellRef, Header, Ran, VTable};
use super::panic;
use super::remote::Travel;
use super::spawned::{self, Spawned};
use crate::error::TaskError;
use crate::state::{Birth, Lifecycle};
use crate::sync::{contain, drop_contained};
use crate::wire::{CodeMap, Encoded, Parcel};
use std::cell::UnsafeCell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// What a cell can run.
pub(crate) trait Work {
    type Output;

    fn work(self) -> Self::Output;
}

/// A job that can leave this process.
pub(crate) trait PortableWork: Work {
    /// Makes a parcel of it.
    ///
    /// # Errors
    /// [`TaskError::Codec`].
    fn pack(&self, code: &dyn CodeMap) -> Result<Parcel, TaskError>;

    /// The value that was sent back.
    ///
    /// # Errors
    /// What the task came to instead, or [`TaskError::Codec`].
    fn unpack(encoded: Encoded) -> Result<Self::Output, TaskError>;
}

/// See the [module](self): a job `J` that gives a `T`. Which of the slot's fields is alive follows from the state word
/// alone.
#[repr(C)]
struct TaskCell<J, T, X> {
    header: Header,
    slot: UnsafeCell<Slot<J, T>>,
    attached: X,
}

/// The job of cells whose outcome comes from a promise or from another cell.
type NoJob = ();

/// All fields begin where the union does (repr(C)), so a pointer to it is one to whichever is alive.
#[repr(C)]
union Slot<J, T> {
    job: ManuallyDrop<J>,
    value: ManuallyDrop<T>,
    /// Boxed, so that the rare error does not make every cell larger.
    error: ManuallyDrop<Box<TaskError>>,
}

/// How a cell is made.
pub(crate) struct NewCell<X = ()> {
    pub(crate) birth: Birth,
    pub(crate) references: usize,
    pub(crate) attached: X,
}

impl NewCell {
    /// For a job: one reference for the executor's end, one for the future.
    pub(crate) fn pending() -> Self {
        NewCell { birth: Birth::Pending, references: 2, attached: () }
    }
}

impl<X: Attached> NewCell<X> {
    pub(crate) fn attach<Y: Attached>(self, attached: Y) -> NewCell<Y> {
        NewCell { birth: self.birth, references: self.references, attached }
    }

    /// With a job. The pointer carries all the references.
    pub(crate) fn with_work<W: Work>(self, work: W) -> NonNull<Header> {
        self.allocate(TaskCell::<W, W::Output, X>::LOCAL, Slot::<W, W::Output> { job: ManuallyDrop::new(work) })
    }

    /// The same with a job that can leave this process.
    pub(crate) fn with_portable_work<W: PortableWork>(self, work: W) -> NonNull<Header> {
        self.allocate(TaskCell::<W, W::Output, X>::PORTABLE, Slot::<W, W::Output> { job: ManuallyDrop::new(work) })
    }

    /// With a future to be polled, which does not move from now on. `attached` has its [`Spawned`] part.
    pub(super) fn with_future<F: Future>(self, future: F) -> NonNull<Header> {
        self.allocate(TaskCell::<F, F::Output, X>::SPAWNED, Slot::<F, F::Output> { job: ManuallyDrop::new(future) })
    }

    /// With a value.
    pub(crate) fn with_value<T>(self, value: T) -> NonNull<Header> {
        self.without_job(Slot { value: ManuallyDrop::new(value) })
    }

    /// With an error.
    pub(crate) fn with_error<T>(self, error: TaskError) -> NonNull<Header> {
        self.without_job::<T>(Slot { error: ManuallyDrop::new(Box::new(error)) })
    }

    /// For a promise or another cell to fill.
    pub(crate) fn empty<T>(self) -> NonNull<Header> {
        self.without_job::<T>(Slot { job: ManuallyDrop::new(()) })
    }

    fn without_job<T>(self, slot: Slot<NoJob, T>) -> NonNull<Header> {
        self.allocate(TaskCell::<NoJob, T, X>::EMPTY, slot)
    }

    fn allocate<J, T>(self, vtable: &'static VTable, slot: Slot<J, T>) -> NonNull<Header> {
        let header = Header::new(Lifecycle::new(self.birth, self.references), vtable);
        let cell = cells::place(TaskCell { header, slot: UnsafeCell::new(slot), attached: self.attached });
        // The header is the first field (repr(C)); the pointer keeps the provenance of the whole cell, which
        // `Header::pointer` takes up again.
        let cell: NonNull<Header> = cell.cast();
        let _ = cell.as_ptr().expose_provenance();
        cell
    }
}

impl<T, X: Attached> TaskCell<NoJob, T, X> {
    const EMPTY: &'static VTable = &Self::vtable(Self::never);

    unsafe fn never(_: NonNull<Header>) -> Ran {
        unreachable!("a cell without a job is never given to an executor")
    }
}

impl<W: Work, X: Attached> TaskCell<W, W::Output, X> {
    const LOCAL: &'static VTable = &Self::vtable(Self::run);

    unsafe fn run(cell: NonNull<Header>) -> Ran {
        // SAFETY: the runner holds a reference.
        let header = unsafe { cell.as_ref() };
        // SAFETY: `VTable::run` is called with a cell of this type.
        let slot = unsafe { Self::slot_of(cell) }.get();
        // SAFETY: the runner owns the slot, which holds the job (access rule 2); it is read once.
        let work = header.slot_access.exclusive(|| unsafe { slot.cast::<W>().read() });
        let outcome = contain(|| work.work()).map_err(|payload| panic::report(payload, header.name()));
        // SAFETY: as above, and the job has left the slot.
        unsafe { Self::fill(cell, outcome) }
    }
}

impl<W: PortableWork, X: Attached> TaskCell<W, W::Output, X> {
    const PORTABLE: &'static VTable =
        &VTable { pack: Some(Self::pack), decode: Some(Self::decode), ..Self::vtable(Self::run) };

    unsafe fn pack(cell: NonNull<Header>, code: &dyn CodeMap) -> Result<Parcel, TaskError> {
        // SAFETY: the caller holds a reference.
        let header = unsafe { cell.as_ref() };
        // SAFETY: `VTable::pack` is called with a cell of this type.
        let slot = unsafe { Self::slot_of(cell) }.get();
        // SAFETY: the caller owns the slot, which holds the job (access rule 2); it is read once.
        let work = header.slot_access.exclusive(|| unsafe { slot.cast::<W>().read() });
        let packed = contain(|| work.pack(code)).unwrap_or_else(|payload| Err(panic::report(payload, header.name())));
        match contain(|| drop(work)).map_err(|payload| panic::report(payload, header.name())) {
            Ok(()) => packed,
            Err(error) => Err(error),
        }
    }

    unsafe fn decode(cell: NonNull<Header>, encoded: Encoded) -> Result<(), TaskError> {
        let value = W::unpack(encoded)?;
        // SAFETY: the caller holds a reference.
        let header = unsafe { cell.as_ref() };
        // SAFETY: the slot is empty, and the caller's (access rule 4).
        unsafe { value::write(header, value) };
        Ok(())
    }
}

impl<F: Future, X: Attached> TaskCell<F, F::Output, X> {
    const SPAWNED: &'static VTable = &VTable { future: true, ..Self::vtable(Self::poll) };

    unsafe fn poll(cell: NonNull<Header>) -> Ran {
        // SAFETY: the runner holds a reference.
        let header = unsafe { cell.as_ref() };
        // SAFETY: `VTable::run` is called with a cell of this type.
        let slot = unsafe { Self::slot_of(cell) }.get().cast::<F>();
        let waker = spawned::waker(header);
        let polled = header.slot_access.exclusive(|| {
            contain(|| {
                // SAFETY: the runner owns the slot, which holds the future (access rule 2).
                let future = unsafe { &mut *slot };
                // SAFETY: the future stays where it is, in the cell, until it is dropped there.
                unsafe { Pin::new_unchecked(future) }.poll(&mut Context::from_waker(&waker))
            })
        });
        let outcome = match polled {
            Ok(Poll::Pending) => return Ran::Suspended,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(payload) => Err(panic::report(payload, header.name())),
        };
        // What the future captured goes before its end is seen, as with a closure.
        // SAFETY: the runner owns the slot; the future is dropped once, in place.
        let dropped = contain(|| unsafe { Self::drop_job(cell) });
        let dropped = dropped.map_err(|payload| panic::report(payload, header.name()));
        let outcome = match (outcome, dropped) {
            (Ok(value), Err(error)) => {
                drop_contained(value);
                Err(error)
            }
            (outcome, _) => outcome,
        };
        // SAFETY: as above, and the future has left the slot.
        unsafe { Self::fill(cell, outcome) }
    }
}

impl<J, T, X: Attached> TaskCell<J, T, X> {
    const fn vtable(run: unsafe fn(NonNull<Header>) -> Ran) -> VTable {
        VTable {
            run,
            drop_job: Self::drop_job,
            drop_value: Self::drop_value,
            slot: Self::slot,
            extras: Self::extras,
            source: Self::source,
            spawned: Self::spawned,
            travel: Self::travel,
            free: Self::free,
            pack: None,
            decode: None,
            future: false,
        }
    }

    /// # Safety
    /// `cell` is the header of a live cell of this type.
    unsafe fn slot_of<'a>(cell: NonNull<Header>) -> &'a UnsafeCell<Slot<J, T>> {
        // SAFETY: by the contract; the field's address is taken without a reference to the whole cell.
        unsafe { &(*cell.cast::<Self>().as_ptr()).slot }
    }

    /// # Safety
    /// As `slot_of`, and the attached part is not being freed.
    unsafe fn attached_of<'a>(cell: NonNull<Header>) -> &'a X {
        // SAFETY: as above.
        unsafe { &(*cell.cast::<Self>().as_ptr()).attached }
    }

    /// Writes what the job came to.
    ///
    /// # Safety
    /// The caller is the runner, and the slot is empty (access rule 2).
    unsafe fn fill(cell: NonNull<Header>, outcome: Result<T, TaskError>) -> Ran {
        // SAFETY: the runner holds a reference.
        let header = unsafe { cell.as_ref() };
        // SAFETY: by the contract.
        let slot = unsafe { Self::slot_of(cell) }.get();
        header.slot_access.exclusive(|| match outcome {
            Ok(value) => {
                // SAFETY: by the contract.
                unsafe { slot.write(Slot { value: ManuallyDrop::new(value) }) };
                Ran::Value
            }
            Err(error) => {
                // SAFETY: by the contract.
                unsafe { slot.write(Slot { error: ManuallyDrop::new(Box::new(error)) }) };
                Ran::Error
            }
        })
    }

    unsafe fn drop_job(cell: NonNull<Header>) {
        // SAFETY: the caller holds a reference.
        let header = unsafe { cell.as_ref() };
        // SAFETY: `VTable::drop_job` is called with a cell of this type.
        let slot = unsafe { Self::slot_of(cell) }.get();
        // SAFETY: the caller owns the slot, which holds the job (access rules 2 and 3); it is dropped once.
        header.slot_access.exclusive(|| unsafe { slot.cast::<J>().drop_in_place() });
    }

    unsafe fn drop_value(cell: NonNull<Header>) {
        // SAFETY: the caller holds a reference.
        let header = unsafe { cell.as_ref() };
        // SAFETY: `VTable::drop_value` is called with a cell of this type.
        let slot = unsafe { Self::slot_of(cell) }.get();
        // SAFETY: the caller owns the value (access rule 4); it is dropped once.
        header.slot_access.exclusive(|| unsafe { slot.cast::<T>().drop_in_place() });
    }

    unsafe fn slot(cell: NonNull<Header>) -> NonNull<()> {
        // SAFETY: `VTable::slot` is called with a cell of this type.
        let slot = unsafe { Self::slot_of(cell) };
        NonNull::from(slot).cast()
    }

    unsafe fn extras(cell: NonNull<Header>) -> Option<NonNull<Extras>> {
        // SAFETY: `VTable::extras` is called with a cell of this type.
        unsafe { Self::attached_of(cell) }.extras().map(NonNull::from)
    }

    unsafe fn source(cell: NonNull<Header>) -> Option<NonNull<Header>> {
        // SAFETY: `VTable::source` is called with a cell of this type.
        unsafe { Self::attached_of(cell) }.source().map(NonNull::from)
    }

    unsafe fn spawned(cell: NonNull<Header>) -> Option<NonNull<Spawned>> {
        // SAFETY: `VTable::spawned` is called with a cell of this type.
        unsafe { Self::attached_of(cell) }.spawned().map(NonNull::from)
    }

    unsafe fn travel(cell: NonNull<Header>) -> Option<NonNull<Travel>> {
        // SAFETY: `VTable::travel` is called with a cell of this type.
        unsafe { Self::attached_of(cell) }.travel().map(NonNull::from)
    }

    unsafe fn free(cell: NonNull<Header>) {
        // SAFETY: placed in `allocate`, and the last reference is gone. The slot is a union: only the header and the
        // attached part are dropped.
        unsafe { cells::remove(cell.cast::<Self>()) };
    }
}

/// The value's side of a slot, for whoever knows its type but not the job's.
pub(crate) mod value {
    use super::{CellRef, Header};

    /// Moves the value out.
    ///
    /// # Safety
    /// The cell's value is a `T`, and the caller owns it (access rule 4).
    pub(crate) unsafe fn read<T>(task: &Header) -> T {
        // SAFETY: the pointer is the cell's own.
        let slot = unsafe { (task.vtable().slot)(task.pointer()) };
        // SAFETY: by the contract; the fields of the union all begin where it begins (repr(C)).
        task.slot_access.exclusive(|| unsafe { slot.cast::<T>().read() })
    }

    /// Lends the value.
    ///
    /// # Safety
    /// The cell's value is a `T`, it is in the slot, and nobody moves or drops it while it is lent.
    pub(crate) unsafe fn borrow<T>(task: &Header) -> &T {
        // SAFETY: the pointer is the cell's own.
        let slot = unsafe { (task.vtable().slot)(task.pointer()) };
        // SAFETY: by the contract.
        task.slot_access.shared(|| unsafe { slot.cast::<T>().as_ref() })
    }

    /// Fills the slot.
    ///
    /// # Safety
    /// The cell's value is a `T`, and the caller owns the slot, which is empty (access rule 2).
    pub(crate) unsafe fn write<T>(task: &Header, value: T) {
        // SAFETY: the pointer is the cell's own.
        let slot = unsafe { (task.vtable().slot)(task.pointer()) };
        // SAFETY: by the contract.
        task.slot_access.exclusive(|| unsafe { slot.cast::<T>().write(value) });
    }

    /// Moves the job out.
    ///
    /// # Safety
    /// The cell's job is a `W`, and the caller owns the slot, which holds it (access rule 2).
    pub(crate) unsafe fn take_job<W>(task: &CellRef) -> W {
        // SAFETY: the job begins where the union begins, as the value does.
        unsafe { read(task) }
    }

    /// Fills the slot with an error.
    ///
    /// # Safety
    /// The caller owns the slot, which is empty (access rule 2).
    pub(crate) unsafe fn write_error(task: &Header, error: crate::error::TaskError) {
        // SAFETY: the error begins where the union begins, as the value does.
        unsafe { write(task, Box::new(error)) }
    }
}

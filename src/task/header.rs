//! The part of a task that is the same whatever its job and its result: state, waiters, owner, and how to do the rest.
#![expect(unsafe_code, reason = "erased pointers to cells, and their reference counts")]

use super::encoded;
use super::extras::Extras;
use super::remote::{self, Travel};
use super::spawned::{self, Spawned};
use super::waiters::Waiters;
use crate::error::TaskError;
use crate::state::{Lifecycle, Snapshot};
use crate::sync::{Access, AtomicPtr, Ordering};
use crate::wire::{CodeMap, Encoded, Parcel};
use std::ops::Deref;
use std::ptr::NonNull;

/// The first field of every cell; what an erased pointer points to.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) life: Lifecycle,
    vtable: &'static VTable,
    /// The executor that has the task in its queue; null while none has. Written under the lock, or before the cell is
    /// shared. Whoever drops the queue's reference to a cancelled task has waited for the canceller's unlock
    /// (`Lifecycle::begin`), so a canceller may use it while it holds the lock.
    owner: AtomicPtr<Owner>,
    pub(super) waiters: Waiters,
    /// Stands for the slot under loom.
    pub(super) slot_access: Access,
}

/// What an executor wants to know of the tasks in its queue.
#[repr(align(8))]
pub(crate) struct Owner {
    /// A task in the queue was cancelled, or expired. Runs under the task's lock: short, and calling nothing foreign.
    pub(crate) withdrawn: Box<dyn Fn() + Send + Sync>,
    /// The same of a future that was in the queue to be polled again, and has no place of its own there any more.
    pub(crate) left_behind: Box<dyn Fn() + Send + Sync>,
}

impl Owner {
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// For `graph`: the end of all tasks.
    pub(super) fn end_key(&self) -> usize {
        self.address()
    }

    /// For `graph`: the one thread that runs them takes the next.
    pub(crate) fn turn_key(&self) -> usize {
        turn_key(self)
    }
}

/// For `graph`: the one thread that runs an owner's tasks takes the next. Only slots are held by this key.
pub(super) fn turn_key(owner: *const Owner) -> usize {
    owner.addr() + 2
}

type Pack = unsafe fn(NonNull<Header>, &dyn CodeMap) -> Result<Parcel, TaskError>;
type Decode = unsafe fn(NonNull<Header>, Encoded) -> Result<(), TaskError>;

/// What depends on the types in a cell. Every function's contract is the access rule of `state::lifecycle` with the
/// number given.
pub(crate) struct VTable {
    /// Runs the job, or polls the future, and writes the outcome, if there is one, into the slot. Never unwinds. Rule
    /// 2.
    pub(super) run: unsafe fn(NonNull<Header>) -> Ran,
    /// Drops the job in the slot. May unwind. Rules 2 and 3.
    pub(super) drop_job: unsafe fn(NonNull<Header>),
    /// Drops the value in the slot. May unwind. Rule 4.
    pub(super) drop_value: unsafe fn(NonNull<Header>),
    /// Where the slot begins.
    pub(super) slot: unsafe fn(NonNull<Header>) -> NonNull<()>,
    /// The part behind the slot.
    pub(super) extras: unsafe fn(NonNull<Header>) -> Option<NonNull<Extras>>,
    pub(super) source: unsafe fn(NonNull<Header>) -> Option<NonNull<Header>>,
    pub(super) spawned: unsafe fn(NonNull<Header>) -> Option<NonNull<Spawned>>,
    pub(super) travel: unsafe fn(NonNull<Header>) -> Option<NonNull<Travel>>,
    /// Gives the memory back, with the part behind the slot. The slot must be empty. Rule 5.
    pub(super) free: unsafe fn(NonNull<Header>),
    /// Makes a parcel of the job, which leaves the slot. Never unwinds. `None`: it cannot leave this process. Rule 2.
    pub(super) pack: Option<Pack>,
    /// Puts the value that was sent back into the empty slot; an error leaves it empty. May unwind. Rule 4.
    pub(super) decode: Option<Decode>,
    /// The job is a future, and the cell has a [`Spawned`] part.
    pub(super) future: bool,
}

/// What a run of a job came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// There is a value in the slot.
    Value,
    /// There is an error in the slot.
    Error,
    /// A future that is not ready is still in the slot.
    Suspended,
}

impl Header {
    pub(super) fn new(life: Lifecycle, vtable: &'static VTable) -> Self {
        Header {
            life,
            vtable,
            owner: AtomicPtr::new(std::ptr::null_mut()),
            waiters: Waiters::new(),
            slot_access: Access::new(),
        }
    }

    pub(super) fn vtable(&self) -> &'static VTable {
        self.vtable
    }

    /// The pointer to the whole cell. A reference to the header reaches no further than the header, so the cell's
    /// provenance is exposed when it is made, and taken up again here.
    pub(super) fn pointer(&self) -> NonNull<Header> {
        let cell = std::ptr::with_exposed_provenance_mut(self.address());
        // SAFETY: the address of a reference is not null.
        unsafe { NonNull::new_unchecked(cell) }
    }

    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// For `graph`: the task's end.
    pub(super) fn end_key(&self) -> usize {
        self.address()
    }

    /// For `graph`: the end of its callbacks too.
    pub(super) fn settled_key(&self) -> usize {
        self.address() + 1
    }

    /// Whether its job is a future, which may be polled several times.
    pub(crate) fn is_future(&self) -> bool {
        self.vtable.future
    }

    pub(crate) fn is_portable(&self) -> bool {
        self.vtable.pack.is_some()
    }

    pub(crate) fn extras(&self) -> Option<&Extras> {
        // SAFETY: the pointer is this cell's own, whose type the vtable belongs to.
        let extras = unsafe { (self.vtable.extras)(self.pointer()) }?;
        // SAFETY: the extras live as long as the cell and are never changed after it was made.
        Some(unsafe { extras.as_ref() })
    }

    /// What a job has that can leave this process.
    pub(super) fn travel(&self) -> Option<&Travel> {
        // SAFETY: the pointer is this cell's own, whose type the vtable belongs to.
        let travel = unsafe { (self.vtable.travel)(self.pointer()) }?;
        // SAFETY: it lives as long as the cell, and is shared only by reference.
        Some(unsafe { travel.as_ref() })
    }

    /// What a spawned future has that others do not.
    pub(super) fn spawned(&self) -> Option<&Spawned> {
        // SAFETY: the pointer is this cell's own, whose type the vtable belongs to.
        let spawned = unsafe { (self.vtable.spawned)(self.pointer()) }?;
        // SAFETY: it lives as long as the cell, and is shared only by reference.
        Some(unsafe { spawned.as_ref() })
    }

    /// Whether a run, by whoever takes it from a queue, would do anything.
    pub(crate) fn is_due(&self) -> bool {
        let now = self.life.load();
        now.is_pending() || (now.is_running() && self.is_future() && self.spawned().is_some_and(Spawned::is_woken))
    }

    /// The same for now: nobody is at it.
    pub(super) fn can_begin(&self) -> bool {
        let now = self.life.load();
        now.is_pending() || (now.is_running() && self.spawned().is_some_and(Spawned::awaits_its_turn))
    }

    /// The cell that a handed one gets its outcome from; itself otherwise.
    pub(super) fn source(&self) -> &Header {
        // SAFETY: the pointer is this cell's own, whose type the vtable belongs to.
        match unsafe { (self.vtable.source)(self.pointer()) } {
            // SAFETY: a cell keeps its source alive until it is freed, and `self` is borrowed.
            Some(source) => unsafe { source.as_ref() },
            None => self,
        }
    }

    /// The cell at the end of such a chain: the one that has a job.
    pub(crate) fn resolve(&self) -> &Header {
        let mut cell = self;
        loop {
            let source = cell.source();
            if std::ptr::eq(source, cell) {
                return cell;
            }
            cell = source;
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.resolve().extras()?.name.as_deref()
    }

    /// For messages: the task's name, or that it has none.
    pub(crate) fn label(&self) -> String {
        self.name().map_or_else(|| "an unnamed task".to_owned(), |name| format!("task `{name}`"))
    }

    pub(crate) fn owner(&self) -> *const Owner {
        // ORDERING: Acquire pairs with the Release in `set_owner`.
        self.owner.load(Ordering::Acquire)
    }

    fn set_owner(&self, owner: &Owner) {
        // ORDERING: Release pairs with the Acquire in `owner`: the canceller sees a whole `Owner`.
        self.owner.store(std::ptr::from_ref(owner).cast_mut(), Ordering::Release);
    }

    /// An executor takes the task into its queue. `false`: it was cancelled before, and must not be counted.
    pub(crate) fn adopt(&self, owner: &Owner) -> bool {
        let before = self.life.lock();
        let pending = before.is_pending();
        if pending {
            self.set_owner(owner);
        }
        self.life.unlock(before, before.has_waiters());
        pending
    }

    /// The error of a task that has failed or was cancelled. `mark`: count as a look at it.
    pub(crate) fn error(&self, mark: bool) -> Option<TaskError> {
        // What another thread decodes at this moment counts as a value.
        let _ = encoded::decode(self);
        let now = self.life.load();
        if now.is_cancelled() {
            return Some(TaskError::Cancelled);
        }
        if !now.holds_error() {
            return remote::lost(self);
        }
        if mark {
            let _ = self.life.take();
        }
        Some(self.failure().clone())
    }

    /// It was cancelled before it began, or its error says so of what had begun. Decodes nothing.
    pub(super) fn has_ended_as_cancelled(&self) -> bool {
        let now = self.life.load();
        now.is_cancelled() || (now.holds_error() && matches!(self.failure(), TaskError::Cancelled))
    }

    /// Whether it has ended, or never will in this process, which is the same to who asks there.
    pub(super) fn has_ended(&self) -> bool {
        self.life.load().is_terminal() || remote::lost(self).is_some()
    }

    /// The error in the slot. Only after `holds_error`.
    pub(super) fn failure(&self) -> &TaskError {
        debug_assert!(self.life.load().holds_error());
        // SAFETY: the pointer is this cell's own, whose type the vtable belongs to.
        let slot = unsafe { (self.vtable.slot)(self.pointer()) };
        // SAFETY: DONE with FAILED was seen with Acquire, so the slot holds the error, which nobody changes before the
        // last reference is gone (access rule 4); `self` borrows one.
        self.slot_access.shared(|| unsafe { slot.cast::<Box<TaskError>>().as_ref() })
    }

    pub(crate) fn is_running(&self) -> bool {
        let now = self.life.load();
        let task = if now.is_handed() { self.resolve() } else { self };
        task.life.load().is_running() && remote::engine(task).is_none_or(|engine| engine.is_running(task))
    }

    #[inline]
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.life.load()
    }
}

/// One counted reference to a cell, whatever its types.
pub(crate) struct CellRef(NonNull<Header>);

// SAFETY: all that can be done through it from another thread goes through the state word; jobs and values are Send
// (or, in a scope, do not outlive it), which whoever makes a cell has to show.
unsafe impl Send for CellRef {}
// SAFETY: as above; there is no access by `&CellRef` that bypasses the state word.
unsafe impl Sync for CellRef {}

impl CellRef {
    /// # Safety
    /// The caller owns one reference and gives it to the result.
    pub(crate) unsafe fn from_owned(cell: NonNull<Header>) -> Self {
        CellRef(cell)
    }

    /// One more reference to a cell that the caller can see.
    pub(crate) fn to(header: &Header) -> Self {
        header.life.add_reference();
        CellRef(header.pointer())
    }

    pub(super) fn into_raw(self) -> NonNull<Header> {
        let cell = self.0;
        std::mem::forget(self);
        cell
    }
}

impl Clone for CellRef {
    fn clone(&self) -> Self {
        CellRef::to(self)
    }
}

impl Deref for CellRef {
    type Target = Header;

    fn deref(&self) -> &Header {
        // SAFETY: the reference that this handle owns keeps the cell alive.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for CellRef {
    fn drop(&mut self) {
        if let Some(last) = self.life.release_reference() {
            free(self.0, last);
        }
    }
}

/// Frees a cell whose last reference is gone. A job or value that is still in it, which only happens where a handle was
/// leaked, is dropped with it.
pub(super) fn free(cell: NonNull<Header>, last: Snapshot) {
    // SAFETY: the caller had the last reference, so the cell is still allocated and nobody else can reach it.
    let header = unsafe { cell.as_ref() };
    let vtable = header.vtable;
    if last.is_running() && vtable.future {
        // It waits, and nobody can wake it any more.
        return spawned::abandon(header);
    }
    if last.holds_error() {
        // SAFETY: the pointer is this cell's own, whose type the vtable belongs to.
        let slot = unsafe { (vtable.slot)(cell) };
        // SAFETY: DONE with FAILED says that the slot holds the error, and nobody reads it any more (access rule 5).
        let error = header.slot_access.exclusive(|| unsafe { slot.cast::<Box<TaskError>>().read() });
        crate::sync::drop_contained(error);
    } else if last.holds_value() && last.is_encoded() {
        encoded::discard(header);
    } else if last.holds_value() {
        // SAFETY: the slot holds a value that nobody took, and the caller owns the cell (access rule 5).
        let _ = crate::sync::contain(|| unsafe { (vtable.drop_value)(cell) });
    } else if last.is_pending() {
        // SAFETY: the slot holds a job that nobody began, and the caller owns the cell (access rule 5).
        let _ = crate::sync::contain(|| unsafe { (vtable.drop_job)(cell) });
    }
    // SAFETY: the last reference is gone and the slot is empty.
    unsafe { (vtable.free)(cell) };
}

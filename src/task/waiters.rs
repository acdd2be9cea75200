//! Who wants to know of a task's end: a list in the header, changed only under the state word's lock bit.
//!
//! The first waker needs no memory of its own: the list is either one waker, or a chain of nodes. Nodes of threads and
//! wait-sets belong to whoever waits, and are only looked at until their owner has been told; nodes of callbacks and
//! further wakers belong to the list.
#![expect(unsafe_code, reason = "an intrusive list of nodes that live elsewhere")]

use crate::sync::{Access, AtomicBool, Ordering, Unparker};
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{RawWakerVTable, Waker};

use super::awaited::Note;
use super::header::Header;

/// The list; see the [module](self).
///
/// Invariant: `vtable` is `Some` exactly if `first` is the data of an owned waker; otherwise `first` is null or the
/// newest [`Node`] of a chain.
pub(super) struct Waiters {
    access: Access,
    first: Cell<*const ()>,
    vtable: Cell<Option<&'static RawWakerVTable>>,
}

/// The head of every kind of node.
#[repr(C)]
pub(super) struct Node {
    next: Cell<*const Node>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Thread,
    Set,
    Waker,
    Callback,
}

/// A thread that sleeps until the end; lives on its stack.
#[repr(C)]
pub(super) struct ThreadNode {
    node: Node,
    unparker: Arc<Unparker>,
    /// Set by whoever tells it; the last that is done with the node.
    told: AtomicBool,
}

/// One member of a wait for many; lives with the wait.
#[repr(C)]
pub(super) struct SetNode {
    node: Node,
    set: Arc<dyn Ready>,
    index: usize,
}

// SAFETY: its links are only looked at under the lock bit of the task whose list it is in, and `set` is Send and Sync.
unsafe impl Send for SetNode {}
// SAFETY: as above; `&SetNode` gives no other access.
unsafe impl Sync for SetNode {}

/// Where a wait for many hears of its members.
pub(super) trait Ready: Send + Sync {
    /// Member `index` has ended. Calls nothing foreign; gives back whom the caller is to wake when it may.
    #[must_use]
    fn ready(&self, index: usize) -> Option<Waker>;
}

#[repr(C)]
struct WakerNode {
    node: Node,
    /// Whose it is, so that it can be replaced and taken back; [`NOBODY`] for one that was left by reference.
    whose: u64,
    left: Left,
}

/// A waker that somebody leaves, and what `block_on` has noted of that.
pub(super) struct Left {
    pub(super) waker: Waker,
    pub(super) note: Option<Note>,
}

/// Whose the waker is that is left by the future's own handle.
pub(super) const OWN: u64 = 0;
/// Whose those are that are left through `&Future`, which has no identity.
pub(super) const NOBODY: u64 = u64::MAX;

/// A callback, followed in memory by what its `call` knows.
#[repr(C)]
pub(super) struct CallbackNode {
    node: Node,
    /// Consumes the node. Contains every panic.
    call: unsafe fn(NonNull<CallbackNode>, &Header),
}

impl Node {
    fn new(kind: Kind) -> Self {
        Node { next: Cell::new(std::ptr::null()), kind }
    }
}

impl ThreadNode {
    pub(super) fn new(unparker: Arc<Unparker>) -> Self {
        ThreadNode { node: Node::new(Kind::Thread), unparker, told: AtomicBool::new(false) }
    }

    pub(super) fn is_told(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `notify_threads`: nobody uses the node any more.
        self.told.load(Ordering::Acquire)
    }

    pub(super) fn node(&self) -> NonNull<Node> {
        NonNull::from(self).cast()
    }
}

impl SetNode {
    pub(super) fn new(set: Arc<dyn Ready>, index: usize) -> Self {
        SetNode { node: Node::new(Kind::Set), set, index }
    }

    pub(super) fn node(&self) -> NonNull<Node> {
        NonNull::from(self).cast()
    }
}

impl CallbackNode {
    pub(super) fn new(call: unsafe fn(NonNull<CallbackNode>, &Header)) -> Self {
        CallbackNode { node: Node::new(Kind::Callback), call }
    }
}

impl Waiters {
    pub(super) fn new() -> Self {
        Waiters { access: Access::new(), first: Cell::new(std::ptr::null()), vtable: Cell::new(None) }
    }

    /// # Safety
    /// The caller holds the lock bit. The node stays valid until it was removed or its owner was told.
    pub(super) unsafe fn push(&self, node: NonNull<Node>) {
        self.access.exclusive(|| {
            self.make_room();
            // SAFETY: the node is valid by the contract.
            unsafe { node.as_ref() }.next.set(self.first.get().cast());
            self.first.set(node.as_ptr().cast_const().cast());
        });
    }

    /// Takes a node out again; `false` if the list was taken before.
    ///
    /// # Safety
    /// The caller holds the lock bit.
    pub(super) unsafe fn remove(&self, node: NonNull<Node>) -> bool {
        self.access.exclusive(|| {
            if self.vtable.get().is_some() {
                return false;
            }
            let mut link: *const Node = self.first.get().cast();
            let mut previous: Option<&Node> = None;
            // SAFETY: every node in the chain is valid while it is linked, and links change only under the lock.
            while let Some(here) = unsafe { link.as_ref() } {
                if std::ptr::eq(here, node.as_ptr()) {
                    match previous {
                        Some(previous) => previous.next.set(here.next.get()),
                        None => self.first.set(here.next.get().cast()),
                    }
                    return true;
                }
                previous = Some(here);
                link = here.next.get();
            }
            false
        })
    }

    /// # Safety
    /// The caller holds the lock bit.
    pub(super) unsafe fn is_empty(&self) -> bool {
        self.access.shared(|| self.first.get().is_null() && self.vtable.get().is_none())
    }

    /// Whether there is a waker that wakes the same task, left by the same handle, or if that is [`NOBODY`] by any.
    ///
    /// # Safety
    /// The caller holds the lock bit.
    pub(super) unsafe fn has_waker(&self, waker: &Waker, whose: u64) -> bool {
        self.access.shared(|| {
            if let Some(vtable) = self.vtable.get() {
                let same = self.first.get() == waker.data() && std::ptr::eq(vtable, waker.vtable());
                return same && (whose == OWN || whose == NOBODY);
            }
            let mut link: *const Node = self.first.get().cast();
            // SAFETY: as in `remove`.
            while let Some(here) = unsafe { link.as_ref() } {
                if here.kind == Kind::Waker {
                    // SAFETY: nodes of this kind are `WakerNode`s, which begin with their node.
                    let stored = unsafe { &*link.cast::<WakerNode>() };
                    if (whose == NOBODY || stored.whose == whose) && stored.left.waker.will_wake(waker) {
                        return true;
                    }
                }
                link = here.next.get();
            }
            false
        })
    }

    /// Stores a waker in place of the one that the same handle left before, which is given back, to be dropped outside
    /// the lock. One of [`NOBODY`] comes on top of the others, but for one that is noted and wakes the same task.
    ///
    /// # Safety
    /// The caller holds the lock bit.
    pub(super) unsafe fn set_waker(&self, left: Left, whose: u64) -> Option<Left> {
        self.access.exclusive(|| {
            let old = match whose {
                NOBODY if left.note.is_some() => {
                    self.take_node(|stored| stored.whose == NOBODY && stored.left.waker.will_wake(&left.waker))
                }
                NOBODY => None,
                _ => self.take_waker_of(whose),
            };
            if whose == OWN && left.note.is_none() && self.first.get().is_null() {
                self.vtable.set(Some(left.waker.vtable()));
                self.first.set(left.waker.data());
                std::mem::forget(left.waker);
                return old;
            }
            self.make_room();
            self.push_waker(left, whose);
            old
        })
    }

    /// Takes a waker out that this handle left.
    ///
    /// # Safety
    /// The caller holds the lock bit.
    pub(super) unsafe fn take_waker(&self, whose: u64) -> Option<Left> {
        self.access.exclusive(|| self.take_waker_of(whose))
    }

    /// Moves the waker that has the list to itself into a node.
    fn make_room(&self) {
        if let Some(vtable) = self.vtable.take() {
            // SAFETY: by the invariant these are the parts of a waker that the list owns; the vtable is gone, so there
            // is no second one.
            let waker = unsafe { Waker::new(self.first.replace(std::ptr::null()), vtable) };
            self.push_waker(Left { waker, note: None }, OWN);
        }
    }

    fn push_waker(&self, left: Left, whose: u64) {
        let node = WakerNode { node: Node::new(Kind::Waker), whose, left };
        node.node.next.set(self.first.get().cast());
        self.first.set(Box::into_raw(Box::new(node)).cast_const().cast());
    }

    fn take_waker_of(&self, whose: u64) -> Option<Left> {
        if let Some(vtable) = self.vtable.get() {
            return (whose == OWN).then(|| {
                self.vtable.set(None);
                // SAFETY: as in `make_room`.
                let waker = unsafe { Waker::new(self.first.replace(std::ptr::null()), vtable) };
                Left { waker, note: None }
            });
        }
        self.take_node(|stored| stored.whose == whose)
    }

    /// Takes the newest such waker out of the chain, if there is a chain.
    fn take_node(&self, which: impl Fn(&WakerNode) -> bool) -> Option<Left> {
        if self.vtable.get().is_some() {
            return None;
        }
        let mut link: *const Node = self.first.get().cast();
        let mut previous: Option<&Node> = None;
        // SAFETY: as in `remove`.
        while let Some(here) = unsafe { link.as_ref() } {
            // SAFETY: nodes of this kind are `WakerNode`s, which begin with their node.
            if here.kind == Kind::Waker && which(unsafe { &*link.cast::<WakerNode>() }) {
                match previous {
                    Some(previous) => previous.next.set(here.next.get()),
                    None => self.first.set(here.next.get().cast()),
                }
                // SAFETY: nodes of this kind are boxed; it is unlinked, so this is the only owner.
                return Some(unsafe { Box::from_raw(link.cast::<WakerNode>().cast_mut()) }.left);
            }
            previous = Some(here);
            link = here.next.get();
        }
        None
    }

    /// Takes everything, oldest first.
    ///
    /// # Safety
    /// The caller holds the lock bit.
    pub(super) unsafe fn take(&self) -> Taken {
        self.access.exclusive(|| {
            let first = self.first.replace(std::ptr::null());
            if let Some(vtable) = self.vtable.take() {
                // SAFETY: as in `push`.
                return Taken { waker: Some(unsafe { Waker::new(first, vtable) }), chain: std::ptr::null() };
            }
            let mut link: *const Node = first.cast();
            let mut reversed: *const Node = std::ptr::null();
            // SAFETY: as in `remove`.
            while let Some(here) = unsafe { link.as_ref() } {
                let rest = here.next.replace(reversed);
                reversed = link;
                link = rest;
            }
            Taken { waker: None, chain: reversed }
        })
    }
}

impl Waiters {
    /// Takes the callbacks alone, oldest first.
    ///
    /// # Safety
    /// The caller holds the lock bit.
    pub(super) unsafe fn take_callbacks(&self) -> Callbacks {
        self.access.exclusive(|| {
            let mut callbacks: *const Node = std::ptr::null();
            if self.vtable.get().is_some() {
                return Callbacks(callbacks);
            }
            let mut link: *const Node = self.first.get().cast();
            let mut previous: Option<&Node> = None;
            // SAFETY: as in `remove`.
            while let Some(here) = unsafe { link.as_ref() } {
                let node = std::mem::replace(&mut link, here.next.get());
                if here.kind != Kind::Callback {
                    previous = Some(here);
                    continue;
                }
                match previous {
                    Some(previous) => previous.next.set(link),
                    None => self.first.set(link.cast()),
                }
                here.next.set(callbacks);
                callbacks = node;
            }
            Callbacks(callbacks)
        })
    }
}

/// A list that was taken; its owners are told exactly once.
#[must_use]
pub(super) struct Taken {
    waker: Option<Waker>,
    chain: *const Node,
}

impl Taken {
    pub(super) fn has_callbacks(&self) -> bool {
        let mut link = self.chain;
        // SAFETY: nodes stay valid until they are told, and nobody was.
        while let Some(here) = unsafe { link.as_ref() } {
            if here.kind == Kind::Callback {
                return true;
            }
            link = here.next.get();
        }
        false
    }

    /// Whether telling them runs code that is not ours.
    pub(super) fn has_foreign(&self) -> bool {
        let mut link = self.chain;
        let mut foreign = self.waker.is_some();
        // SAFETY: as in `has_callbacks`.
        while let Some(here) = unsafe { link.as_ref() } {
            foreign |= !matches!(here.kind, Kind::Thread | Kind::Set);
            link = here.next.get();
        }
        foreign
    }

    /// Tells threads and wait-sets. They come first, before anything foreign, because one whose own time is up waits
    /// for being told.
    pub(super) fn notify_threads(mut self) -> Foreign {
        let mut of_sets = Vec::new();
        let mut wakers: *const Node = std::ptr::null();
        let mut callbacks: *const Node = std::ptr::null();
        let mut last_callback: Option<&Node> = None;
        let mut link = std::mem::replace(&mut self.chain, std::ptr::null());
        // SAFETY: nodes stay valid until they are told, and the link is read before that.
        while let Some(here) = unsafe { link.as_ref() } {
            // The whole node is reached through this pointer, never through the reference to its head.
            let node = std::mem::replace(&mut link, here.next.get());
            match here.kind {
                Kind::Thread => {
                    // SAFETY: nodes of this kind are `ThreadNode`s, valid until they are told.
                    let thread = unsafe { &*node.cast::<ThreadNode>() };
                    let unparker = Arc::clone(&thread.unparker);
                    // ORDERING: Release pairs with the Acquire in `is_told`. The node may be gone after this.
                    thread.told.store(true, Ordering::Release);
                    unparker.unpark();
                }
                Kind::Set => {
                    // SAFETY: nodes of this kind are `SetNode`s, valid until `ready` below.
                    let member = unsafe { &*node.cast::<SetNode>() };
                    let (set, index) = (Arc::clone(&member.set), member.index);
                    of_sets.extend(set.ready(index));
                }
                Kind::Waker => {
                    here.next.set(wakers);
                    wakers = node;
                }
                Kind::Callback => {
                    here.next.set(std::ptr::null());
                    match last_callback {
                        Some(last) => last.next.set(node),
                        None => callbacks = node,
                    }
                    last_callback = Some(here);
                }
            }
        }
        Foreign { waker: self.waker.take(), of_sets, wakers, callbacks: Callbacks(callbacks) }
    }
}

/// Who is left to be told when the threads have been: all of it is foreign code.
#[must_use]
pub(super) struct Foreign {
    waker: Option<Waker>,
    /// Of waits for many.
    of_sets: Vec<Waker>,
    wakers: *const Node,
    callbacks: Callbacks,
}

// SAFETY: the nodes are boxes that the list has given up: wakers, and callbacks, which are all `Send`.
unsafe impl Send for Foreign {}

impl Foreign {
    /// Whether a wait for many has to be woken, which could not be seen before.
    pub(super) fn has_waker_of_set(&self) -> bool {
        !self.of_sets.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waker.is_none() && self.of_sets.is_empty() && self.wakers.is_null() && self.callbacks.is_empty()
    }

    /// Wakes the wakers; hands the callbacks back, oldest first.
    pub(super) fn wake(mut self) -> Callbacks {
        // SAFETY: nodes of these kinds belong to the list until they are turned into boxes below.
        while let Some(here) = unsafe { self.wakers.as_ref() } {
            let next = here.next.get();
            // SAFETY: nodes of these kinds are boxed `WakerNode`s, and each is met once.
            let node = unsafe { Box::from_raw(self.wakers.cast::<WakerNode>().cast_mut()) };
            // The note goes after the wake, when there is nothing left to be done.
            let Left { waker, note } = node.left;
            wake(waker);
            drop(note);
            self.wakers = next;
        }
        self.of_sets.into_iter().chain(self.waker.take()).for_each(wake);
        self.callbacks
    }
}

/// Wakes somebody's task; a panic in that is theirs.
pub(super) fn wake(waker: Waker) {
    let _ = crate::sync::contain(move || waker.wake());
}

/// Callbacks that are due, oldest first.
#[must_use]
pub(super) struct Callbacks(*const Node);

impl Callbacks {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_null()
    }

    /// Calls them in order.
    ///
    /// # Safety
    /// The caller holds `ACCESS` of this task, and the nodes were made for its value type.
    pub(super) unsafe fn call(mut self, task: &Header) {
        while let Some(node) = NonNull::new(self.0.cast_mut()) {
            // SAFETY: nodes stay valid until they are called, and the link is read before that.
            self.0 = unsafe { node.as_ref() }.next.get();
            let node: NonNull<CallbackNode> = node.cast();
            // SAFETY: every node in this list is a `CallbackNode`.
            let call = unsafe { node.as_ref() }.call;
            // SAFETY: each node is met once, and the rest is this function's contract.
            unsafe { call(node, task) };
        }
    }
}

//! What can go to which thread, and how large the handles are. Most of it is settled while this file is compiled.

use concurrent_futures::queue::{GetError, Got, LifoQueue, PriorityQueue, PutError, Queue, SimpleQueue, TaskDoneError};
use concurrent_futures::threading::{
    Barrier, BoundedSemaphore, Condition, Event, Local, Lock, LockGuard, Permit, RLock, RLockGuard, Semaphore, Thread,
    ThreadHandle, ThreadRef, TimerHandle,
};
use concurrent_futures::{
    AsCompleted, BuildError, CancelOnDrop, Executor, ExecutorExt, Future, FutureId, Guard, InProcessExecutor,
    InlineExecutor, ManualExecutor, Map, MapIter, Promise, Rejected, Scope, ScopeOptions, SharedFuture, Shutdown,
    SubmitOptions, Task, TaskError, ThreadPoolBuilder, ThreadPoolExecutor, WaitTimedOut, Waitable, task,
};
use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert, const_assert_eq};
use std::cell::Cell;
use std::error::Error;
use std::hash::Hash;
use std::marker::PhantomPinned;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::{Arc, MutexGuard};
use std::vec::IntoIter;

/// May be moved to another thread, but not be looked at from two.
type OnlySend = Cell<u8>;
/// May be looked at from two threads, but not be moved to another.
type OnlySync = MutexGuard<'static, u8>;
type Neither = Rc<u8>;

type Items<T> = IntoIter<T>;

#[test]
fn a_future_is_as_free_as_its_value_may_be_moved() {
    // It never lends the value to two threads at once, so `Sync` is not asked of it.
    assert_impl_all!(Future<String>: Send, Sync);
    assert_impl_all!(Future<OnlySend>: Send, Sync);
    assert_impl_all!(CancelOnDrop<OnlySend>: Send, Sync);
    assert_impl_all!(Promise<OnlySend>: Send);
    assert_not_impl_any!(Future<Neither>: Send, Sync);
    assert_not_impl_any!(Future<OnlySync>: Send, Sync);
    assert_not_impl_any!(CancelOnDrop<Neither>: Send, Sync);
    assert_not_impl_any!(Promise<Neither>: Send);
}

#[test]
fn a_shared_future_lends_its_value_to_many_threads() {
    assert_impl_all!(SharedFuture<String>: Send, Sync, Clone);
    // No `Clone` is asked of the value.
    assert_impl_all!(SharedFuture<Box<dyn Fn() + Send + Sync>>: Send, Sync, Clone);
    assert_not_impl_any!(SharedFuture<OnlySync>: Send, Sync);
    assert_not_impl_any!(SharedFuture<Neither>: Send, Sync);
}

#[test]
fn futures_can_be_polled_in_place_and_carried_over_a_caught_panic() {
    assert_impl_all!(Future<Neither>: Unpin, UnwindSafe, RefUnwindSafe);
    assert_impl_all!(Future<OnlySend>: Unpin, UnwindSafe, RefUnwindSafe);
    assert_impl_all!(Future<PhantomPinned>: Unpin);
    assert_impl_all!(Future<u8>: Eq, Hash, std::future::Future);
    assert_impl_all!(&'static Future<u8>: std::future::Future);
    assert_impl_all!(SharedFuture<u8>: Unpin, UnwindSafe, RefUnwindSafe, std::future::Future);
    assert_impl_all!(CancelOnDrop<u8>: Unpin, UnwindSafe, RefUnwindSafe, std::future::Future);
    // One handle takes the value.
    assert_not_impl_any!(Future<u8>: Clone);
    assert_not_impl_any!(Promise<u8>: Clone);
}

#[test]
fn errors_can_be_kept_sent_and_shared() {
    assert_impl_all!(TaskError: Clone, Send, Sync, Error, Unpin);
    assert_impl_all!(BuildError: Send, Sync, Error);
    assert_impl_all!(WaitTimedOut: Copy, Send, Sync, Error);
    // Whatever the job, its rejection is an error that `?` takes.
    assert_impl_all!(Rejected<OnlySend>: Error, Send);
    assert_impl_all!(Rejected<Neither>: Error);
    assert_impl_all!(Rejected<Task>: Error, Send);
    assert_not_impl_any!(Rejected<Neither>: Send);
    fn is_static<T: 'static>() {}
    is_static::<TaskError>();
}

#[test]
fn executors_go_anywhere_whatever_the_state_of_their_threads() {
    // Each thread has its own state, which never leaves it.
    assert_impl_all!(ThreadPoolExecutor: Send, Sync, Clone, InProcessExecutor);
    assert_impl_all!(ThreadPoolExecutor<Neither>: Send, Sync, Clone, InProcessExecutor);
    assert_impl_all!(ThreadPoolExecutor<OnlySend>: Send, Sync, Clone);
    assert_impl_all!(ThreadPoolBuilder<Neither>: Send, Sync);
    assert_impl_all!(InlineExecutor: Send, Sync, Clone, InProcessExecutor);
    assert_impl_all!(ManualExecutor: Send, Sync, Clone, InProcessExecutor);
    assert_impl_all!(Task: Send, Sync);
    assert_impl_all!(Guard<'static, ThreadPoolExecutor<Neither>>: Send, Sync);
    assert_impl_all!(Scope<'static, 'static>: Send, Sync);
    assert_impl_all!(Shutdown: Send, Sync, Clone);
    assert_impl_all!(SubmitOptions: Send, Sync, Clone);
    assert_impl_all!(ScopeOptions: Send, Sync, Clone);
    assert_not_impl_any!(Task: Clone);
}

#[test]
fn a_map_goes_where_its_input_goes() {
    assert_impl_all!(Map<'static, Items<u8>, String>: Send);
    assert_impl_all!(Map<'static, Items<OnlySend>, OnlySend>: Send);
    assert_impl_all!(MapIter<'static, OnlySend>: Send);
    assert_impl_all!(AsCompleted<Future<OnlySend>>: Send);
    assert_impl_all!(AsCompleted<&'static Future<u8>>: Send);
    assert_not_impl_any!(Map<'static, Items<Neither>, u8>: Send);
}

#[cfg(all(target_os = "linux", feature = "processes"))]
#[test]
fn shared_memory_goes_to_any_thread_and_only_its_readers_multiply() {
    use concurrent_futures::Portable;
    use concurrent_futures::shared_memory::{FreezeError, SharedBytes, SharedSlice, SharedSliceMut};
    assert_impl_all!(SharedSlice<f64>: Send, Sync, Clone, Unpin, UnwindSafe, RefUnwindSafe, Portable, AsRef<[f64]>);
    assert_impl_all!(SharedBytes: Eq, AsRef<[u8]>, Default);
    assert_impl_all!(SharedSliceMut<f64>: Send, Sync, Unpin, AsMut<[f64]>);
    assert_not_impl_any!(SharedSliceMut<f64>: Clone, serde::Serialize, Portable);
    assert_impl_all!(FreezeError<f64>: Error, Send, Sync);
    assert_not_impl_any!(SharedSlice<OnlySend>: Sync);
    assert_not_impl_any!(SharedSlice<Neither>: Send, Sync);
    assert_not_impl_any!(SharedSliceMut<Neither>: Send, Sync);
    const_assert!(size_of::<SharedSlice<[u8; 100]>>() == 3 * size_of::<usize>());
}

#[test]
fn executors_and_futures_are_usable_as_objects() -> Result<(), Box<dyn Error>> {
    assert_impl_all!(dyn Executor: Executor, Send, Sync);
    assert_impl_all!(Arc<dyn Executor>: Executor, ExecutorExt, Send, Sync);
    assert_impl_all!(Box<dyn Executor>: Executor, ExecutorExt);
    assert_impl_all!(dyn InProcessExecutor: InProcessExecutor, Executor);
    assert_impl_all!(dyn Waitable: Waitable);
    assert_impl_all!(Box<dyn Waitable>: Waitable);
    assert_impl_all!(&'static dyn Waitable: Waitable);
    // They would outrank the inherent methods of an `Arc<ThreadPoolExecutor>` and a `&ThreadPoolExecutor`.
    assert_not_impl_any!(Arc<ThreadPoolExecutor>: Executor);
    assert_not_impl_any!(Box<ThreadPoolExecutor>: Executor);
    assert_not_impl_any!(&'static ThreadPoolExecutor: Executor);
    let inline: Arc<dyn InProcessExecutor> = Arc::new(InlineExecutor::new());
    let upcast: Arc<dyn Executor> = inline;
    assert_eq!(upcast.submit(task!([] => 3)).result(None)?, 3);
    Ok(())
}

#[test]
fn queues_are_as_free_as_their_items_may_be_moved() {
    assert_impl_all!(Queue<OnlySend>: Send, Sync, UnwindSafe, RefUnwindSafe);
    assert_impl_all!(LifoQueue<OnlySend>: Send, Sync, UnwindSafe, RefUnwindSafe);
    assert_impl_all!(PriorityQueue<String>: Send, Sync, UnwindSafe, RefUnwindSafe);
    assert_impl_all!(SimpleQueue<OnlySend>: Send, Sync, UnwindSafe, RefUnwindSafe);
    assert_impl_all!(Got<'static, OnlySend>: Send);
    assert_impl_all!(Got<'static, OnlySync>: Sync);
    assert_not_impl_any!(Queue<Neither>: Send, Sync);
    assert_not_impl_any!(Queue<OnlySync>: Send, Sync);
    assert_not_impl_any!(PriorityQueue<Neither>: Send, Sync);
    assert_not_impl_any!(SimpleQueue<Neither>: Send, Sync);
    assert_not_impl_any!(Got<'static, Neither>: Send, Sync);
    assert_impl_all!(PutError<OnlySend>: Error, Send);
    assert_impl_all!(GetError: Error, Send, Sync);
    assert_impl_all!(TaskDoneError: Error, Send, Sync);
}

#[test]
fn handles_are_small() {
    const POINTER: usize = size_of::<usize>();
    const_assert_eq!(size_of::<Future<[u8; 100]>>(), POINTER);
    const_assert_eq!(size_of::<Option<Future<[u8; 100]>>>(), POINTER);
    const_assert!(size_of::<SharedFuture<[u8; 100]>>() <= 2 * POINTER);
    const_assert_eq!(size_of::<Task>(), POINTER);
    const_assert!(size_of::<Option<Task>>() <= 2 * POINTER);
    const_assert!(size_of::<Promise<[u8; 100]>>() <= 2 * POINTER);
    const_assert_eq!(size_of::<ThreadPoolExecutor<[u8; 100]>>(), POINTER);
    const_assert!(size_of::<TaskError>() <= 3 * POINTER);
    const_assert!(size_of::<Result<(), TaskError>>() <= 3 * POINTER);
    const_assert_eq!(size_of::<FutureId>(), 8);
}

#[test]
fn threads_are_as_free_as_their_results_may_be_moved() {
    assert_impl_all!(ThreadRef: Send, Sync, Clone, Hash, Eq);
    assert_impl_all!(ThreadHandle<OnlySend>: Send, Sync, UnwindSafe, RefUnwindSafe);
    assert_impl_all!(TimerHandle<OnlySend>: Send, Sync);
    assert_not_impl_any!(ThreadHandle<Neither>: Send, Sync);
    assert_impl_all!(Thread<fn()>: Send, Sync);
}

#[test]
fn locks_go_by_what_they_guard() {
    assert_impl_all!(Event: Send, Sync, UnwindSafe, RefUnwindSafe);
    assert_impl_all!(Semaphore: Send, Sync);
    assert_impl_all!(BoundedSemaphore: Send, Sync);
    assert_impl_all!(Permit<'static>: Send, Sync);
    assert_impl_all!(Barrier: Send, Sync);
    assert_impl_all!(Condition: Send, Sync);
    // They lend to one thread at a time, so what they guard only has to bear being moved.
    assert_impl_all!(Lock<OnlySend>: Send, Sync);
    assert_impl_all!(RLock<OnlySend>: Send, Sync);
    assert_not_impl_any!(Lock<Neither>: Send, Sync);
    assert_not_impl_any!(Lock<OnlySync>: Send, Sync);
    assert_not_impl_any!(RLock<Neither>: Send, Sync);
    // A guard may be kept over an await, and released elsewhere; one of an RLock stays with its thread.
    assert_impl_all!(LockGuard<'static, u8>: Send, Sync);
    assert_impl_all!(LockGuard<'static, OnlySend>: Send);
    assert_not_impl_any!(LockGuard<'static, OnlySend>: Sync);
    assert_impl_all!(RLockGuard<'static, u8>: Sync);
    assert_not_impl_any!(RLockGuard<'static, u8>: Send);
    assert_not_impl_any!(RLockGuard<'static, OnlySend>: Send, Sync);
    // Its values do not leave their threads.
    assert_impl_all!(Local<Neither>: Send, Sync);
}

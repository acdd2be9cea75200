//! A value for each thread, as an object.
//!
//! The values live with their threads, so they need no lock and need not be `Send`. A thread finds them by the address
//! of the object that they belong to; that address cannot be given to another object while an entry holds it weakly.

use crate::sync::drop_contained;
use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Weak};

/// Python's `local`: each thread that looks has a value of its own, made when it first looks and dropped with the
/// thread.
///
/// What std's `thread_local!` is for a static, this is for an object. After the object itself is gone, a thread drops
/// its value for it when its values for other objects have doubled, or when it ends. A panic in the drop of a value ends
/// there.
///
/// # Examples
/// ```
/// use concurrent_futures::threading::{Local, Thread};
/// use std::cell::Cell;
/// use std::sync::Arc;
///
/// let visits = Arc::new(Local::new(|| Cell::new(0)));
/// visits.with(|visits| visits.set(5));
/// let same = Arc::clone(&visits);
/// let other = Thread::new(move || same.with(|visits| visits.get())).start()?;
/// assert_eq!(other.join(None)?, 0);
/// assert_eq!(visits.with(Cell::get), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Local<T: 'static> {
    make: Arc<dyn Fn() -> T + Send + Sync>,
}

/// Whether the object that a value belongs to is gone.
type Gone = Box<dyn Fn() -> bool>;

struct Entry {
    /// A `Contained<T>`.
    value: Rc<dyn Any>,
    gone: Gone,
}

/// Whose drop never panics: several of them are dropped one after another, also at the end of a thread, where a panic
/// would end the process.
struct Contained<T>(Option<T>);

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        drop_contained(self.0.take());
    }
}

std::thread_local! {
    static VALUES: RefCell<HashMap<usize, Entry>> = RefCell::new(HashMap::new());
}

impl<T: 'static> Local<T> {
    /// `make` makes a thread's value, on that thread.
    pub fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Local { make: Arc::new(make) }
    }

    /// Lends the calling thread's value to `f`.
    ///
    /// # Panics
    /// If the making of the value or `f` does, or if the thread is so near its end that its thread-locals are gone, as
    /// std's `with`.
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        // Nothing is borrowed while foreign code runs: it may come here again.
        let known = VALUES.with(|values| values.borrow().get(&self.key()).map(|entry| Rc::clone(&entry.value)));
        let value = known.unwrap_or_else(|| self.insert());
        match value.downcast_ref() {
            Some(Contained(Some(value))) => f(value),
            _ => unreachable!("the key is this object's, all of its values are of this type, and there until the drop"),
        }
    }

    fn key(&self) -> usize {
        Arc::as_ptr(&self.make).cast::<()>().addr()
    }

    fn insert(&self) -> Rc<dyn Any> {
        let made: Rc<dyn Any> = Rc::new(Contained(Some((self.make)())));
        let weak: Weak<dyn Fn() -> T + Send + Sync> = Arc::downgrade(&self.make);
        let gone: Gone = Box::new(move || weak.strong_count() == 0);
        let (value, dead) = VALUES.with(|values| {
            let mut values = values.borrow_mut();
            // One that `make` itself has put there by looking stays.
            let value = Rc::clone(&values.entry(self.key()).or_insert(Entry { value: Rc::clone(&made), gone }).value);
            // Each time that they have doubled, so that looking for them costs next to nothing.
            let look = values.len().is_power_of_two();
            let dead = values.iter().filter(|(_, entry)| look && (entry.gone)());
            let dead: Vec<usize> = dead.map(|(key, _)| *key).collect();
            (value, dead.iter().filter_map(|key| values.remove(key)).collect::<Vec<_>>())
        });
        drop((dead, made));
        value
    }
}

impl<T: Default + 'static> Default for Local<T> {
    fn default() -> Self {
        Local::new(T::default)
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for Local<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

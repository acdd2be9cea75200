//! The methods that every way of holding an executor has: one list, written out for each.

/// `submit`, `submit_with`, `try_submit`, for jobs of the kind given.
macro_rules! verbs {
    ($([$($vis:tt)*])? $kind:ident, $submit:ident, $submit_with:ident, $try_submit:ident) => {
        /// Submits a job; its future will have the result.
        ///
        /// Waits for room if the executor's queue is bounded. Where the executor does not take the job, the future has
        /// the reason already ([`TaskError::Rejected`](crate::TaskError::Rejected),
        /// [`TaskError::Broken`](crate::TaskError::Broken)).
        $($($vis)*)? fn $submit<J: crate::wire::$kind>(&self, job: J) -> crate::task::Future<J::Output> {
            let task = $crate::executor::verbs::make!($kind)(job, None);
            crate::executor::engine::submit(&crate::executor::engine::By(self), task)
        }

        /// The same, with options for this one task.
        $($($vis)*)? fn $submit_with<J: crate::wire::$kind>(
            &self,
            options: crate::executor::SubmitOptions,
            job: J,
        ) -> crate::task::Future<J::Output> {
            let task = $crate::executor::verbs::make!($kind)(job, Some(options.extras()));
            crate::executor::engine::submit_with(&crate::executor::engine::By(self), &options, task)
        }

        /// The same, without waiting for room.
        ///
        /// # Errors
        /// The job comes back, with the reason, if the executor is shut down or its queue is full.
        $($($vis)*)? fn $try_submit<J: crate::wire::$kind>(
            &self,
            job: J,
        ) -> Result<crate::task::Future<J::Output>, crate::error::Rejected<J>> {
            crate::executor::engine::try_submit::<J, _>(self, $crate::executor::verbs::make!($kind)(job, None))
        }
    };
}

/// What makes the task for a job of the kind given.
macro_rules! make {
    (PortableJob) => {
        crate::executor::engine::make_portable
    };
    (Job) => {
        crate::executor::engine::make
    };
}

/// `map`, and for portable functions `map_with`.
macro_rules! maps {
    (closure $([$($vis:tt)*])? $lifetime:lifetime $map:ident, $engine:path) => {
        /// Maps a function over inputs, on this executor: see [`Map`](crate::Map).
        $($($vis)*)? fn $map<F, I, R>(&self, f: F, items: I) -> crate::executor::Map<$lifetime, I::IntoIter, R>
        where
            I: IntoIterator<Item: Send + 'static>,
            F: Fn(I::Item) -> R + Send + Sync + 'static,
            R: Send + 'static,
        {
            crate::executor::Map::with_closure($engine(self), f, items.into_iter())
        }
    };
    (portable $([$($vis:tt)*])? $lifetime:lifetime, $engine:path) => {
        /// Maps a function without captures over inputs, on this executor: see [`Map`](crate::Map).
        ///
        /// A function's name, or a closure that captures nothing; the compiler refuses others. Items and results need
        /// serde's traits. An item whose worker dies, that panics, or that cannot be carried is an error by itself.
        $($($vis)*)? fn map<I, R>(
            &self,
            f: fn(I::Item) -> R,
            items: I,
        ) -> crate::executor::Map<$lifetime, I::IntoIter, R>
        where
            I: IntoIterator<Item: crate::wire::Portable>,
            R: crate::wire::Portable,
        {
            crate::executor::Map::with_function($engine(self), f, items.into_iter())
        }

        /// The same with what a closure would capture: `map_with(k, |k, x| x * k, items)`. It travels once for each chunk
        /// of items.
        $($($vis)*)? fn map_with<C, I, R>(
            &self,
            shared: C,
            f: fn(&C, I::Item) -> R,
            items: I,
        ) -> crate::executor::Map<$lifetime, I::IntoIter, R>
        where
            C: crate::wire::Portable + Sync,
            I: IntoIterator<Item: crate::wire::Portable>,
            R: crate::wire::Portable,
        {
            crate::executor::Map::with_shared($engine(self), shared, f, items.into_iter())
        }
    };
}

/// `scope` and `scope_with`.
macro_rules! scopes {
    ($([$($vis:tt)*])?) => {
        /// Runs `f` with a [`Scope`](crate::Scope), whose tasks may borrow from the stack: see there.
        ///
        /// # Panics
        /// If `f` does, or if a scoped task did and nobody took its outcome; in both cases after all tasks have ended.
        $($($vis)*)? fn scope<'env, R>(
            &'env self,
            f: impl for<'scope> FnOnce(&'scope crate::executor::Scope<'scope, 'env>) -> R,
        ) -> R {
            crate::executor::scope::run(&crate::executor::engine::By(self), f)
        }

        /// The same with a policy or a time limit; a panic of a task is an error here.
        ///
        /// # Errors
        /// [`TaskError::Panicked`](crate::TaskError::Panicked) if a scoped task panicked and nobody took its outcome.
        ///
        /// # Panics
        /// If `f` does, after all tasks have ended.
        $($($vis)*)? fn scope_with<'env, R>(
            &'env self,
            options: crate::executor::ScopeOptions,
            f: impl for<'scope> FnOnce(&'scope crate::executor::Scope<'scope, 'env>) -> R,
        ) -> Result<R, crate::error::TaskError> {
            crate::executor::scope::run_with(&crate::executor::engine::By(self), options, f)
        }
    };
}

/// `guard`.
macro_rules! guards {
    ($([$($vis:tt)*])?) => {
        /// Shuts this executor down when the guard is dropped.
        $($($vis)*)? fn guard(&self) -> crate::executor::Guard<'_, Self> {
            crate::executor::Guard::new(self)
        }
    };
}

pub(super) use {guards, make, maps, scopes, verbs};

//! Floor 4: what people hold: the executors, their traits, map, shutdown, guards and scopes.

mod engine;
mod ext;
mod guard;
mod inline;
mod manual;
mod map;
mod options;
#[cfg(all(feature = "processes", target_os = "linux", not(concurrent_futures_loom)))]
mod process_pool;
mod scope;
mod shutdown;
mod spawn;
mod thread_pool;
mod thread_pool_builder;
mod traits;
mod verbs;

pub use ext::{ExecutorExt, InProcessExt};
pub use guard::Guard;
pub use inline::InlineExecutor;
pub use manual::ManualExecutor;
#[cfg(all(feature = "conformance", feature = "processes", target_os = "linux", not(concurrent_futures_loom)))]
pub(crate) use map::fuzz;
pub use map::{Map, MapIter, MapStream, Progress};
pub use options::SubmitOptions;
#[cfg(all(feature = "processes", target_os = "linux", not(concurrent_futures_loom)))]
pub use process_pool::{ProcessPoolBuilder, ProcessPoolExecutor, WorkerStdio};
pub use scope::{Scope, ScopeOptions, ScopePolicy};
pub use shutdown::{Shutdown, ShutdownReport};
pub use thread_pool::ThreadPoolExecutor;
pub use thread_pool_builder::ThreadPoolBuilder;
pub use traits::{Executor, InProcessExecutor};

#[cfg(all(test, concurrent_futures_loom))]
pub(crate) use scope::on_pool;

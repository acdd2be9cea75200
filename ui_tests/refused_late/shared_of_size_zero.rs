//! What has no size has nothing to share. This shows when the code is generated, not before.
use concurrent_futures::shared_memory::SharedSlice;

fn main() {
    let _ = SharedSlice::copy_from(&[(); 3]); //~ a type of size zero has nothing that processes could share
}

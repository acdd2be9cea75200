//! Turns the loom build on, for this package alone.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cfg=concurrent_futures_loom");
}

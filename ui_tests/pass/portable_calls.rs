//! Every way to name a function, and every kind of argument, that `call!` takes.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::*;
use std::error::Error;
use std::path::PathBuf;

fn add(a: i32, b: i32) -> i32 {
    a + b
}

fn add_mixed(a: u64, b: u8) -> u64 {
    a + u64::from(b)
}

fn same<T>(value: T) -> T {
    value
}

fn read(path: String) -> Result<usize, PortableError> {
    Ok(path.len())
}

#[rustfmt::skip]
fn twelve(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> u8 {
    a + b + c + d + e + f + g + h + i + j + k + l
}

mod outer {
    pub mod inner {
        pub fn negative(n: i32) -> i32 {
            -n
        }
    }

    pub struct Maker;

    impl Maker {
        pub fn make(n: i32) -> i32 {
            n
        }

        pub fn pass<T>(value: T) -> T {
            value
        }
    }
}

#[derive(serde::Serialize, serde::Deserialize, Clone)]
struct Page {
    text: String,
}

impl Page {
    fn into_length(self) -> usize {
        self.text.len()
    }

    fn parse(text: String) -> Result<Page, PortableError> {
        Ok(Page { text })
    }

    fn parsed_elsewhere(executor: &dyn Executor) -> Future<Result<Page, PortableError>> {
        executor.submit(call!(Self::parse("x".to_string())))
    }
}

trait Go {
    fn go(n: i32) -> i32;
}

impl Go for Page {
    fn go(n: i32) -> i32 {
        n
    }
}

trait Decode {
    fn decode(bytes: Vec<u8>) -> String;
}

impl Decode for String {
    fn decode(bytes: Vec<u8>) -> String {
        bytes.len().to_string()
    }
}

fn functions(executor: &dyn Executor) -> Result<(), Box<dyn Error>> {
    assert_eq!(executor.submit(call!(add(1, 2,))).result(None)?, 3);
    assert_eq!(executor.submit(call!(add_mixed(1, 2))).result(None)?, 3);
    assert_eq!(executor.submit(call!(crate::outer::inner::negative(1))).result(None)?, -1);
    assert_eq!(executor.submit(call!(same::<u32>(1))).result(None)?, 1);
    assert_eq!(executor.submit(call!(same(1u8))).result(None)?, 1);
    let inferred: u8 = executor.submit(call!(same(1))).result(None)?;
    assert_eq!(inferred, 1);
    assert_eq!(executor.submit(call!(<Page as Go>::go(3))).result(None)?, 3);
    assert_eq!(executor.submit(call!(outer::Maker::make(3))).result(None)?, 3);
    assert!(executor.submit(call!(outer::Maker::pass::<Vec<u8>>(vec![]))).result(None)?.is_empty());
    assert_eq!(executor.submit(call!(::core::convert::identity(3))).result(None)?, 3);
    assert_eq!(executor.submit(call!(Page::into_length(Page { text: String::new() }))).result(None)?, 0);
    assert_eq!(executor.submit(call!((|n: i32| n + 1)(4))).result(None)?, 5);
    assert_eq!(executor.submit(call!(String::decode(vec![]))).result(None)?, "0");
    assert_eq!(executor.submit(call!(twelve(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1))).result(None)?, 12);
    assert_eq!(Page::parsed_elsewhere(executor).result(None)?.map_err(|_| "no page")?.text, "x");
    Ok(())
}

fn arguments(executor: &dyn Executor) -> Result<(), Box<dyn Error>> {
    assert_eq!(executor.submit(call!(read("a".into()))).result(None)??, 1);
    assert_eq!(executor.submit(call!(read(format!("a")))).result(None)??, 1);
    let block = call!(read({
        let number = 3;
        number.to_string()
    }));
    assert_eq!(executor.submit(block).result(None)??, 1);
    let some = Some(3).ok_or("none");
    assert_eq!(executor.submit(call!(add(some?, 2))).result(None)?, 5);
    assert_eq!(executor.submit(call!(PathBuf::from("x".to_string()))).result(None)?, PathBuf::from("x"));
    Ok(())
}

fn one_question_mark(executor: &dyn Executor) -> Result<usize, Box<dyn Error>> {
    Ok(executor.submit(call!(read("a".into()))).result(None)??)
}

fn main() -> Result<(), Box<dyn Error>> {
    let executor = InlineExecutor::new();
    functions(&executor)?;
    arguments(&executor)?;
    assert_eq!(one_question_mark(&executor)?, 1);
    Ok(())
}

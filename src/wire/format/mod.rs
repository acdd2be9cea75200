//! The format of values on their way, as serde writes and reads them.
//!
//! Both sides are the same program, so the bytes say nothing of types: whoever reads knows what was written. A number
//! takes its own width, little-endian; a length, and the index of an enum's variant, one byte where that is enough
//! ([`SHORT`]). Structs and tuples are their fields in order; an option is a mark, then the value; a sequence or a map
//! is a length, then what is in it.
//!
//! Why a format of our own: an error of somebody's `Serialize` or `Deserialize` has to come to who reads it in that
//! person's words, from whatever depth, and the small formats there are throw these away.

mod reader;
mod refused;
mod room;
mod writer;

pub(super) use reader::Reader;
pub(super) use writer::Writer;

/// A length below this is one byte. Others are this byte, and eight behind it; as is one that was not known before what
/// it counts was written.
const SHORT: u8 = u8::MAX;

/// How many values may be inside of each other: a level is a sequence, a map, a tuple, a struct, an enum's variant with
/// something in it, a newtype, or an option that has a value. Without a limit, a list that is linked by boxes ends the
/// process where the stack ends; this many fit into two mebibytes of it, unoptimised.
const LEVELS: u32 = 500;

#[cfg(all(test, not(concurrent_futures_loom)))]
mod tests {
    use super::LEVELS;
    use crate::wire::{decode, encode};
    use serde::de::{self, DeserializeOwned};
    use serde::ser::{self, SerializeMap as _, SerializeSeq as _};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::{BTreeMap, HashMap};
    use std::ffi::CString;
    use std::fmt::Debug;

    fn written<T: Serialize>(value: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        assert!(encode(value, &mut bytes).is_ok());
        bytes
    }

    #[track_caller]
    fn travels<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
        let bytes = written(&value);
        assert_eq!(decode::<T>(&bytes).ok().as_ref(), Some(&value));
        // Whatever is missing at the end, something is.
        for end in (0..bytes.len()).rev().take(if cfg!(miri) { 10 } else { 1000 }) {
            assert!(decode::<T>(&bytes[..end]).is_err(), "{value:?} is read from {end} of {} bytes", bytes.len());
        }
    }

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Clone, Serialize, Deserialize)]
    enum Shape {
        Nothing,
        One(u32),
        Two(u8, String),
        Named { width: u16, label: Option<char> },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Everything {
        flag: bool,
        signed: (i8, i16, i32, i64, i128, isize),
        unsigned: (u8, u16, u32, u64, u128, usize),
        floats: (f32, f64),
        text: String,
        letter: char,
        unit: (),
        marker: Marker,
        wrapped: Wrapped,
        pair: Pair,
        shapes: Vec<Shape>,
        map: BTreeMap<Shape, Vec<Option<u64>>>,
        nested: Option<Option<Box<Everything>>>,
        array: [u32; 3],
        outcome: Result<u8, String>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Marker;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(f64);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Pair(i32, String);

    fn everything(nested: Option<Option<Box<Everything>>>) -> Everything {
        let shapes = vec![
            Shape::Nothing,
            Shape::One(7),
            Shape::Two(8, "two".to_owned()),
            Shape::Named { width: 9, label: Some('n') },
        ];
        Everything {
            flag: true,
            signed: (i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN, isize::MIN),
            unsigned: (u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX, usize::MAX),
            floats: (f32::MIN_POSITIVE, f64::INFINITY),
            text: "ein Täßchen 茶".to_owned(),
            letter: '🦀',
            unit: (),
            marker: Marker,
            wrapped: Wrapped(-0.0),
            pair: Pair(-1, String::new()),
            map: shapes.iter().cloned().zip([vec![], vec![None], vec![Some(1), None], vec![Some(2)]]).collect(),
            shapes,
            nested,
            array: [1, 2, 3],
            outcome: Err("no".to_owned()),
        }
    }

    #[test]
    fn every_shape_of_serdes_travels() {
        travels(everything(None));
        travels(everything(Some(None)));
        travels(everything(Some(Some(Box::new(everything(None))))));
        let many = if cfg!(miri) { 20 } else { 1000 };
        travels((0..many).map(|n| (n, n.to_string())).collect::<HashMap<u16, String>>());
        travels([(); 5]);
        travels(vec![(); 300]);
        travels(std::time::Duration::from_nanos(3_000_000_007));
        travels(std::ffi::OsString::from("os"));
    }

    /// A short length is one byte, and the first that is not is nine.
    #[test]
    fn lengths_on_both_sides_of_what_is_short() {
        for length in [0, 1, 253, 254, 255, 256, 257, 70_000] {
            travels("x".repeat(length).chars().map(|x| x as u8).collect::<Vec<u8>>());
            let text = "x".repeat(length);
            assert_eq!(written(&text).len(), length + if length < 255 { 1 } else { 9 });
            travels(text);
        }
    }

    /// What is long is copied in another way.
    #[test]
    fn long_texts_and_bytes_travel() {
        let long = "Täßchen ".repeat(if cfg!(miri) { 1_000 } else { 500_000 });
        let (text, bytes) = (long[1..].to_owned(), CString::new(&long[3..]).unwrap());
        // Also behind others.
        let value = (7_u8, text.clone(), bytes, text);
        let there_and_back = decode::<(u8, String, CString, String)>(&written(&value)).unwrap();
        assert!(there_and_back == value);
    }

    /// Who writes a sequence or a map does not always know how long it will be.
    #[test]
    fn what_was_not_counted_before_travels() {
        struct Even(u64);

        impl Serialize for Even {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut seq = serializer.serialize_seq(None)?;
                (0..self.0).filter(|n| n % 2 == 0).try_for_each(|n| seq.serialize_element(&n))?;
                seq.end()
            }
        }

        struct Squares(u64);

        impl Serialize for Squares {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                (0..self.0).try_for_each(|n| map.serialize_entry(&n, &Even(n)))?;
                map.end()
            }
        }

        for n in [0, 1, 5, 600] {
            let even: Vec<u64> = (0..n).filter(|n| n % 2 == 0).collect();
            assert_eq!(decode::<Vec<u64>>(&written(&Even(n))).unwrap(), even);
        }
        let squares: BTreeMap<u64, Vec<u64>> = decode(&written(&Squares(6))).unwrap();
        assert_eq!(squares.len(), 6);
        assert_eq!(squares[&5], [0, 2, 4]);
    }

    #[derive(Debug)]
    struct Stubborn;

    impl Serialize for Stubborn {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(ser::Error::custom("door 7 is locked"))
        }
    }

    impl<'de> Deserialize<'de> for Stubborn {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(de::Error::custom("door 8 is locked"))
        }
    }

    /// At whatever depth it fails: in a sequence, a map, an option, a variant, a struct.
    #[test]
    fn what_a_value_says_of_itself_is_what_is_read() {
        #[derive(Debug, Serialize, Deserialize)]
        enum Deep<T> {
            Of { inner: Vec<Option<(u8, BTreeMap<u8, T>)>> },
        }

        let deep = Deep::Of { inner: vec![None, Some((1, BTreeMap::from([(2, Stubborn)])))] };
        let mut bytes = vec![9];
        let error = encode(&deep, &mut bytes).unwrap_err().to_string();
        assert!(error.contains("Deep") && error.ends_with("cannot be encoded: door 7 is locked"), "{error}");
        assert_eq!(bytes, [9]);
        let fine = written(&Deep::Of { inner: vec![Some((1, BTreeMap::from([(2, ())])))] });
        let error = decode::<Deep<Stubborn>>(&fine).unwrap_err().to_string();
        assert!(error.contains("Deep") && error.ends_with("cannot be decoded: door 8 is locked"), "{error}");
        // What derived code and serde's own say is words, too.
        let error = decode::<Shape>(&[4]).unwrap_err().to_string();
        assert!(error.contains("variant index 0 <= i < 4"), "{error}");
        let error = decode::<std::num::NonZeroU8>(&[0]).unwrap_err().to_string();
        assert!(error.contains("nonzero"), "{error}");
    }

    #[test]
    fn what_the_bytes_cannot_tell_is_an_error_that_says_so() {
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(untagged)]
        enum Untagged {
            Number(u8),
        }

        #[derive(Debug, Serialize, Deserialize)]
        struct Optional {
            #[serde(skip_serializing_if = "Option::is_none")]
            name: Option<u8>,
            age: u8,
        }

        let error = decode::<Untagged>(&written(&Untagged::Number(1))).unwrap_err().to_string();
        assert!(error.contains("`untagged`") && error.contains("send it as text"), "{error}");
        let error = decode::<de::IgnoredAny>(&[1]).unwrap_err().to_string();
        assert!(error.contains("found out by a look at the data"), "{error}");
        // Read by position, `age` would be taken for `name`.
        let error = encode(&Optional { name: None, age: 1 }, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("`name`") && error.contains("skip_serializing_if"), "{error}");
        let there = decode::<Optional>(&written(&Optional { name: Some(3), age: 1 })).unwrap();
        assert_eq!((there.name, there.age), (Some(3), 1));
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Link {
        next: Option<Box<Link>>,
    }

    /// So many, each of which takes two levels but for the last, which takes one.
    fn chain(links: usize) -> Link {
        (1..links).fold(Link { next: None }, |link, _| Link { next: Some(Box::new(link)) })
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Tower {
        Ground,
        On(Box<Tower>),
        Beside { tower: (Box<Tower>, u8) },
    }

    /// On a thread with the stack that std gives one, whatever the program has.
    #[test]
    #[expect(clippy::disallowed_types, reason = "it is looked at whether the thread panics")]
    fn values_inside_of_each_other_have_a_limit_before_the_stack_has_one() {
        let deep = || {
            let fits = written(&chain(LEVELS as usize / 2));
            assert!(decode::<Link>(&fits).is_ok());
            let error = encode(&chain(LEVELS as usize / 2 + 1), &mut Vec::new()).unwrap_err().to_string();
            assert!(error.contains("more than 500 values") && error.contains("send it flat"), "{error}");
            // What nobody could have written.
            let error = decode::<Link>(&[1; 100_000]).unwrap_err().to_string();
            assert!(error.contains("more than 500 values"), "{error}");
            let high = (0..LEVELS).fold(Tower::Ground, |tower, _| Tower::On(Box::new(tower)));
            travels_at_depth(high);
            let wide =
                (0..LEVELS / 2).fold(Tower::Ground, |tower, n| Tower::Beside { tower: (Box::new(tower), n as u8) });
            travels_at_depth(wide);
            // A level is over with its value.
            travels(vec![vec![Some(Wrapped(1.0)); 3]; 2 * LEVELS as usize]);
        };
        let ended = std::thread::Builder::new().stack_size(2 << 20).spawn(deep).map(|thread| thread.join().is_ok());
        assert!(ended.unwrap());
    }

    #[track_caller]
    fn travels_at_depth(tower: Tower) {
        let bytes = written(&tower);
        assert_eq!(decode::<Tower>(&bytes).ok().as_ref(), Some(&tower));
        let higher = Tower::On(Box::new(tower));
        assert!(encode(&higher, &mut Vec::new()).is_err());
    }

    #[test]
    fn damaged_bytes_say_what_is_wrong_with_them() {
        #[track_caller]
        fn says<T: DeserializeOwned + Debug>(bytes: &[u8], expected: &str) {
            let error = decode::<T>(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        says::<bool>(&[7], "7 is no bool");
        says::<char>(&[0, 0xd8, 0, 0], "0xd800 is no char");
        says::<Option<u8>>(&[2, 2], "2 does not say whether there is a value");
        says::<String>(&[2, 0xff, 0xff], "a text in it is damaged");
        says::<String>(&[5, b'a'], "5 more are needed, 1 are left");
        says::<u64>(&[1, 2, 3], "8 more are needed, 3 are left");
        says::<Shape>(&[255, 0, 0, 0, 0, 1, 0, 0, 0], "no variant with the number 4294967296");
        // Lengths that no memory could hold, and nothing behind them.
        let huge = [255, 255, 255, 255, 255, 255, 255, 255, 255];
        says::<String>(&huge, "18446744073709551615 more are needed, 0 are left");
        says::<Vec<u64>>(&huge, "8 more are needed, 0 are left");
    }
}

//! Values to bytes.

use super::refused::{Refused, Why};
use super::{LEVELS, SHORT, room};
use serde::{Serialize, ser};

/// Writes to the end of a buffer, which may have something in it already.
pub(in crate::wire) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// How many more there may be.
    levels: u32,
}

impl<'o> Writer<'o> {
    pub(in crate::wire) fn new(out: &'o mut Vec<u8>) -> Self {
        Writer { out, levels: LEVELS }
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn length(&mut self, length: u64) {
        match u8::try_from(length) {
            Ok(short) if short < SHORT => self.out.push(short),
            _ => self.long(length),
        }
    }

    fn long(&mut self, length: u64) {
        self.out.push(SHORT);
        self.out.extend_from_slice(&length.to_le_bytes());
    }

    /// What follows is inside of another value, until [`leave`](Self::leave).
    #[inline]
    fn enter(&mut self) -> Result<&mut Self, Refused> {
        self.levels = self.levels.checked_sub(1).ok_or(Why::TooDeep)?;
        Ok(self)
    }

    #[inline]
    fn leave(&mut self) {
        self.levels += 1;
    }

    /// A value that is all that is inside of another one.
    #[inline]
    fn inside<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        value.serialize(&mut *self.enter()?)?;
        self.leave();
        Ok(())
    }

    #[inline]
    fn several<'w>(&'w mut self, length: Option<usize>) -> Result<Several<'w, 'o>, Refused> {
        self.enter()?;
        let uncounted = match length {
            Some(length) => {
                self.length(length as u64);
                None
            }
            None => {
                self.long(0);
                Some(Uncounted { at: self.out.len() - size_of::<u64>(), count: 0 })
            }
        };
        Ok(Several { writer: self, uncounted })
    }
}

/// What is in a sequence or a map.
pub(in crate::wire) struct Several<'w, 'o> {
    writer: &'w mut Writer<'o>,
    /// If nobody knew before how many there will be.
    uncounted: Option<Uncounted>,
}

struct Uncounted {
    /// Where their count is to be.
    at: usize,
    count: u64,
}

impl Several<'_, '_> {
    #[inline]
    fn one<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        if let Some(uncounted) = &mut self.uncounted {
            uncounted.count += 1;
        }
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn close(self) -> Result<(), Refused> {
        if let Some(Uncounted { at, count }) = self.uncounted {
            self.writer.out[at..at + size_of::<u64>()].copy_from_slice(&count.to_le_bytes());
        }
        self.writer.leave();
        Ok(())
    }
}

macro_rules! numbers {
    ($($method:ident: $number:ty),*) => {
        $(
            #[inline]
            fn $method(self, value: $number) -> Result<(), Refused> {
                self.bytes(&value.to_le_bytes())
            }
        )*
    };
}

impl<'w, 'o> ser::Serializer for &'w mut Writer<'o> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Several<'w, 'o>;
    type SerializeMap = Several<'w, 'o>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    numbers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_f32: f32, serialize_f64: f64
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), Refused> {
        self.bytes(&[u8::from(value)])
    }

    fn serialize_char(self, value: char) -> Result<(), Refused> {
        self.serialize_u32(u32::from(value))
    }

    fn serialize_str(self, text: &str) -> Result<(), Refused> {
        self.serialize_bytes(text.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Refused> {
        self.length(bytes.len() as u64);
        room::reserve(self.out, bytes.len());
        self.bytes(bytes)
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.bytes(&[0])
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        self.bytes(&[1])?;
        self.inside(value)
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_unit_variant(self, _name: &'static str, index: u32, _variant: &'static str) -> Result<(), Refused> {
        self.length(u64::from(index));
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), Refused> {
        self.inside(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.length(u64::from(index));
        self.inside(value)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Several<'w, 'o>, Refused> {
        self.several(length)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Several<'w, 'o>, Refused> {
        self.several(length)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self, Refused> {
        self.enter()
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Self, Refused> {
        self.enter()
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self, Refused> {
        self.length(u64::from(index));
        self.enter()
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Self, Refused> {
        self.enter()
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self, Refused> {
        self.length(u64::from(index));
        self.enter()
    }
}

impl ser::SerializeSeq for Several<'_, '_> {
    type Ok = ();
    type Error = Refused;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.one(value)
    }

    #[inline]
    fn end(self) -> Result<(), Refused> {
        self.close()
    }
}

impl ser::SerializeMap for Several<'_, '_> {
    type Ok = ();
    type Error = Refused;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        self.one(key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        value.serialize(&mut *self.writer)
    }

    #[inline]
    fn end(self) -> Result<(), Refused> {
        self.close()
    }
}

/// What is one value after the other, with nothing between.
macro_rules! one_after_the_other {
    ($($shape:ident :: $method:ident),*) => {
        $(
            impl ser::$shape for &mut Writer<'_> {
                type Ok = ();
                type Error = Refused;

                #[inline]
                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                    value.serialize(&mut **self)
                }

                #[inline]
                fn end(self) -> Result<(), Refused> {
                    self.leave();
                    Ok(())
                }
            }
        )*
    };
}

one_after_the_other! {
    SerializeTuple::serialize_element, SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field
}

/// The same with names, which are not written; so none can be left out.
macro_rules! fields {
    ($($shape:ident),*) => {
        $(
            impl ser::$shape for &mut Writer<'_> {
                type Ok = ();
                type Error = Refused;

                #[inline]
                fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), Refused> {
                    value.serialize(&mut **self)
                }

                fn skip_field(&mut self, name: &'static str) -> Result<(), Refused> {
                    Err(Why::FieldLeftOut(name).into())
                }

                #[inline]
                fn end(self) -> Result<(), Refused> {
                    self.leave();
                    Ok(())
                }
            }
        )*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

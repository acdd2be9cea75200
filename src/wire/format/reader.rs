//! Bytes to values. Nothing in them is believed: a length is compared with what is there before anything is made of it.

use super::refused::{Refused, Why};
use super::{LEVELS, SHORT, room};
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// Reads from the front of some bytes.
pub(in crate::wire) struct Reader<'de> {
    rest: &'de [u8],
    /// How many more there may be.
    levels: u32,
}

impl<'de> Reader<'de> {
    pub(in crate::wire) fn new(bytes: &'de [u8]) -> Self {
        Reader { rest: bytes, levels: LEVELS }
    }

    /// How many bytes nobody has read.
    pub(in crate::wire) fn left(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        match self.rest.split_first_chunk() {
            Some((array, rest)) => {
                self.rest = rest;
                Ok(*array)
            }
            None => Err(self.ends_early(N as u64)),
        }
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Refused> {
        self.array().map(|[byte]| byte)
    }

    #[inline]
    fn length(&mut self) -> Result<u64, Refused> {
        match self.byte()? {
            SHORT => self.array().map(u64::from_le_bytes),
            short => Ok(u64::from(short)),
        }
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'de [u8], Refused> {
        let length = self.length()?;
        match usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length)) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.ends_early(length)),
        }
    }

    fn text(&mut self) -> Result<&'de str, Refused> {
        std::str::from_utf8(self.bytes()?).map_err(|error| Why::NoText(error).into())
    }

    /// Reads what is inside of another value.
    #[inline]
    fn inside<R>(&mut self, read: impl FnOnce(&mut Self) -> Result<R, Refused>) -> Result<R, Refused> {
        self.levels = self.levels.checked_sub(1).ok_or(Why::TooDeep)?;
        let value = read(self)?;
        self.levels += 1;
        Ok(value)
    }

    #[cold]
    fn ends_early(&self, wanted: u64) -> Refused {
        Why::EndsEarly { wanted, left: self.left() }.into()
    }
}

macro_rules! numbers {
    ($($method:ident, $visit:ident: $number:ty);*) => {
        $(
            #[inline]
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
                let number = <$number>::from_le_bytes(self.array()?);
                visitor.$visit(number)
            }
        )*
    };
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Refused;

    numbers! {
        deserialize_i8, visit_i8: i8; deserialize_i16, visit_i16: i16; deserialize_i32, visit_i32: i32;
        deserialize_i64, visit_i64: i64; deserialize_i128, visit_i128: i128;
        deserialize_u8, visit_u8: u8; deserialize_u16, visit_u16: u16; deserialize_u32, visit_u32: u32;
        deserialize_u64, visit_u64: u64; deserialize_u128, visit_u128: u128;
        deserialize_f32, visit_f32: f32; deserialize_f64, visit_f64: f64
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Why::LooksBeforeItReads.into())
    }

    // Derived code asks for these where names are written, or where it looks before it reads.
    forward_to_deserialize_any! { identifier ignored_any }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            other => Err(Why::NoBool(other).into()),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let number = u32::from_le_bytes(self.array()?);
        visitor.visit_char(char::from_u32(number).ok_or(Why::NoChar(number))?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let text = self.text()?;
        // Nothing in it is a text, of any length.
        match room::of_large(text.len()).map(String::from_utf8) {
            Some(Ok(mut copy)) => {
                copy.push_str(text);
                visitor.visit_string(copy)
            }
            Some(Err(_)) | None => visitor.visit_borrowed_str(text),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let bytes = self.bytes()?;
        match room::of_large(bytes.len()) {
            Some(mut copy) => {
                copy.extend_from_slice(bytes);
                visitor.visit_byte_buf(copy)
            }
            None => visitor.visit_borrowed_bytes(bytes),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.byte()? {
            0 => visitor.visit_none(),
            1 => self.inside(|reader| visitor.visit_some(reader)),
            other => Err(Why::NoOption(other).into()),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refused> {
        self.inside(|reader| visitor.visit_newtype_struct(reader))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let left = self.length()?;
        self.inside(|reader| visitor.visit_seq(Several { reader, left }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Refused> {
        self.inside(|reader| visitor.visit_seq(Several { reader, left: length as u64 }))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let left = self.length()?;
        self.inside(|reader| visitor.visit_map(Several { reader, left }))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_enum(self)
    }
}

/// What is in a sequence, a tuple, a struct or a map.
struct Several<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: u64,
}

impl Several<'_, '_> {
    /// Whether there is another one.
    #[inline]
    fn next(&mut self) -> bool {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        more
    }

    /// Hardly anything takes less than a byte, so this much room may be made in advance, whatever the bytes say.
    #[inline]
    fn expected(&self) -> usize {
        usize::try_from(self.left).unwrap_or(usize::MAX).min(self.reader.left())
    }
}

impl<'de> de::SeqAccess<'de> for Several<'_, 'de> {
    type Error = Refused;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        if self.next() { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.expected())
    }
}

impl<'de> de::MapAccess<'de> for Several<'_, 'de> {
    type Error = Refused;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        if self.next() { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        seed.deserialize(&mut *self.reader)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.expected())
    }
}

impl<'de> de::EnumAccess<'de> for &mut Reader<'de> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Refused> {
        let index = self.length()?;
        let index = u32::try_from(index).map_err(|_| Why::NoVariant(index))?;
        let variant = seed.deserialize(IntoDeserializer::<Refused>::into_deserializer(index))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Reader<'de> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refused> {
        self.inside(|reader| seed.deserialize(reader))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Refused> {
        de::Deserializer::deserialize_tuple(self, length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Refused> {
        de::Deserializer::deserialize_tuple(self, fields.len(), visitor)
    }
}

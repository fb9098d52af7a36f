//! Fields of records, each of which may be missing or of another type than expected.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A field; nothing if it is missing, null, or of another type. So one odd field does not lose a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Maybe<T>(pub(super) Option<T>);

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Maybe<T> {
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl Maybe<Cow<'_, str>> {
    /// The text, if there is one that is not empty.
    pub(super) fn text(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

/// No id, path or name is longer. What is kept from one line for the next is bounded by it.
pub(super) const MAX_NAME_BYTES: usize = 4_096;

impl Maybe<Cow<'_, str>> {
    /// The text, if it can be an id, a path or a name.
    pub(super) fn name(&self) -> Option<&str> {
        self.text().filter(|text| text.len() <= MAX_NAME_BYTES)
    }
}

impl Maybe<bool> {
    pub(super) fn is_true(&self) -> bool {
        self.0 == Some(true)
    }
}

/// What a field is expected to be: which types it takes, and what it makes of them.
pub(super) trait Expected<'de>: Sized {
    fn text(_: Cow<'de, str>) -> Option<Self> {
        None
    }

    fn bool(_: bool) -> Option<Self> {
        None
    }

    fn integer(_: i64) -> Option<Self> {
        None
    }

    fn float(_: f64) -> Option<Self> {
        None
    }

    fn array<A: SeqAccess<'de>>(mut array: A) -> Result<Option<Self>, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl<'de: 'a, 'a> Expected<'de> for Cow<'a, str> {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        Some(text)
    }
}

impl Expected<'_> for bool {
    fn bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

/// A count. One below zero is none.
impl Expected<'_> for i64 {
    fn integer(value: i64) -> Option<Self> {
        (value >= 0).then_some(value)
    }

    fn float(value: f64) -> Option<Self> {
        // Greater integers have no exact float.
        const MOST: f64 = 9_007_199_254_740_992.0;
        #[allow(clippy::cast_possible_truncation)]
        ((0.0..=MOST).contains(&value) && value.fract() == 0.0).then_some(value as Self)
    }
}

/// An amount. One below zero is none.
impl Expected<'_> for f64 {
    fn integer(value: i64) -> Option<Self> {
        #[allow(clippy::cast_precision_loss)]
        (value >= 0).then_some(value as Self)
    }

    fn float(value: f64) -> Option<Self> {
        (value >= 0.0 && value.is_finite()).then_some(value)
    }
}

/// An array.
impl<'de, T: Deserialize<'de>> Expected<'de> for Vec<T> {
    fn array<A: SeqAccess<'de>>(array: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(SeqAccessDeserializer::new(array)).map(Some)
    }
}

/// An object.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Expected<'de> for Object<T> {
    fn object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(|fields| Some(Self(fields)))
    }
}

impl<T> Maybe<Object<T>> {
    /// The fields of the object.
    pub(super) fn fields(&self) -> Option<&T> {
        self.0.as_ref().map(|object| &object.0)
    }
}

impl<'de, T: Expected<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MaybeVisitor(PhantomData)).map(Self)
    }
}

struct MaybeVisitor<T>(PhantomData<T>);

impl<'de, T: Expected<'de>> Visitor<'de> for MaybeVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(T::bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(T::integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).ok().and_then(T::integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(T::float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(T::text(Cow::Borrowed(text)))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(T::text(Cow::Owned(text)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Self::Value, A::Error> {
        T::array(array)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        T::object(object)
    }
}

//! The types of PostgreSQL that answers and parameters have.

use arrow::datatypes::{DataType, Field, IntervalUnit};

/// The key of a field's metadata with the number of its type in PostgreSQL. Columns of the catalogue have it, because
/// clients compare their types.
pub const METADATA: &str = "postgres.type";

/// A type of PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PgType {
    Bool,
    Bytea,
    Char,
    Name,
    Int8,
    Int2,
    Int2Vector,
    Int4,
    RegProc,
    Text,
    Oid,
    Xid,
    OidVector,
    Json,
    PgNodeTree,
    Float4,
    Float8,
    AclItem,
    Varchar,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Numeric,
    RegProcedure,
    RegClass,
    RegType,
    RegNamespace,
    RegRole,
}

/// The name, the oid, the oid of arrays, and the length in bytes of each type; -1 is any length.
const TYPES: [(PgType, &str, u32, u32, i16); 30] = [
    (PgType::Bool, "bool", 16, 1000, 1),
    (PgType::Bytea, "bytea", 17, 1001, -1),
    (PgType::Char, "char", 18, 1002, 1),
    (PgType::Name, "name", 19, 1003, 64),
    (PgType::Int8, "int8", 20, 1016, 8),
    (PgType::Int2, "int2", 21, 1005, 2),
    (PgType::Int2Vector, "int2vector", 22, 1006, -1),
    (PgType::Int4, "int4", 23, 1007, 4),
    (PgType::RegProc, "regproc", 24, 1008, 4),
    (PgType::Text, "text", 25, 1009, -1),
    (PgType::Oid, "oid", 26, 1028, 4),
    (PgType::Xid, "xid", 28, 1011, 4),
    (PgType::OidVector, "oidvector", 30, 1013, -1),
    (PgType::Json, "json", 114, 199, -1),
    (PgType::PgNodeTree, "pg_node_tree", 194, 0, -1),
    (PgType::Float4, "float4", 700, 1021, 4),
    (PgType::Float8, "float8", 701, 1022, 8),
    (PgType::AclItem, "aclitem", 1033, 1034, 16),
    (PgType::Varchar, "varchar", 1043, 1015, -1),
    (PgType::Date, "date", 1082, 1182, 4),
    (PgType::Time, "time", 1083, 1183, 8),
    (PgType::Timestamp, "timestamp", 1114, 1115, 8),
    (PgType::Timestamptz, "timestamptz", 1184, 1185, 8),
    (PgType::Interval, "interval", 1186, 1187, 16),
    (PgType::Numeric, "numeric", 1700, 1231, -1),
    (PgType::RegProcedure, "regprocedure", 2202, 2207, 4),
    (PgType::RegClass, "regclass", 2205, 2210, 4),
    (PgType::RegType, "regtype", 2206, 2211, 4),
    (PgType::RegNamespace, "regnamespace", 4089, 4090, 4),
    (PgType::RegRole, "regrole", 4096, 4097, 4),
];

/// Types that clients declare for parameters, and the type that has the same values here.
const PARAMETER_TYPES: [(u32, PgType); 5] = [
    (142, PgType::Text),  // xml
    (705, PgType::Text),  // unknown
    (1042, PgType::Text), // character
    (2950, PgType::Text), // uuid
    (3802, PgType::Json), // jsonb
];

/// Arrays of these.
const PARAMETER_ARRAYS: [(u32, PgType); 3] = [
    (1014, PgType::Text), // character
    (2951, PgType::Text), // uuid
    (3807, PgType::Json), // jsonb
];

/// A type, or arrays of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    One(PgType),
    Array(PgType),
}

impl PgType {
    fn row(self) -> (&'static str, u32, u32, i16) {
        let found = TYPES.iter().find(|(ty, ..)| *ty == self);
        // Each variant is in the table: a test looks.
        found.map_or(("text", 25, 1009, -1), |&(_, name, oid, array, len)| (name, oid, array, len))
    }

    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The type's number, which is the same in each PostgreSQL.
    pub fn oid(self) -> u32 {
        self.row().1
    }

    /// Whether its values are numbers of objects, which are written as their names.
    pub fn is_named(self) -> bool {
        self.name().starts_with("reg")
    }

    /// The length of its values in bytes; -1 is any length.
    pub fn len(self) -> i16 {
        self.row().3
    }

    /// A field whose values are sent in the type.
    pub fn field(self) -> Field {
        let metadata = [(METADATA.to_owned(), self.oid().to_string())];
        Field::new("item", DataType::Null, true).with_metadata(metadata.into())
    }

    /// The type in which values of an Arrow type are sent. Nested values that are no arrays are JSON.
    fn of_arrow(ty: &DataType) -> Self {
        match ty {
            DataType::Boolean => Self::Bool,
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => Self::Int2,
            DataType::Int32 | DataType::UInt16 => Self::Int4,
            // `row_number()` has the type UInt64, and is a bigint in PostgreSQL.
            DataType::Int64 | DataType::UInt64 => Self::Int8,
            DataType::UInt32 => Self::Oid,
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Self::Numeric,
            DataType::Float16 | DataType::Float32 => Self::Float4,
            DataType::Float64 => Self::Float8,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Bytea,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::Timestamptz,
            DataType::Interval(IntervalUnit::YearMonth)
            | DataType::Interval(IntervalUnit::DayTime)
            | DataType::Interval(IntervalUnit::MonthDayNano)
            | DataType::Duration(_) => Self::Interval,
            DataType::Dictionary(_, values) => Self::of_arrow(values),
            DataType::RunEndEncoded(_, values) => Self::of_arrow(values.data_type()),
            DataType::Struct(_)
            | DataType::Map(..)
            | DataType::List(_)
            | DataType::LargeList(_)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::FixedSizeList(..) => Self::Json,
            // A column of NULLs, as in PostgreSQL; a union is sent as it is shown.
            DataType::Null
            | DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Union(..) => Self::Text,
        }
    }
}

impl ValueType {
    /// The type of what has none.
    pub const TEXT: Self = Self::One(PgType::Text);

    /// The type in which the values of a column are sent.
    pub fn of_field(field: &Field) -> Self {
        let oid = field.metadata().get(METADATA).and_then(|oid| oid.parse().ok());
        let named = oid.and_then(Self::of_parameter).filter(|ty| ty.fits(field.data_type()));
        match (element(field.data_type()), named) {
            // Vectors are arrays that are written in another way.
            (Some(_), Some(Self::One(vector @ (PgType::Int2Vector | PgType::OidVector)))) => {
                Self::One(vector)
            }
            (Some(_), Some(Self::One(ty) | Self::Array(ty))) => Self::Array(ty),
            (Some(element), None) => match PgType::of_arrow(element) {
                // An array of arrays must be a rectangle in PostgreSQL.
                PgType::Json => Self::One(PgType::Json),
                ty => Self::Array(ty),
            },
            // An element keeps what is known of its array.
            (None, Some(Self::One(PgType::Int2Vector))) => Self::One(PgType::Int2),
            (None, Some(Self::One(PgType::OidVector))) => Self::One(PgType::Oid),
            (None, Some(Self::One(ty) | Self::Array(ty))) => Self::One(ty),
            (None, None) => Self::One(PgType::of_arrow(field.data_type())),
        }
    }

    /// Whether values of the Arrow type can be those of the type that a column of the catalogue has. A cast keeps
    /// the metadata of its operand.
    fn fits(self, arrow: &DataType) -> bool {
        let arrow = element(arrow).unwrap_or(arrow);
        let (Self::One(ty) | Self::Array(ty)) = self;
        match ty {
            PgType::Oid | PgType::OidVector | PgType::Xid => *arrow == DataType::UInt32,
            PgType::Int2 | PgType::Int2Vector => *arrow == DataType::Int16,
            ty if ty.is_named() => *arrow == DataType::UInt32,
            PgType::Text
            | PgType::Name
            | PgType::Char
            | PgType::Varchar
            | PgType::PgNodeTree
            | PgType::AclItem => arrow.is_string(),
            _ => true,
        }
    }

    /// The type of a parameter whose type was inferred.
    pub fn of_arrow(ty: &DataType) -> Self {
        Self::of_field(&Field::new("", ty.clone(), true))
    }

    /// The type that a client has declared for a parameter.
    pub fn of_parameter(oid: u32) -> Option<Self> {
        let one = TYPES.iter().find(|row| row.2 == oid).map(|row| Self::One(row.0));
        let array =
            || TYPES.iter().find(|row| row.3 == oid && oid != 0).map(|row| Self::Array(row.0));
        let other = || PARAMETER_TYPES.iter().find(|row| row.0 == oid).map(|row| Self::One(row.1));
        let others =
            || PARAMETER_ARRAYS.iter().find(|row| row.0 == oid).map(|row| Self::Array(row.1));
        one.or_else(array).or_else(other).or_else(others)
    }

    /// The type's number.
    pub fn oid(self) -> u32 {
        match self {
            Self::One(ty) => ty.oid(),
            Self::Array(ty) => ty.row().2,
        }
    }

    /// The length of its values in bytes; -1 is any length.
    pub fn len(self) -> i16 {
        match self {
            Self::One(ty) => ty.len(),
            Self::Array(_) => -1,
        }
    }
}

/// The type of a list's elements.
pub fn element(ty: &DataType) -> Option<&DataType> {
    match ty {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => Some(field.data_type()),
        _ => None,
    }
}

/// Precision and scale of a decimal in PostgreSQL's form, else -1.
pub fn modifier(ty: &DataType) -> i32 {
    match ty {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *scale >= 0 =>
        {
            ((i32::from(*precision) << 16) | i32::from(*scale)) + 4
        }
        _ => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_numbers_of_their_own() {
        for (index, (ty, name, oid, array, _)) in TYPES.iter().enumerate() {
            assert_eq!(*ty as usize, index, "{name}");
            assert_eq!(ValueType::of_parameter(*oid), Some(ValueType::One(*ty)));
            let arrays = (*array != 0).then_some(ValueType::Array(*ty));
            assert_eq!(ValueType::of_parameter(*array), arrays);
        }
        let mut oids: Vec<u32> = TYPES.iter().flat_map(|row| [row.2, row.3]).collect();
        oids.extend(PARAMETER_TYPES.iter().chain(&PARAMETER_ARRAYS).map(|row| row.0));
        let count = oids.len();
        oids.sort_unstable();
        oids.dedup();
        assert_eq!(oids.len(), count);
    }
}

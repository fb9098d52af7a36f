//! A function of PostgreSQL as a value: what it takes and returns, and how one row of it is computed.

use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::catalog::Catalog;
use crate::catalog::types::{Type, oid_of};
use crate::catalog::value::{Value, array_of};

/// A declaration.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    pub name: &'static str,
    /// How many arguments it takes.
    pub arguments: (usize, usize),
    /// The name in `pg_type` of the type that it returns.
    pub returns: &'static str,
    /// Whether it is called if an argument is null. Otherwise it then returns null.
    pub takes_nulls: bool,
    pub body: fn(&Call<'_>) -> Result<Value>,
}

impl Declaration {
    /// A function that returns null for null.
    pub const fn new(
        name: &'static str,
        arguments: (usize, usize),
        returns: &'static str,
        body: fn(&Call<'_>) -> Result<Value>,
    ) -> Self {
        Self { name, arguments, returns, takes_nulls: false, body }
    }

    /// The same function, which is called for nulls as well.
    pub const fn taking_nulls(self) -> Self {
        Self { takes_nulls: true, ..self }
    }
}

/// A call for one row.
#[derive(Debug)]
pub struct Call<'a> {
    pub catalog: &'a Catalog,
    pub arguments: &'a [Value],
    /// The types of the arguments, by oid.
    pub types: &'a [u32],
}

impl Call<'_> {
    pub fn argument(&self, index: usize) -> &Value {
        self.arguments.get(index).unwrap_or(&Value::Null)
    }

    pub fn text(&self, index: usize) -> Option<&str> {
        self.argument(index).as_text()
    }

    pub fn oid(&self, index: usize) -> Option<u32> {
        self.argument(index).as_oid()
    }
}

/// A declared function of a catalogue.
#[derive(Debug)]
pub struct Function {
    declaration: Declaration,
    catalog: Arc<Catalog>,
    signature: Signature,
}

impl Function {
    pub fn new(declaration: Declaration, catalog: &Arc<Catalog>) -> Self {
        let signature = Signature::user_defined(Volatility::Stable);
        Self { declaration, catalog: Arc::clone(catalog), signature }
    }

    fn accepted(&self) -> RangeInclusive<usize> {
        let (least, most) = self.declaration.arguments;
        least..=most
    }

    fn ty(&self) -> Result<&'static Type> {
        match Type::of_name(self.declaration.returns) {
            Some(ty) => Ok(ty),
            None => plan_err!("{}() returns an unknown type", self.declaration.name),
        }
    }

    fn evaluate(&self, arrays: &[ArrayRef], types: &[u32], rows: usize) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(rows);
        for row in 0..rows {
            let arguments = arrays.iter().map(|array| Value::of(array, row));
            let arguments = arguments.collect::<Result<Vec<_>>>()?;
            let is_null = !self.declaration.takes_nulls && arguments.iter().any(Value::is_null);
            values.push(match is_null {
                true => Value::Null,
                false => {
                    let call = Call { catalog: &self.catalog, arguments: &arguments, types };
                    (self.declaration.body)(&call)?
                }
            });
        }
        array_of(&self.ty()?.arrow(), values.iter())
    }
}

// A name belongs to one function.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.declaration.name == other.declaration.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.declaration.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.declaration.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if !self.accepted().contains(&types.len()) {
            let (least, most) = self.declaration.arguments;
            let name = self.declaration.name;
            return match least == most {
                true => plan_err!("{name}() takes {least} arguments, found {}", types.len()),
                false => {
                    plan_err!("{name}() takes {least} to {most} arguments, found {}", types.len())
                }
            };
        }
        // Any value is read one at a time.
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.ty()?.arrow())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(self.ty()?.field(self.declaration.name)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { args.number_rows };
        let types = args.arg_fields.iter().map(|field| oid_of(field)).collect::<Vec<_>>();
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let values = self.evaluate(&arrays, &types, rows)?;
        match is_scalar {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?)),
            false => Ok(ColumnarValue::Array(values)),
        }
    }
}

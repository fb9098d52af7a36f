//! An aggregate that is the value of its one row. With it, a subquery in place of a value is an aggregate, which
//! DataFusion can run for each row of the query around it.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

use crate::sqlstate::Failure;

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct SingleValue(Signature);

impl SingleValue {
    pub const NAME: &str = "pg_single_value";

    pub fn new() -> Self {
        Self(Signature::any(1, Volatility::Immutable))
    }
}

impl AggregateUDFImpl for SingleValue {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types.first() {
            Some(ty) => Ok(ty.clone()),
            None => plan_err!("{}() takes a value", Self::NAME),
        }
    }

    /// The type of the value, with what its metadata say.
    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        match fields.first() {
            Some(field) => {
                let field = field.as_ref().clone().with_name(Self::NAME).with_nullable(true);
                Ok(field.into())
            }
            None => plan_err!("{}() takes a value", Self::NAME),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let value = ScalarValue::try_from(args.return_field.data_type())?;
        Ok(Box::new(Single { value, is_seen: false }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let value = args.return_field.as_ref().clone().with_name("value").with_nullable(true);
        Ok(vec![value.into(), Field::new("is_seen", DataType::Boolean, false).into()])
    }
}

#[derive(Debug)]
struct Single {
    value: ScalarValue,
    is_seen: bool,
}

impl Single {
    fn see(&mut self, values: &ArrayRef, row: usize) -> Result<()> {
        if std::mem::replace(&mut self.is_seen, true) {
            let message = "more than one row returned by a subquery used as an expression";
            return Err(Failure::new("21000", message).into());
        }
        self.value = ScalarValue::try_from_array(values, row)?;
        Ok(())
    }
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        (0..values.len()).try_for_each(|row| self.see(values, row))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), ScalarValue::Boolean(Some(self.is_seen))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, seen] = states else { return Ok(()) };
        let seen: &BooleanArray = seen.as_boolean();
        (0..values.len()).filter(|row| seen.value(*row)).try_for_each(|row| self.see(values, row))
    }
}

//! The literal `'{}'`, whose type depends on the value beside it.

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// Takes a value and a text. It returns an empty array of the value's type if that is one, or else the text.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct EmptyLike(Signature);

impl EmptyLike {
    pub const NAME: &str = "pg_empty_like";

    pub fn new() -> Self {
        Self(Signature::any(2, Volatility::Immutable))
    }
}

impl ScalarUDFImpl for EmptyLike {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match types {
            [list @ DataType::List(_), _] => list.clone(),
            [_, text] => text.clone(),
            _ => DataType::Null,
        })
    }

    /// The optimizer sees the text.
    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let is_list = match args.first() {
            Some(value) => matches!(info.get_data_type(value)?, DataType::List(_)),
            None => false,
        };
        match args.pop() {
            Some(text) if !is_list => Ok(ExprSimplifyResult::Simplified(text)),
            text => {
                args.extend(text);
                Ok(ExprSimplifyResult::Original(args))
            }
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.return_type() {
            DataType::List(element) => {
                let empty = ScalarValue::new_list_nullable(&[], element.data_type());
                let empty = ScalarValue::List(empty);
                Ok(ColumnarValue::Scalar(empty.cast_to(args.return_type())?))
            }
            ty => match args.args.get(1) {
                Some(text) => Ok(text.clone()),
                None => Ok(ColumnarValue::Scalar(ScalarValue::try_from(ty)?)),
            },
        }
    }
}

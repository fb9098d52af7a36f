//! A scalar function as a value: what it takes, what it returns, and how it is computed.
//!
//! DataFusion wants a type with a dozen methods for each function. Most functions here differ only in
//! their parameters and in one `fn`, so one type serves all.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::create_physical_expr;

use crate::query::functions::call::Call;
use crate::query::functions::params::Params;

/// Computes the values of a function for a batch of rows.
pub(super) type Kernel = fn(&Call<'_>) -> Result<ArrayRef>;

/// Returns a call of DataFusion's functions that has the same value, for arguments of these types.
pub(super) type Rewrite = fn(&[Expr], &[DataType]) -> Result<Option<Expr>>;

/// Returns the values of the first expression for which a call is equal to a literal.
pub(super) type Preimage = fn(&[Expr], &ScalarValue, &SimplifyContext) -> Option<PreimageResult>;

/// Returns the types that arguments of these types are cast to.
pub(super) type Coerce = fn(&[DataType]) -> Result<Vec<DataType>>;

/// Returns the type of a function's value for arguments of these types.
pub(super) type Returns = fn(&[DataType]) -> Result<DataType>;

/// A scalar function.
#[derive(Clone)]
pub(super) struct Scalar {
    pub(super) name: &'static str,
    params: Params,
    coerce: Option<Coerce>,
    signature: Signature,
    returns: Returns,
    kernel: Option<Kernel>,
    rewrite: Option<Rewrite>,
    preimage: Option<Preimage>,
}

impl Scalar {
    /// A function that is computed here.
    pub(super) fn kernel(
        name: &'static str,
        params: Params,
        returns: Returns,
        kernel: Kernel,
    ) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self {
            name,
            params,
            coerce: None,
            signature,
            returns,
            kernel: Some(kernel),
            rewrite: None,
            preimage: None,
        }
    }

    /// A function that is another spelling of an expression. The optimizer sees that expression, and
    /// what it knows of it, such as the ranges of time in which it has a value.
    pub(super) fn spelling(
        name: &'static str,
        params: Params,
        returns: Returns,
        rewrite: Rewrite,
    ) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self {
            name,
            params,
            coerce: None,
            signature,
            returns,
            kernel: None,
            rewrite: Some(rewrite),
            preimage: None,
        }
    }

    /// Rewrites some calls before they are computed.
    pub(super) fn or_rewritten(self, rewrite: Rewrite) -> Self {
        Self { rewrite: Some(rewrite), ..self }
    }

    pub(super) fn with_preimage(self, preimage: Preimage) -> Self {
        Self { preimage: Some(preimage), ..self }
    }

    /// Casts arguments depending on each other, for example to a common type.
    pub(super) fn coerced(self, coerce: Coerce) -> Self {
        Self { coerce: Some(coerce), ..self }
    }

    pub(super) fn into_udf(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(self)
    }
}

impl std::fmt::Debug for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scalar").field("name", &self.name).finish_non_exhaustive()
    }
}

// A name belongs to one function.
impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Scalar {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let coerced = self.params.coerce(self.name, types)?;
        self.coerce.map_or(Ok(coerced), |coerce| coerce(types))
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        (self.returns)(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { args.number_rows };
        let values = match (self.evaluate(&args, rows)?, self.kernel) {
            (Some(values), _) => values,
            (None, Some(kernel)) => kernel(&Call::new(self.name, &args, rows))?,
            (None, None) => {
                return plan_err!("{}() does not take arguments of these types", self.name);
            }
        };
        match is_scalar && !values.is_empty() {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?)),
            false => Ok(ColumnarValue::Array(values)),
        }
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let Some(rewrite) = self.rewrite else { return Ok(ExprSimplifyResult::Original(args)) };
        let types = args.iter().map(|arg| info.get_data_type(arg)).collect::<Result<Vec<_>>>()?;
        match rewrite(&args, &types)? {
            Some(expr) => Ok(ExprSimplifyResult::Simplified(expr)),
            None => Ok(ExprSimplifyResult::Original(args)),
        }
    }

    fn preimage(
        &self,
        args: &[Expr],
        literal: &Expr,
        info: &SimplifyContext,
    ) -> Result<PreimageResult> {
        let preimage = match (self.preimage, literal) {
            (Some(preimage), Expr::Literal(literal, _)) => preimage(args, literal, info),
            _ => None,
        };
        Ok(preimage.unwrap_or(PreimageResult::None))
    }
}

impl Scalar {
    /// Computes the expression that the call is a spelling of, if it is one. The optimizer rewrites
    /// such calls, but folds constants before that.
    fn evaluate(&self, args: &ScalarFunctionArgs, rows: usize) -> Result<Option<ArrayRef>> {
        let Some(rewrite) = self.rewrite else { return Ok(None) };
        let fields = args.arg_fields.iter().zip(&args.args).enumerate();
        let fields = fields.map(|(index, (field, arg))| -> FieldRef {
            let field = field.as_ref().clone();
            Arc::new(field.with_name(index.to_string()).with_data_type(arg.data_type()))
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
        // Some functions take literals only.
        let exprs = args.args.iter().enumerate().map(|(index, arg)| match arg {
            ColumnarValue::Scalar(value) => Expr::Literal(value.clone(), None),
            ColumnarValue::Array(_) => Expr::Column(Column::new_unqualified(index.to_string())),
        });
        let exprs = exprs.collect::<Vec<_>>();
        let types = args.args.iter().map(ColumnarValue::data_type).collect::<Vec<_>>();
        let Some(expr) = rewrite(&exprs, &types)? else { return Ok(None) };
        let schema = DFSchema::try_from(schema)?;
        let expr =
            create_physical_expr(&expr, &schema, &ExecutionProps::new(), &Default::default())?;
        expr.evaluate(&batch)?.into_array(rows).map(Some)
    }
}

/// A function that always returns one type.
macro_rules! returns {
    ($ty:expr) => {
        |_| Ok($ty)
    };
}
pub(super) use returns;

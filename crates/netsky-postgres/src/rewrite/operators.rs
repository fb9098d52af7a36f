//! Operators that are written with a schema.

use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::sqlstate::Failure;

/// The operator that `OPERATOR(pg_catalog.~)` names.
pub fn operator(name: &[String]) -> Result<BinaryOperator, Failure> {
    let symbol = name.last().map_or("", String::as_str);
    Ok(match symbol {
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "%" => BinaryOperator::Modulo,
        "||" => BinaryOperator::StringConcat,
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "~~*" => BinaryOperator::PGILikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "!~~*" => BinaryOperator::PGNotILikeMatch,
        "->" => BinaryOperator::Arrow,
        "->>" => BinaryOperator::LongArrow,
        _ => return Err(Failure::unsupported(format!("the operator {}", name.join(".")))),
    })
}

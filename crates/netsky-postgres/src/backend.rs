//! Answers requests, one after the other.

use std::io::{self, Read, Write};
use std::sync::{Arc, OnceLock};

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::common::ScalarValue;
use futures::executor::{block_on, block_on_stream};
use netsky_db::{Db, Position, PreparedQuery};

use crate::catalog::Catalog;
use crate::column::Column;
use crate::copy::Copy;
use crate::copy_format::CopyFormat;
use crate::extension::Extension;
use crate::parameter;
use crate::request::{Bind, Describe, Format, Request, format_of};
use crate::response;
use crate::rewrite::answered;
use crate::sqlstate::Failure;
use crate::types::{self, ValueType};

/// How many bytes of an answer are collected before they are sent.
const SENT_BYTES: usize = 32 << 10;

/// Answers requests of a server.
///
/// A request is the messages Parse, Bind, Describe and Execute of one statement and its portal, both without a name,
/// and a Sync; all but Parse and Sync may be absent. The answer is what PostgreSQL's extended protocol says, to
/// ReadyForQuery. Nothing is kept between requests: not the statement, and not the store.
#[derive(Debug)]
pub struct Backend<F> {
    open: F,
    /// Of the first store: a program's stores have the same tables.
    extension: OnceLock<Extension>,
}

/// Why an answer has ended early.
enum Ended {
    /// The client is told.
    Failed(Failure),
    /// The server has gone.
    Unwritable(io::Error),
}

impl<E: Into<Failure>> From<E> for Ended {
    fn from(failure: E) -> Self {
        Self::Failed(failure.into())
    }
}

impl<F: Fn() -> netsky_db::Result<Db>> Backend<F> {
    /// `open` opens the store for a request. The options of its queries limit their memory.
    pub fn new(open: F) -> Self {
        Self { open, extension: OnceLock::new() }
    }

    /// Answers requests until the input ends.
    ///
    /// # Errors
    ///
    /// The input or the output fails, or the input is not a request.
    pub fn serve(&self, mut input: impl Read, output: impl Write) -> io::Result<()> {
        let mut output = Output { writer: output, waiting: Vec::new() };
        while let Some(request) = Request::read(&mut input)? {
            match self.answer(&request, &mut output) {
                Ok(()) => {}
                Err(Ended::Failed(failure)) => {
                    let place = failure.position.map(|place| character(&request.sql, place));
                    response::error_response(&failure, place, &mut output.waiting);
                }
                Err(Ended::Unwritable(error)) => return Err(error),
            }
            response::ready_for_query(&mut output.waiting);
            output.send()?;
        }
        Ok(())
    }

    fn answer<W: Write>(&self, request: &Request, output: &mut Output<W>) -> Result<(), Ended> {
        let copy = Copy::parse(&request.sql)?;
        let query = match &copy {
            Some(copy) => self.prepare(&copy.query, request).map_err(Failure::without_position)?,
            None => self.prepare(&request.sql, request)?,
        };
        response::parse_complete(&mut output.waiting);
        if request.describe == Some(Describe::Statement) {
            response::parameter_description(&query.parameter_oids(), &mut output.waiting);
            query.describe(copy.is_some(), &[], output)?;
        }
        let Some(bind) = &request.bind else { return Ok(()) };
        let bound = query.bind(bind)?;
        response::bind_complete(&mut output.waiting);
        if request.describe == Some(Describe::Portal) {
            query.describe(copy.is_some(), &bind.result_formats, output)?;
            // A client that describes a portal need not wait for its rows.
            output.send_some(0)?;
        }
        if request.execute {
            match &copy {
                Some(copy) => query.copy(&bound, &copy.format, output)?,
                None => query.send(&bound, &request.sql, &bind.result_formats, output)?,
            }
        }
        Ok(())
    }

    fn prepare(&self, sql: &str, request: &Request) -> Result<Query, Failure> {
        let db = (self.open)()?;
        let extension = self.extension.get_or_init(|| Extension::new(&db));
        let rewrite = extension.rewrite(&request.parameter_types);
        let prepared = extension.extend(&db).prepare_rewritten(sql, rewrite)?;
        let declared = request.parameter_types.clone();
        Ok(Query { schema: prepared.schema(), prepared, declared, catalog: extension.catalog() })
    }
}

/// The bytes of an answer.
struct Output<W> {
    writer: W,
    waiting: Vec<u8>,
}

impl<W: Write> Output<W> {
    fn send(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.waiting)?;
        self.waiting.clear();
        self.writer.flush()
    }

    /// Sends what waits, for the caller who reads, or if it is much.
    fn send_some(&mut self, min: usize) -> Result<(), Ended> {
        match self.waiting.len() > min {
            true => self.send().map_err(Ended::Unwritable),
            false => Ok(()),
        }
    }
}

/// A planned query, and the types that the client has declared for its parameters.
struct Query {
    prepared: PreparedQuery,
    /// What clients are told of the answer, and so what they get.
    schema: SchemaRef,
    declared: Vec<u32>,
    catalog: Arc<Catalog>,
}

impl Query {
    /// The types of the parameters. `None` is any.
    fn parameter_types(&self) -> Vec<Option<ValueType>> {
        let inferred = self.prepared.parameter_types();
        let count = inferred.len().max(self.declared.len());
        let ty = |index: usize| {
            let declared = self.declared.get(index).filter(|oid| **oid != 0);
            let declared = declared.and_then(|oid| ValueType::of_parameter(*oid));
            let inferred = || inferred.get(index)?.as_ref().map(ValueType::of_arrow);
            declared.or_else(inferred)
        };
        (0..count).map(ty).collect()
    }

    fn parameter_oids(&self) -> Vec<u32> {
        let oid = |(index, ty): (usize, Option<ValueType>)| {
            let declared = self.declared.get(index).copied().filter(|oid| *oid != 0);
            declared.unwrap_or_else(|| ty.unwrap_or(ValueType::TEXT).oid())
        };
        self.parameter_types().into_iter().enumerate().map(oid).collect()
    }

    fn bind(&self, bind: &Bind) -> Result<PreparedQuery, Failure> {
        let names = self.prepared.parameter_names();
        if let Some(name) = names.iter().find(|name| name.parse::<u16>().is_err()) {
            let message = format!("there is no parameter ${name}");
            return Err(Failure::new("42P02", message).with_hint("use $1, $2, ..."));
        }
        let types = self.parameter_types();
        if bind.values.len() != types.len() {
            return Err(Failure::protocol(format!(
                "bind message supplies {} parameters, but the statement requires {}",
                bind.values.len(),
                types.len()
            )));
        }
        let value = |(index, (ty, bytes)): (usize, (&Option<ValueType>, &Option<Vec<u8>>))| {
            parameter::read(*ty, format(&bind.formats, index)?, bytes.as_deref())
        };
        let typed = types.iter().zip(&bind.values).enumerate();
        // A parameter that is declared need not be used.
        let values: Vec<ScalarValue> =
            typed.take(names.len()).map(value).collect::<Result<_, _>>()?;
        Ok(self.prepared.bind_scalars(values)?)
    }

    fn formats(&self, codes: &[i16]) -> Result<Vec<Format>, Failure> {
        let count = self.schema.fields().len();
        if codes.len() > 1 && codes.len() != count {
            return Err(Failure::protocol(format!(
                "bind message has {} result formats but query has {count} columns",
                codes.len()
            )));
        }
        (0..count).map(|index| format(codes, index)).collect()
    }

    fn describe<W>(
        &self,
        is_copy: bool,
        codes: &[i16],
        output: &mut Output<W>,
    ) -> Result<(), Failure> {
        if is_copy {
            response::no_data(&mut output.waiting);
            return Ok(());
        }
        let formats = self.formats(codes)?;
        let field = |(field, format): (&'_ FieldRef, Format)| response::Field {
            name: answered(field.name()).to_owned(),
            ty: ValueType::of_field(field),
            modifier: types::modifier(field.data_type()),
            format,
        };
        let fields: Vec<_> = self.schema.fields().iter().zip(formats).map(field).collect();
        response::row_description(&fields, &mut output.waiting)
    }

    /// Sends the rows of the answer.
    fn send<W: Write>(
        &self,
        bound: &PreparedQuery,
        sql: &str,
        codes: &[i16],
        output: &mut Output<W>,
    ) -> Result<(), Ended> {
        let formats = self.formats(codes)?;
        let mut rows = 0_usize;
        for batch in block_on_stream(block_on(bound.stream())?) {
            let batch = batch?;
            let columns = self.columns(batch.columns())?;
            for row in 0..batch.num_rows() {
                response::data_row(&columns, &formats, row, &mut output.waiting)?;
                output.send_some(SENT_BYTES)?;
            }
            rows += batch.num_rows();
            output.send_some(0)?;
        }
        let word = sql.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        let tag = match word.as_str() {
            "EXPLAIN" | "SHOW" => word,
            _ => format!("SELECT {rows}"),
        };
        response::command_complete(&tag, &mut output.waiting);
        Ok(())
    }

    /// Sends the rows of the answer as a copy.
    fn copy<W: Write>(
        &self,
        bound: &PreparedQuery,
        format: &CopyFormat,
        output: &mut Output<W>,
    ) -> Result<(), Ended> {
        let answer = block_on(bound.stream())?;
        let names: Vec<&str> = self.schema.fields().iter().map(|it| answered(it.name())).collect();
        response::copy_out_response(format.values(), names.len(), &mut output.waiting)?;
        let mut text = Vec::new();
        format.write_header(&names, &mut text);
        let mut rows = 0_usize;
        for batch in block_on_stream(answer) {
            let batch = batch?;
            let columns = self.columns(batch.columns())?;
            for row in 0..batch.num_rows() {
                // A message for each row: clients rely on it.
                let header = std::mem::take(&mut text);
                response::copy_data(&mut output.waiting, |out| {
                    out.extend_from_slice(&header);
                    format.write_row(&columns, &names, row, out)
                })?;
                output.send_some(SENT_BYTES)?;
            }
            rows += batch.num_rows();
            output.send_some(0)?;
        }
        format.write_end(&mut text);
        if !text.is_empty() {
            response::copy_data(&mut output.waiting, |out| {
                out.extend_from_slice(&text);
                Ok(())
            })?;
        }
        response::copy_done(&mut output.waiting);
        response::command_complete(&format!("COPY {rows}"), &mut output.waiting);
        Ok(())
    }

    /// The columns of a batch, in the types that the client was told. A parameter that is a column has the type of
    /// its value, but the client was told that it is text.
    fn columns(&self, arrays: &[ArrayRef]) -> Result<Vec<Column>, Failure> {
        let column = |(field, array): (&FieldRef, &ArrayRef)| {
            let told = match field.data_type() {
                DataType::Null => &DataType::Utf8View,
                told => told,
            };
            match array.data_type() == told {
                true => Column::new(field, array, &self.catalog),
                false => Column::new(field, &cast(array, told)?, &self.catalog),
            }
        };
        self.schema.fields().iter().zip(arrays).map(column).collect()
    }
}

fn format(codes: &[i16], index: usize) -> Result<Format, Failure> {
    format_of(codes, index)
        .map_err(|code| Failure::protocol(format!("unsupported format code: {code}")))
}

/// The number of the character at a place, from 1.
fn character(sql: &str, place: Position) -> usize {
    let mut line = 1;
    let mut column = 1;
    for (number, character) in sql.chars().enumerate() {
        if (line, column) == (place.line, place.column) {
            return number + 1;
        }
        (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    sql.chars().count() + 1
}

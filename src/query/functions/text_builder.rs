//! Texts that a function returns, counted against the memory limit while they are made.
//!
//! A format of a megabyte, or a width of ten thousand, makes much of few arguments. DataFusion does
//! not count the results of functions.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringViewBuilder};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

use crate::query::functions::call::Call;
use crate::query::memory::QueryMemory;

/// The maximum for one call, whatever the limit: a failed allocation ends the process.
const MAX_BYTES: usize = 8 << 30;
/// Memory is reserved in steps of this size.
const STEP: usize = 1 << 20;

pub(super) struct TextBuilder {
    builder: StringViewBuilder,
    held: Option<MemoryReservation>,
    bytes: usize,
    reserved: usize,
}

impl TextBuilder {
    pub(super) fn new(call: &Call<'_>) -> Self {
        let pool = QueryMemory::of(call.options());
        let consumer = || MemoryConsumer::new(format!("{}()", call.name()));
        let held = pool.map(|pool| consumer().register(pool));
        let builder = StringViewBuilder::with_capacity(call.rows());
        Self { builder, held, bytes: 0, reserved: 0 }
    }

    pub(super) fn append_null(&mut self) {
        self.builder.append_null();
    }

    pub(super) fn append_value(&mut self, text: impl AsRef<str>) -> Result<()> {
        self.bytes += text.as_ref().len();
        if self.bytes > self.reserved {
            if self.bytes > MAX_BYTES {
                let message = format!("texts of more than {MAX_BYTES} bytes for a batch of rows");
                return Err(DataFusionError::ResourcesExhausted(message));
            }
            let step = (self.bytes - self.reserved).next_multiple_of(STEP);
            if let Some(held) = &self.held {
                held.try_grow(step)?;
            }
            self.reserved += step;
        }
        self.builder.append_value(text);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef> {
        Ok(Arc::new(self.builder.finish()))
    }
}

//! Decodes Arrow IPC without trusting its lengths.

use std::fs::File;
use std::io::{self, Read};

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;

/// The batches of an Arrow file or stream. A file is a stream between a magic number and an index.
///
/// Arrow's readers of both allocate as much memory as a length in the file demands, so a damaged file can
/// abort the program. The decoder allocates no more than it is given.
pub struct Messages {
    decoder: StreamDecoder,
    file: File,
    /// What was read and not yet decoded.
    bytes: Buffer,
    is_file: bool,
}

impl Messages {
    const MAGIC_BYTES: usize = 8;
    const READ_BYTES: u64 = 1 << 18;

    pub fn of_stream(file: File) -> Self {
        let (decoder, bytes) = (StreamDecoder::new(), Buffer::default());
        Self { decoder, file, bytes, is_file: false }
    }

    pub fn of_file(file: File) -> Result<Self, ArrowError> {
        let mut messages = Self { is_file: true, ..Self::of_stream(file) };
        messages.read()?;
        // Zeros pad the magic number.
        let is_magic = |(at, byte): &(usize, &u8)| *at < Self::MAGIC_BYTES || **byte == 0;
        let magic = messages.bytes.iter().enumerate().take_while(is_magic).count();
        messages.bytes.advance(magic);
        Ok(messages)
    }

    fn read(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        (&self.file).take(Self::READ_BYTES).read_to_end(&mut bytes)?;
        self.bytes = bytes.into();
        Ok(())
    }

    /// The schema, which comes before the batches.
    pub fn schema(&mut self) -> Result<SchemaRef, ArrowError> {
        loop {
            if let Some(schema) = self.decoder.schema() {
                return Ok(schema);
            }
            if self.bytes.is_empty() {
                self.read()?;
            }
            if self.bytes.is_empty() {
                return Err(ends_too_early());
            }
            // Byte by byte, because a batch that is decoded with the schema would be lost.
            let mut byte = self.bytes.slice_with_length(0, 1);
            self.bytes.advance(1);
            self.decoder.decode(&mut byte)?;
        }
    }

    pub fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        loop {
            if self.bytes.is_empty() {
                self.read()?;
            }
            if self.bytes.is_empty() {
                // A stream is complete only if it has an end marker.
                return if self.has_ended() { Ok(None) } else { Err(ends_too_early()) };
            }
            match self.decoder.decode(&mut self.bytes) {
                Ok(Some(batch)) => return Ok(Some(batch)),
                Ok(None) => {}
                // The index of a file follows its batches.
                Err(_) if self.is_file && self.has_ended() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the end marker was decoded: the decoder accepts nothing after it.
    fn has_ended(&mut self) -> bool {
        let mut more = Buffer::from(&[0]);
        self.decoder.decode(&mut more).is_err() && self.decoder.finish().is_ok()
    }
}

fn ends_too_early() -> ArrowError {
    ArrowError::ParseError("unexpected end of file".to_owned())
}

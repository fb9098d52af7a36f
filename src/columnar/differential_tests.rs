//! The copy of a segment decodes to the batch that its rows decode to, whatever the rows are.

use arrow::array::{ArrayRef, RecordBatch};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::Config;

use crate::columnar::encoder::EncodedSegment;
use crate::columnar::fuzzed::{hashed_column, hashed_header};
use crate::columnar::{Header, Segment, SegmentEncoder};
use crate::row::Decoder;
use crate::row::differential_tests::{row, tables};
use crate::table::Table;

/// A table, and rows of one of its segments with rising ids.
fn segments() -> impl Strategy<Value = (&'static Table, Vec<(i64, Vec<u8>)>)> {
    // Far more than one row of each kind, so that dictionaries are made.
    let repeated = |table| {
        let kinds = prop::collection::vec(row(table), 1..6);
        (kinds, prop::collection::vec(any::<Index>(), 0..80)).prop_map(|(kinds, picked)| {
            let repeats = picked.iter().map(|index| index.get(&kinds).clone());
            kinds.iter().cloned().chain(repeats).collect::<Vec<_>>()
        })
    };
    let start = prop_oneof![Just(0), Just(1), Just(-8_192), any::<i64>()];
    (select(tables()), start).prop_flat_map(move |(table, start)| {
        (repeated(table), prop::collection::vec(1..40_i64, 200), any::<bool>()).prop_map(
            move |(rows, steps, dense)| {
                let mut id = *Segment::of(start).ids().start() + start.rem_euclid(1_000);
                let rows = rows.into_iter().zip(steps).map(|(row, step)| {
                    id += if dense { 1 } else { step };
                    (id, row)
                });
                (table, rows.collect())
            },
        )
    })
}

fn encoded(table: &'static Table, rows: &[(i64, Vec<u8>)]) -> EncodedSegment {
    let mut encoder = SegmentEncoder::new(table, Segment::of(rows[0].0));
    for (id, row) in rows {
        encoder.push(*id, row).unwrap();
    }
    encoder.finish(7).unwrap()
}

fn decoded(table: &Table, header: &Header, columns: &[Vec<u8>]) -> RecordBatch {
    let ids: ArrayRef = std::sync::Arc::new(arrow::array::Int64Array::from(
        header.ids.ids(header.segment, header.rows),
    ));
    let columns = table.columns().iter().map(|column| {
        let position = header.position(column).unwrap();
        let values = header.decode_column(position, &columns[position]).unwrap();
        values.into_array(column.ty, header.rows).unwrap()
    });
    RecordBatch::try_new(table.schema(), std::iter::once(ids).chain(columns).collect()).unwrap()
}

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn columns_are_those_of_the_rows((table, rows) in segments()) {
        let EncodedSegment { header, columns } = encoded(table, &rows);
        let stored = header.encode();
        let header = Header::decode(header.segment, &stored).unwrap();
        let all: Vec<usize> = (0..=table.columns().len()).collect();
        let mut decoder = Decoder::new(table, &all).unwrap();
        for (id, row) in &rows {
            decoder.push(*id, row).unwrap();
        }
        prop_assert_eq!(decoded(table, &header, &columns), decoder.finish().unwrap());
    }

    #[test]
    fn a_changed_byte_of_a_copy_is_noticed(
        (table, rows) in segments(), column in any::<Index>(), at in any::<Index>(), bit in 0..8_u8,
    ) {
        let EncodedSegment { header, mut columns } = encoded(table, &rows);
        let mut stored = header.encode();
        let place = at.index(stored.len());
        stored[place] ^= 1 << bit;
        prop_assert_eq!(Header::decode(header.segment, &stored), None);
        prop_assert!(Header::is_damaged(header.segment, &stored));
        let column = column.index(columns.len());
        let place = at.index(columns[column].len());
        columns[column][place] ^= 1 << bit;
        prop_assert_eq!(header.decode_column(column, &columns[column]), None);
    }

    /// With hashes of the damaged bytes, as somebody who wants to do harm would compute them.
    #[test]
    fn any_bytes_are_values_or_refused(
        (table, rows) in segments(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        noise in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let EncodedSegment { header, columns } = encoded(table, &rows);
        let damaged = |stored: &[u8]| {
            let mut bytes = stored[8..].to_vec();
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes
        };
        for bytes in [damaged(&header.encode()), noise.clone()] {
            let hashed = hashed_header(header.segment, &bytes);
            if let Some(found) = Header::decode(header.segment, &hashed) {
                prop_assert_eq!(found.ids.ids(found.segment, found.rows).len(), found.rows);
            }
        }
        for (column, stored) in columns.iter().enumerate() {
            for bytes in [damaged(stored), noise.clone()] {
                let hashed = hashed_column(&header, column, &bytes);
                if let Some(values) = header.decode_column(column, &hashed) {
                    let _ = values.into_array(header.columns[column].ty, header.rows);
                }
            }
        }
    }
}

#[test]
fn values_of_another_place_are_refused() {
    let row = br#"{"id":1,"ts_utc":"2026-04-15T23:00:00.000Z","source":"a","detail_json":"a"}"#;
    let table = *crate::schema::TABLES.iter().find(|table| table.name() == "ticks").unwrap();
    let encode = |id: i64, checksum| {
        let mut encoder = SegmentEncoder::new(table, Segment::of(id));
        encoder.push(id, row).unwrap();
        encoder.finish(checksum).unwrap()
    };
    let EncodedSegment { header, columns } = encode(1, 7);
    assert!(header.decode_column(1, &columns[1]).is_some());
    assert!(header.decode_column(2, &columns[1]).is_none());
    assert!(encode(1, 8).header.decode_column(1, &columns[1]).is_none());
    assert!(encode(8_193, 7).header.decode_column(1, &columns[1]).is_none());
}

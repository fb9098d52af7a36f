//! Imports and sealing that stop at every stage, interleaved with all other operations on a store. A
//! reader sees exactly what was published, in any order of the steps, and copies have the values of the
//! rows.

use std::collections::BTreeMap;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use proptest::prelude::*;
use tempfile::TempDir;

use super::sealing::store_copies;
use super::staged::{Import, STAGED};
use super::staging::{advance, begin, delete, publish, state_of};
use super::*;
use crate::columnar::{EncodedSegment, Segment};
use crate::row::{EncodedRow, RowSpool, TimeReader};
use crate::schema::TickRecord;
use crate::store::checksum::Expected;
use crate::store::row_cursor::RowCursor;
use crate::table::Record;

const TICKS: &Table = TickRecord::TABLE;

/// One operation on the store.
#[derive(Debug, Clone)]
enum Step {
    /// Appends rows in one transaction, each with a text of the given length.
    Append(u64, usize),
    /// Stages the rows of a new import without publishing it.
    Stage(u64, usize),
    Publish(Part),
    /// Moves rows of a published import into their table.
    Move(Part, u64),
    /// Deletes an unpublished import.
    Abandon(Part),
    /// Another program writes a row with the id after the last in the redb table, without
    /// maintaining zones or ids.
    Foreign,
    Prune(Part),
    Repair,
    /// Assigns the ids that are left in the segment, and appends a row to the next one.
    CompleteSegment,
    /// Seals all complete segments.
    Seal,
    /// Encodes all complete segments, as a process does that stores them later.
    Encode,
    /// Stores what was encoded, whatever has become of the rows since.
    StoreEncoded,
    KeepColumns(bool),
    /// Continues with a copy of the store.
    Copy,
}

/// A fraction of a collection: 0 is nothing, the maximum everything.
#[derive(Debug, Clone, Copy)]
struct Part(u16);

impl Part {
    fn index(self, size: usize) -> usize {
        usize::from(self.0) * size / 65_536
    }
}

fn part() -> impl Strategy<Value = Part> {
    any::<u16>().prop_map(Part)
}

fn step() -> impl Strategy<Value = Step> {
    // Long texts, so that an import has many chunks.
    let bytes = || prop_oneof![Just(10_usize), Just(1_500), Just(10_000)];
    prop_oneof![
        3 => (1..4_u64, bytes()).prop_map(|(rows, bytes)| Step::Append(rows, bytes)),
        1 => Just(Step::Append(1_030, 0)),
        3 => (1..40_u64, bytes()).prop_map(|(rows, bytes)| Step::Stage(rows, bytes)),
        1 => (1_000..2_100_u64).prop_map(|rows| Step::Stage(rows, 0)),
        3 => part().prop_map(Step::Publish),
        4 => (part(), prop_oneof![1..8_u64, 500..3_000_u64])
            .prop_map(|(import, rows)| Step::Move(import, rows)),
        1 => part().prop_map(Step::Abandon),
        1 => Just(Step::Foreign),
        2 => part().prop_map(Step::Prune),
        1 => Just(Step::Repair),
        3 => Just(Step::CompleteSegment),
        2 => Just(Step::Seal),
        2 => Just(Step::Encode),
        3 => Just(Step::StoreEncoded),
        1 => prop_oneof![4 => Just(true), 1 => Just(false)].prop_map(Step::KeepColumns),
        1 => Just(Step::Copy),
    ]
}

/// A store, and its expected content.
struct Model {
    _dirs: Vec<TempDir>,
    store: Store,
    /// By id: the timestamp of the row, in seconds.
    rows: BTreeMap<i64, i64>,
    last_id: i64,
    next_second: i64,
    /// Unpublished imports, with the timestamps of their rows.
    staged: Vec<(i64, Vec<i64>)>,
    published: Vec<i64>,
    encoded: Vec<EncodedSegment>,
    keeps_columns: bool,
}

impl Model {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("meta.db"), &OpenOptions::new()).unwrap();
        store.create_tables(&[TICKS]).unwrap();
        Self {
            _dirs: vec![dir],
            store,
            rows: BTreeMap::new(),
            last_id: 0,
            next_second: 0,
            staged: Vec::new(),
            published: Vec::new(),
            encoded: Vec::new(),
            keeps_columns: true,
        }
    }

    fn encoded(&mut self, count: u64, bytes: usize) -> (RowSpool, Vec<i64>) {
        let (mut rows, mut seconds) = (RowSpool::new(), Vec::new());
        let text = "a".repeat(bytes);
        for _ in 0..count {
            // Timestamps rise in steps, so that a cutoff splits blocks and rows.
            let second = self.next_second + self.next_second % 7;
            self.next_second += 1;
            rows.push(&row(second, &text)).unwrap();
            seconds.push(second);
        }
        (rows, seconds)
    }

    fn add_rows(&mut self, first: i64, seconds: &[i64]) {
        assert_eq!(first, self.last_id + 1, "ids have a gap");
        self.rows.extend((first..).zip(seconds.iter().copied()));
        self.last_id += seconds.len() as i64;
    }

    fn import(&self, number: i64) -> Option<Import> {
        self.store.write(move |txn| state_of(txn, number)).unwrap()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Append(count, bytes) => {
                let (rows, seconds) = self.encoded(count, bytes);
                let ids = self.store.append_rows(TICKS, rows).unwrap();
                self.add_rows(ids.start, &seconds);
            }
            Step::Stage(count, bytes) => {
                let (mut rows, seconds) = self.encoded(count, bytes);
                let number = self.store.write(|txn| begin(txn, TICKS)).unwrap();
                self.store.stage(number, &mut rows).unwrap();
                self.staged.push((number, seconds));
            }
            Step::Publish(index) if !self.staged.is_empty() => {
                let (number, seconds) = self.staged.remove(index.index(self.staged.len()));
                let ids = self.store.write(move |txn| publish(txn, number, TICKS)).unwrap();
                self.add_rows(ids.start, &seconds);
                self.published.push(number);
            }
            Step::Move(index, at_most) if !self.published.is_empty() => {
                let at = index.index(self.published.len());
                let Some(import) = self.import(self.published[at]) else {
                    self.published.remove(at);
                    return;
                };
                self.store.write(move |txn| advance(txn, &import, TICKS, at_most)).unwrap();
            }
            Step::Abandon(index) if !self.staged.is_empty() => {
                let (number, _) = self.staged.remove(index.index(self.staged.len()));
                let import = self.import(number).unwrap();
                while self
                    .store
                    .write({
                        let import = import.clone();
                        move |txn| delete(txn, &import)
                    })
                    .unwrap()
                {}
            }
            Step::Foreign => self.write_as_another_program(),
            Step::Prune(index) => {
                let before = index.index(self.next_second.unsigned_abs() as usize + 1) as i64;
                self.store.prune(TICKS, before * 1_000_000_000).unwrap();
                self.rows.retain(|_, second| *second >= before);
            }
            Step::Repair => self.store.repair(&[TICKS]).unwrap(),
            Step::CompleteSegment => {
                self.last_id |= Segment::IDS as i64 - 1;
                let last_id = self.last_id;
                let raise = move |txn: &WriteTransaction| {
                    txn.open_table(IDS)?.insert(TICKS.name(), last_id)?;
                    Ok(())
                };
                self.store.write(raise).unwrap();
                self.take(Step::Append(1, 10));
            }
            Step::Seal => {
                // More may be complete afterwards, because sealing brings zones up to date.
                let complete = self.complete_segments();
                self.store.seal(TICKS).unwrap();
                let sealed = self.sealed_segments();
                assert!(sealed >= complete || !self.keeps_columns, "{sealed} of {complete}");
            }
            Step::Encode => {
                let snapshot = self.store.snapshot().unwrap();
                let complete = snapshot.zones(TICKS).unwrap().complete_segments();
                let encode = |rows| snapshot.encode(TICKS, rows).unwrap().unwrap();
                self.encoded = complete.into_iter().map(encode).collect();
            }
            Step::StoreEncoded => {
                let encoded = mem::take(&mut self.encoded);
                self.store.write(move |txn| store_copies(txn, TICKS, &encoded)).unwrap();
            }
            Step::KeepColumns(keep) => {
                self.store.keep_columns(keep).unwrap();
                self.keeps_columns = keep;
            }
            Step::Copy => {
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("copy.db");
                self.store.backup(&path, Existing::Refuse, &[TICKS]).unwrap();
                self.store = Store::open(&path, &OpenOptions::new()).unwrap();
                self.store.create_tables(&[TICKS]).unwrap();
                // A copy has no unpublished rows, and all others are in their tables.
                self.staged.clear();
                self.published.clear();
                self._dirs.push(dir);
            }
            Step::Publish(_) | Step::Move(..) | Step::Abandon(_) => {}
        }
        // What was completed is sealed in the background.
        self.store.sealer.wait();
        assert!(self.keeps_columns || self.sealed_segments() == 0);
    }

    fn complete_segments(&self) -> usize {
        let snapshot = self.store.snapshot().unwrap();
        snapshot.zones(TICKS).unwrap().complete_segments().len()
    }

    fn sealed_segments(&self) -> usize {
        let snapshot = self.store.snapshot().unwrap();
        let complete = snapshot.zones(TICKS).unwrap().complete_segments();
        snapshot.segment_headers(TICKS, complete.into_iter()).unwrap().len()
    }

    /// Writes a row past all assigned ids, without recording its id anywhere.
    fn write_as_another_program(&mut self) {
        let (id, second) = (self.last_id + 1, self.next_second);
        self.next_second += 1;
        let mut json = Vec::new();
        crate::row::id_prefix(id, &mut json);
        json.extend_from_slice(row(second, "foreign").json());
        self.store
            .write(move |txn| {
                txn.open_table(rows_of(TICKS))?.insert(id, json.as_slice())?;
                Ok(())
            })
            .unwrap();
        self.last_id = id;
        self.rows.insert(id, second);
    }

    /// Compares all ways to read the store with its expected content.
    fn compare(&self, low: Part, high: Part) {
        let snapshot = self.store.snapshot().unwrap();
        assert_eq!(snapshot.count(TICKS).unwrap(), self.rows.len() as u64);
        let end = self.last_id.unsigned_abs() as usize + 2;
        let ids = low.index(end) as i64..=high.index(end) as i64;
        for ids in [i64::MIN..=i64::MAX, ids] {
            let wanted: Vec<(i64, i64)> = match ids.is_empty() {
                true => Vec::new(),
                false => self.rows.range(ids.clone()).map(|(id, second)| (*id, *second)).collect(),
            };
            let found = read(&snapshot, ids.clone(), None, false);
            assert_eq!(found, wanted, "{ids:?}");
            let mut descending = read(&snapshot, ids.clone(), None, true);
            descending.reverse();
            assert_eq!(descending, wanted, "{ids:?} descending");
            let ends = wanted.first().zip(wanted.last()).map(|(first, last)| (first.0, last.0));
            assert_eq!(snapshot.first_and_last_id(TICKS, ids).unwrap(), ends);
        }
        // The zone map covers all rows, each once, and is correct.
        let (mut all, mut before) = (Vec::new(), None);
        for run in snapshot.zones(TICKS).unwrap().runs() {
            assert!(before.is_none_or(|before| before < *run.ids.start()), "runs overlap");
            before = Some(*run.ids.end());
            let found = read(&snapshot, run.ids.clone(), run.expected, false);
            if let Some(zone) = run.zone {
                assert_eq!(zone.rows, found.len() as u64, "{:?}", run.ids);
                let nanos = |second: i64| second * 1_000_000_000;
                let within = |(low, high): (i64, i64)| {
                    found.iter().all(|(_, second)| (low..=high).contains(&nanos(*second)))
                };
                assert!(zone.times.is_none_or(within), "{:?}", run.ids);
            }
            all.extend(found);
        }
        assert_eq!(all.into_iter().collect::<BTreeMap<_, _>>(), self.rows);
        // The copies that are used have the ids of the rows. `check` compares their values.
        let complete = snapshot.zones(TICKS).unwrap().complete_segments();
        for header in snapshot.segment_headers(TICKS, complete.into_iter()).unwrap() {
            let ids = header.ids.ids(header.segment, header.rows);
            let rows = self.rows.range(header.segment.ids()).map(|(id, _)| *id);
            assert_eq!(ids, rows.collect::<Vec<i64>>(), "{:?}", header.segment);
        }
        let stats = self.store.stats(&[TICKS]).unwrap();
        assert_eq!(stats.tables[0].rows, self.rows.len() as u64);
        let report = self.store.check(&[TICKS]).unwrap();
        let other = |fault: &&Fault| !matches!(fault, Fault::IdCounterBehind { .. });
        assert_eq!(report.faults.iter().find(other), None);
    }
}

fn row(second: i64, text: &str) -> EncodedRow {
    let ts_utc = chrono::DateTime::from_timestamp(second, 0).unwrap();
    let mut row = EncodedRow::default();
    let record = TickRecord { ts_utc, source: "a", detail_json: text };
    row.encode(TICKS, record.values()).unwrap();
    row
}

/// Returns the ids and timestamps of the rows.
fn read(
    snapshot: &Snapshot,
    ids: std::ops::RangeInclusive<i64>,
    expected: Option<Expected>,
    descending: bool,
) -> Vec<(i64, i64)> {
    let mut rows = Vec::new();
    let mut cursor = RowCursor::new(ids, expected, descending);
    let _ = snapshot
        .scan(TICKS, &mut cursor, |id, json| {
            let time = TimeReader::new(TICKS).unwrap().read(json).unwrap();
            rows.push((id, time / 1_000_000_000));
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn imports_and_copies_are_whole_at_every_step(
        steps in prop::collection::vec((step(), part(), part()), 1..24),
    ) {
        let mut model = Model::new();
        for (step, low, high) in steps {
            model.take(step);
            model.compare(low, high);
        }
    }
}

/// Returns a store with three rows and then a published import, none of whose rows have been moved.
fn published(rows: u64) -> Model {
    let mut model = Model::new();
    model.take(Step::Append(3, 10));
    model.take(Step::Stage(rows, 3_000));
    model.take(Step::Publish(Part(0)));
    model
}

impl Model {
    fn make_older(&self, number: i64, seconds: i64) {
        self.store
            .write(move |txn| {
                let mut import = state_of(txn, number)?.unwrap();
                import.changed -= seconds * 1_000;
                txn.open_table(super::staged::IMPORTS)?
                    .insert(number, import.stored().as_slice())?;
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn a_copy_is_stored_only_if_its_rows_are_the_same() {
    let mut model = Model::new();
    model.take(Step::Append(30, 10));
    model.take(Step::CompleteSegment);
    model.take(Step::Encode);
    model.take(Step::Prune(Part(u16::MAX / 2)));
    model.take(Step::StoreEncoded);
    assert_eq!(model.sealed_segments(), 0);
    // Two processes that seal the same segment store the same copy.
    model.take(Step::Encode);
    model.take(Step::Seal);
    model.take(Step::StoreEncoded);
    assert_eq!(model.sealed_segments(), 1);
    model.compare(Part(0), Part(u16::MAX));
}

#[test]
fn a_snapshot_reads_its_copies_after_they_are_deleted() {
    let mut model = Model::new();
    model.take(Step::Append(30, 10));
    model.take(Step::CompleteSegment);
    let before = model.store.snapshot().unwrap();
    model.take(Step::Seal);
    let sealed = model.store.snapshot().unwrap();
    model.take(Step::Prune(Part(u16::MAX / 2)));
    model.take(Step::Repair);
    for (snapshot, copies) in [(before, 0), (sealed, 1)] {
        let complete = snapshot.zones(TICKS).unwrap().complete_segments();
        let headers = snapshot.segment_headers(TICKS, complete.into_iter()).unwrap();
        assert_eq!(headers.len(), copies);
        for header in headers {
            assert_eq!(header.rows, 30);
            for place in 0..3 {
                assert!(snapshot.segment_column(TICKS, &header, place).unwrap().is_some());
            }
        }
        assert_eq!(read(&snapshot, i64::MIN..=i64::MAX, None, false).len(), 31);
    }
    model.compare(Part(0), Part(u16::MAX));
}

#[test]
fn appends_continue_an_idle_import() {
    let mut model = published(100);
    let number = model.published[0];
    model.take(Step::Append(1, 10));
    assert_eq!(model.import(number).unwrap().moved, 0, "its importer lives");
    model.make_older(number, 3);
    model.take(Step::Append(1, 10));
    assert_eq!(model.import(number), None);
    model.compare(Part(0), Part(u16::MAX));
}

#[test]
fn unpublished_rows_are_deleted_after_a_minute() {
    let mut model = published(1);
    model.take(Step::Stage(100, 3_000));
    let number = model.staged[0].0;
    model.make_older(number, 50);
    model.take(Step::Append(1, 10));
    assert!(model.import(number).is_some());
    model.make_older(number, 11);
    model.take(Step::Append(1, 10));
    model.take(Step::Append(1, 10));
    assert_eq!(model.import(number), None);
    let left = model.store.write(|txn| {
        use redb::ReadableTableMetadata;
        Ok(txn.open_table(STAGED)?.len()?)
    });
    // The other import still exists.
    assert_eq!(left.unwrap(), 1);
    // The importer resumes and gets an error.
    let error = model.store.write(move |txn| publish(txn, number, TICKS)).unwrap_err();
    assert!(error.to_string().contains("nothing was stored"), "{error}");
}

#[test]
fn compaction_moves_published_rows_first() {
    let model = published(500);
    let number = model.published[0];
    model.store.compact().unwrap();
    assert_eq!(model.import(number), None);
    model.compare(Part(0), Part(u16::MAX));
}

#[test]
fn ids_taken_by_another_program_are_not_overwritten() {
    let model = published(20);
    let mut json = Vec::new();
    crate::row::id_prefix(10, &mut json);
    json.extend_from_slice(row(5_000, "foreign").json());
    let json = Arc::new(json);
    let stored = Arc::clone(&json);
    model
        .store
        .write(move |txn| {
            txn.open_table(rows_of(TICKS))?.insert(10, stored.as_slice())?;
            Ok(())
        })
        .unwrap();
    // Two rows have the same id, so no answer can be right.
    assert!(matches!(
        model.store.snapshot().unwrap().count(TICKS),
        Err(Error::Damaged { reason, .. }) if reason.contains("ticks with ids 4 to 23")
    ));
    model.store.repair(&[TICKS]).unwrap();
    let rows = read(&model.store.snapshot().unwrap(), i64::MIN..=i64::MAX, None, false);
    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
    assert_eq!(ids, [1, 2, 3, 10].into_iter().chain(24..=43).collect::<Vec<i64>>());
    assert_eq!(rows[3].1, 5_000);
    assert!(model.store.check(&[TICKS]).unwrap().is_clean());
}

#[test]
fn changed_bytes_in_staged_rows_are_detected() {
    let model = published(20);
    let import = model.import(model.published[0]).unwrap();
    model
        .store
        .write(move |txn| {
            let mut staged = txn.open_table(STAGED)?;
            let key = import.key(0)?;
            let mut bytes = staged.get(key)?.unwrap().value().to_vec();
            bytes[200] ^= 4;
            staged.insert(key, bytes.as_slice())?;
            Ok(())
        })
        .unwrap();
    let snapshot = model.store.snapshot().unwrap();
    let read = snapshot
        .scan(TICKS, &mut RowCursor::new(5..=9, None, false), |_, _| Ok(ControlFlow::Continue(())));
    assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
    assert!(!model.store.check(&[TICKS]).unwrap().is_clean());
    // Recording still works.
    model.make_older(model.published[0], 3);
    model.store.append(TICKS, |appender| appender.push(&row(1, "a"))).unwrap();
}

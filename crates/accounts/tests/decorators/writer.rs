//! Where records go, and what becomes of them when that fails.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ntlm::LogonFailure;
use ntlm_accounts::audit::{AuditDraft, AuditRecord, AuditSink, AuditWriter, NoAudit};
use serde_json::Value;

use crate::support::{Kept, NOW, origin};

/// Long enough on a busy machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

fn record() -> AuditRecord {
    AuditDraft::new(&origin(), "HTTP", NOW).failed(&LogonFailure::WRONG_PASSWORD.into())
}

/// An output that can be looked at, and that fails when it is told to.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Default)]
struct DiskState {
    bytes: Vec<u8>,
    /// How many more bytes there is room for.
    room: Option<usize>,
    flushes: usize,
}

impl Disk {
    fn set_room(&self, room: Option<usize>) {
        self.0.lock().unwrap().room = room;
    }

    fn lines(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        String::from_utf8(state.bytes.clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        let taken = state.room.unwrap_or(usize::MAX).min(bytes.len());
        if taken == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if let Some(room) = &mut state.room {
            *room -= taken;
        }
        state.bytes.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().flushes += 1;
        Ok(())
    }
}

/// An output that hangs until it is let go.
struct Stuck(Receiver<()>, Disk);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Fails when the other end is gone, and then goes on.
        let _ = self.0.recv();
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn records_are_written_and_flushed_a_line_each() {
    let disk = Disk::default();
    let writer = AuditWriter::text(disk.clone()).unwrap();
    for _ in 0..3 {
        writer.record(&record());
    }
    assert!(writer.flush(PATIENCE));
    assert_eq!(disk.lines(), vec![record().to_text(); 3]);
    assert_eq!(disk.0.lock().unwrap().flushes, 3);
    assert_eq!(writer.lost(), 0);
}

#[test]
fn a_writer_that_is_dropped_writes_what_it_has() {
    let disk = Disk::default();
    let writer = AuditWriter::json(disk.clone()).unwrap();
    for _ in 0..100 {
        writer.record(&record());
    }
    drop(writer);
    assert_eq!(disk.lines(), vec![record().to_json(); 100]);
}

#[test]
fn a_full_disk_costs_records_and_is_told_once_and_in_the_output() {
    let (disk, told) = (Disk::default(), Arc::new(AtomicUsize::new(0)));
    let writer = AuditWriter::json(disk.clone()).unwrap().on_failure({
        let told = Arc::clone(&told);
        move |error| {
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            told.fetch_add(1, Ordering::Relaxed);
        }
    });
    let write = |count| {
        (0..count).for_each(|_| writer.record(&record()));
        assert!(writer.flush(PATIENCE));
    };
    write(1);
    // Room for a piece of the next one.
    disk.set_room(Some(10));
    write(5);
    assert_eq!((writer.lost(), told.load(Ordering::Relaxed)), (5, 1));
    disk.set_room(None);
    write(2);
    assert_eq!((writer.lost(), told.load(Ordering::Relaxed)), (5, 1));
    let whole = record().to_json();
    let lines = disk.lines();
    assert_eq!([&lines[0], &lines[3], &lines[4]], [&whole; 3]);
    // The torn piece stands alone, and the loss is a record of its own.
    assert_eq!(lines[1], whole[..10]);
    let lost: Value = serde_json::from_str(&lines[2]).unwrap();
    assert_eq!((&lost["event"], &lost["decision"]), (&Value::from(1101), &Value::from("records_lost")));
    assert!(lost["reason"].as_str().unwrap().starts_with("5 records were lost"), "{lost}");

    disk.set_room(Some(0));
    write(1);
    assert_eq!((writer.lost(), told.load(Ordering::Relaxed)), (6, 2));
}

#[test]
fn a_stuck_output_makes_no_logon_wait() {
    let (disk, (go, hangs)) = (Disk::default(), sync_channel(0));
    let writer = AuditWriter::text(Stuck(hangs, disk.clone())).unwrap();
    // More than may wait. That this ends at all is what is tested.
    let count = (4 << 20) / record().to_text().len();
    for _ in 0..count {
        writer.record(&record());
    }
    assert!(!writer.flush(Duration::from_millis(1)));
    assert!(writer.lost() > 0);
    let go: SyncSender<()> = go;
    drop(go);
    assert!(writer.flush(PATIENCE));
    // Every record was written or counted.
    let written = disk.lines().iter().filter(|line| **line == record().to_text()).count();
    assert_eq!(written + usize::try_from(writer.lost()).unwrap(), count);

    writer.record(&record());
    assert!(writer.flush(PATIENCE));
    assert!(disk.lines().iter().any(|line| line.contains("event=1101")));
}

#[test]
fn an_output_that_panics_loses_records_and_nothing_else() {
    struct Panics;
    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("a test's output panics, as it is meant to");
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let writer = AuditWriter::text(Panics).unwrap();
    writer.record(&record());
    assert!(writer.flush(PATIENCE));
    writer.record(&record());
    assert!(writer.flush(PATIENCE) && writer.lost() > 0);
}

#[test]
fn records_of_many_threads_do_not_mix() {
    let disk = Disk::default();
    let writer = AuditWriter::text(disk.clone()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|_| writer.record(&record())));
        }
    });
    assert!(writer.flush(PATIENCE));
    assert_eq!(disk.lines(), vec![record().to_text(); 800]);
}

#[test]
fn sinks_are_put_together() {
    let (one, other) = (Arc::new(Kept::default()), Arc::new(Kept::default()));
    let both: Box<dyn AuditSink> = Box::new((Arc::clone(&one), (NoAudit, Arc::clone(&other))));
    both.record(&record());
    assert_eq!(one.take(), [record()]);
    assert_eq!(other.take(), [record()]);
}

//! The lines that are added to a log file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

/// The time between two looks at a file.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The maximum number of bytes that one look reads.
const BYTES_MAX: u64 = 1 << 20;

/// The end of a log file.
#[derive(Debug)]
pub(super) struct LogTail {
    file: PathBuf,
    /// The number of bytes that were read.
    read: u64,
    /// The beginning of a line whose end has not been written yet.
    line: Vec<u8>,
}

impl LogTail {
    /// Returns the lines from the start of the file.
    pub(super) fn new(file: PathBuf) -> Self {
        LogTail { file, read: 0, line: Vec::new() }
    }

    /// Passes each line to `handle`, now and whenever one is added.
    pub(super) async fn follow(mut self, mut handle: impl FnMut(&str)) {
        loop {
            self.new_lines().iter().for_each(|line| handle(line));
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Returns the lines since the last call. None if the file cannot be read, which the next call tries again.
    fn new_lines(&mut self) -> Vec<String> {
        let mut bytes = Vec::new();
        let read = File::open(&self.file).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.take(BYTES_MAX).read_to_end(&mut bytes)
        });
        self.read += u64::try_from(read.unwrap_or(0)).unwrap_or(0);
        let mut lines = Vec::new();
        for byte in bytes {
            if byte == b'\n' {
                lines.push(String::from_utf8_lossy(&self.line).into_owned());
                self.line.clear();
            } else {
                self.line.push(byte);
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_whole_lines_are_returned_and_each_once() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let mut tail = LogTail::new(file.path().to_owned());
        assert!(tail.new_lines().is_empty());
        file.write_all(b"one\ntw").expect("written");
        assert_eq!(tail.new_lines(), ["one"]);
        assert!(tail.new_lines().is_empty());
        file.write_all(b"o\n\n\xffthree\n").expect("written");
        assert_eq!(tail.new_lines(), ["two", "", "\u{fffd}three"]);
    }

    #[test]
    fn a_file_that_is_missing_has_no_lines() {
        assert!(LogTail::new("/nowhere/access.log".into()).new_lines().is_empty());
    }
}

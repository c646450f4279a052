//! The keys of one table in shared data, and the bytes of its buckets. The table's owner defines the records.

use std::fmt::Display;

/// A table of records of `RECORD_BYTES` bytes. Its name and format are in each of its keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SharedTable<const RECORD_BYTES: usize> {
    /// The table's name, which is unique.
    pub(crate) name: &'static str,
    /// The format of its records. It must be increased when the meaning of their bytes changes.
    pub(crate) format: u8,
    /// The maximum number of records of one bucket.
    pub(crate) records_max: usize,
}

/// The error of a value in shared data that is not a bucket of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value is not a bucket of this table and format")]
pub(crate) struct BucketError;

impl<const RECORD_BYTES: usize> SharedTable<RECORD_BYTES> {
    /// Returns the prefix of the keys of all buckets. `size` distinguishes tables with different numbers of
    /// buckets.
    pub(crate) fn key_prefix(&self, namespace: &str, size: &str) -> String {
        ["tollgate/", &self.format.to_string(), "/", namespace, "/", self.name, size, "/"].concat()
    }

    /// Returns the key of a bucket in a table with a fixed number of buckets.
    pub(crate) fn key(&self, namespace: &str, bucket: impl Display) -> String {
        let mut key = self.key_prefix(namespace, "");
        key.push_str(&bucket.to_string());
        key
    }

    /// Returns the maximum number of bytes of one bucket.
    pub(crate) const fn bucket_bytes_max(&self) -> usize {
        self.records_max.saturating_mul(RECORD_BYTES).saturating_add(1)
    }

    /// Reads the records of a bucket. No value, or an empty one, is an empty bucket.
    ///
    /// # Errors
    /// [`BucketError`] if the value is not of this format.
    pub(crate) fn records<'a>(
        &self,
        value: Option<&'a [u8]>,
    ) -> Result<&'a [[u8; RECORD_BYTES]], BucketError> {
        let Some((format, rest)) = value.and_then(<[u8]>::split_first) else { return Ok(&[]) };
        let (records, left_over) = rest.as_chunks();
        let is_bucket = *format == self.format && left_over.is_empty() && records.len() <= self.records_max;
        if is_bucket { Ok(records) } else { Err(BucketError) }
    }

    /// Returns an empty bucket with capacity for this number of records, which the caller appends.
    pub(crate) fn bucket(&self, records: usize) -> Vec<u8> {
        let records = records.min(self.records_max);
        let mut bytes = Vec::with_capacity(records.saturating_mul(RECORD_BYTES).saturating_add(1));
        bytes.push(self.format);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OLD: SharedTable<4> = SharedTable { name: "events", format: 1, records_max: 3 };
    const NEW: SharedTable<4> = SharedTable { format: 2, ..OLD };

    fn bucket(table: SharedTable<4>, records: &[[u8; 4]]) -> Vec<u8> {
        let mut bytes = table.bucket(records.len());
        bytes.extend_from_slice(records.as_flattened());
        bytes
    }

    #[test]
    fn a_key_names_format_namespace_table_size_and_bucket() {
        assert_eq!(OLD.key("shop", 7), "tollgate/1/shop/events/7");
        assert_eq!(NEW.key("shop", "all"), "tollgate/2/shop/events/all");
        assert_eq!(NEW.key_prefix("shop", "169"), "tollgate/2/shop/events169/");
    }

    #[test]
    fn two_formats_have_different_keys_and_do_not_read_each_other() {
        assert_ne!(OLD.key("shop", 7), NEW.key("shop", 7));
        let (old, new) = (bucket(OLD, &[[1; 4], [2; 4]]), bucket(NEW, &[[3; 4]]));
        assert_eq!(OLD.records(Some(&old)), Ok(&[[1; 4], [2; 4]][..]));
        assert_eq!(NEW.records(Some(&old)), Err(BucketError));
        assert_eq!(OLD.records(Some(&new)), Err(BucketError));
    }

    #[test]
    fn a_bucket_holds_whole_records_and_at_most_its_maximum() {
        let full = bucket(OLD, &[[1; 4]; 3]);
        assert_eq!(full.len(), OLD.bucket_bytes_max());
        assert_eq!(OLD.records(Some(&full)).map(<[_]>::len), Ok(3));
        assert_eq!(OLD.records(Some(&bucket(OLD, &[[1; 4]; 4]))), Err(BucketError), "one more");
        assert_eq!(OLD.records(full.get(..8)), Err(BucketError), "cut in a record");
        assert_eq!(OLD.records(None), Ok(&[][..]));
        assert_eq!(OLD.records(Some(b"")), Ok(&[][..]));
    }

    proptest! {
        #[test]
        fn any_value_is_read_as_records_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Ok(records) = OLD.records(Some(&bytes)) {
                prop_assert!(bytes.is_empty() || bucket(OLD, records) == bytes);
            }
        }
    }
}

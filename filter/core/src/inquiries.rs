//! The inquiries of a worker thread that are in progress, by their ids.

use crate::machine::InquiryId;

/// The inquiries in progress, each with its purpose: one for the keys, and as many confirmations as the
/// process may start within their timeout. A list, because a map would make the module larger and there are
/// only a few.
#[derive(Debug)]
pub(crate) struct Inquiries<T> {
    last: u32,
    in_progress: Vec<(InquiryId, T)>,
}

impl<T> Default for Inquiries<T> {
    fn default() -> Self {
        Inquiries { last: 0, in_progress: Vec::new() }
    }
}

impl<T> Inquiries<T> {
    /// Starts an inquiry for a purpose, and returns its id.
    pub(crate) fn start(&mut self, purpose: T) -> InquiryId {
        self.start_with(|_| purpose)
    }

    /// Starts an inquiry whose purpose depends on its id, and returns the id.
    pub(crate) fn start_with(&mut self, purpose: impl FnOnce(InquiryId) -> T) -> InquiryId {
        self.last = self.last.wrapping_add(1);
        let inquiry = InquiryId(self.last);
        self.in_progress.push((inquiry, purpose(inquiry)));
        inquiry
    }

    /// Ends an inquiry, and returns its purpose.
    pub(crate) fn end(&mut self, inquiry: InquiryId) -> Option<T> {
        let index = self.in_progress.iter().position(|(known, _)| *known == inquiry)?;
        Some(self.in_progress.swap_remove(index).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inquiry_ends_once() {
        let mut inquiries = Inquiries::default();
        let (first, second) = (inquiries.start("keys"), inquiries.start("record"));
        assert_ne!(first, second);
        assert_eq!(inquiries.end(first), Some("keys"));
        assert_eq!(inquiries.end(first), None);
        assert_eq!(inquiries.end(second), Some("record"));
    }
}

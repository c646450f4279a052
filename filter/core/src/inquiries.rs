//! What a worker thread has asked for all of its requests, by the numbers that the host knows it by.

use crate::machine::InquiryId;

/// Inquiries under way, each with what it is for: one for the keys, and as many as the process may ask within
/// their time. A list, since a map's code weighs more in a module than looking through a few.
#[derive(Debug)]
pub(crate) struct Inquiries<T> {
    last: u32,
    under_way: Vec<(InquiryId, T)>,
}

impl<T> Default for Inquiries<T> {
    fn default() -> Self {
        Inquiries { last: 0, under_way: Vec::new() }
    }
}

impl<T> Inquiries<T> {
    /// Begins an inquiry for a purpose, and returns its id.
    pub(crate) fn begin(&mut self, purpose: T) -> InquiryId {
        self.begin_with(|_| purpose)
    }

    /// Begins an inquiry whose purpose needs to know its id, and returns that.
    pub(crate) fn begin_with(&mut self, purpose: impl FnOnce(InquiryId) -> T) -> InquiryId {
        self.last = self.last.wrapping_add(1);
        let inquiry = InquiryId(self.last);
        self.under_way.push((inquiry, purpose(inquiry)));
        inquiry
    }

    /// Ends an inquiry, and returns what it was for.
    pub(crate) fn end(&mut self, inquiry: InquiryId) -> Option<T> {
        let place = self.under_way.iter().position(|(known, _)| *known == inquiry)?;
        Some(self.under_way.swap_remove(place).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inquiry_ends_once() {
        let mut inquiries = Inquiries::default();
        let (first, second) = (inquiries.begin("keys"), inquiries.begin("record"));
        assert_ne!(first, second);
        assert_eq!(inquiries.end(first), Some("keys"));
        assert_eq!(inquiries.end(first), None);
        assert_eq!(inquiries.end(second), Some("record"));
    }
}

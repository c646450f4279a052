//! What a worker thread knows from Clerk's own records, and whom it is asking about.

use crate::ids::Subject;
use crate::machine::InquiryId;
use crate::plan_table::{PlanTable, Rank};
use crate::time::Micros;
use std::time::Duration;

/// How long an answer holds.
const HOLDS_FOR: Duration = Duration::from_secs(60);

/// How many answers a worker remembers; beyond that the oldest makes room. The process asks 20 times a second at most.
const ANSWERS_MAX: usize = 2_000;

/// What Clerk's own record says of a subject's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) struct Confirmation {
    /// When the question began. What was written before is in the answer; a token read later knows better.
    pub(in crate::gate) asked_at: Micros,
    /// The plan.
    pub(in crate::gate) plan: ConfirmedPlan,
    /// From then on it counts as the default plan.
    pub(in crate::gate) grace_until: Option<Micros>,
}

/// Which plan a record of Clerk's shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) enum ConfirmedPlan {
    /// One of this document, or the default one where it shows none.
    Plan(Rank),
    /// One that this document does not have: at least what the token names, for nobody knows that it is less. With
    /// the hash of its name, by which a worker with another document may know it.
    Unknown {
        /// See [`plan_hash`](super::shared_records::plan_hash).
        name_hash: u64,
    },
}

impl Confirmation {
    /// The plan in force for a token that names `token_plan`.
    pub(in crate::gate) fn plan(&self, token_plan: Rank, plans: &PlanTable, now: Micros) -> Rank {
        match self.plan {
            ConfirmedPlan::Unknown { .. } => token_plan,
            ConfirmedPlan::Plan(_) if self.grace_until.is_some_and(|end| end <= now) => plans.default_rank(),
            ConfirmedPlan::Plan(plan) => plan,
        }
    }

    fn holds(&self, now: Micros) -> bool {
        holds(self.asked_at, now)
    }
}

/// Whether an answer to a question that began at that time still holds. One from the future is from before the clock
/// stepped back: nobody knows how old it is.
pub(super) fn holds(asked_at: Micros, now: Micros) -> bool {
    asked_at.is_within(HOLDS_FOR, now)
}

/// What a worker thread knows from Clerk's own records, and whom it is asking about.
#[derive(Debug, Default)]
pub(in crate::gate) struct Confirmations {
    /// By subject. Lists, since a map's code weighs more in a module.
    answers: Vec<(Subject, Confirmation)>,
    under_way: Vec<(Subject, InquiryId)>,
}

impl Confirmations {
    /// What is known of a subject and not by its token, whose claims were read at that time.
    pub(in crate::gate) fn answer(
        &self,
        subject: &Subject,
        claims_read_at: Option<Micros>,
        now: Micros,
    ) -> Option<Confirmation> {
        let newer = |answer: &&Confirmation| claims_read_at.is_none_or(|read_at| read_at <= answer.asked_at);
        self.latest(subject, now).filter(newer).copied()
    }

    /// What is known of a subject, whatever its tokens say.
    pub(super) fn latest(&self, subject: &Subject, now: Micros) -> Option<&Confirmation> {
        let place = self.place(subject).ok()?;
        self.answers.get(place).map(|(_, answer)| answer).filter(|answer| answer.holds(now))
    }

    /// Keeps an answer, unless a later one is there.
    pub(in crate::gate) fn learn(&mut self, subject: Subject, answer: Confirmation, now: Micros) {
        self.answers.retain(|(_, known)| known.holds(now));
        match self.place(&subject) {
            Ok(place) => {
                let known = self.answers.get_mut(place).map(|(_, known)| known);
                if let Some(known) = known.filter(|known| known.asked_at <= answer.asked_at) {
                    *known = answer;
                }
            }
            Err(place) => {
                self.answers.insert(place, (subject, answer));
                self.keep_to_the_maximum();
            }
        }
    }

    fn keep_to_the_maximum(&mut self) {
        if self.answers.len() > ANSWERS_MAX {
            let ages = self.answers.iter().map(|(_, answer)| answer.asked_at).enumerate();
            if let Some((oldest, _)) = ages.min_by_key(|(_, asked_at)| *asked_at) {
                self.answers.remove(oldest);
            }
        }
    }

    fn place(&self, subject: &Subject) -> Result<usize, usize> {
        self.answers.binary_search_by(|(known, _)| known.cmp(subject))
    }

    /// The question about a subject that is under way.
    pub(super) fn under_way(&self, subject: &Subject) -> Option<InquiryId> {
        self.under_way.iter().find(|(known, _)| known == subject).map(|(_, inquiry)| *inquiry)
    }

    /// A question about a subject has begun.
    pub(super) fn began(&mut self, subject: Subject, inquiry: InquiryId) {
        self.under_way.push((subject, inquiry));
    }

    /// It has ended.
    pub(in crate::gate) fn ended(&mut self, subject: &Subject) {
        self.under_way.retain(|(known, _)| known != subject);
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::plan_table::Plan;

    const ASKED_S: u64 = 1_800_000_000;

    fn subject(number: usize) -> Subject {
        Subject::parse(&format!("user_{number}")).unwrap()
    }

    fn answer(asked_s: u64) -> Confirmation {
        let plan = ConfirmedPlan::Plan(PlanTable::new(Plan::default(), Vec::new()).default_rank());
        Confirmation { asked_at: Micros::from_secs(asked_s), plan, grace_until: None }
    }

    #[test]
    fn an_answer_holds_for_a_minute_and_yields_to_a_token_read_later() {
        let mut memory = Confirmations::default();
        memory.learn(subject(1), answer(ASKED_S), Micros::from_secs(ASKED_S));
        let cases = [
            ("a stale token", Some(ASKED_S - 30), 1, true),
            ("one read when the question began", Some(ASKED_S), 1, true),
            ("one read a second later", Some(ASKED_S + 1), 1, false),
            ("one that does not say when", None, 1, true),
            ("at the last moment", Some(ASKED_S - 30), 59, true),
            ("too late", Some(ASKED_S - 30), 60, false),
        ];
        for (why, read_s, after_s, want) in cases {
            let now = Micros::from_secs(ASKED_S + after_s);
            let known = memory.answer(&subject(1), read_s.map(Micros::from_secs), now);
            assert_eq!(known.is_some(), want, "{why}");
        }
        assert_eq!(memory.answer(&subject(2), None, Micros::from_secs(ASKED_S)), None, "another's");
        assert_eq!(
            memory.answer(&subject(1), None, Micros::from_secs(ASKED_S - 1)),
            None,
            "the clock stepped back"
        );
    }

    #[test]
    fn a_late_answer_to_an_early_question_changes_nothing() {
        let mut memory = Confirmations::default();
        let now = Micros::from_secs(ASKED_S + 2);
        memory.learn(subject(1), answer(ASKED_S + 1), now);
        memory.learn(subject(1), answer(ASKED_S), now);
        assert_eq!(memory.latest(&subject(1), now), Some(&answer(ASKED_S + 1)));
    }

    #[test]
    fn the_oldest_make_room() {
        let mut memory = Confirmations::default();
        for number in 0..=ANSWERS_MAX {
            let asked = Micros::from_micros(ASKED_S * 1_000_000 + u64::try_from(number).unwrap());
            memory.learn(subject(number), Confirmation { asked_at: asked, ..answer(0) }, asked);
        }
        assert_eq!(memory.answers.len(), ANSWERS_MAX);
        assert!(memory.place(&subject(0)).is_err() && memory.place(&subject(1)).is_ok());
        memory.learn(subject(1), answer(ASKED_S + 90), Micros::from_secs(ASKED_S + 90));
        assert_eq!(memory.answers.len(), 1, "what no longer holds goes first");
    }
}

//! Tests of the counters of the local store. This file has the shared value that the tests count in.
#![allow(clippy::arithmetic_side_effects)]

mod clock;
mod plan_changes;
mod several_windows;
mod size;
mod workers;

use super::fingerprint::Fingerprint;
use super::spend::{Decision, Spent, peek, spend};
use super::table::{BucketTable, Callers, SIGNED_IN_MB, Seed};
use super::window_state::WindowState;
use crate::plan_table::{Period, Window};
use crate::time::Micros;

/// 2026-11-21T00:00:00Z, a Saturday.
const SATURDAY_S: u64 = 1_795_219_200;

const FREE: &[Window] = &[window(5, Period::Day)];
const PRO: &[Window] = &[window(100, Period::Month)];

const fn at(second: u64) -> Micros {
    Micros::from_secs(SATURDAY_S + second)
}

const fn window(max: u64, per: Period) -> Window {
    Window { max, per }
}

fn fingerprint(subject: &str) -> Fingerprint {
    let table = BucketTable::new("shop", Callers::SignedIn, &Seed::new([1; Seed::BYTES]), SIGNED_IN_MB);
    table.key(subject.as_bytes(), "asks").fingerprint
}

/// A bucket in shared data: a value and its version, 0 while there is none.
#[derive(Clone, Default)]
struct SharedBuckets {
    value: Option<Vec<u8>>,
    version: u32,
}

impl SharedBuckets {
    fn swap(&mut self, value: Vec<u8>, version: u32) -> bool {
        let unchanged = self.version == version;
        if unchanged {
            *self = SharedBuckets { value: Some(value), version: version + 1 };
        }
        unchanged
    }

    /// Counts one request, without concurrent workers.
    fn request(&mut self, plan: &[Window], cost: u64, now: Micros) -> Spent {
        let spending = spend(self.value.as_deref(), fingerprint("user_1"), plan, cost, now);
        if let Some(bytes) = spending.new_bytes.clone() {
            assert!(self.swap(bytes, self.version));
        }
        spending
    }

    /// Counts requests, and returns how many were admitted.
    fn served(&mut self, plan: &[Window], requests: u64, now: Micros) -> u64 {
        (0..requests).map(|_| u64::from(self.request(plan, 1, now).decision == Decision::Admitted)).sum()
    }

    fn states(&self, plan: &[Window], now: Micros) -> Vec<WindowState> {
        peek(self.value.as_deref(), fingerprint("user_1"), plan, now)
    }
}

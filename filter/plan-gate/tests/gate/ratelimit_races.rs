//! Property tests of concurrent requests of several gateways to one service, in any order of messages.

use super::host::{HeldRequest, Host, Progress};
use super::service::FakeRatelimit;
use super::{configuration, get, token};
use proptest::prelude::*;
use serde_json::json;
use tollgate_driver::CalloutResult;
use tollgate_driver::memory::StartedCallout;

/// The maximum number of messages that may overtake another one. It must be lower than the number of queries
/// of a request, which is 64.
const OVERTAKEN_MAX: usize = 40;

/// A message to the service or, with a result, its response.
struct Message {
    overtaken: usize,
    host: usize,
    callout: StartedCallout,
    response: Option<CalloutResult>,
}

/// Several gateways that share one rate limit service.
struct Fleet {
    hosts: Vec<Host>,
    service: FakeRatelimit,
    /// The held requests, each with its gateway.
    waiting: Vec<(usize, HeldRequest)>,
    messages: Vec<Message>,
    admitted: u64,
    refused: u64,
}

impl Fleet {
    fn new(gateways: u8) -> Self {
        let gateway = |seed| {
            let edit = |gate: &mut serde_json::Value| {
                gate["store"] = json!({"ratelimit": {"cluster": "ratelimit"}});
            };
            Host::new(&configuration(edit), [seed; 16])
        };
        Fleet {
            hosts: (0..gateways).map(gateway).collect(),
            service: FakeRatelimit::default(),
            waiting: Vec::new(),
            messages: Vec::new(),
            admitted: 0,
            refused: 0,
        }
    }

    fn send(&mut self, host: usize, path: &str, authorization: &str) {
        let progress = self.hosts[host].start(&get(path, &[("authorization", authorization)]));
        self.record(host, progress);
        self.collect(host);
    }

    /// Records the progress of a request.
    fn record(&mut self, host: usize, progress: Progress) {
        match progress {
            Progress::Held(request) => self.waiting.push((host, request)),
            Progress::Done(response) if response.code() == "forwarded" => self.admitted += 1,
            Progress::Done(response) => {
                assert_eq!(response.code(), "quota_exceeded");
                self.refused += 1;
            }
        }
    }

    /// Collects the messages that a gateway has sent.
    fn collect(&mut self, host: usize) {
        for callout in self.hosts[host].new_callouts() {
            self.messages.push(Message { overtaken: 0, host, callout, response: None });
        }
    }

    /// Delivers one message: this one, or one that must not be overtaken again.
    fn move_message(&mut self, index: usize) {
        let now = self.hosts[0].now;
        let due = self.messages.iter().position(|message| message.overtaken >= OVERTAKEN_MAX);
        let index = due.unwrap_or(index);
        self.messages.iter_mut().for_each(|message| message.overtaken += 1);
        let message = &mut self.messages[index];
        message.overtaken = 0;
        if message.response.is_none() {
            message.response = Some(self.service.answer(&message.callout.callout, now));
            return;
        }
        let Message { host, callout, response, .. } = self.messages.swap_remove(index);
        self.hosts[host].end_callout(callout.id, response.unwrap());
        for (gateway, request) in std::mem::take(&mut self.waiting) {
            let progress = match gateway == host {
                true => self.hosts[host].progress(request),
                false => Progress::Held(request),
            };
            self.record(gateway, progress);
        }
        self.collect(host);
    }

    /// Sends requests from all gateways in turns, until all are done; `choices` selects the next message to
    /// deliver.
    fn run(&mut self, requests: usize, path: &str, plan: &str, choices: &[u16]) {
        let authorization = token(plan);
        let mut choices = choices.iter().copied().map(usize::from).cycle();
        let mut sent = 0;
        while sent < requests || !self.messages.is_empty() {
            let choice = choices.next().unwrap();
            if sent < requests && (self.messages.is_empty() || choice % 3 == 0) {
                self.send(sent % self.hosts.len(), path, &authorization);
                sent += 1;
            } else {
                self.move_message(choice / 3 % self.messages.len());
            }
        }
        assert!(self.waiting.is_empty(), "a request waits forever");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn exactly_as_many_are_served_as_the_limit_allows(
        gateways in 1_u8..5,
        requests in 1_usize..200,
        choices in prop::collection::vec(any::<u16>(), 1..300),
    ) {
        let mut fleet = Fleet::new(gateways);
        fleet.run(requests, "/ask", "pro", &choices);
        let requests = u64::try_from(requests).unwrap();
        prop_assert_eq!(fleet.admitted, requests.min(100));
        prop_assert_eq!(fleet.admitted + fleet.refused, requests);
    }

    #[test]
    fn each_gateway_loses_at_most_one_request_of_the_longer_window(
        gateways in 1_u8..5,
        requests in 1_usize..100,
        choices in prop::collection::vec(any::<u16>(), 1..300),
    ) {
        let mut fleet = Fleet::new(gateways);
        fleet.run(requests, "/burst", "free", &choices);
        prop_assert_eq!(fleet.admitted, u64::try_from(requests).unwrap().min(2), "2 a minute, 3 a day");
        let lost = fleet.service.counted(&["per=day"]) - fleet.admitted;
        prop_assert!(lost < u64::from(gateways), "{} lost by {} gateways", lost, gateways);
    }

    #[test]
    fn a_refused_request_leaves_room_for_a_lower_cost(
        choices in prop::collection::vec(any::<u16>(), 1..300),
    ) {
        let mut fleet = Fleet::new(1);
        fleet.run(20, "/pair", "free", &choices);
        prop_assert_eq!(fleet.admitted, 2, "4 of 5");
        fleet.run(5, "/ask", "free", &choices);
        prop_assert_eq!(fleet.admitted, 3);
    }
}

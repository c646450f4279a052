//! Requests of several gateways at once on one service, in any order of sending, counting and answering.

use super::host::Host;
use super::service::{FakeRatelimit, ServiceAnswer};
use super::{configuration, get, token};
use crate::gate::GateRequest;
use crate::http::{Callout, HeaderMap};
use crate::machine::{Action, CallId, Input, InquiryId};
use proptest::prelude::*;
use serde_json::json;

/// How often others may overtake a message. None is slower than sixty others: so long a worker waits for its own.
const OVERTAKEN_MAX: usize = 40;

/// A message on its way to the service, or the answer on its way back.
struct Mail {
    overtaken: usize,
    host: usize,
    to: To,
    callout: Callout,
    answer: Option<ServiceAnswer>,
}

/// Who waits for the answer.
#[derive(Clone, Copy)]
enum To {
    Request(usize, CallId),
    Worker(InquiryId),
}

/// A request under way.
struct RacingRequest {
    host: usize,
    passage: Box<GateRequest>,
    awaits: Option<InquiryId>,
}

struct Fleet {
    hosts: Vec<Host>,
    service: FakeRatelimit,
    requests: Vec<Option<RacingRequest>>,
    mail: Vec<Mail>,
    admitted: u64,
    refused: u64,
}

impl Fleet {
    fn new(gateways: u8) -> Self {
        let gateway = |seed| {
            let edit = |gate: &mut serde_json::Value| {
                gate["store"] = json!({"ratelimit": {"cluster": "ratelimit"}});
            };
            Host::new(configuration(edit), [seed; 16])
        };
        Fleet {
            hosts: (0..gateways).map(gateway).collect(),
            service: FakeRatelimit::default(),
            requests: Vec::new(),
            mail: Vec::new(),
            admitted: 0,
            refused: 0,
        }
    }

    fn send(&mut self, host: usize, path: &str, authorization: &str) {
        let fields = get(path, &[("authorization", authorization)]);
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let head = Input::Head { headers: HeaderMap::from_fields(fields), end_of_stream: true };
        let mut passage = Box::new(GateRequest::default());
        let action = self.hosts[host].give(&mut passage, head);
        let number = self.requests.len();
        self.requests.push(None);
        self.go_on(number, RacingRequest { host, passage, awaits: None }, action);
    }

    /// Performs what a request wants until it waits or is judged.
    fn go_on(&mut self, number: usize, mut request: RacingRequest, mut action: Action) {
        let host = request.host;
        loop {
            action = match action {
                Action::Forward(_) => return self.admitted += 1,
                Action::Reply(reply) => {
                    assert_eq!(reply.details, "quota_exceeded");
                    return self.refused += 1;
                }
                Action::Call(callouts) => {
                    for (call, callout) in callouts {
                        self.mail.push(Mail {
                            overtaken: 0,
                            host,
                            to: To::Request(number, call),
                            callout,
                            answer: None,
                        });
                    }
                    break;
                }
                Action::Await(inquiry) => {
                    let is_its = |mail: &Mail| {
                        mail.host == host && matches!(mail.to, To::Worker(asked) if asked == inquiry)
                    };
                    if self.mail.iter().any(is_its) {
                        request.awaits = Some(inquiry);
                        break;
                    }
                    self.hosts[host].give(&mut request.passage, Input::Settled)
                }
                other => self.hosts[host].perform(&mut request.passage, other),
            };
            for (inquiry, callout) in self.hosts[host].new_inquiries() {
                self.mail.push(Mail { overtaken: 0, host, to: To::Worker(inquiry), callout, answer: None });
            }
        }
        self.requests[number] = Some(request);
    }

    /// Moves one piece of mail a step on: this one, or one that was overtaken often enough.
    fn move_mail(&mut self, place: usize) {
        let now = self.hosts[0].now;
        let due = self.mail.iter().position(|mail| mail.overtaken >= OVERTAKEN_MAX);
        let place = due.unwrap_or(place);
        self.mail.iter_mut().for_each(|mail| mail.overtaken += 1);
        self.mail[place].overtaken = 0;
        if self.mail[place].answer.is_none() {
            let answer = self.service.answer(&self.mail[place].callout, now);
            self.mail[place].answer = Some(answer);
            return;
        }
        let Mail { host, to, answer, .. } = self.mail.swap_remove(place);
        let answer = answer.unwrap();
        match to {
            To::Request(number, call) => {
                let Some(mut request) = self.requests[number].take() else { return };
                let input = Input::Answered { call, outcome: answer.outcome() };
                let action = self.hosts[host].give(&mut request.passage, input);
                self.go_on(number, request, action);
            }
            To::Worker(inquiry) => {
                self.hosts[host].settle(inquiry, answer.outcome());
                for number in 0..self.requests.len() {
                    let waits =
                        |request: &RacingRequest| request.host == host && request.awaits == Some(inquiry);
                    if self.requests[number].as_ref().is_some_and(waits) {
                        let mut request = self.requests[number].take().unwrap();
                        request.awaits = None;
                        let action = self.hosts[host].give(&mut request.passage, Input::Settled);
                        self.go_on(number, request, action);
                    }
                }
            }
        }
    }

    /// Sends so many requests from all gateways in turns; `choices` says which mail moves when, until all are judged.
    fn run(&mut self, requests: usize, path: &str, plan: &str, choices: &[u16]) {
        let authorization = token(plan);
        let mut choices = choices.iter().copied().map(usize::from).cycle();
        let mut sent = 0;
        while sent < requests || !self.mail.is_empty() {
            let choice = choices.next().unwrap();
            if sent < requests && (self.mail.is_empty() || choice % 3 == 0) {
                self.send(sent % self.hosts.len(), path, &authorization);
                sent += 1;
            } else {
                self.move_mail(choice / 3 % self.mail.len());
            }
        }
        assert!(self.requests.iter().all(Option::is_none), "somebody waits for ever");
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
    fn of_several_windows_none_admits_more_and_the_longer_loses_at_most_one_request_a_gateway(
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
    fn a_dear_request_that_is_refused_leaves_room_for_a_cheap_one(
        choices in prop::collection::vec(any::<u16>(), 1..300),
    ) {
        let mut fleet = Fleet::new(1);
        fleet.run(20, "/pair", "free", &choices);
        prop_assert_eq!(fleet.admitted, 2, "4 of 5");
        fleet.run(5, "/ask", "free", &choices);
        prop_assert_eq!(fleet.admitted, 3);
    }
}

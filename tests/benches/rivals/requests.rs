//! Requests that are built before the load starts.

use std::rc::Rc;
use tollgate_tests::fakes::clerk::keys::KeyPair;
use tollgate_tests::fakes::clerk::tokens::Token;
use tollgate_tests::fakes::server::unix_now;

/// The number of users.
pub(crate) const USERS: usize = 64;
/// The number of tokens: more than the gate caches, so that each is evicted before it is sent again.
const TOKENS: usize = 12_000;
/// The lifetime of a token, in seconds: longer than the benchmark.
const LIFETIME_S: i64 = 6 * 3600;

/// Requests that are sent in order, and again from the first.
pub(crate) type Ready = Rc<[Vec<u8>]>;

/// The requests of a candidate.
pub(crate) enum Requests {
    /// The same requests in each round.
    Fixed(Ready),
    /// Requests that are built for each round, because their signature includes the time.
    Signed(Box<dyn Fn() -> Ready>),
}

impl Requests {
    /// Returns the requests for a round that starts now.
    pub(crate) fn now(&self) -> Ready {
        match self {
            Requests::Fixed(ready) => Rc::clone(ready),
            Requests::Signed(make) => make(),
        }
    }
}

/// Requests of signed-in users.
pub(crate) struct Sessions {
    /// A token for each user.
    pub(crate) usual: Ready,
    /// Many tokens for each user.
    pub(crate) many: Ready,
    /// No token at all.
    pub(crate) none: Ready,
}

impl Sessions {
    pub(crate) fn sign() -> Sessions {
        let now = unix_now();
        let sign = |number: usize| {
            let token = Token::session(&format!("user_{:04}", number % USERS), now).plan("pro");
            let token = token.claim("sid", format!("sess_{number:06}").into());
            ask(&format!(
                "authorization: Bearer {}\r\n",
                token.claim("exp", (now + LIFETIME_S).into()).sign()
            ))
        };
        KeyPair::first();
        let half = TOKENS / 2;
        let many = std::thread::scope(|scope| {
            let first = scope.spawn(|| (0..half).map(sign).collect::<Vec<_>>());
            let rest: Vec<_> = (half..TOKENS).map(sign).collect();
            let mut all = first.join().unwrap_or_else(|e| std::panic::resume_unwind(e));
            all.extend(rest);
            all
        });
        Sessions { usual: many[..USERS].into(), many: many.into(), none: [ask("")].into() }
    }
}

fn ask(fields: &str) -> Vec<u8> {
    format!("GET /ask HTTP/1.1\r\nhost: gateway.test\r\n{fields}\r\n").into_bytes()
}

/// Returns a POST request with a body.
pub(crate) fn post(path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: gateway.test\r\ncontent-length: {length}\r\n{fields}\r\n");
    [head.as_bytes(), body].concat()
}

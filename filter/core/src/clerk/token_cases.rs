//! What becomes of a token: a table of cases, and the law that no change to a token makes it pass.

use super::token_factory::{Draft, judge, own_keys, rules};

#[test]
fn a_session_token_passes() {
    let session = judge(Draft::session().sign().as_bytes(), &own_keys(), &rules()).unwrap();
    assert_eq!(session.user.as_str(), "user_1");
}

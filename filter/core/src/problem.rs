//! Refusals as problem details: `application/problem+json`, RFC 9457.

use crate::http::Reply;
use serde_json::{Map, Value};

/// A refusal that a client can read and act on.
///
/// `type` is left out, which means `about:blank` (RFC 9457 §4.2.1), so `title` is the status code's own phrase and
/// `code` is what programs tell the cases apart by.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: u16,
    code: &'static str,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// A problem of that status and code. `detail` is for people, and never holds a secret.
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Problem { status, code, detail: detail.into(), members: Map::new(), headers: Vec::new() }
    }

    /// Adds an extension member to the body.
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// Adds a header field to the answer.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The code that programs go by.
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let mut body = Map::new();
        body.insert("title".to_owned(), phrase(problem.status).into());
        body.insert("status".to_owned(), problem.status.into());
        body.insert("code".to_owned(), problem.code.into());
        body.insert("detail".to_owned(), problem.detail.into());
        body.extend(problem.members);
        let mut headers = vec![("content-type", "application/problem+json".to_owned())];
        headers.extend(problem.headers);
        Reply {
            status: problem.status,
            headers,
            body: Value::Object(body).to_string().into_bytes(),
            details: problem.code,
            grpc_status: None,
        }
    }
}

/// The phrase of a status code that Tollgate answers with (RFC 9110 §15).
fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_a_reply_that_programs_and_people_can_read() {
        let problem = Problem::new(429, "quota_exceeded", "5 a day are used up").with("plan", "free");
        let reply = Reply::from(problem.header("retry-after", "60"));
        assert_eq!(reply.status, 429);
        assert_eq!(reply.details, "quota_exceeded");
        assert_eq!(reply.headers[0], ("content-type", "application/problem+json".to_owned()));
        assert_eq!(reply.headers[1], ("retry-after", "60".to_owned()));
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["code"], "quota_exceeded");
        assert_eq!(body["title"], "Too Many Requests");
        assert_eq!(body["plan"], "free");
    }
}

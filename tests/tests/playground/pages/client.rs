//! `tollgate.js` in a browser, with session tokens that the test chooses.

use super::BrowserVisit;
use serde_json::{Value, json};
use tollgate_tests::windows::within_one_window;

const DAY_S: i64 = 86400;

/// Runs code with a client whose `getToken` returns what is in `tokens`, one after the other, and notes its options in
/// `asked`. `valid` is a token of Ada's.
async fn run(visit: &BrowserVisit, code: &str) -> Value {
    let script = format!(
        r#"(async () => {{
          const {{ Tollgate, TollgateRefusal, rateLimit }} = await import("/tollgate.js");
          const body = JSON.stringify({{ user: "user_ada", organization: null }});
          const headers = {{ "content-type": "application/json" }};
          const response = await fetch("/playground/api/token", {{ method: "POST", headers, body }});
          const valid = (await response.json()).token;
          const [asked, tokens] = [[], []];
          const tollgate = new Tollgate({{ getToken: (options) => {{ asked.push(options.skipCache); return tokens.shift(); }} }});
          const refusal = (request) => request.then(() => null, (error) => {{
            if (!(error instanceof TollgateRefusal)) throw error;
            return error;
          }});
          {{ {code} }}
        }})()"#
    );
    visit.page.evaluate(&script).await.expect("code that runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_renews_tokens_and_turns_refusals_into_objects() {
    within_one_window(DAY_S).await;
    let visit = BrowserVisit::start().await;
    let renewed = r#"tokens.push("no token", valid); return [(await tollgate.usage()).plan, asked];"#;
    assert_eq!(run(&visit, renewed).await, json!(["free", [false, true]]), "once more with a new token");

    let twice = r#"
        tokens.push("no token", "still none");
        const { status, code } = await refusal(tollgate.usage());
        return [status, code, asked];"#;
    assert_eq!(run(&visit, twice).await, json!([401, "malformed_token", [false, true]]), "not a third time");

    let signed_out = r#"
        const { code, waitUntil, upgradeUrl } = await refusal(tollgate.usage());
        return [code, waitUntil, upgradeUrl, asked];"#;
    assert_eq!(run(&visit, signed_out).await, json!(["missing_token", null, null, [false]]));

    let changed = r#"
        tokens.push(valid, valid, valid);
        await tollgate.usage();
        tollgate.planMayHaveChanged();
        await tollgate.usage();
        await tollgate.usage();
        return asked;"#;
    assert_eq!(run(&visit, changed).await, json!([false, true, false]));

    let reports = r#"
        tokens.push(valid);
        const { status, code, requiredPlan, upgradeUrl } = await refusal(tollgate.fetch("/reports"));
        return [status, code, requiredPlan, new URL(upgradeUrl).hash];"#;
    assert_eq!(run(&visit, reports).await, json!([403, "plan_required", "pro", "#plans"]));

    let limits = r##"
        const options = { method: "POST", headers, body: JSON.stringify({ question: "Does it work?" }) };
        const remaining = [];
        for (let n = 0; n < 5; n++) {
          tokens.push(valid);
          const { limit, max, remaining: left, resetsAt } = rateLimit(await tollgate.fetch("/ask", options));
          remaining.push([limit, max, left, resetsAt > new Date()]);
        }
        tokens.push(valid);
        const { code, waitUntil, problem } = await refusal(tollgate.fetch("/ask", options));
        return { remaining, code, waits: waitUntil > new Date(), limit: problem.limit };"##;
    let remaining: Vec<_> = (0..5).rev().map(|left| json!(["asks", 5, left, true])).collect();
    let want = json!({"remaining": remaining, "code": "quota_exceeded", "waits": true, "limit": "asks"});
    assert_eq!(run(&visit, limits).await, want);

    let others = r#"
        tokens.push(valid);
        const response = await tollgate.fetch("/no-such-page");
        return [response.status, rateLimit(response)];"#;
    assert_eq!(run(&visit, others).await, json!([404, null]), "of the service, not of Tollgate");
}

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

    let meanwhile = r#"
        let resolve;
        tokens.push(new Promise((given) => (resolve = given)), valid, valid);
        const first = tollgate.usage();
        tollgate.planMayHaveChanged();
        resolve(valid);
        await first;
        await tollgate.usage();
        await tollgate.usage();
        return asked;"#;
    assert_eq!(
        run(&visit, meanwhile).await,
        json!([false, true, false]),
        "a change while a token is awaited"
    );

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

#[tokio::test(flavor = "multi_thread")]
async fn the_client_leaves_the_refusals_of_a_service_to_the_page() {
    let visit = BrowserVisit::start().await;
    // The responses of a service behind the gateway.
    let own = r#"
        const sent = window.fetch;
        let requests = 0;
        window.fetch = async (path) => {
          requests += 1;
          const type = path === "/own-problem" ? "application/problem+json" : "text/plain";
          return new Response("{}", { status: 401, headers: { "content-type": type } });
        };
        tokens.push(valid, valid);
        const statuses = [(await tollgate.fetch("/own-problem")).status, (await tollgate.fetch("/own-text")).status];
        window.fetch = sent;
        return { statuses, requests };"#;
    let want = json!({"statuses": [401, 401], "requests": 2});
    assert_eq!(run(&visit, own).await, want, "as they are, and none is sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_waits_for_a_plan_until_it_is_aborted() {
    let visit = BrowserVisit::start().await;
    let failing_once = r#"
        tokens.push(Promise.reject(new Error("Clerk does not respond")), valid);
        return [await tollgate.untilPlan("free"), asked];"#;
    assert_eq!(run(&visit, failing_once).await, json!([true, [true, true]]));

    let signed_out = r#"return [(await refusal(tollgate.untilPlan("free"))).code, asked];"#;
    assert_eq!(run(&visit, signed_out).await, json!(["missing_token", [true]]), "it does not try again");

    let never = r#"
        tokens.push(valid);
        return [await tollgate.untilPlan("pro", { tries: 1 }), asked];"#;
    assert_eq!(run(&visit, never).await, json!([false, [true]]));

    let aborted = r#"
        tokens.push(valid);
        const controller = new AbortController();
        const waiting = tollgate.untilPlan("pro", { signal: controller.signal });
        controller.abort();
        return waiting.then(() => "ended", ({ name }) => name);"#;
    assert_eq!(run(&visit, aborted).await, json!("AbortError"));
}

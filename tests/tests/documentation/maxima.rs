//! The page of maxima: each row has the number of its constant in the code, and each constant whose name ends
//! in `_MAX` has a row, or a reason why it has none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use syn::visit::Visit;
use tollgate_tests::install::workspace;

const PAGE: &str = "docs/maxima.md";
/// The crates whose constants are compared, below `filter/`.
const CRATES: [&str; 5] = ["core/src", "driver/src", "host-native/src", "host-proxy-wasm/src", "ctl/src"];

/// The rows of the page, each with the file and the name of its constant.
#[rustfmt::skip]
const ROWS: [(&str, &str, &str); 148] = [
    // The document
    ("bytes of a document", "core/src/config/encoding.rs", "DOCUMENT_BYTES_MAX"),
    ("nesting of a document that is a `Struct`", "core/src/config/struct_value.rs", "DEPTH_MAX"),
    ("values in a document that is a `Struct`", "core/src/config/struct_value.rs", "VALUES_MAX"),
    ("plans", "core/src/config/plans.rs", "PLANS_MAX"),
    ("prices of a plan, the same for its lookup keys and products, and for `not_plans`", "core/src/config/plans.rs", "SALES_MAX"),
    ("slugs of a plan in `clerk_plan`", "core/src/config/plans.rs", "CLERK_SLUGS_MAX"),
    ("features that a plan adds", "core/src/config/plans.rs", "FEATURES_MAX"),
    ("limits of a plan", "core/src/config/plans.rs", "LIMITS_MAX"),
    ("`max` of a window", "core/src/config/plans.rs", "WINDOW_COUNT_MAX"),
    ("rules", "core/src/config/rules.rs", "RULES_MAX"),
    ("`methods` of a rule", "core/src/config/rules.rs", "METHODS_MAX"),
    ("`cost` of a rule", "core/src/config/rules.rs", "COST_MAX"),
    ("`authorized_parties`", "core/src/config/tokens.rs", "PARTIES_MAX"),
    ("`audience`", "core/src/config/tokens.rs", "AUDIENCES_MAX"),
    ("`clock_skew_s`", "core/src/config/tokens.rs", "CLOCK_SKEW_S_MAX"),
    ("claims in each list of `plan_claims`", "core/src/config/gate.rs", "CLAIMS_MAX"),
    ("names in the path of a claim", "core/src/config/gate.rs", "CLAIM_PARTS_MAX"),
    ("bytes of the path of a claim", "core/src/config/gate.rs", "CLAIM_BYTES_MAX"),
    ("`local_memory_mb`", "core/src/config/gate.rs", "LOCAL_MEMORY_MB_MAX"),
    ("`subject_keys` of a kind", "core/src/config/webhook.rs", "SUBJECT_KEYS_MAX"),
    ("`tolerance_s`", "core/src/config/endpoint.rs", "TOLERANCE_S_MAX"),
    ("`max_body_kb`", "core/src/config/endpoint.rs", "BODY_KB_MAX"),
    ("`past_due.grace_days`", "core/src/config/past_due.rs", "GRACE_DAYS_MAX"),
    ("`organization_roles`", "core/src/config/billing.rs", "ROLES_MAX"),
    ("`return_origins`", "core/src/config/billing.rs", "ORIGINS_MAX"),
    ("`purchases`", "core/src/config/billing.rs", "PURCHASES_MAX"),
    ("`checkout.trial.days`", "core/src/config/billing.rs", "TRIAL_DAYS_MAX"),
    ("`timeout_ms`", "core/src/config/upstream.rs", "TIMEOUT_MS_MAX"),
    ("bytes of a name of a plan, limit, feature, or rule", "core/src/config/names.rs", "NAME_BYTES_MAX"),
    ("bytes of a key of metadata", "core/src/config/names.rs", "METADATA_KEY_BYTES_MAX"),
    ("bytes of a lookup key, or of another text, such as an audience", "core/src/config/names.rs", "TEXT_BYTES_MAX"),
    ("bytes of a method", "core/src/config/names.rs", "METHOD_BYTES_MAX"),
    ("bytes of a path", "core/src/config/address.rs", "PATH_BYTES_MAX"),
    ("bytes of an `authority`, a cluster's name, or `issuer`", "core/src/config/address.rs", "ADDRESS_BYTES_MAX"),
    ("bytes of a URL to which a customer returns", "core/src/web_origin.rs", "URL_BYTES_MAX"),
    ("bytes of an id of Stripe or Clerk", "core/src/ids.rs", "ID_BYTES_MAX"),
    ("signing secrets in a variable", "core/src/config/secrets.rs", "VALUES_MAX"),
    ("bytes of the value of a variable", "core/src/config/secrets.rs", "VALUE_BYTES_MAX"),
    ("public keys in `CLERK_JWT_KEY`; of a key set from `jwks`, the others are ignored", "core/src/auth/keys/error.rs", "KEYS_MAX"),
    ("bytes of `CLERK_JWT_KEY`", "core/src/auth/keys/pem.rs", "PEM_BYTES_MAX"),
    ("bits of the modulus of a public key", "core/src/auth/keys/der.rs", "MODULUS_BITS_MAX"),
    // Requests with a session token
    ("bytes of a session token", "core/src/auth/token/jws.rs", "TOKEN_BYTES_MAX"),
    ("cookies of a request", "core/src/auth/token/cookies.rs", "COOKIES_MAX"),
    ("bytes of the cookies of a request", "core/src/auth/token/cookies.rs", "COOKIE_BYTES_MAX"),
    ("different session cookies of a request", "core/src/auth/token/cookies.rs", "SESSION_COOKIES_MAX"),
    ("session cookies of a request whose signatures are verified", "core/src/auth/authentication.rs", "SIGNATURES_MAX"),
    ("bytes of a guarded request's path, if it has escapes", "core/src/path/canonical.rs", "ESCAPED_BYTES_MAX"),
    ("times that a path can be decoded again", "core/src/path/decoding.rs", "DECODINGS_MAX"),
    ("bytes of a path with unusual characters, with a webhook in mode `forward`", "core/src/path/disguise.rs", "READ_BYTES_MAX"),
    ("different values of fields like `x-original-url`, of each kind (path, host, method)", "core/src/override_fields.rs", "VALUES_MAX"),
    ("addresses in `x-forwarded-for` that are checked for a port, from the last", "core/src/gate/client_address.rs", "ENTRIES_MAX"),
    ("requests of a worker that wait for keys (`jwks`)", "core/src/auth/state.rs", "WAITING_MAX"),
    ("bytes of these requests that a worker keeps", "core/src/auth/state.rs", "WAITING_BYTES_MAX"),
    ("unknown key ids that a worker remembers", "core/src/auth/keyring.rs", "UNKNOWN_MAX"),
    ("bytes of an unknown key id that is remembered", "core/src/auth/keyring.rs", "UNKNOWN_BYTES_MAX"),
    ("verified tokens that a worker caches", "core/src/auth/token_cache.rs", "TOKENS_MAX"),
    ("bytes of these tokens", "core/src/auth/token_cache.rs", "TOKEN_BYTES_MAX"),
    // Counters and plans of the gate
    ("counters in one of the buckets of the `local` store (`local_memory_mb` sets how many there are)", "core/src/quota/bucket.rs", "RECORDS_MAX"),
    ("times that a request tries to write its bucket", "core/src/quota/spend.rs", "SWAP_TRIES_MAX"),
    ("seconds that the clock can step back without losing a count", "core/src/quota/bucket.rs", "CLOCK_STEP_S_MAX"),
    ("counters of signed-in callers that a worker remembers (`store: ratelimit`)", "core/src/gate/store/ratelimit/mod.rs", "SIGNED_IN_MAX"),
    ("counters of anonymous callers that a worker remembers (`store: ratelimit`)", "core/src/gate/store/ratelimit/mod.rs", "ANONYMOUS_MAX"),
    ("queries of one request to envoyproxy/ratelimit", "core/src/gate/store/ratelimit/counting.rs", "QUERIES_MAX"),
    ("confirmed plans that a worker caches", "core/src/gate/confirm/confirmations.rs", "CONFIRMATIONS_MAX"),
    ("subjects in one of 256 buckets of confirmed plans, in a process", "core/src/gate/confirm/shared_records.rs", "RECORDS_MAX"),
    ("times that a confirmation tries to write its bucket", "core/src/gate/confirm/confirming.rs", "SWAP_TRIES_MAX"),
    // Webhooks and syncs
    ("deliveries that a worker holds, of each of the two senders", "core/src/webhook/worker.rs", "DELIVERIES_MAX"),
    ("bytes of their header fields and bodies", "core/src/webhook/worker.rs", "DELIVERY_BYTES_MAX"),
    ("bytes of `stripe-signature`", "core/src/stripe/signature.rs", "HEADER_BYTES_MAX"),
    ("items of `stripe-signature`", "core/src/stripe/signature.rs", "ITEMS_MAX"),
    ("bytes of `svix-signature`", "core/src/clerk/signature.rs", "SIGNATURES_BYTES_MAX"),
    ("signatures in `svix-signature`", "core/src/clerk/signature.rs", "SIGNATURES_MAX"),
    ("time for processing an event", "core/src/webhook/event_process.rs", "PROCESSING_TIME_MAX"),
    ("events in one of 256 buckets of processed events, in a process", "core/src/webhook/remembered_events.rs", "ENTRIES_MAX"),
    ("times that a delivery tries to remember its event", "core/src/webhook/delivery.rs", "REMEMBER_TRIES_MAX"),
    ("nesting of JSON from Stripe and Clerk", "core/src/json/replaced.rs", "DEPTH_MAX"),
    ("bytes of a response to a callout", "driver/src/callout.rs", "RESPONSE_BYTES_MAX"),
    ("subjects of one event", "core/src/sync/engine.rs", "SUBJECTS_MAX"),
    ("rounds of a sync, each of which reads everything again", "core/src/sync/subject/subject_sync.rs", "ROUNDS_MAX"),
    ("Stripe customers in a subject's record", "core/src/sync/subject/customer_list.rs", "CUSTOMERS_MAX"),
    ("Stripe customers that are read for a subject", "core/src/sync/subject/subject_sync.rs", "CUSTOMERS_READ_MAX"),
    ("pages of 100 subscriptions of a customer", "core/src/sync/api_request/subscriptions.rs", "PAGES_MAX"),
    ("pages of a search at Stripe", "core/src/sync/api_request/search.rs", "SEARCH_PAGES_MAX"),
    ("pages of 100 items of a subscription", "core/src/sync/api_request/subscription_items.rs", "ITEM_PAGES_MAX"),
    ("subscriptions of a sync whose Checkout Sessions are read, because they do not name their owner", "core/src/sync/findings.rs", "SESSIONS_READ_MAX"),
    ("subscriptions without an owner that one sync reports", "core/src/sync/findings.rs", "UNOWNED_MAX"),
    ("disagreements about owners that one sync reports", "core/src/sync/findings.rs", "DISAGREEMENTS_MAX"),
    ("past-due subscriptions in `paid_plans` of Clerk's record", "core/src/sync/subject/paid_plans.rs", "PAID_PLANS_MAX"),
    ("items of a subject's subscription in Clerk Billing", "core/src/clerk/billing/subscription.rs", "ITEMS_MAX"),
    ("Stripe customers of a deleted subject that are searched (`on_deleted`)", "core/src/cancellation/outcomes.rs", "CUSTOMERS_MAX"),
    ("subscriptions of a deleted subject whose Checkout Sessions are read", "core/src/cancellation/outcomes.rs", "SESSIONS_READ_MAX"),
    ("subscriptions of a deleted subject that one delivery cancels", "core/src/cancellation/outcomes.rs", "CANCELED_MAX"),
    ("changes in one of 256 buckets of audited changes, in a process", "core/src/sync/audit/dedup.rs", "ENTRIES_MAX"),
    ("times that a sync tries to note an audited change", "core/src/sync/audit/recorder.rs", "UPDATE_TRIES_MAX"),
    // Billing endpoints
    ("bytes of the body of a request", "core/src/billing/request.rs", "BODY_BYTES_MAX"),
    ("requests with a body that a worker holds", "core/src/billing/worker.rs", "REQUESTS_MAX"),
    ("bytes of these requests", "core/src/billing/worker.rs", "REQUEST_BYTES_MAX"),
    ("characters of a text in a request", "core/src/billing/members.rs", "TEXT_CHARS_MAX"),
    ("characters of `comment` in a cancellation", "core/src/billing/cancel.rs", "COMMENT_CHARS_MAX"),
    ("`quantity`", "core/src/billing/members.rs", "QUANTITY_MAX"),
    ("invoices in a response", "core/src/billing/invoices.rs", "LIMIT_MAX"),
    ("prices that are read from Stripe", "core/src/billing/prices.rs", "QUERIES_MAX"),
    ("cached subscriptions of a worker", "core/src/billing/views.rs", "VIEWS_MAX"),
    ("features of an organization in a token, and permissions of each", "core/src/billing/caller.rs", "FEATURES_MAX"),
    ("customers found by a search for the subject's own", "core/src/billing/customer.rs", "FOUND_MAX"),
    ("times that a checkout reads the account, because a session was completed meanwhile", "core/src/billing/checkout.rs", "READS_MAX"),
    ("idempotency keys that a write tries, because Stripe replays an outdated response", "core/src/billing/context.rs", "KEYS_MAX"),
    ("times that a write is sent while Stripe performs another with the same key", "core/src/billing/context.rs", "IN_USE_TRIES_MAX"),
    ("times that a change tries to end what other workers have cached", "core/src/sync/changed_subjects.rs", "SWAP_TRIES_MAX"),
    // Logs and metrics
    ("different texts of one cause in a minute, such as unknown plans", "core/src/log_limit.rs", "TEXTS_MAX"),
    ("characters of such a text", "core/src/log_limit.rs", "TEXT_CHARS_MAX"),
    ("lines of shadow mode in a second, for each worker", "core/src/log_limit.rs", "LINES_PER_SECOND_MAX"),
    ("characters of a refused token's value in the alarm `token_refused`", "core/src/auth/token/failure.rs", "VALUE_CHARS_MAX"),
    ("expected values that this alarm lists", "core/src/auth/refusal_log.rs", "EXPECTED_MAX"),
    ("characters of an error message of Stripe in an alarm", "core/src/stripe/outcome.rs", "MESSAGE_CHARS_MAX"),
    ("permissions of a restricted key that an alarm names", "core/src/stripe/outcome.rs", "PERMISSIONS_MAX"),
    ("characters of a slug or status of Clerk Billing in an alarm", "core/src/clerk/billing/alarm.rs", "WORD_SHOWN_MAX"),
    ("metrics of a filter", "driver/src/metrics.rs", "METRICS_MAX"),
    ("steps of a request without waiting", "driver/src/perform.rs", "STEPS_MAX"),
    // The native build
    ("requests of a filter that wait for Envoy's main thread (`jwks`, `confirm`)", "host-native/src/inquiry.rs", "INQUIRIES_MAX"),
    ("results of callouts that a thread stores for one hook", "host-native/src/callout.rs", "ENDED_MAX"),
    ("requests between the two passes of a redirect, for each thread", "host-native/src/kept.rs", "KEPT_MAX"),
    // The command
    ("errors of a document that `check` lists", "core/src/config/error.rs", "ERRORS_MAX"),
    ("nesting of a file", "ctl/src/document.rs", "DEPTH_MAX"),
    ("fields and extensions that `check --envoy` names in a file", "ctl/src/check/envoy_program/fields.rs", "REFUSALS_MAX"),
    ("bytes of an API key", "ctl/src/check/envoy/key_file.rs", "KEY_BYTES_MAX"),
    ("bytes that `secret` reads", "ctl/src/secret.rs", "INPUT_BYTES_MAX"),
    ("subscriptions, users, or organizations that `sync` reads, of each", "core/src/backfill/census.rs", "LISTED_MAX"),
    ("calls of `sync` in progress", "ctl/src/api_calls/http_workers.rs", "CALLS_MAX"),
    ("subjects that `sync` works on at the same time", "ctl/src/sync/work.rs", "JOBS_MAX"),
    ("searches for Checkout Sessions of `sync` in progress", "core/src/backfill/census.rs", "LOOKUPS_MAX"),
    ("attempts of a call of `sync`", "ctl/src/api_calls/rate_limits.rs", "TRIES_MAX"),
    ("wait before the next attempt", "ctl/src/api_calls/rate_limits.rs", "BACKOFF_MAX"),
    ("attempts of a subject of `sync`", "ctl/src/sync/work.rs", "ATTEMPTS_MAX"),
    ("bytes of a response that the command reads", "ctl/src/api_calls/http_workers.rs", "RESPONSE_BYTES_MAX"),
    ("customers of a subject whose subscriptions have all ended", "core/src/backfill/census.rs", "ENDED_CUSTOMERS_MAX"),
    ("differences, failures, and notes that `sync` lists, of each", "ctl/src/sync/summary.rs", "LISTED_MAX"),
    ("entries of a list in the table of `sync`", "ctl/src/sync/output.rs", "TABLE_ENTRIES_MAX"),
    ("prices, lookup keys, and products that `doctor` reads, of each", "core/src/inspection/reading.rs", "CONFIGURED_MAX"),
    ("pages of a list that `doctor` reads", "core/src/inspection/reading.rs", "PAGES_MAX"),
    ("pages of subscriptions, users, and organizations for the sample of `doctor`", "core/src/inspection/sample.rs", "SAMPLE_PAGES_MAX"),
    ("subjects in the sample of `doctor`", "core/src/inspection/sample.rs", "SUBJECTS_MAX"),
    ("ids that a line of `doctor` lists", "core/src/inspection/check.rs", "LISTED_MAX"),
    ("domains of a Clerk instance that `doctor` reads", "core/src/clerk/instance.rs", "DOMAINS_MAX"),
    ("seconds that clocks may differ for `doctor`", "core/src/inspection/checks/clock.rs", "DIFFERENCE_S_MAX"),
    ("attempts of a call of `doctor`", "ctl/src/doctor/mod.rs", "TRIES_MAX"),
    ("bytes of an answer to `init`", "ctl/src/init/answers.rs", "ANSWER_BYTES_MAX"),
    ("plans and origins that `init` asks for, of each", "ctl/src/init/answers.rs", "REPEATED_MAX"),
];

/// The constants that are no maximum for a user, with the reason.
#[rustfmt::skip]
const OTHERS: [(&str, &str); 24] = [
    // BoringSSL's own maximum, beside that of the modulus.
    ("core/src/auth/keys/der.rs", "EXPONENT_BITS_MAX"),
    // How many similar names a message proposes from.
    ("core/src/config/error.rs", "NAMES_MAX"),
    // Names that are compared for a proposal.
    ("core/src/config/field_error.rs", "NAME_BYTES_MAX"),
    // The integers that a double holds exactly.
    ("core/src/config/struct_value.rs", "EXACT_MAX"),
    // Text that a message quotes.
    ("core/src/secret.rs", "QUOTE_CHARS_MAX"),
    // The page size of Clerk's API.
    ("core/src/clerk/billing/item_list.rs", "PAGE_ITEMS_MAX"),
    // The page size of Clerk's API.
    ("core/src/clerk/user_list.rs", "PAGE_MEMBERS_MAX"),
    // The page size of Stripe's API.
    ("core/src/stripe/wire.rs", "PAGE_OBJECTS_MAX"),
    // A code of Clerk's that is kept for comparison.
    ("core/src/clerk/api.rs", "ERROR_CODE_BYTES_MAX"),
    // A code of a failed payment in a log line.
    ("core/src/clerk/event.rs", "CODE_BYTES_MAX"),
    // A permission's length, beside their number.
    ("core/src/stripe/outcome.rs", "PERMISSION_BYTES_MAX"),
    // The token of a search's next page, which is Stripe's.
    ("core/src/stripe/search.rs", "TOKEN_BYTES_MAX"),
    // The encoding of protobuf.
    ("core/src/protobuf.rs", "OVERHEAD_BYTES_MAX"),
    // Follows from the number of counters of a bucket.
    ("core/src/quota/bucket.rs", "BUCKET_BYTES_MAX"),
    // The integers of structured fields.
    ("core/src/quota/fields.rs", "INTEGER_MAX"),
    // A plan's name, which the document bounds.
    ("core/src/sync/audit/dedup.rs", "PLAN_BYTES_MAX"),
    // What is read ahead; the rest is read later.
    ("core/src/sync/discovery.rs", "PAST_DUE_MAX"),
    // A plan's name, which the document bounds.
    ("core/src/sync/findings.rs", "NAME_SHOWN_MAX"),
    // The time between two lines of progress.
    ("ctl/src/api_calls/call_scheduler.rs", "IDLE_MAX"),
    // The nesting of a file, which its reader bounds.
    ("ctl/src/check/envoy_program/place.rs", "DEPTH_MAX"),
    // Text that a message quotes.
    ("ctl/src/sync/output.rs", "UNCHECKED_ID_CHARS_MAX"),
    // The names of DNS.
    ("ctl/src/init/settings.rs", "LABEL_BYTES_MAX"),
    // The names of DNS.
    ("ctl/src/init/settings.rs", "NAME_BYTES_MAX"),
    // The limit that `init` proposes.
    ("ctl/src/init/settings.rs", "PER_MINUTE_MAX"),
];

/// The constants by file and name, each with the value: of a duration in milliseconds. `None` for one that is
/// computed by a function.
type Constants = BTreeMap<(String, String), Option<u64>>;

/// Collects the constants of a file, also those in functions, except those of its tests.
struct ConstantVisitor {
    file: String,
    found: Constants,
}

impl ConstantVisitor {
    fn add(&mut self, name: &syn::Ident, value: &syn::Expr) {
        let name = name.to_string();
        if name.ends_with("_MAX") {
            self.found.insert((self.file.clone(), name), number(value));
        }
    }
}

impl<'ast> Visit<'ast> for ConstantVisitor {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.add(&item.ident, &item.expr);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.add(&item.ident, &item.expr);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            syn::visit::visit_item_mod(self, module);
        }
    }
}

/// Returns the number that an expression of literals is.
fn number(value: &syn::Expr) -> Option<u64> {
    match value {
        syn::Expr::Lit(literal) => match &literal.lit {
            syn::Lit::Int(integer) => integer.base10_parse().ok(),
            _ => None,
        },
        syn::Expr::Binary(both) => {
            let (left, right) = (number(&both.left)?, number(&both.right)?);
            match both.op {
                syn::BinOp::Mul(_) => Some(left * right),
                syn::BinOp::Shl(_) => Some(left << right),
                _ => None,
            }
        }
        syn::Expr::Call(call) => {
            let syn::Expr::Path(function) = &*call.func else { return None };
            let argument = number(call.args.first()?)?;
            match function.path.segments.last()?.ident.to_string().as_str() {
                "from_secs" => Some(argument * 1_000),
                "from_millis" => Some(argument),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Returns all sources below a folder, except files of tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
    found
}

fn constants() -> Constants {
    let mut all = Constants::new();
    for folder in CRATES {
        for path in sources(&workspace::file("filter").join(folder)) {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let below = path.strip_prefix(workspace::file("filter")).expect("it is below");
            let mut visitor = ConstantVisitor { file: below.display().to_string(), found: Constants::new() };
            visitor.visit_file(&parsed);
            all.append(&mut visitor.found);
        }
    }
    all
}

/// Returns the number in a cell: `64`, `1,024`, `4 KB`, `8 s`.
fn shown(cell: &str) -> Option<u64> {
    let (number, unit) = cell.split_once(' ').unwrap_or((cell, ""));
    let number: u64 = number.replace(',', "").parse().ok()?;
    let factor = match unit {
        "" | "levels" => 1,
        "KB" => 1 << 10,
        "MB" => 1 << 20,
        "s" => 1_000,
        _ => return None,
    };
    Some(number * factor)
}

/// Returns the rows of the page: what, and the maximum.
fn rows(page: &str) -> Vec<(&str, &str)> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")).map(|line| {
        let mut cells = line.trim_end_matches(" |").split(" | ");
        (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
    });
    rows.filter(|(what, _)| *what != "what").collect()
}

#[test]
fn each_maximum_on_the_page_is_that_of_the_code() {
    let constants = constants();
    let page = workspace::text(PAGE);
    let rows = rows(&page);
    let listed: Vec<&str> = rows.iter().map(|(what, _)| *what).collect();
    assert_eq!(listed, ROWS.map(|(what, ..)| what), "{PAGE} and ROWS differ");
    for ((what, cell), (_, file, name)) in rows.iter().zip(ROWS) {
        let value = constants.get(&(file.to_owned(), name.to_owned()));
        let value = value.unwrap_or_else(|| panic!("filter/{file} has no {name}"));
        assert!(value.is_some(), "{file}: {name} is not a number");
        assert_eq!(shown(cell), *value, "{PAGE}: {what}: {cell} ({file}: {name})");
    }
}

#[test]
fn each_constant_is_on_the_page_or_has_a_reason() {
    let constants = constants();
    assert!(constants.len() > 100, "only {} constants were found", constants.len());
    let known = |file: &str, name: &str| {
        ROWS.iter().any(|(_, of, row)| (*of, *row) == (file, name)) || OTHERS.contains(&(file, name))
    };
    for (file, name) in constants.keys() {
        assert!(
            known(file, name),
            "filter/{file}: {name}: add a row to {PAGE} and to ROWS, or a reason to OTHERS"
        );
    }
    for (file, name) in OTHERS {
        assert!(constants.contains_key(&(file.to_owned(), name.to_owned())), "filter/{file} has no {name}");
    }
}

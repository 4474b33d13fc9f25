//! Every route of the provider broker.

use super::answers as told;
use super::once::{NAMES, ONCE, REFUSALS as NOT_DONE, REPEATS, WAIT};
use super::{Face, events, overview, proxy, requests, services, settlements, status, users};
use crate::http::export;
use crate::http::field::{Answer, Content, Refusal, answer};
use crate::http::list::PAGE;
use crate::http::ready;
use crate::http::routes::{Access, Route, Table, in_group};

const FILE: &[Answer] =
    &[answer(200, Content::Text(export::TYPES), "The file. One that breaks off is not whole.")];
const DONE: &[Answer] = &[answer(
    202,
    Content::Perhaps(&told::SENT),
    "Done, empty; or, if it is not in a block yet, the operation to follow.",
)];
const READ: &[Answer] = &[answer(202, Content::Nothing, "Read.")];
const PASSED: &[Answer] = &[answer(200, Content::Passed, "The service's answer with its receipt.")];
const NO_SERVICE: &[Refusal] = &[(404, "unknown_service")];
const NO_USER: &[Refusal] = &[(404, "unknown_user")];
const NO_CHAIN: &[Refusal] = &[(503, "chain_unavailable")];

const SERVICES: &str = "Services";
const USERS: &str = "Users and requests";
const SETTLEMENTS: &str = "Settlements";
const STATUS: &str = "How it is";
const PROXY: &str = "What users' brokers call";

/// The owner's API with the proxy beside it.
pub(super) fn table() -> Table<Face> {
    let groups = [
        (STATUS, status_routes()),
        (SERVICES, service_routes()),
        (USERS, user_routes()),
        (SETTLEMENTS, settlement_routes()),
        (PROXY, proxy_routes()),
    ];
    Table {
        title: "0G Serving provider broker",
        about: "Services on offer, users and what they owe, settlements; and the metered proxy.",
        address: "http://127.0.0.1:3080",
        groups: &[
            (STATUS, "The broker on one page, figures, news."),
            (SERVICES, "What is on offer. What acts on the chain answers once it is in a block."),
            (USERS, "Who owes what, and for what."),
            (SETTLEMENTS, "Turning what is owed into money."),
            (
                PROXY,
                "The metered proxy, vouchers and receipts. Everyone may call it; what it takes is signed.",
            ),
            (crate::http::document::GROUP, "This API, told."),
        ],
        details: super::details::DETAILS,
        routes: groups.into_iter().flat_map(|(group, routes)| in_group(group, routes)).collect(),
    }
}

/// The proxy alone.
pub(super) fn proxy_table() -> Table<Face> {
    Table {
        title: "0G Serving proxy",
        about: "Metered services of one provider.",
        address: "http://127.0.0.1:3080",
        groups: &[],
        details: super::details::DETAILS,
        routes: proxy_routes(),
    }
}

fn status_routes() -> Vec<Route<Face>> {
    vec![
        Route::get("/v1/overview", overview::show)
            .named("getOverview")
            .about("The broker on one page: earned, claimable, in flight, the next settlement and why.")
            .answers(const { &[answer(200, Content::Json(&told::OVERVIEW), "The overview.")] }),
        Route::get("/v1/events", events::follow)
            .named("followEvents")
            .about("What happens, as it happens. An event says that something changed; the lists say what is true.")
            .answers(const { &[answer(200, Content::Events(events::EVENTS), "A stream that does not end.")] }),
        Route::get("/metrics", status::metrics)
            .named("getMetrics")
            .about("Figures for Prometheus.")
            .answers(const { &[answer(200, Content::Text(&["text/plain"]), "The figures.")] }),
    ]
}

fn service_routes() -> Vec<Route<Face>> {
    vec![
        Route::get("/v1/service", services::list)
            .named("listServices")
            .about("The services on offer, with the addresses behind them. `Unknown` is what only the chain lists.")
            .query(PAGE)
            .answers(const { &[answer(200, Content::Json(&told::SERVICES), "The services.")] }),
        Route::post("/v1/service", services::register)
            .named("registerService")
            .about("Registers a service on the chain, or describes anew what is registered under its name.")
            .query(WAIT)
            .headers(ONCE)
            .body(services::SERVICE)
            .rule(services::meter_of_type)
            .example(concat!(
                r#"{"Name": "llama7b", "Type": "chatbot", "URL": "http://127.0.0.1:8000/v1", "#,
                r#""inputPrice": 100000, "outputPrice": 200000}"#
            ))
            .answers(
                const {
                    &[
                        answer(204, Content::Nothing, "Registered."),
                        answer(202, Content::Json(&told::SENT), "Not in a block yet: the operation to follow."),
                    ]
                },
            )
            .answer_headers(NAMES)
            .refuses(&[NOT_DONE, REPEATS, &[(409, "service_busy"), (409, "service_exists"), (409, "other_type")]]),
        Route::get("/v1/service/{service}", services::show)
            .named("getService")
            .about("One service.")
            .answers(const { &[answer(200, Content::Json(&told::SERVICE), "The service.")] })
            .refuses(&[NO_SERVICE]),
        Route::put("/v1/service/{service}", services::update)
            .named("changeService")
            .about("Changes a service. What is not given stays as it is. A new price counts once the chain lists it.")
            .query(WAIT)
            .body(services::CHANGE)
            .example(r#"{"outputPrice": 250000}"#)
            .answers(DONE)
            .answer_headers(NAMES)
            .refuses(&[NO_SERVICE, NOT_DONE, &[(409, "service_busy"), (409, "other_type")]]),
        Route::delete("/v1/service/{service}", services::remove)
            .named("removeService")
            .about("Takes a service off the chain, one that only the chain knows too. It answers no more from now on.")
            .query(WAIT)
            .answers(DONE)
            .answer_headers(NAMES)
            .refuses(&[NO_SERVICE, NOT_DONE, &[(409, "service_busy")]]),
        Route::post("/v1/service/{service}/pause", services::pause)
            .named("pauseService")
            .about("Takes no new requests for a service. The chain lists it all the same; running ones go on.")
            .answers(const { &[answer(204, Content::Nothing, "Paused.")] })
            .refuses(&[NO_SERVICE]),
        Route::post("/v1/service/{service}/resume", services::resume)
            .named("resumeService")
            .about("Takes requests for a service again.")
            .answers(const { &[answer(204, Content::Nothing, "On offer again.")] })
            .refuses(&[NO_SERVICE]),
        Route::post("/v1/sync-service", services::sync)
            .named("syncServices")
            .about("Compares all services with the chain and repairs what differs.")
            .answers(
                const {
                    &[answer(
                        202,
                        Content::Perhaps(&told::SYNC),
                        "What was found and done, what is not in a block yet as pending; empty if it is still being done.",
                    )]
                },
            )
            .refuses(&[NO_CHAIN]),
    ]
}

fn user_routes() -> Vec<Route<Face>> {
    vec![
        Route::get("/v1/user", users::list)
            .named("listUsers")
            .about("Users, those who owe most first.")
            .query(PAGE)
            .answers(const { &[answer(200, Content::Json(&told::USERS), "The users.")] }),
        Route::get("/v1/user/{user}", users::show)
            .named("getUser")
            .about("One user.")
            .answers(const { &[answer(200, Content::Json(&told::USER), "The user.")] })
            .refuses(&[NO_USER]),
        Route::post("/v1/user/{user}/sync", users::sync)
            .named("syncUser")
            .about("Reads one account from the chain now.")
            .answers(READ)
            .refuses(&[NO_USER, NO_CHAIN]),
        Route::post("/v1/sync-account", users::sync_all)
            .named("syncUsers")
            .about("Reads all accounts from the chain now.")
            .answers(READ)
            .refuses(&[NO_CHAIN]),
        Route::get("/v1/request", requests::list)
            .named("listRequests")
            .about("Requests that were served. `Fee` is the sum of all that the filter matches.")
            .query(requests::LISTING)
            .answers(
                const {
                    &[answer(
                        200,
                        Content::Json(&told::REQUESTS),
                        "The requests, with the sum of their fees.",
                    )]
                },
            ),
        Route::get("/v1/request/export", requests::export)
            .named("exportRequests")
            .about("All requests that a filter covers with everything that is known of them, as a file, oldest first.")
            .query(requests::EXPORT)
            .answers(FILE),
        Route::get("/v1/request/{id}", requests::show)
            .named("getRequest")
            .about("One request.")
            .answers(const { &[answer(200, Content::Json(&told::REQUEST), "The request.")] })
            .refuses(&[&[(404, "unknown_request")]]),
    ]
}

fn settlement_routes() -> Vec<Route<Face>> {
    vec![
        Route::post("/v1/settle", settlements::settle)
            .named("settle")
            .about(
                "Turns what users owe into money now. Where several transactions are needed and only some pay, it answers 202 all \
                 the same, and `Transactions` say how each ended; 409 `reverted` means that none did.",
            )
            .query(settlements::SETTLE)
            .headers(ONCE)
            .answers(
                const {
                    &[
                        answer(
                            202,
                            Content::Perhaps(&told::REPORT),
                            "What was done, with the state of each transaction; empty if it is still being done.",
                        ),
                        answer(200, Content::Json(&told::REPORT), "What would be done."),
                    ]
                },
            )
            .refuses(&[NOT_DONE, REPEATS, &[(409, "settlement_running")]]),
        Route::get("/v1/settlement", settlements::list)
            .named("listSettlements")
            .about("Settlements, the next one, and why the engine settled or waited.")
            .query(settlements::LISTING)
            .answers(const { &[answer(200, Content::Json(&told::SETTLEMENTS), "The settlements.")] })
            .refuses(&[NO_CHAIN]),
        Route::get("/v1/settlement/export", settlements::export)
            .named("exportSettlements")
            .about("All settlements as a file, newest first: what each brought and what it cost.")
            .query(settlements::EXPORT)
            .answers(FILE),
        Route::get("/v1/decision", settlements::decisions)
            .named("listDecisions")
            .about("Why the engine settled or waited: every decision that is kept, newest first.")
            .query(PAGE)
            .answers(const { &[answer(200, Content::Json(&told::DECISIONS), "The decisions.")] }),
        Route::get("/v1/operation", requests::operations)
            .named("listOperations")
            .about("On-chain actions, newest first: all, or those that the filter matches.")
            .query(requests::OPERATIONS)
            .answers(const { &[answer(200, Content::Json(&told::OPERATIONS), "The operations.")] }),
        Route::get("/v1/operation/{id}", requests::operation)
            .named("getOperation")
            .about("How an on-chain action stands.")
            .answers(const { &[answer(200, Content::Json(&told::OPERATION), "The operation.")] })
            .refuses(&[&[(404, "unknown_operation")]]),
    ]
}

fn proxy_routes() -> Vec<Route<Face>> {
    let calls = vec![
        Route::any("/v1/proxy/{service}/{*suffix}", proxy::call)
            .named("proxy")
            .about("A service, paid by the headers `zg-voucher` and `zg-request`."),
        Route::any("/v1/proxy/{service}/", proxy::call)
            .named("proxyRoot")
            .about("The same for a service's root."),
        Route::any("/v1/proxy/{service}", proxy::call)
            .named("proxyOneEndpoint")
            .about("The same for a service that is one endpoint."),
    ];
    let calls = calls.into_iter().map(|route| {
        route
            .headers(proxy::HEADERS)
            .answers(PASSED)
            .answer_headers(proxy::ANSWER)
            .refuses(&[proxy::REFUSALS, proxy::BAD_VOUCHER])
            .example(r#"{"messages": [{"role": "user", "content": "Say this is a test!"}]}"#)
    });
    let mut routes: Vec<_> = calls.collect();
    routes.extend([
        Route::post("/v1/voucher", proxy::voucher)
            .named("giveVoucher")
            .about("Takes a voucher between requests.")
            .body(proxy::VOUCHER)
            .answers(const { &[answer(200, Content::Json(&told::ACCEPTED), "The best voucher, and what is owed.")] })
            .refuses(&[proxy::BAD_VOUCHER]),
        Route::get("/v1/proxy-receipt/{id}", proxy::receipt)
            .named("getProxyReceipt")
            .about("The receipt of a request, for whoever knows its id.")
            .answers(
                const {
                    &[
                        answer(200, Content::Json(&told::ONE_RECEIPT), "The receipt in base64url."),
                        answer(202, Content::Json(&told::PENDING), "Not booked yet."),
                    ]
                },
            )
            .refuses(&[&[(404, "not_found"), (410, "request_lost")]]),
        Route::get("/v1/terms", proxy::terms)
            .named("getTerms")
            .about("What this provider lends and how each service is metered and priced.")
            .answers(const { &[answer(200, Content::Json(&told::TERMS), "The terms.")] }),
        Route::get(ready::PATH, status::ready)
            .named("getReadiness")
            .about(
                "Whether it could serve a paid request now and be paid. If not, `details.reasons` name each reason: \
                 stopping, store, chain_not_read, services_not_read, task_died, no_gas. A chain that is away stops no \
                 request of accounts that were read before: then chain_unreachable stands in `Degraded`.",
            )
            .answers(const { &[answer(200, Content::Json(&ready::READY), "Ready.")] })
            .refuses(&[&[(503, "not_ready")]]),
        Route::get("/health", status::health)
            .named("getHealth")
            .about("Whether the broker is alive. degraded: a part of it does not work at the moment.")
            .answers(const { &[answer(200, Content::Json(&told::HEALTH), "Status and block.")] }),
    ]);
    routes.into_iter().map(|route| route.open_to(Access::Public)).collect()
}

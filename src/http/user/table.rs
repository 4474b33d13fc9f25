//! Every route of the user broker's API.

use super::answers as told;
use super::done::{ONCE, OPERATION, REFUSALS as NOT_DONE, WAIT};
use super::{Face, accounts, events, models, paid, refunds, requests, services, status};
use crate::http::export;
use crate::http::field::{Answer, Content, Field, Kind, answer, required};
use crate::http::ready;
use crate::http::routes::{Access, Route, Table, in_group};

const NAMED: Kind = Kind::Text(1);
const MODEL: Field =
    required("model", NAMED, "`provider/service`, or a service's name or model where only one has it.");
const CHAT: &[Field] = &[
    MODEL,
    required("messages", Kind::List(&Kind::Free), "As in OpenAI's API, like everything else in the body."),
];
const DONE: &[Answer] = &[answer(
    202,
    Content::Perhaps(&told::OPERATION),
    "Done, empty; or, if it is not in a block yet, the operation to follow.",
)];
const READ: &[Answer] = &[answer(202, Content::Nothing, "Read.")];
const PASSED: &[Answer] = &[answer(200, Content::Passed, "The service's answer.")];
const AS_OPENAI: &[Answer] = &[answer(200, Content::Streamed, "As in OpenAI's API.")];
const SAY_THIS: &str = r#"{"messages": [{"role": "user", "content": "Say this is a test!"}]}"#;

const ACCOUNTS: &str = "Accounts";
const REFUNDS: &str = "Refunds";
const SERVICES: &str = "Services";
const CALLS: &str = "Paid calls";
const OPENAI: &str = "OpenAI's API";
const PAID: &str = "What was paid";
const STATUS: &str = "How it is";

pub(super) fn table() -> Table<Face> {
    let groups = [
        (SERVICES, service_routes()),
        (ACCOUNTS, account_routes()),
        (CALLS, call_routes()),
        (OPENAI, openai_routes()),
        (PAID, request_routes()),
        (REFUNDS, refund_routes()),
        (STATUS, status_routes()),
    ];
    Table {
        title: "0G Serving user broker",
        about: "Accounts with providers, their services, and what each request cost.",
        address: "http://127.0.0.1:1034",
        groups: &[
            (SERVICES, "What can be bought."),
            (ACCOUNTS, "Deposits with providers. What acts on the chain answers once it is in a block."),
            (CALLS, "Requests to a service, passed on as they are and paid for."),
            (OPENAI, "The same for OpenAI's clients: set their base URL to this broker's `/v1`."),
            (PAID, "Requests, receipts and on-chain actions."),
            (REFUNDS, "Taking deposits back: asked for, locked for a time, then taken."),
            (STATUS, "Health, figures, news."),
            (crate::http::document::GROUP, "This API, told."),
        ],
        details: super::details::DETAILS,
        routes: groups.into_iter().flat_map(|(group, routes)| in_group(group, routes)).collect(),
    }
}

fn account_routes() -> Vec<Route<Face>> {
    vec![
        Route::get("/v1/provider", accounts::list)
            .named("listAccounts")
            .about("Your accounts with providers.")
            .query(accounts::LISTING)
            .answers(const { &[answer(200, Content::Json(&told::ACCOUNTS), "The accounts.")] }),
        Route::post("/v1/provider", accounts::create)
            .named("openAccount")
            .about("Opens an account with a first deposit.")
            .query(WAIT)
            .headers(ONCE)
            .body(accounts::OPENING)
            .answers(
                const {
                    &[
                        answer(204, Content::Nothing, "Opened."),
                        answer(
                            202,
                            Content::Json(&told::OPERATION),
                            "Not in a block yet: the operation to follow.",
                        ),
                    ]
                },
            )
            .answer_headers(OPERATION)
            .refuses(&[
                NOT_DONE,
                &[(400, "own_address"), (404, "unknown_provider"), (409, "account_exists")],
            ]),
        Route::get("/v1/provider/{provider}", accounts::show)
            .named("getAccount")
            .about("One account.")
            .answers(const { &[answer(200, Content::Json(&told::ACCOUNT), "The account.")] })
            .refuses(&[&[(404, "no_account")]]),
        Route::post("/v1/provider/{provider}/charge", accounts::charge)
            .named("addToAccount")
            .about("Adds to an account.")
            .query(WAIT)
            .headers(ONCE)
            .body(accounts::CHARGE)
            .answers(DONE)
            .answer_headers(OPERATION)
            .refuses(&[NOT_DONE, &[(404, "no_account")]]),
        Route::post("/v1/provider/{provider}/delegate", accounts::take_over)
            .named("takeOverAccount")
            .about("Names this broker's key on an account whose delegate key is lost or elsewhere.")
            .query(WAIT)
            .headers(ONCE)
            .answers(DONE)
            .answer_headers(OPERATION)
            .refuses(&[NOT_DONE, &[(404, "no_account")]]),
        Route::post("/v1/provider/{provider}/sync", accounts::sync)
            .named("syncAccount")
            .about("Reads one account from the chain now.")
            .answers(READ)
            .refuses(&[&[(503, "chain_unavailable")]]),
        Route::post("/v1/sync", accounts::sync_all)
            .named("syncAll")
            .about("Reads all accounts and services from the chain now.")
            .answers(READ)
            .refuses(&[&[(503, "chain_unavailable")]]),
    ]
}

fn refund_routes() -> Vec<Route<Face>> {
    vec![
        Route::get("/v1/refund", refunds::list)
            .named("listRefunds")
            .about("Refunds, newest first.")
            .query(refunds::LISTING)
            .answers(const { &[answer(200, Content::Json(&told::REFUNDS), "The refunds.")] }),
        Route::post("/v1/provider/{provider}/refund", refunds::request)
            .named("requestRefund")
            .about(
                "Asks for part of the deposit back. It is locked for the contract's lock time, then taken.",
            )
            .query(WAIT)
            .headers(ONCE)
            .body(refunds::REFUND)
            .answers(DONE)
            .answer_headers(OPERATION)
            .refuses(&[NOT_DONE, &[(404, "no_account"), (409, "not_free"), (409, "refund_pending")]]),
        Route::post("/v1/provider/{provider}/refund/cancel", refunds::cancel)
            .named("cancelRefund")
            .about("Leaves the deposit where it is.")
            .query(WAIT)
            .headers(ONCE)
            .answers(DONE)
            .answer_headers(OPERATION)
            .refuses(&[NOT_DONE, &[(404, "no_account"), (404, "no_refund")]]),
        Route::post("/v1/provider/{provider}/refund/process", refunds::process)
            .named("takeRefund")
            .about("Takes a refund that is due. The broker does so by itself unless told otherwise.")
            .query(WAIT)
            .headers(ONCE)
            .answers(DONE)
            .answer_headers(OPERATION)
            .refuses(&[NOT_DONE, &[(404, "no_account"), (404, "no_refund"), (409, "refund_locked")]]),
    ]
}

fn service_routes() -> Vec<Route<Face>> {
    vec![
        Route::get("/v1/service", services::list)
            .named("listServices")
            .about("All services that the chain lists.")
            .query(services::LISTING)
            .answers(const { &[answer(200, Content::Json(&told::SERVICES), "The services.")] }),
        Route::get("/v1/provider/{provider}/service/{service}", services::show)
            .named("getService")
            .about("One service.")
            .answers(const { &[answer(200, Content::Json(&told::SERVICE), "The service.")] })
            .refuses(&[&[(404, "unknown_service")]]),
    ]
}

fn call_routes() -> Vec<Route<Face>> {
    let routes = vec![
        Route::any("/v1/provider/{provider}/service/{service}/{*suffix}", paid::call)
            .named("callService")
            .about(
                "The paid call: the request goes to the service as it is and is paid for. `zg-max-fee` caps its \
                 cost; with an `Idempotency-Key` it is never paid twice.",
            ),
        Route::any("/v1/provider/{provider}/service/{service}/", paid::call)
            .named("callServiceRoot")
            .about("The paid call of the service's root."),
        Route::post("/v1/provider/{provider}/service/{service}", paid::call)
            .passes_on()
            .named("callOneEndpoint")
            .about("The paid call, for a service that is one endpoint. The body is the service's own."),
    ];
    let routes = routes.into_iter().map(|route| {
        route
            .headers(paid::HEADERS)
            .answers(PASSED)
            .answer_headers(paid::ANSWER)
            .refuses(&[paid::REFUSALS])
            .example(SAY_THIS)
    });
    routes.collect()
}

fn openai_routes() -> Vec<Route<Face>> {
    let calls = vec![
        Route::post("/v1/chat/completions", models::chat)
            .named("createChatCompletion")
            .about("A chat. The service is looked for in `model`; the name that its server knows is put in its place.")
            .body(CHAT)
            .example(r#"{"model": "eliza", "messages": [{"role": "user", "content": "Say this is a test!"}]}"#),
        Route::post("/v1/completions", models::completions)
            .named("createCompletion")
            .about("A plain completion, where the service has it.")
            .body(const { &[MODEL] })
            .example(r#"{"model": "eliza", "prompt": "Say"}"#),
        Route::post("/v1/embeddings", models::embeddings)
            .named("createEmbedding")
            .about("Embeddings, where the service has them.")
            .body(const { &[MODEL] })
            .example(r#"{"model": "eliza", "input": "Say"}"#),
    ];
    let mut routes = vec![
        Route::get("/v1/models", models::list)
            .named("listModels")
            .about("Chatbot services as OpenAI's API lists models.")
            .answers(const { &[answer(200, Content::Json(&told::MODELS), "The models.")] }),
        Route::get("/v1/models/{*model}", models::show)
            .named("getModel")
            .about("One of them, by its id or any other name that a call may give it.")
            .answers(const { &[answer(200, Content::Json(&told::MODEL), "The model.")] })
            .refuses(&[&[(400, "ambiguous_model"), (404, "unknown_model"), (404, "not_found")]]),
    ];
    routes.extend(calls.into_iter().map(|route| {
        route
            .passes_on()
            .headers(paid::HEADERS)
            .answers(AS_OPENAI)
            .answer_headers(paid::ANSWER)
            .refuses(&[&[(400, "ambiguous_model"), (404, "unknown_model")], paid::REFUSALS])
    }));
    routes
}

fn request_routes() -> Vec<Route<Face>> {
    vec![
        Route::get("/v1/request", requests::list)
            .named("listRequests")
            .about("Paid requests with what each cost. `Fee` is the sum of all that the filter matches.")
            .query(requests::LISTING)
            .answers(const { &[answer(200, Content::Json(&told::REQUESTS), "The requests, with the sum of their fees.")] }),
        Route::get("/v1/request/export", requests::export)
            .named("exportRequests")
            .about("All requests that a filter covers with everything that is known of them, as a file, oldest first.")
            .query(requests::EXPORT)
            .answers(const { &[answer(200, Content::Text(export::TYPES), "The file. One that breaks off is not whole.")] }),
        Route::get("/v1/request/{id}", requests::show)
            .named("getRequest")
            .about("One request.")
            .answers(const { &[answer(200, Content::Json(&told::REQUEST), "The request.")] })
            .refuses(&[&[(404, "unknown_request")]]),
        Route::post("/v1/request/{id}/accept", requests::accept)
            .named("acceptReceipt")
            .about(
                "Accepts the provider's receipt of a disputed request: what it asks for beyond our own count is owed \
                 from now on, within the request's highest fee, the deposit and the caps.",
            )
            .body(requests::ACCEPTANCE)
            .answers(const { &[answer(200, Content::Json(&told::REQUEST), "The request, paid as its receipt says.")] })
            .refuses(&[&[
                (403, "read_only"),
                (404, "unknown_request"),
                (404, "no_receipt"),
                (409, "not_disputed"),
                (409, "accepted_before"),
                (409, "other_amount"),
                (409, "not_its_receipt"),
            ]]),
        Route::get("/v1/request/{id}/bundle", requests::bundle)
            .named("getBundle")
            .about(
                "Everything about a request that others need to check it: hashes, prices, the signed receipt, a voucher for \
                 what is owed, chain and contract. `zgserve-tui verify` reads it.",
            )
            .answers(const { &[answer(200, Content::Json(&told::BUNDLE), "The bundle.")] })
            .refuses(&[&[(404, "unknown_request")]]),
        Route::get("/v1/receipt/{id}", requests::receipt)
            .named("getReceipt")
            .about("The provider's signed statement of what a request cost.")
            .answers(const { &[answer(200, Content::Json(&told::RECEIPT), "The receipt.")] })
            .refuses(&[&[(404, "unknown_request"), (404, "no_receipt")]]),
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

fn status_routes() -> Vec<Route<Face>> {
    vec![
        Route::get("/health", status::health)
            .named("getHealth")
            .open_to(Access::Open)
            .about("Whether the broker is alive. degraded: the chain cannot be read at the moment.")
            .answers(const { &[answer(200, Content::Json(&told::HEALTH), "Status and block.")] }),
        Route::get(ready::PATH, status::ready)
            .named("getReadiness")
            .open_to(Access::Open)
            .about(
                "Whether it could make a paid request now. If not, `details.reasons` name each reason: stopping, store, \
                 chain_unreachable, services_not_read, no_account, no_key, no_funds, cap_reached. A chain that is away \
                 stops no request over accounts and services that were read before: then it stands in `Degraded`.",
            )
            .answers(const { &[answer(200, Content::Json(&ready::READY), "Ready.")] })
            .refuses(&[&[(503, "not_ready")]]),
        Route::get("/metrics", status::metrics)
            .named("getMetrics")
            .about("Figures for Prometheus.")
            .answers(const { &[answer(200, Content::Text(&["text/plain"]), "The figures.")] }),
        Route::get("/v1/events", events::follow)
            .named("followEvents")
            .about("What happens, as it happens. An event says that something changed; the lists say what is true.")
            .answers(const { &[answer(200, Content::Events(events::EVENTS), "A stream that does not end.")] }),
    ]
}

//! Every route of the user broker's API.

use super::done::WAIT;
use super::{Face, accounts, events, models, paid, refunds, requests, services, status};
use crate::http::routes::{Access, Field, Route, Table, optional, required};

const PAGE: &[Field] = &[LIMIT, CURSOR];
const LIMIT: Field = optional("limit", "Items of a page, 1 to 1000. Default 100.");
const CURSOR: Field = optional("cursor", "Metadata.Next of the page before.");
const CHAT: &[Field] = &[
    required("model", "provider/service, or a service's name or model where that is unambiguous."),
    required("messages", "As in OpenAI's API, like everything else in the body."),
];
const MODEL: &[Field] =
    &[required("model", "provider/service, or a service's name or model where that is unambiguous.")];
const DONE: &[(u16, &str)] =
    &[(202, "Done, empty; or, if it is not in a block yet, the operation to follow.")];

pub(super) fn table() -> Table<Face> {
    let mut routes = account_routes();
    routes.extend(service_routes());
    routes.extend(other_routes());
    Table {
        title: "0G Serving user broker",
        about: "Accounts with providers, their services, and what each request cost.",
        routes,
    }
}

fn account_routes() -> Vec<Route<Face>> {
    vec![
        Route::get("/v1/provider", accounts::list)
            .about("Your accounts with providers.")
            .query(PAGE)
            .answers(&[(200, "List of accounts")]),
        Route::post("/v1/provider", accounts::create)
            .about("Opens an account with a first deposit.")
            .query(WAIT)
            .body(
                const {
                    &[
                        required("provider", "The provider's address."),
                        required("balance", "The deposit in neuron."),
                    ]
                },
            )
            .answers(&[(204, "Opened."), (202, "Not in a block yet: the operation to follow.")]),
        Route::get("/v1/provider/{provider}", accounts::show)
            .about("One account.")
            .answers(&[(200, "The account")]),
        Route::post("/v1/provider/{provider}/charge", accounts::charge)
            .about("Adds to an account.")
            .query(WAIT)
            .body(const { &[required("balance", "What is added, in neuron; `amount` means the same.")] })
            .answers(DONE),
        Route::post("/v1/provider/{provider}/refund", refunds::request)
            .about(
                "Asks for part of the deposit back. It is locked for the contract's lock time, then taken.",
            )
            .query(WAIT)
            .body(
                const {
                    &[
                        required("amount", "Neuron."),
                        optional("replace", "true: change the amount of a refund that is pending already."),
                    ]
                },
            )
            .answers(DONE),
        Route::post("/v1/provider/{provider}/refund/cancel", refunds::cancel)
            .about("Leaves the deposit where it is.")
            .query(WAIT)
            .answers(DONE),
        Route::post("/v1/provider/{provider}/refund/process", refunds::process)
            .about("Takes a refund that is due. The broker does so by itself unless told otherwise.")
            .query(WAIT)
            .answers(DONE),
        Route::post("/v1/provider/{provider}/delegate", accounts::take_over)
            .about("Names this broker's key on an account whose delegate key is lost or elsewhere.")
            .query(WAIT)
            .answers(DONE),
        Route::post("/v1/provider/{provider}/sync", accounts::sync)
            .about("Reads one account from the chain now.")
            .answers(&[(202, "Read.")]),
        Route::post("/v1/sync", accounts::sync_all)
            .about("Reads all accounts and services from the chain now.")
            .answers(&[(202, "Read.")]),
        Route::get("/v1/refund", refunds::list)
            .about("Refunds, newest first.")
            .query(
                const {
                    &[
                        optional("processed", "true: only those taken; false: only those not."),
                        optional("provider", "Only with this provider."),
                        LIMIT,
                        CURSOR,
                    ]
                },
            )
            .answers(&[(200, "List of refunds")]),
    ]
}

fn service_routes() -> Vec<Route<Face>> {
    vec![
        Route::get("/v1/service", services::list)
            .about("All services that the chain lists.")
            .query(const { &[
                optional("provider", "Only of this provider."),
                optional("type", "chatbot or zgStorage."),
                optional("name", "Only of this name."),
                optional("model", "Only of this model."),
                optional("sort", "provider (default), name, price or newest."),
                LIMIT,
                CURSOR,
            ] })
            .answers(&[(200, "List of services")]),
        Route::get("/v1/provider/{provider}/service/{service}", services::show)
            .about("One service.")
            .answers(&[(200, "The service")]),
        Route::post("/v1/provider/{provider}/service/{service}", paid::call)
            .about("The paid call, for a service that is one endpoint. The body is the service's own.")
            .answers(&[(200, "The service's answer; zg-request-id names the request.")]),
        Route::any("/v1/provider/{provider}/service/{service}/", paid::call)
            .about("The paid call of the service's root.")
            .answers(&[(200, "The service's answer; zg-request-id names the request.")]),
        Route::any("/v1/provider/{provider}/service/{service}/{*suffix}", paid::call)
            .about(
                "The paid call: the request goes to the service as it is and is paid for. zg-max-fee caps its cost; \
                 with an Idempotency-Key it is never paid twice.",
            )
            .answers(&[(200, "The service's answer; zg-request-id names the request.")]),
        Route::get("/v1/models", models::list)
            .about("Chatbot services in the shape of OpenAI's API.")
            .answers(&[(200, "List of models")]),
        Route::post("/v1/chat/completions", models::chat)
            .about("The paid call for OpenAI clients: set their base URL to this broker's /v1.")
            .body(CHAT)
            .answers(&[(200, "As in OpenAI's API")]),
        Route::post("/v1/completions", models::completions)
            .about("The same for plain completions.")
            .body(MODEL)
            .answers(&[(200, "As in OpenAI's API")]),
        Route::post("/v1/embeddings", models::embeddings)
            .about("The same for embeddings.")
            .body(MODEL)
            .answers(&[(200, "As in OpenAI's API")]),
    ]
}

fn other_routes() -> Vec<Route<Face>> {
    vec![
        Route::get("/v1/request", requests::list)
            .about("Paid requests with what each cost. Fee is the sum of all that the filter matches.")
            .query(
                const {
                    &[
                        optional("provider", "Only of this provider."),
                        optional("service", "Only of services of this name."),
                        optional("status", "reserved, sent, done, disputed, unconfirmed or failed."),
                        optional("from", "Made at this time or later, RFC 3339."),
                        optional("to", "Made before this time."),
                        optional("sort", "newest (default), oldest, dearest or cheapest."),
                        LIMIT,
                        CURSOR,
                    ]
                },
            )
            .answers(&[(200, "List of requests with their Fee")]),
        Route::get("/v1/request/{id}", requests::show).about("One request.").answers(&[(200, "The request")]),
        Route::get("/v1/receipt/{id}", requests::receipt)
            .about("The provider's signed statement of what a request cost.")
            .answers(&[(200, "The receipt")]),
        Route::get("/v1/operation", requests::operations)
            .about("On-chain actions, newest first.")
            .query(const { &[LIMIT] })
            .answers(&[(200, "List of operations")]),
        Route::get("/v1/operation/{id}", requests::operation)
            .about("How an on-chain action stands.")
            .answers(&[(200, "The operation")]),
        Route::get("/v1/events", events::events)
            .about("What happens, as server-sent events.")
            .answers(&[(200, "Event stream")]),
        Route::get("/health", status::health)
            .open_to(Access::Open)
            .about("Whether the broker works. degraded: the chain cannot be read at the moment.")
            .answers(&[(200, "Status and block")]),
        Route::get("/metrics", status::metrics)
            .about("Figures for Prometheus.")
            .answers(&[(200, "Prometheus text")]),
    ]
}

//! Every route of the provider broker.

use super::{Face, overview, proxy, requests, services, settlements, status, users};
use crate::http::routes::{Access, Field, Route, Table, optional, required};

const LIMIT: Field = optional("limit", "Items of a page, 1 to 1000. Default 100.");
const CURSOR: Field = optional("cursor", "Metadata.Next of the page before.");
const PAGE: &[Field] = &[LIMIT, CURSOR];
const WAIT: &[Field] =
    &[optional("wait", "false: answer 202 with the OperationID as soon as it is broadcast. Default true.")];
const SERVICE: &[Field] = &[
    required("Name", "1 to 64 letters, digits, '-', '_' or '.'."),
    required("Type", "chatbot or zgStorage."),
    required("URL", "Where the service itself is: its root, or its one endpoint. Never published."),
    required("inputPrice", "Neuron a unit in: a token, or a byte."),
    required("outputPrice", "Neuron a unit out."),
    optional("model", "Published, and what OpenAI clients may call it by."),
    optional("meter", "o200k (default for chatbots), usage, or bytes (zgStorage)."),
    optional("upstreamHeaders", "An object of headers to send along, such as an API key. Kept secret."),
    optional("maxInFlight", "Requests of all users that it serves at the same time. Default: any number."),
    optional("requestsPerMinute", "Requests of all users that it takes in a minute. Default: any number."),
];
const CHANGE: &[Field] = &[
    optional("URL", "What is not given stays as it is."),
    optional("model", ""),
    optional("inputPrice", ""),
    optional("outputPrice", ""),
    optional("meter", ""),
    optional("upstreamHeaders", ""),
    optional("maxInFlight", "null or 0: any number."),
    optional("requestsPerMinute", "null or 0: any number."),
];

/// The owner's API with the proxy beside it.
pub(super) fn table() -> Table<Face> {
    let mut routes = owner_routes();
    routes.extend(proxy_routes());
    Table {
        title: "0G Serving provider broker",
        about: "Services on offer, users and what they owe, settlements; and the metered proxy.",
        routes,
    }
}

/// The proxy alone.
pub(super) fn proxy_table() -> Table<Face> {
    Table { title: "0G Serving proxy", about: "Metered services of one provider.", routes: proxy_routes() }
}

fn owner_routes() -> Vec<Route<Face>> {
    vec![
        Route::get("/v1/overview", overview::show)
            .about("The broker on one page: earned, claimable, in flight, the next settlement and why.")
            .answers(&[(200, "The overview")]),
        Route::get("/v1/events", overview::events)
            .about("What happens, as it happens. An event says that something changed; the listings say what is true.")
            .answers(&[(200, "Server-sent events")]),
        Route::get("/v1/service", services::list)
            .about("The services on offer, with the addresses behind them.")
            .query(PAGE)
            .answers(&[(200, "List of services, with Unknown: what only the chain lists")]),
        Route::post("/v1/service", services::register)
            .about("Registers a service on the chain. With an Idempotency-Key it is never done twice.")
            .query(WAIT)
            .body(SERVICE)
            .answers(&[(204, "Registered."), (202, "Not in a block yet: the operation to follow.")]),
        Route::get("/v1/service/{service}", services::show)
            .about("One service.")
            .answers(&[(200, "The service")]),
        Route::put("/v1/service/{service}", services::update)
            .about("Changes a service. A new price counts once the chain lists it.")
            .query(WAIT)
            .body(CHANGE)
            .answers(&[(202, "Done, empty; or the operation to follow.")]),
        Route::delete("/v1/service/{service}", services::remove)
            .about("Takes a service off the chain, one that only the chain knows too. It answers no more from now on.")
            .query(WAIT)
            .answers(&[(202, "Done, empty; or the operation to follow.")]),
        Route::post("/v1/service/{service}/pause", services::pause)
            .about("Takes no new requests for a service. The chain lists it all the same; running ones go on.")
            .answers(&[(204, "Paused.")]),
        Route::post("/v1/service/{service}/resume", services::resume)
            .about("Takes requests for a service again.")
            .answers(&[(204, "On offer again.")]),
        Route::post("/v1/sync-service", services::sync)
            .about("Compares all services with the chain and repairs what differs.")
            .answers(&[(202, "What was found and done")]),
        Route::post("/v1/settle", settlements::settle)
            .about("Turns what users owe into money now. With an Idempotency-Key it is never done twice.")
            .query(
                const {
                    &[
                        optional("wait", "false: answer once it is broadcast. Default true."),
                        optional("dryRun", "true: only say what would be done."),
                    ]
                },
            )
            .answers(&[(202, "What was done"), (200, "What would be done")]),
        Route::get("/v1/settlement", settlements::list)
            .about("Settlements, the next one, and why the engine settled or waited.")
            .query(PAGE)
            .answers(&[(200, "List of settlements with Forecast and Decisions")]),
        Route::get("/v1/decision", settlements::decisions)
            .about("Why the engine settled or waited: every decision that is kept, newest first.")
            .query(PAGE)
            .answers(&[(200, "List of decisions")]),
        Route::get("/v1/user", users::list)
            .about("Users, those who owe most first.")
            .query(PAGE)
            .answers(&[(200, "List of users")]),
        Route::get("/v1/user/{user}", users::show).about("One user.").answers(&[(200, "The user")]),
        Route::post("/v1/user/{user}/sync", users::sync)
            .about("Reads one account from the chain now.")
            .answers(&[(202, "Read.")]),
        Route::post("/v1/sync-account", users::sync_all)
            .about("Reads all accounts from the chain now.")
            .answers(&[(202, "Read.")]),
        Route::get("/v1/request", requests::list)
            .about("Requests that were served. Fee is the sum of all that the filter matches.")
            .query(
                const {
                    &[
                        optional("user", "Only of this user."),
                        optional("service", "Only of this service."),
                        optional("status", "admitted, charged, failed or lost."),
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
        Route::get("/v1/operation", requests::operations)
            .about("On-chain actions, newest first.")
            .query(PAGE)
            .answers(&[(200, "List of operations")]),
        Route::get("/v1/operation/{id}", requests::operation)
            .about("How an on-chain action stands.")
            .answers(&[(200, "The operation")]),
        Route::get("/metrics", status::metrics)
            .about("Figures for Prometheus.")
            .answers(&[(200, "Prometheus text")]),
    ]
}

fn proxy_routes() -> Vec<Route<Face>> {
    let proxied: &[(u16, &str)] = &[(200, "The service's answer with its receipt")];
    vec![
        Route::any("/v1/proxy/{service}", proxy::call)
            .open_to(Access::Public)
            .about("A service, paid by zg-voucher and zg-request headers.")
            .answers(proxied),
        Route::any("/v1/proxy/{service}/", proxy::call)
            .open_to(Access::Public)
            .about("The same for a service's root.")
            .answers(proxied),
        Route::any("/v1/proxy/{service}/{*suffix}", proxy::call)
            .open_to(Access::Public)
            .about("The same for whatever is below it.")
            .answers(proxied),
        Route::post("/v1/voucher", proxy::voucher)
            .open_to(Access::Public)
            .about("Takes a voucher between requests.")
            .body(const { &[required("voucher", "The voucher in base64url.")] })
            .answers(&[(200, "The best voucher, and what is owed")]),
        Route::get("/v1/proxy-receipt/{id}", proxy::receipt)
            .open_to(Access::Public)
            .about("The receipt of a request, for whoever knows its id.")
            .answers(&[
                (200, "The receipt in base64url"),
                (202, "Not booked yet."),
                (410, "Lost; costs nothing."),
            ]),
        Route::get("/v1/terms", proxy::terms)
            .open_to(Access::Public)
            .about("What this provider lends and how each service is metered and priced.")
            .answers(&[(200, "The terms")]),
        Route::get("/health", status::health)
            .open_to(Access::Public)
            .about("Whether the broker works.")
            .answers(&[(200, "Status and block")]),
    ]
}

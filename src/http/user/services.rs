//! Services that the chain lists.

use axum::Json;
use axum::extract::{Path, RawQuery, State};

use super::Face;
use super::shapes::ServiceItem;
use crate::broker::user::ServiceFilter;
use crate::domain::ServiceKind;
use crate::http::Problem;
use crate::http::field::{Field, Kind, TEXT, optional};
use crate::http::input::{Fields, path_address, path_value};
use crate::http::list::{CURSOR, LIMIT, cut};
use crate::wire::list::List;

pub(super) const LISTING: &[Field] = &[
    optional("provider", Kind::Address, "Only of this provider."),
    optional("type", Kind::Words(&ServiceKind::NAMES), "Only of this type."),
    optional("name", TEXT, "Only of this name."),
    optional("model", TEXT, "Only of this model."),
    optional("sort", Kind::Words(&["provider", "name", "price", "newest"]), "Default provider."),
    LIMIT,
    CURSOR,
];

pub(super) async fn list(
    State(face): State<Face>,
    RawQuery(query): RawQuery,
) -> Result<List<ServiceItem>, Problem> {
    let query = Fields::of_query(query.as_deref(), LISTING)?;
    let filter = ServiceFilter {
        provider: query.address("provider")?,
        kind: query.parse("type")?,
        name: query.text("name")?.map(str::to_owned),
        model: query.text("model")?.map(str::to_owned),
    };
    let orders = [
        ("provider", Order::Provider),
        ("name", Order::Name),
        ("price", Order::Price),
        ("newest", Order::Newest),
    ];
    let order = query.word("sort", &orders)?.unwrap_or(Order::Provider);
    let mut services = face.broker.services(&filter).services;
    match order {
        // As the broker keeps them.
        Order::Provider => {}
        Order::Name => services.sort_by(|a, b| a.name.cmp(&b.name)),
        Order::Price => services.sort_by_key(|service| (service.prices.output, service.prices.input)),
        Order::Newest => services.sort_by_key(|service| std::cmp::Reverse(service.version)),
    }
    let items = services.into_iter().map(ServiceItem::from).collect();
    cut(items, |service: &ServiceItem| format!("{}/{}", service.provider, service.name), &query)
}

#[derive(Clone, Copy)]
enum Order {
    Provider,
    Name,
    Price,
    Newest,
}

pub(super) async fn show(
    State(face): State<Face>,
    Path((provider, service)): Path<(String, String)>,
) -> Result<Json<ServiceItem>, Problem> {
    let (provider, name) = (path_address("provider", &provider)?, path_value("service", &service)?);
    Ok(Json(face.broker.service(provider, &name).await?.into()))
}

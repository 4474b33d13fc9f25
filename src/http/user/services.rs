//! Services that the chain lists.

use axum::Json;
use axum::extract::{Path, RawQuery, State};

use super::Face;
use super::shapes::ServiceItem;
use crate::broker::user::ServiceFilter;
use crate::http::Problem;
use crate::http::input::{Fields, path_address, path_value};
use crate::http::list::cut;
use crate::wire::list::List;

pub(super) async fn list(
    State(face): State<Face>,
    RawQuery(query): RawQuery,
) -> Result<List<ServiceItem>, Problem> {
    let known = &["provider", "type", "name", "model", "sort", "limit", "cursor"];
    let query = Fields::of_query(query.as_deref(), known)?;
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

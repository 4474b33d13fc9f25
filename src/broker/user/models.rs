//! Services by name: listings, one service, and what an OpenAI client's model name stands for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalogue::{Listing, ServiceFilter};
use super::error::CallRefusal;
use super::handle::UserBroker;
use super::{UserError, model_id};
use crate::domain::{Address, Service, ServiceKind, ServiceName};
use crate::wire::terms::Terms;

/// A service as OpenAI clients list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// `0xprovider/service`.
    pub id: String,
    pub service: Service,
}

impl UserBroker {
    /// Services as of the last block read. Without the chain it is the list as last seen.
    pub fn services(&self, filter: &ServiceFilter) -> Listing {
        self.inner.catalogue.read().list(filter)
    }

    /// The whole list of services and its version, if that is another than `seen` (0 for none). A list is made once a
    /// version and shared by all who ask, so that asking costs nothing while nothing changes.
    pub fn services_if_newer(&self, seen: u64) -> Option<(u64, Arc<[Service]>)> {
        if self.inner.catalogue.read().version() == seen {
            return None;
        }
        Some(self.inner.catalogue.write().share())
    }

    /// One service; the chain is asked if we know none of that name.
    pub async fn service(&self, provider: Address, name: &ServiceName) -> Result<Service, UserError> {
        self.inner.service(provider, name).await
    }

    /// What the provider of a service publishes of itself, asked for now and checked against the chain.
    pub async fn terms(&self, provider: Address, name: &ServiceName) -> Result<Arc<Terms>, CallRefusal> {
        let service = self.inner.service(provider, name).await?;
        Ok(self.inner.terms.fetch(&self.inner.upstream, &service).await?)
    }

    /// All chatbots that can be called as models.
    pub fn models(&self) -> Vec<Model> {
        let chatbots = ServiceFilter { kind: Some(ServiceKind::Chatbot), ..ServiceFilter::default() };
        let services = self.services(&chatbots).services;
        services.into_iter().map(|service| Model { id: model_id(&service), service }).collect()
    }

    /// The service that a model name stands for: `provider/service`, a service's name, or its model.
    pub fn resolve_model(&self, model: &str) -> Result<Service, UserError> {
        let accounts: BTreeSet<Address> =
            self.inner.accounts().into_iter().map(|account| account.provider).collect();
        Ok(self.inner.catalogue.read().resolve(model, &accounts)?)
    }
}

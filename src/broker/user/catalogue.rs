//! The services that the chain lists, as of one block, and which of them a name stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::chain::BlockRef;
use crate::domain::{Address, Service, ServiceKind, ServiceName};

/// Which services a listing wants; everything that is set must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceFilter {
    pub provider: Option<Address>,
    pub kind: Option<ServiceKind>,
    pub name: Option<String>,
    pub model: Option<String>,
}

impl ServiceFilter {
    fn fits(&self, service: &Service) -> bool {
        self.provider.is_none_or(|provider| service.provider == provider)
            && self.kind.is_none_or(|kind| service.kind == kind)
            && self.name.as_ref().is_none_or(|name| service.name.as_str() == name)
            && self.model.as_ref().is_none_or(|model| &service.model == model)
    }
}

/// Services as of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub services: Vec<Service>,
    /// Listed in a form that this program cannot use.
    pub unreadable: usize,
    /// `None` while the chain could not be read yet.
    pub at: Option<BlockRef>,
    /// Rises whenever a service of the whole list comes, goes or changes.
    pub version: u64,
}

/// Why a model name stands for no service to call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    #[error("no chatbot service is called {model:?}; GET /v1/models lists them{}", did_you_mean(.near))]
    Unknown { model: String, near: Vec<String> },
    #[error("several providers have {model:?}; choose one of {}", .candidates.join(", "))]
    Ambiguous { model: String, candidates: Vec<String> },
}

fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; the nearest are {}", near.join(", ")) }
}

/// The cache of services, kept by chain events and re-reads.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    services: BTreeMap<Address, BTreeMap<ServiceName, Service>>,
    unreadable: usize,
    at: Option<BlockRef>,
    version: u64,
    /// The whole list of that version, made when somebody wants it.
    shared: Option<(u64, Arc<[Service]>)>,
}

impl Catalogue {
    /// Takes a whole listing as read at a block. An older block never replaces a newer one's listing, except after a
    /// reorg, when the caller says so by passing a block that is not older.
    pub fn replace(&mut self, services: Vec<Service>, unreadable: usize, at: BlockRef) -> bool {
        if self.at.is_some_and(|known| known.number > at.number) {
            return false;
        }
        let before = std::mem::take(&mut self.services);
        for service in services {
            self.insert(service);
        }
        self.unreadable = unreadable;
        self.at = Some(at);
        let changed = before != self.services;
        if changed {
            self.changed();
        }
        changed
    }

    fn changed(&mut self) {
        self.version += 1;
        self.shared = None;
    }

    /// Makes the list that everybody shares, if nobody has yet.
    pub fn share(&mut self) -> (u64, Arc<[Service]>) {
        if let Some(shared) = &self.shared {
            return shared.clone();
        }
        let shared = (self.version, self.all().cloned().collect());
        self.shared.insert(shared).clone()
    }

    /// Forgets which block the listing is of, so that the next one replaces it whatever its number.
    pub fn undone(&mut self) {
        self.at = None;
    }

    /// Takes one service as read just now.
    pub fn put(&mut self, provider: Address, name: &ServiceName, service: Option<Service>) {
        if self.get(provider, name) == service.as_ref() {
            return;
        }
        match service {
            Some(service) => self.insert(service),
            None => {
                let services = self.services.get_mut(&provider);
                services.and_then(|services| services.remove(name));
            }
        }
        self.changed();
    }

    fn insert(&mut self, service: Service) {
        self.services.entry(service.provider).or_default().insert(service.name.clone(), service);
    }

    fn all(&self) -> impl Iterator<Item = &Service> {
        self.services.values().flat_map(BTreeMap::values)
    }

    pub fn get(&self, provider: Address, name: &ServiceName) -> Option<&Service> {
        self.services.get(&provider)?.get(name)
    }

    /// Any service of a provider; all of them have the provider's base URL unless it is moving.
    pub fn of(&self, provider: Address) -> impl Iterator<Item = &Service> {
        self.services.get(&provider).into_iter().flat_map(BTreeMap::values)
    }

    pub fn len(&self) -> usize {
        self.services.values().map(BTreeMap::len).sum()
    }

    pub fn list(&self, filter: &ServiceFilter) -> Listing {
        let services = self.all().filter(|service| filter.fits(service)).cloned().collect();
        Listing { services, unreadable: self.unreadable, at: self.at, version: self.version }
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    /// Finds the chatbot that a model name stands for: `provider/service`, a service's name, or its model.
    ///
    /// Where several fit, one of a provider with an account is meant if there is exactly one such. A name weighs no more
    /// than a model: whoever names a service like somebody's model would else be sent, and paid for, what is asked of that.
    pub fn resolve(&self, model: &str, accounts: &BTreeSet<Address>) -> Result<Service, ModelError> {
        if let Some(service) = self.by_id(model) {
            return Ok(service.clone());
        }
        let chatbots = || self.all().filter(|service| service.kind == ServiceKind::Chatbot);
        let found: Vec<_> =
            chatbots().filter(|service| service.name.as_str() == model || service.model == model).collect();
        let funded: Vec<_> =
            found.iter().filter(|service| accounts.contains(&service.provider)).copied().collect();
        match (found.as_slice(), funded.as_slice()) {
            ([], _) => {}
            (_, [only]) | ([only], []) => return Ok((*only).clone()),
            (all, funded) => {
                let several = if funded.is_empty() { all } else { funded };
                let candidates = several.iter().take(10).map(|service| model_id(service)).collect();
                return Err(ModelError::Ambiguous { model: model.to_owned(), candidates });
            }
        }
        let mut near: Vec<_> = chatbots()
            .flat_map(|service| {
                [service.name.as_str(), service.model.as_str()]
                    .into_iter()
                    .filter(|known| !known.is_empty())
                    .map(|known| (strsim::damerau_levenshtein(known, model), model_id(service)))
                    .collect::<Vec<_>>()
            })
            .filter(|(distance, _)| *distance <= 3)
            .collect();
        near.sort();
        near.dedup_by(|a, b| a.1 == b.1);
        let near = near.into_iter().take(3).map(|(_, id)| id).collect();
        Err(ModelError::Unknown { model: model.chars().take(200).collect(), near })
    }

    /// The chatbot of that id. An address may be written in any case; names that differ in it are different services.
    fn by_id(&self, model: &str) -> Option<&Service> {
        let (provider, name) = model.split_once('/')?;
        let service = self.get(provider.parse().ok()?, &name.parse().ok()?)?;
        (service.kind == ServiceKind::Chatbot).then_some(service)
    }
}

/// The name under which a service can always be called: `0xprovider/service`.
pub fn model_id(service: &Service) -> String {
    format!("{}/{}", service.provider, service.name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::{B256, Prices, Timestamp};

    fn service(provider: u8, name: &str, model: &str) -> Service {
        Service {
            provider: Address::repeat_byte(provider),
            name: name.parse().unwrap(),
            kind: if name == "files" { ServiceKind::ZgStorage } else { ServiceKind::Chatbot },
            url: "http://provider.example".to_owned(),
            model: model.to_owned(),
            prices: Prices::default(),
            version: 1,
        }
    }

    fn block(number: u64) -> BlockRef {
        BlockRef { number, hash: B256::ZERO, time: Timestamp::from_seconds(number) }
    }

    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue::default();
        let services = vec![
            service(1, "llama7b", "meta/llama-7b"),
            service(2, "llama7b", "meta/llama-7b"),
            service(2, "qwen", "qwen-2"),
            service(3, "files", "llama7b"),
        ];
        assert!(catalogue.replace(services, 1, block(5)));
        catalogue
    }

    #[test]
    fn a_model_name_stands_for_a_service_where_it_can_mean_only_one() {
        let catalogue = catalogue();
        let nobody = BTreeSet::new();
        let second = BTreeSet::from([Address::repeat_byte(2)]);
        let provider =
            |model: &str, accounts| catalogue.resolve(model, accounts).map(|service| service.provider);
        assert_eq!(provider("qwen", &nobody), Ok(Address::repeat_byte(2)));
        assert_eq!(provider("qwen-2", &nobody), Ok(Address::repeat_byte(2)));
        assert_eq!(provider("llama7b", &second), Ok(Address::repeat_byte(2)));
        assert_eq!(provider("meta/llama-7b", &second), Ok(Address::repeat_byte(2)));
        let named = format!("{:#x}/llama7b", Address::repeat_byte(1));
        assert_eq!(provider(&named, &second), Ok(Address::repeat_byte(1)));
        assert!(matches!(
            provider("llama7b", &nobody),
            Err(ModelError::Ambiguous { candidates, .. }) if candidates.len() == 2
        ));
        let Err(ModelError::Unknown { near, .. }) = provider("lama7b", &nobody) else { unreachable!() };
        assert_eq!(near.len(), 2);
        assert!(provider("files", &nobody).is_err());
    }

    #[test]
    fn nobody_takes_over_what_is_asked_of_another_service() {
        let services = vec![
            service(1, "LLAMA7B", "other"),
            service(1, "llama7b", "meta/llama-7b"),
            service(2, "svc", "qwen-2"),
            service(3, "qwen-2", "x"),
        ];
        let mut catalogue = Catalogue::default();
        catalogue.replace(services, 0, block(5));
        let found = |model: &str, accounts: &[u8]| {
            let accounts = accounts.iter().map(|byte| Address::repeat_byte(*byte)).collect();
            catalogue.resolve(model, &accounts).map(|service| model_id(&service))
        };
        let id = |provider, name: &str| model_id(&service(provider, name, ""));
        // A twin whose name differs in case alone.
        for spelling in [id(1, "llama7b"), format!("0x{}/llama7b", "01".repeat(20))] {
            assert_eq!(found(&spelling, &[1]), Ok(id(1, "llama7b")), "{spelling}");
        }
        assert_eq!(found(&id(1, "LLAMA7B"), &[1]), Ok(id(1, "LLAMA7B")));
        assert!(found(&id(1, "Llama7b"), &[1]).is_err());
        // A service that is named like another one's model.
        assert_eq!(found("qwen-2", &[2]), Ok(id(2, "svc")));
        assert_eq!(found("qwen-2", &[3]), Ok(id(3, "qwen-2")));
        for accounts in [&[][..], &[2, 3]] {
            let Err(ModelError::Ambiguous { candidates, .. }) = found("qwen-2", accounts) else {
                panic!("{accounts:?}");
            };
            assert_eq!(candidates, [id(2, "svc"), id(3, "qwen-2")]);
        }
    }

    #[test]
    fn an_older_listing_does_not_replace_a_newer_one() {
        let mut catalogue = catalogue();
        assert!(!catalogue.replace(Vec::new(), 0, block(4)));
        assert_eq!(catalogue.len(), 4);
        catalogue.undone();
        assert!(catalogue.replace(Vec::new(), 0, block(4)));
        assert_eq!(catalogue.len(), 0);
    }

    #[test]
    fn a_version_tells_of_every_change_and_its_list_is_made_once() {
        let mut catalogue = catalogue();
        let (first, list) = catalogue.share();
        assert_eq!((first, list.len()), (catalogue.version(), 4));
        assert!(Arc::ptr_eq(&list, &catalogue.share().1));
        let same = service(2, "qwen", "qwen-2");
        catalogue.put(same.provider, &same.name, Some(same.clone()));
        assert_eq!(catalogue.version(), first);
        let dearer = Service {
            prices: Prices { input: crate::domain::Neuron::new(9), ..same.prices },
            ..same.clone()
        };
        catalogue.put(same.provider, &same.name, Some(dearer));
        let second = catalogue.version();
        assert!(second > first && !Arc::ptr_eq(&list, &catalogue.share().1));
        catalogue.put(same.provider, &same.name, None);
        assert!(catalogue.version() > second);
        assert_eq!(catalogue.share().1.len(), 3);
    }

    #[test]
    fn listings_are_filtered() {
        let kind = Some(ServiceKind::ZgStorage);
        let listing = catalogue().list(&ServiceFilter { kind, ..ServiceFilter::default() });
        assert_eq!(listing.services.len(), 1);
        assert_eq!((listing.unreadable, listing.at), (1, Some(block(5))));
    }
}

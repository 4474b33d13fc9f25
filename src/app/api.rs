//! One way to a broker's API: at an address that was given, at the broker that runs on the data directory, or at one
//! that is started for the command alone (on a port of the system's choice, behind a token of its own).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::Value;

use super::chain::Patience;
use super::provider::RunningProvider;
use super::settings::settings;
use super::user::RunningUser;
use crate::cli::{Exit, Failure, Global};
use crate::config::{Listen, Paths, ProviderConfig, RoleConfig, Shell, UserConfig};
use crate::http::Bound;
use crate::keys::Secret;
use crate::store::DataLock;
use crate::wire::fault::FaultBody;

/// On-chain actions answer within 90 s; a chat may think for minutes before it speaks.
const ANSWER: Duration = Duration::from_secs(600);
const CONNECT: Duration = Duration::from_secs(5);

/// A broker's API.
#[derive(Debug)]
pub struct Api {
    client: Client,
    base: Url,
    token: Option<Secret<String>>,
    own: Option<Own>,
}

/// A broker that was started for one command.
#[derive(Debug)]
enum Own {
    User(Box<RunningUser>),
    Provider(Box<RunningProvider>),
}

impl Api {
    /// The user broker's API.
    pub async fn user(global: &Global) -> Result<Api> {
        if let Some(url) = &global.url {
            return Api::at(url.clone(), None);
        }
        let config: UserConfig = settings(global)?;
        if let Some(api) = Api::running::<UserConfig>(config.shell())? {
            return Ok(api);
        }
        let (bound, listen, base) = private().await?;
        let mut running = Box::pin(RunningUser::from_settings(&config, global, Patience::None)).await?;
        running.listen(bound, &listen)?;
        Api::at(base, listen.token).map(|api| Api { own: Some(Own::User(Box::new(running))), ..api })
    }

    /// The provider broker's API.
    pub async fn provider(global: &Global) -> Result<Api> {
        if let Some(url) = &global.url {
            return Api::at(url.clone(), None);
        }
        let config: ProviderConfig = settings(global)?;
        if let Some(api) = Api::running::<ProviderConfig>(config.shell())? {
            return Ok(api);
        }
        let (bound, listen, base) = private().await?;
        let mut running = Box::pin(RunningProvider::from_settings(&config, global, Patience::None)).await?;
        running.listen(bound, &listen)?;
        Api::at(base, listen.token).map(|api| Api { own: Some(Own::Provider(Box::new(running))), ..api })
    }

    fn at(base: Url, token: Option<Secret<String>>) -> Result<Api> {
        // A proxy of the environment has no business between us and a broker on this machine.
        let client = Client::builder().no_proxy().connect_timeout(CONNECT).timeout(ANSWER).build()?;
        Ok(Api { client, base, token, own: None })
    }

    /// The broker that runs on the data directory, if one does.
    fn running<C: RoleConfig>(shell: &Shell) -> Result<Option<Api>> {
        let paths = Paths::of(C::NAME, shell.data_dir.as_deref())?;
        let Some(address) = holder(&paths.data)? else { return Ok(None) };
        Api::at(base_of(address)?, shell.token.clone()).map(Some)
    }

    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value> {
        let response = self.send(Method::GET, path, query, None).await?;
        response.json().await.context("the broker's answer is not JSON")
    }

    /// Sends a body, or none. Gives the answer's status, and its body where it has one.
    pub async fn send_json(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value)> {
        let response = self.send(method, path, &[], body).await?;
        let status = response.status();
        let bytes = response.bytes().await.context("the broker broke off its answer")?;
        let value = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? };
        Ok((status, value))
    }

    /// Sends and gives the whole response, errors turned into failures.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Response> {
        let mut url = self.base.join(path).context("the path cannot be asked for")?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.client.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let unreachable = |error: reqwest::Error| {
            let reason = error.without_url();
            Failure::new(Exit::Unreachable, format!("no broker answers at {}: {reason}", self.base))
        };
        let response = request.send().await.map_err(unreachable)?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refusal(response).await.into())
    }

    /// Stops a broker that was started for this command.
    pub async fn close(self) {
        match self.own {
            Some(Own::User(running)) => running.stop().await,
            Some(Own::Provider(running)) => running.stop().await,
            None => {}
        }
    }
}

/// Where the holder of a data directory listens.
fn holder(directory: &Path) -> Result<Option<SocketAddr>> {
    match DataLock::holder(directory)? {
        None => Ok(None),
        Some(holder) => match holder.address {
            Some(address) => Ok(Some(address)),
            None => Err(Failure::new(
                Exit::InUse,
                format!("a broker is just starting or stopping on {}; try again", directory.display()),
            )
            .into()),
        },
    }
}

/// Where to call a listener: one on all addresses answers on loopback too.
fn base_of(address: SocketAddr) -> Result<Url> {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    Ok(Url::parse(&format!("http://{}", SocketAddr::new(ip, address.port())))?)
}

/// A listener for this process only.
async fn private() -> Result<(Bound, Listen, Url)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bound = Bound::bind(address, "this command").await?;
    let base = base_of(bound.address())?;
    let token = alloy::primitives::hex::encode(rand::random::<[u8; 32]>());
    let listen =
        Listen { address, token: Some(Secret::new(token)), allow_hosts: Vec::new(), without_token: false };
    Ok((bound, listen, base))
}

/// A broker's no, with the exit code that fits its status.
async fn refusal(response: Response) -> Failure {
    let status = response.status();
    let exit = match status {
        StatusCode::PAYMENT_REQUIRED => Exit::ShortOfFunds,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::CONFLICT => Exit::Refused,
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::PAYLOAD_TOO_LARGE => Exit::BadInput,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => {
            Exit::Unreachable
        }
        _ => Exit::Failed,
    };
    let body = response.bytes().await.unwrap_or_default();
    match serde_json::from_slice::<FaultBody>(&body) {
        Ok(fault) => {
            let message = crate::domain::clean::clean(&fault.error.message, 1000);
            Failure::new(exit, format!("{message} ({})", crate::domain::clean::clean(&fault.error.code, 60)))
        }
        Err(_) => Failure::new(exit, format!("the broker answers with status {status}")),
    }
}

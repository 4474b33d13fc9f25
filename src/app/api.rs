//! One way to a broker's API: at an address that was given, at the broker that runs on the data directory, or at one
//! that is started for the command alone (on a port of the system's choice, behind a token of its own).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use anyhow::Result;
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::Value;

use super::chain::Patience;
use super::provider::RunningProvider;
use super::refused;
use super::settings::settings;
use super::token;
use super::user::RunningUser;
use crate::cli::{Exit, Failure, Global, Role};
use crate::client::{Call, Client, ClientError};
use crate::config::{Listen, Paths, ProviderConfig, RoleConfig, Shell, UserConfig};
use crate::http::Bound;
use crate::keys::Secret;
use crate::store::{DataLock, Holder};

/// A broker's API.
#[derive(Debug)]
pub struct Api {
    client: Client,
    own: Option<Own>,
    /// How it was found, so that advice leads to the same one.
    global: Global,
    role: Role,
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
            return Api::at(url.clone(), token::of_environment()?, global, Role::User);
        }
        let config: UserConfig = settings(global)?;
        if let Some(api) = Api::running::<UserConfig>(config.shell(), global)? {
            return Ok(api);
        }
        let (bound, listen, base) = private().await?;
        let mut running =
            Box::pin(RunningUser::from_settings(&config, global, Patience::None, false)).await?;
        running.listen(bound, &listen)?;
        Api::at(base, listen.token, global, Role::User)
            .map(|api| Api { own: Some(Own::User(Box::new(running))), ..api })
    }

    /// The provider broker's API.
    pub async fn provider(global: &Global) -> Result<Api> {
        if let Some(url) = &global.url {
            return Api::at(url.clone(), token::of_environment()?, global, Role::Provider);
        }
        let config: ProviderConfig = settings(global)?;
        if let Some(api) = Api::running::<ProviderConfig>(config.shell(), global)? {
            return Ok(api);
        }
        let (bound, listen, base) = private().await?;
        let mut running = Box::pin(RunningProvider::from_settings(&config, global, Patience::None)).await?;
        running.listen(bound, &listen)?;
        Api::at(base, listen.token, global, Role::Provider)
            .map(|api| Api { own: Some(Own::Provider(Box::new(running))), ..api })
    }

    fn at(base: Url, token: Option<Secret<String>>, global: &Global, role: Role) -> Result<Api> {
        let client = client(base, token)?;
        Ok(Api { client, own: None, global: global.clone(), role })
    }

    /// A command to give next, to the same broker.
    pub fn advice(&self, command: &str) -> String {
        self.global.advice(command)
    }

    /// The command that says how an operation stands.
    pub fn advice_of(&self, operation: &str) -> String {
        self.advice_as_role(&format!("operation {operation}"))
    }

    /// A command that asks either broker, given to the one of this API.
    pub fn advice_as_role(&self, command: &str) -> String {
        match self.role {
            Role::User => self.advice(command),
            Role::Provider => self.advice(&format!("{command} --role provider")),
        }
    }

    /// A client of the provider broker for a program that stays: the one at the address that was given, the one that
    /// runs on the data directory, or the one where the settings have it listen. None is started. Says which it was.
    ///
    /// Only who holds the data directory is known to be the broker of these settings. Where nobody does, whoever listens at
    /// that address gets no token but one that was given for it.
    pub fn standing(global: &Global, token: Option<Secret<String>>) -> Result<(Client, &'static str)> {
        if let Some(url) = &global.url {
            return Ok((client(url.clone(), token)?, "--url"));
        }
        let config: ProviderConfig = settings(global)?;
        let (api, found) = match Api::running::<ProviderConfig>(config.shell(), global)? {
            Some(api) => (api, "the provider broker that runs on the data directory"),
            None => {
                let api = Api::at(base_of(config.shell().listen)?, None, global, Role::Provider)?;
                (
                    api,
                    "the address in the settings; none runs on the data directory, so their token is not sent",
                )
            }
        };
        Ok(match token {
            Some(token) => (api.client.with_token(token), found),
            None => (api.client, found),
        })
    }

    /// A client of a provider broker that was named, or that runs on the data directory; none if there is neither.
    pub fn provider_at_hand(global: &Global) -> Result<Option<Client>> {
        if let Some(url) = &global.url {
            return Ok(Some(client(url.clone(), token::of_environment()?)?));
        }
        // What else the command line says is about the user broker.
        let global = Global::default();
        let config: ProviderConfig = settings(&global)?;
        Ok(Api::running::<ProviderConfig>(config.shell(), &global)?.map(|api| api.client))
    }

    /// The broker that runs on the data directory, if one does.
    fn running<C: RoleConfig>(shell: &Shell, global: &Global) -> Result<Option<Api>> {
        let paths = Paths::of(C::NAME, shell.data_dir.as_deref())?;
        let Some(address) = holder(&paths.data)? else { return Ok(None) };
        let role = if C::NAME == UserConfig::NAME { Role::User } else { Role::Provider };
        Api::at(base_of(address)?, token::of_settings(shell)?, global, role).map(Some)
    }

    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value> {
        Ok(self
            .client
            .read(Call { query, ..Call::new(Method::GET, path) })
            .await
            .map_err(|error| self.failure(error))?)
    }

    /// Sends a body, or none. Gives the answer's status, and its body where it has one.
    pub async fn send_json(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value)> {
        let call = Call { body, ..Call::new(method, path) };
        let (status, value) = self.client.read_maybe(call).await.map_err(|error| self.failure(error))?;
        Ok((status, value.unwrap_or(Value::Null)))
    }

    /// Orders something without a body.
    pub async fn post(&self, path: &str, query: &[(&str, String)]) -> Result<Value> {
        let call = Call { query, ..Call::new(Method::POST, path) };
        let (_, value) = self.client.read_maybe(call).await.map_err(|error| self.failure(error))?;
        Ok(value.unwrap_or(Value::Null))
    }

    /// Asks for a file, which is read as it comes.
    pub async fn download(&self, path: &str, query: &[(&str, String)]) -> Result<Response> {
        let call = Call { query, ..Call::new(Method::GET, path) };
        Ok(self.client.send(call).await.map_err(|error| self.failure(error))?)
    }

    /// Sends and gives the whole response, errors turned into failures.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response> {
        Ok(self
            .client
            .send(Call { body, ..Call::new(method, path) })
            .await
            .map_err(|error| self.failure(error))?)
    }

    /// What the broker said no with, in the words of commands.
    fn failure(&self, error: ClientError) -> Failure {
        let wrong_token = match (&error, self.client.has_token(), &self.global.url) {
            (ClientError::Refused { code, .. }, true, url) if code == "token_required" => Some(url.is_some()),
            _ => None,
        };
        let sentence = match wrong_token {
            Some(true) => "the token in ZGSERVE_TOKEN is not the broker's; its own stands in the file of its setting \
                           tokenFile, or in token (token_required)"
                .to_owned(),
            Some(false) => "the token in the settings is not the one that the running broker has; it was started with other \
                            settings, or before tokenFile or token was changed (token_required)"
                .to_owned(),
            None => refused::told(&error, &self.global),
        };
        Failure::new(exit_of(&error), sentence)
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

fn client(base: Url, token: Option<Secret<String>>) -> Result<Client> {
    Ok(Client::new(base, token).map_err(|error| Failure::new(exit_of(&error), error.to_string()))?)
}

/// Where the holder of a data directory listens.
fn holder(directory: &Path) -> Result<Option<SocketAddr>> {
    let Some(holder) = DataLock::holder(directory)? else { return Ok(None) };
    match holder.open_at() {
        Some(address) => Ok(Some(address)),
        None => Err(Failure::new(Exit::InUse, closed(directory, &holder)).into()),
    }
}

/// Who has a data directory without letting others in, and what can be done about it.
fn closed(directory: &Path, holder: &Holder) -> String {
    let process =
        holder.pid.map(|pid| format!("process {pid}")).unwrap_or_else(|| "another process".to_owned());
    let there = directory.display();
    if holder.private {
        return format!(
            "another command ({process}), `chat` for example, runs a broker of its own on {there}; wait for its end or end \
             it. Commands share a broker that `zgserve-tui --headless`, or `zgserve-tui provider`, runs"
        );
    }
    format!(
        "{process} has {there} and no API that this command could use: the screens are open there, or a broker is just \
         starting or stopping. Quit the screens or open them with --serve, else try again"
    )
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
    let listen = Listen {
        address,
        token: Some(Secret::new(token)),
        allow_hosts: Vec::new(),
        without_token: false,
        private: true,
    };
    Ok((bound, listen, base))
}

/// The exit code that fits what went wrong.
fn exit_of(error: &ClientError) -> Exit {
    match (error, error.status()) {
        (ClientError::Scheme(_), _) => Exit::BadInput,
        (ClientError::Unreachable { .. }, _) => Exit::Unreachable,
        (_, Some(StatusCode::PAYMENT_REQUIRED)) => Exit::ShortOfFunds,
        (_, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::CONFLICT)) => Exit::Refused,
        (_, Some(StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::PAYLOAD_TOO_LARGE)) => {
            Exit::BadInput
        }
        (
            _,
            Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE),
        ) => Exit::Unreachable,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::app::failure_of;

    #[test]
    fn the_token_of_the_settings_goes_to_who_has_the_data_directory_only() {
        let place = tempfile::tempdir().unwrap();
        let (data, file, secret) =
            (place.path().join("data"), place.path().join("provider.yaml"), place.path().join("token"));
        std::fs::create_dir(&data).unwrap();
        crate::private_files::create(&secret, b"0123456789abcdef\n").unwrap();
        let text =
            format!("listen: 127.0.0.1:3999\ndataDir: {}\ntokenFile: {}\n", data.display(), secret.display());
        std::fs::write(&file, text).unwrap();
        let global = Global { config: Some(file), ..Global::default() };
        let standing = |token: Option<&str>| {
            Api::standing(&global, token.map(|token| Secret::new(token.to_owned()))).unwrap().0
        };
        let nobody = standing(None);
        assert!(!nobody.has_token(), "whoever listens there may be anybody");
        assert!(nobody.base().contains("127.0.0.1:3999"), "{}", nobody.base());
        assert!(standing(Some("given for this one")).has_token());
        let mut lock = DataLock::take(&data).unwrap();
        lock.listening_on("127.0.0.1:3998".parse().unwrap(), false).unwrap();
        let held = standing(None);
        assert!(held.has_token() && held.base().contains("127.0.0.1:3998"), "{}", held.base());
    }

    #[test]
    fn whoever_has_the_directory_without_an_api_is_named_with_what_helps() {
        let place = tempfile::tempdir().unwrap();
        let told = || holder(place.path()).map_err(|error| failure_of(&error));
        assert_eq!(told().unwrap(), None);
        let mut lock = DataLock::take(place.path()).unwrap();
        let screens = told().unwrap_err();
        assert_eq!(screens.exit, Exit::InUse);
        assert!(
            screens.message.contains("the screens are open there") && screens.message.contains("--serve")
        );
        let address = "127.0.0.1:1034".parse().unwrap();
        lock.listening_on(address, true).unwrap();
        let command = told().unwrap_err();
        assert_eq!(command.exit, Exit::InUse);
        for words in [&format!("(process {})", std::process::id()), "`chat`", "--headless"] {
            assert!(command.message.contains(words), "{}", command.message);
        }
        lock.listening_on(address, false).unwrap();
        assert_eq!(told().unwrap(), Some(address));
    }
}

//! Connections: how they are made, and how many.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use sluice_connector_api::{Failure, SettingsError};
use sluice_wire::HttpTlsSettings;
use tokio::sync::{OnceCell, Semaphore};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::postgres::address::DatabaseAddress;
use crate::postgres::lease::Lease;
use crate::postgres::settings::PostgresSettings;
use crate::postgres::verdict::connection_failure;

/// Connections beside those of the batches in flight: for looks and for positions.
const BESIDE: usize = 1;

/// The connections of a sink. The first one is opened when it is asked for.
pub(super) struct DatabasePool {
    config: Config,
    takes_any_host: bool,
    tls: HttpTlsSettings,
    connect_timeout: Duration,
    size: usize,
    pool: OnceCell<(Pool, MakeRustlsConnect)>,
    under_way: Arc<Semaphore>,
}

/// More statements than are ever cancelled at once.
const MOST_CANCELLED: u32 = 1024;

impl DatabasePool {
    /// Reads the settings, without reaching anything.
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, SettingsError> {
        let address =
            DatabaseAddress::parse(&settings.url).map_err(|reason| SettingsError::at("url", reason))?;
        let DatabaseAddress { mut config, takes_any_host } = address;
        if let Some(password) = &settings.password {
            if config.get_password().is_some() {
                return Err(SettingsError::at("password", "`url` has a password already; keep one"));
            }
            config.password(password.reveal());
        }
        if config.get_hosts().is_empty() {
            return Err(SettingsError::at(
                "url",
                "names no host, such as `postgres://user@host:5432/database`",
            ));
        }
        config.connect_timeout(settings.connect_timeout.get());
        if config.get_application_name().is_none() {
            config.application_name("sluice");
        }
        Ok(Self {
            config,
            takes_any_host,
            tls: settings.tls.clone(),
            connect_timeout: settings.connect_timeout.get(),
            size: settings.max_in_flight + BESIDE,
            pool: OnceCell::new(),
            under_way: Arc::new(Semaphore::new(MOST_CANCELLED as usize)),
        })
    }

    /// Returns a connection that nobody else has.
    pub(super) async fn lease(&self) -> Result<Lease, Failure> {
        let (pool, tls) = self.pool.get_or_try_init(|| async { self.pool() }).await?;
        let connection = pool.get().await.map_err(connection_failure)?;
        Ok(Lease::new(connection, tls.clone(), &self.under_way))
    }

    /// Waits until the server knows of every statement that was broken off, or cannot be told.
    pub(super) async fn cancelled(&self) {
        drop(self.under_way.acquire_many(MOST_CANCELLED).await);
    }

    /// Says where the database is, without a secret: `db.example.com/shop`.
    pub(super) fn place(&self) -> String {
        let hosts: Vec<String> = self.config.get_hosts().iter().map(host).collect();
        format!("{}/{}", hosts.join(","), self.config.get_dbname().unwrap_or_default())
    }

    fn pool(&self) -> Result<(Pool, MakeRustlsConnect), Failure> {
        let tls = if self.takes_any_host {
            self.tls.client_config_of_any_host()?
        } else {
            self.tls.client_config()?
        };
        let tls = MakeRustlsConnect::new(tls);
        let manager = Manager::from_config(
            self.config.clone(),
            tls.clone(),
            // Whether one is closed is known without asking. A server that went away silently is told by the put.
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let wait = Some(self.connect_timeout);
        let pool = Pool::builder(manager)
            .max_size(self.size)
            .runtime(Runtime::Tokio1)
            .create_timeout(wait)
            .recycle_timeout(wait);
        let pool = pool.build();
        let pool =
            pool.map_err(|error| Failure::fatal(format!("no pool of connections can be made: {error}")))?;
        Ok((pool, tls))
    }
}

fn host(host: &tokio_postgres::config::Host) -> String {
    match host {
        tokio_postgres::config::Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
    }
}

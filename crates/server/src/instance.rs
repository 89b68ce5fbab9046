//! Putting the running parts together, from the settings.

use crate::ambient::{SystemClock, SystemRandom};
use crate::config::Config;
use crate::data_folder::{DataFolder, DataFolderError, FolderLock};
use crate::failure::Failure;
use crate::hashing::hash_limits;
use keyward_crypto::PasswordHasher;
use keyward_model::{Client, Clock, Principal, RootKeySecret, mint_id};
use keyward_policy::Action;
use keyward_service::countries::Countries;
use keyward_service::instance::{InstanceError, check_root_key, known_root_key_id};
use keyward_service::passwords::BreachList;
use keyward_service::{Cx, HashPool, InstanceCx, Parts, Platform, RootKey, Settings};
use keyward_store::{
    NodeIdentity, PostgresOptions, SqliteOptions, Store, TenantScope, migrate_sqlite,
};
use std::path::Path;
use std::sync::Arc;

/// What a command wants to do with the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Serve it, on PostgreSQL as one node among others. Makes what is missing.
    Serve,
    /// Change what is in it: on SQLite nobody else may meanwhile. Makes what is missing.
    Change,
    /// Look at what is in it, beside a server that runs.
    Look,
    /// Look at the set-up itself, also when its locks are open.
    Examine,
}

/// The running parts, and the lock that they are held under.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) platform: Platform,
    lock: Option<FolderLock>,
}

impl Instance {
    /// Opens the instance of these settings.
    pub(crate) async fn open(config: &Config, access: Access) -> Result<Self, Failure> {
        let on_sqlite = config.database.url.get().is_none();
        let folder = match access {
            Access::Serve | Access::Change => DataFolder::create(&config.data)?,
            Access::Look | Access::Examine => DataFolder::existing(&config.data)?,
        };
        let lock = match access {
            Access::Serve | Access::Change if on_sqlite => Some(folder.lock()?),
            _ => None,
        };
        let root_key = folder.read_root_key()?;
        let random = SystemRandom::default();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let identity = NodeIdentity {
            id: mint_id(clock.now(), &random),
            name: config.node_name(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clock: clock.clone(),
        };
        let store = open_store(config, &folder, access, identity).await?;
        if access != Access::Examine {
            store.require_closed_locks().await?;
        }
        let is_new = root_key.is_none();
        let root_key = match root_key {
            Some(secret) => secret,
            None => first_root_key(&store, &folder, access, &random).await?,
        };
        let hasher = PasswordHasher::new(config.hash_cost()?, &random).map_err(Failure::of)?;
        let limits = hash_limits(config)?;
        let platform = Platform::new(Parts {
            store,
            clock: clock.clone(),
            random: Arc::new(random),
            hashing: HashPool::start(hasher, limits, clock)?,
            root_key: RootKey::new(&root_key).map_err(Failure::of)?,
            breach_list: open_breach_list(config)?.map(Arc::new),
            countries: open_countries(config)?,
            settings: Settings {
                default_tenant: config.default_tenant()?,
                base_url: config.base_url(),
                node_name: config.node_name(),
                throttling: config.throttling()?,
            },
        });
        if let Err(error) = check_root_key(&platform).await {
            if is_new {
                // Another node was faster on a new database: its key is the one to bring here.
                folder.remove_root_key()?;
            }
            return Err(unfit_root_key(&folder, error));
        }
        Ok(Self { platform, lock })
    }

    /// A context for somebody at the command line, or for Keyward itself.
    pub(crate) async fn begin(
        &self,
        scope: TenantScope,
        who: Principal,
        action: Action,
    ) -> Result<Cx, Failure> {
        Cx::begin(&self.platform, (scope, who), self.client(), action)
            .await
            .map_err(Failure::of)
    }

    /// The same for an act on the instance itself.
    pub(crate) fn begin_on_instance(
        &self,
        who: Principal,
        action: Action,
    ) -> Result<InstanceCx, Failure> {
        InstanceCx::begin(&self.platform, who, self.client(), action).map_err(Failure::of)
    }

    fn client(&self) -> Client {
        Client {
            address: None,
            user_agent: Some("keyward command line".to_owned()),
            request_id: self.platform.mint(self.platform.now()),
        }
    }

    /// Takes the data folder for a server also where its database is elsewhere: its socket is in there.
    pub(crate) fn hold_folder(&mut self, config: &Config) -> Result<DataFolder, Failure> {
        let folder = DataFolder::existing(&config.data)?;
        if self.lock.is_none() {
            self.lock = Some(folder.lock()?);
        }
        Ok(folder)
    }
}

async fn open_store(
    config: &Config,
    folder: &DataFolder,
    access: Access,
    identity: NodeIdentity,
) -> Result<Store, Failure> {
    let Some(app_url) = config.database.url.get() else {
        let path = folder.database();
        match access {
            Access::Serve | Access::Change => {
                drop(migrate_sqlite(&path, SystemClock::start().now())?)
            }
            // Opening would make an empty file.
            Access::Look | Access::Examine if !path.exists() => {
                return Err(missing_database(&path).into());
            }
            Access::Look | Access::Examine => {}
        }
        let mut options = SqliteOptions::at(path);
        options.memory_bytes_max = config.memory_bytes_max();
        return Ok(Store::open_sqlite(&options)?);
    };
    let mut options = PostgresOptions::new(
        app_url,
        config.database.system_url.get().unwrap_or_default(),
    );
    options.connections_max = config.database.connections_max;
    options.ca_file = config.ca_file().map(ToOwned::to_owned);
    options.memory_bytes_max = config.memory_bytes_max();
    Ok(match access {
        Access::Serve => Store::open_postgres_as_node(&options, identity).await?,
        Access::Change | Access::Look | Access::Examine => Store::open_postgres(&options).await?,
    })
}

/// A new instance gets a key. One that has data was sealed under another, which must be brought here instead.
async fn first_root_key(
    store: &Store,
    folder: &DataFolder,
    access: Access,
    random: &SystemRandom,
) -> Result<RootKeySecret, Failure> {
    match (access, known_root_key_id(store).await?) {
        (Access::Serve | Access::Change, None) => Ok(folder.write_root_key(random)?),
        _ => Err(missing_root_key(folder).into()),
    }
}

fn missing_root_key(folder: &DataFolder) -> DataFolderError {
    DataFolderError::new(format!(
        "the database is sealed under a root key that is not here: bring back {} from your backup or another node",
        folder.root_key().display()
    ))
}

fn unfit_root_key(folder: &DataFolder, error: InstanceError) -> Failure {
    match error {
        InstanceError::OtherRootKey { .. } => Failure::Failed(format!(
            "{error}: bring back the right {} from your backup or another node",
            folder.root_key().display()
        )),
        InstanceError::Store(error) => error.into(),
    }
}

fn missing_database(path: &Path) -> DataFolderError {
    DataFolderError::new(format!(
        "there is no database at {}: start `keyward serve` once, or name another folder with --data",
        path.display()
    ))
}

/// The list of breached passwords, if one is configured.
pub(crate) fn open_breach_list(config: &Config) -> Result<Option<BreachList>, Failure> {
    let path = &config.passwords.breach_list_file;
    open_given("passwords.breach_list_file", path, BreachList::open)
}

/// The database of countries, if one is configured.
pub(crate) fn open_countries(config: &Config) -> Result<Option<Countries>, Failure> {
    let path = &config.sessions.country_file;
    open_given("sessions.country_file", path, Countries::open)
}

/// A file that a setting names, if it names one.
fn open_given<T, E: std::fmt::Display>(
    setting: &str,
    path: &Path,
    open: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<Option<T>, Failure> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let wrong = |error| Failure::Usage(format!("{setting}: {}: {error}", path.display()));
    open(path).map(Some).map_err(wrong)
}

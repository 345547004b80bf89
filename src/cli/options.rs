//! Options that name settings: each command has those of what it uses, and no other.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;

use crate::aggregate::INVENTED_FILE;
use crate::config::{Config, Overrides};
use crate::reference::Reference;
use crate::storage::{StorageError, Store};

/// Options that override settings, and loading with them what a command reads.
pub(crate) trait SettingOptions {
    /// The settings that the options name.
    fn overrides(&self) -> Overrides;

    /// The settings, with the overrides of the command line, and the reference data they name.
    fn load(&self) -> anyhow::Result<(Config, Reference)> {
        self.load_with(|overrides| overrides)
    }

    /// The same, with further settings that are options of the command.
    fn load_with(
        &self,
        more: impl FnOnce(Overrides) -> Overrides,
    ) -> anyhow::Result<(Config, Reference)> {
        let config = Config::load(&more(self.overrides()))?;
        let reference = Reference::load(config.reference.as_deref())?;
        config.check(&reference)?;
        Ok((config, reference))
    }
}

/// The settings file alone, for commands that use neither Kafka nor the store.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SettingsFile {
    /// Settings file [default: config/partner-feeds.toml if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SettingOptions for SettingsFile {
    fn overrides(&self) -> Overrides {
        Overrides::new(self.config.clone())
    }
}

/// Where Kafka is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BrokerOptions {
    #[command(flatten)]
    file: SettingsFile,
    /// Kafka brokers as host:port, separated by commas [default: the setting kafka.brokers]
    #[arg(long, value_name = "LIST")]
    brokers: Option<String>,
}

impl SettingOptions for BrokerOptions {
    fn overrides(&self) -> Overrides {
        let overrides = self.file.overrides();
        overrides.with("kafka.brokers", self.brokers.as_deref())
    }
}

#[derive(Debug, Clone, Default, Args)]
struct StoreOption {
    /// Folder or URL of the store [default: the setting store.root]
    #[arg(long, value_name = "DIR")]
    store: Option<String>,
}

impl StoreOption {
    fn add_to(&self, overrides: Overrides) -> Overrides {
        overrides.with("store.root", self.store.as_deref())
    }
}

/// Where the store is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StoreOptions {
    #[command(flatten)]
    file: SettingsFile,
    #[command(flatten)]
    store: StoreOption,
}

impl SettingOptions for StoreOptions {
    fn overrides(&self) -> Overrides {
        self.store.add_to(self.file.overrides())
    }
}

impl StoreOptions {
    /// The store, which must exist.
    pub(crate) fn store(&self) -> anyhow::Result<Store> {
        let (config, _) = self.load()?;
        open_store(&config)
    }
}

/// Where Kafka and the store are.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StoreAndBrokerOptions {
    #[command(flatten)]
    brokers: BrokerOptions,
    #[command(flatten)]
    store: StoreOption,
}

impl SettingOptions for StoreAndBrokerOptions {
    fn overrides(&self) -> Overrides {
        self.store.add_to(self.brokers.overrides())
    }
}

/// Where Kafka and the store are, and which consumer group joins them.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct GroupOptions {
    #[command(flatten)]
    both: StoreAndBrokerOptions,
    /// Kafka consumer group [default: the setting kafka.group]
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
}

impl SettingOptions for GroupOptions {
    fn overrides(&self) -> Overrides {
        let overrides = self.both.overrides();
        overrides.with("kafka.group", self.group.as_deref())
    }
}

/// Where a demo writes its store by default.
pub(super) const DEMO_STORE: &str = "partner-feeds-demo";

/// The store of the settings, which must exist. If it does not and a demo's does, the error names that.
pub(crate) fn open_store(config: &Config) -> anyhow::Result<Store> {
    config.store.open().map_err(|error| {
        let demo = DEMO_STORE;
        match error {
            StorageError::Absent(_) if config.store.root != demo && is_demo_store(demo) => {
                anyhow!("{error}. A demo's store is at `{demo}`: pass --store {demo} to use that")
            }
            error => error.into(),
        }
    })
}

/// Whether a folder is the store of a demo.
pub(crate) fn is_demo_store(root: &str) -> bool {
    let mark = Path::new(root).join(INVENTED_FILE).metadata();
    mark.is_ok_and(|mark| mark.is_file())
}

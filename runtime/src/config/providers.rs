//! The providers that every program has, `env` and `file`, beside those of its registry.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind};
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_connector_api::{Failure, Plugin, Provider, ProviderSettings, Registry, SettingsError};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

/// The providers at hand, by prefix.
pub(super) struct Providers(BTreeMap<&'static str, Box<dyn Provider>>);

impl Providers {
    /// Builds those of a registry; `env` and `file` are there in any case.
    pub(super) fn new(registry: &Registry) -> Result<Self, SettingsError> {
        let own = Registry::new().with_provider::<EnvProvider>().with_provider::<FileProvider>();
        let mut providers = BTreeMap::new();
        for plugin in own.providers().chain(registry.providers()) {
            providers.insert(plugin.name(), plugin.build(json!({}))?);
        }
        Ok(Self(providers))
    }

    pub(super) fn prefixes(&self) -> BTreeSet<&str> {
        self.0.keys().copied().collect()
    }

    pub(super) fn get(&self, prefix: &str) -> Option<&dyn Provider> {
        self.0.get(prefix).map(AsRef::as_ref)
    }
}

/// Returns the prefixes of the providers of a registry, with those that are always there.
pub(super) fn prefixes_of(registry: &Registry) -> BTreeSet<&'static str> {
    let own = [EnvProvider::NAME, FileProvider::NAME];
    own.into_iter().chain(registry.providers().map(Plugin::name)).collect()
}

/// Environment variables of the process.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EnvProvider {}

#[async_trait]
impl Provider for EnvProvider {
    async fn value(&self, name: &str) -> Result<Option<String>, Failure> {
        Ok(std::env::var(name).ok())
    }

    fn missing(&self, name: &str) -> String {
        if let Some((variable, default)) = default_as_elsewhere(name) {
            return format!(
                "environment variable `{name}` is not set; a default is written `${{env:{variable}:-{default}}}`"
            );
        }
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let bare = name.trim_matches(|c: char| !is_of_name(c));
        if bare != name && !bare.is_empty() {
            return format!(
                "environment variable `{name}` is not set; write `${{env:{bare}}}`, or with a default `${{env:{bare}:-default}}`"
            );
        }
        format!(
            "environment variable `{name}` is not set; set it, or give a default: `${{env:{name}:-default}}`"
        )
    }
}

impl ProviderSettings for EnvProvider {
    const NAME: &'static str = "env";

    fn build(self) -> Result<Box<dyn Provider>, SettingsError> {
        Ok(Box::new(self))
    }
}

/// The most bytes of a value: that of a Kubernetes secret.
const MOST_BYTES: u64 = 1024 * 1024;
/// How long a file may take, which may be a pipe that nobody writes into, or on a file system that is away.
const WITHIN: Duration = Duration::from_secs(5);

/// Files, each of which holds one value. The last line break, which editors add, is not part of it.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FileProvider {}

#[async_trait]
impl Provider for FileProvider {
    async fn value(&self, name: &str) -> Result<Option<String>, Failure> {
        match read_value(name).await {
            Ok(text) => Ok(Some(without_last_break(&text).to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::fatal(format!("cannot read `{name}`: {error}"))),
        }
    }

    fn missing(&self, name: &str) -> String {
        // Kafka Connect's `FileConfigProvider` picks a key of a file.
        if let Some((path, _)) = name.rsplit_once(':').filter(|(path, _)| std::path::Path::new(path).exists())
        {
            return format!(
                "cannot read `{name}`: a file holds one value here, without keys; write `${{file:{path}}}`"
            );
        }
        match std::fs::metadata(name) {
            Err(error) => format!("cannot read `{name}`: {error}"),
            Ok(_) => format!("cannot read `{name}`"),
        }
    }
}

impl ProviderSettings for FileProvider {
    const NAME: &'static str = "file";

    fn build(self) -> Result<Box<dyn Provider>, SettingsError> {
        Ok(Box::new(self))
    }
}

/// Splits a name behind which a default stands as other tools write it: `NAME:default`, `NAME-default` or `NAME:=default`.
fn default_as_elsewhere(name: &str) -> Option<(&str, &str)> {
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let (variable, rest) = name.split_at(end);
    let default = rest.trim_start_matches([':', '=', '?', '-', '|', ' ']);
    let is_default = rest.starts_with([':', '=', '?', '|', ' ']) || rest.starts_with('-');
    (is_default && !variable.is_empty() && !default.is_empty()).then_some((variable, default))
}

/// Reads a file, which is bounded in size and time.
async fn read_value(name: &str) -> std::io::Result<String> {
    let read = async {
        let mut text = String::new();
        File::open(name).await?.take(MOST_BYTES + 1).read_to_string(&mut text).await?;
        Ok::<_, Error>(text)
    };
    let text = tokio::time::timeout(WITHIN, read).await.map_err(|_| Error::other("it takes too long"))??;
    if text.len() as u64 > MOST_BYTES {
        return Err(Error::other("it is larger than 1 MiB, which is no secret"));
    }
    Ok(text)
}

fn without_last_break(text: &str) -> &str {
    match text.strip_suffix('\n') {
        Some(text) => text.strip_suffix('\r').unwrap_or(text),
        None => text,
    }
}

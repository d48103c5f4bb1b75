//! Providers: what stands behind the prefix of a reference such as `${env:NAME}`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Failure, SettingsError};

/// Finds the values of references in connector files.
///
/// The worker asks when it reads a file, and never shows what it gets.
///
/// ```
/// use async_trait::async_trait;
/// use sluice_connector_api::{Failure, Provider};
///
/// struct Upper;
///
/// #[async_trait]
/// impl Provider for Upper {
///     async fn value(&self, name: &str) -> Result<Option<String>, Failure> {
///         Ok((!name.is_empty()).then(|| name.to_uppercase()))
///     }
/// }
///
/// assert!(!Upper.is_remote());
/// ```
#[async_trait]
pub trait Provider: Send + Sync {
    /// Finds the value of a name; `None` where there is none, for which the reference's default stands in. The name is what
    /// stands between the prefix and `:-` or the closing brace.
    ///
    /// A failure's text names what could not be read and the way out, and no value.
    async fn value(&self, name: &str) -> Result<Option<String>, Failure>;

    /// Says that a name has no value, and the way out, as it is shown to the operator.
    fn missing(&self, name: &str) -> String {
        format!("there is nothing named `{name}`")
    }

    /// Says what is wrong with a name, which is known without asking for it; nothing where it may be one. `sluice check`
    /// asks this of names that it does not resolve. Default: nothing.
    fn wrong_with_name(&self, _name: &str) -> Option<String> {
        None
    }

    /// Says whether the answer comes from another machine. `sluice check` without `--connect` then looks at the form of a
    /// reference only. Default: no.
    fn is_remote(&self) -> bool {
        false
    }
}

/// The settings of a provider, which are also its factory. See [`SinkSettings`](crate::SinkSettings).
///
/// Every key needs a default: a provider is there as soon as a program registers it.
pub trait ProviderSettings: DeserializeOwned + JsonSchema + 'static {
    /// The prefix in `${prefix:name}` that picks this provider, in `snake_case`.
    const NAME: &'static str;

    /// Checks the settings and makes the provider. Pure: no I/O.
    fn build(self) -> Result<Box<dyn Provider>, SettingsError>;
}

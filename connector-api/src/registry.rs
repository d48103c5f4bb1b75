//! Which plug-ins a program has, and how each is built of its settings.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    Converter, ConverterSettings, Predicate, PredicateSettings, Provider, ProviderSettings, Serializer,
    SerializerChoices, SerializerFactory, SettingsError, Sink, SinkSettings, Transform, TransformSettings,
};

/// A plug-in as the registry knows it: its name, the schema of its settings, and how to build it.
pub struct Plugin<T: ?Sized> {
    name: &'static str,
    crate_name: &'static str,
    schema: fn(&mut SchemaGenerator) -> Schema,
    build: fn(Value) -> Result<Box<T>, SettingsError>,
}

impl<T: ?Sized> Plugin<T> {
    /// Returns the key that picks the plug-in in a connector file.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the name of the crate that the settings are of, such as `sluice_sinks`: what it logs is told by it.
    pub fn crate_name(&self) -> &'static str {
        self.crate_name
    }

    /// Returns the first line of the settings' documentation.
    pub fn summary(&self) -> String {
        let schema = (self.schema)(&mut SchemaGenerator::default());
        let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        description.lines().next().unwrap_or_default().to_owned()
    }

    /// Returns the JSON Schema of the settings, with the documentation and the default of every key.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }

    /// Reads the settings and builds the plug-in, without I/O.
    pub fn build(&self, settings: Value) -> Result<Box<T>, SettingsError> {
        (self.build)(settings)
    }
}

// Derived, they would ask the same of the plug-in.
impl<T: ?Sized> Copy for Plugin<T> {}

impl<T: ?Sized> Clone for Plugin<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> fmt::Debug for Plugin<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A name that no plug-in has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} `{name}`; known are: {}", .known.join(", "))]
#[non_exhaustive]
pub struct UnknownPlugin {
    /// `sink`, `transform`, `predicate`, `converter` or `provider`.
    pub kind: &'static str,
    /// The name asked for.
    pub name: String,
    /// The names there are, sorted.
    pub known: Vec<&'static str>,
}

/// The plug-ins that a program has: an explicit value, built in `main`, without global state.
///
/// A program of your own adds a plug-in with one line and gets the whole runtime; the example is on the
/// [crate's front page](crate).
#[derive(Clone, Debug, Default)]
pub struct Registry {
    sinks: BTreeMap<&'static str, Plugin<dyn Sink>>,
    transforms: BTreeMap<&'static str, Plugin<dyn Transform>>,
    predicates: BTreeMap<&'static str, Plugin<dyn Predicate>>,
    converters: BTreeMap<&'static str, Plugin<dyn Converter>>,
    providers: BTreeMap<&'static str, Plugin<dyn Provider>>,
    serializers: BTreeMap<&'static str, BuildSerializer>,
    derived: Derived,
}

/// What was made of the plug-ins of a registry, by its type. Clones share it.
#[derive(Clone, Debug, Default)]
struct Derived(Arc<Mutex<BTreeMap<TypeId, Kept>>>);

/// What was made, and when it was asked for last.
#[derive(Debug)]
struct Kept {
    made: Arc<dyn Any + Send + Sync>,
    used: Instant,
}

impl Derived {
    fn all(&self) -> MutexGuard<'_, BTreeMap<TypeId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let mut all = self.all();
        let kept = all.get_mut(&TypeId::of::<T>())?;
        kept.used = Instant::now();
        Arc::clone(&kept.made).downcast().ok()
    }

    fn keep<T: Any + Send + Sync>(&self, made: T) -> Arc<T> {
        let made = Arc::new(made);
        let kept = Kept { made: Arc::<T>::clone(&made), used: Instant::now() };
        self.all().insert(TypeId::of::<T>(), kept);
        made
    }
}

/// Makes a serializer of what was chosen for it.
type BuildSerializer = fn(SerializerChoices) -> Result<Box<dyn Serializer>, SettingsError>;

impl Registry {
    /// Makes an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sink; one of the same name is replaced.
    #[must_use]
    pub fn with_sink<S: SinkSettings>(mut self) -> Self {
        self.derived = Derived::default();
        self.sinks.insert(S::NAME, plugin::<S, _>(S::NAME, |settings| read::<S>(settings)?.build()));
        self
    }

    /// Adds a transform; one of the same name is replaced.
    #[must_use]
    pub fn with_transform<T: TransformSettings>(mut self) -> Self {
        self.derived = Derived::default();
        self.transforms.insert(T::NAME, plugin::<T, _>(T::NAME, |settings| read::<T>(settings)?.build()));
        self
    }

    /// Adds a predicate; one of the same name is replaced.
    #[must_use]
    pub fn with_predicate<P: PredicateSettings>(mut self) -> Self {
        self.derived = Derived::default();
        self.predicates.insert(P::NAME, plugin::<P, _>(P::NAME, |settings| read::<P>(settings)?.build()));
        self
    }

    /// Adds a converter; one of the same name is replaced.
    #[must_use]
    pub fn with_converter<C: ConverterSettings>(mut self) -> Self {
        self.derived = Derived::default();
        self.converters.insert(C::NAME, plugin::<C, _>(C::NAME, |settings| read::<C>(settings)?.build()));
        self
    }

    /// Adds a provider; one of the same name is replaced.
    #[must_use]
    pub fn with_provider<P: ProviderSettings>(mut self) -> Self {
        self.derived = Derived::default();
        self.providers.insert(P::NAME, plugin::<P, _>(P::NAME, |settings| read::<P>(settings)?.build()));
        self
    }

    /// Adds a serializer; one of the same name is replaced.
    #[must_use]
    pub fn with_serializer<S: SerializerFactory>(mut self) -> Self {
        self.derived = Derived::default();
        self.serializers.insert(S::NAME, S::build);
        self
    }

    /// Returns one with fewer sinks, transforms, predicates and converters: those whose names are wanted. Where no converter is, it
    /// has all of them, since one without any takes every name for one.
    ///
    /// What is [derived](Registry::derived) of it is not shared.
    #[must_use]
    pub fn only(&self, is_wanted: impl Fn(&str) -> bool) -> Self {
        let mut some = Self { derived: Derived::default(), ..self.clone() };
        some.sinks.retain(|name, _| is_wanted(name));
        some.transforms.retain(|name, _| is_wanted(name));
        some.predicates.retain(|name, _| is_wanted(name));
        if some.converters.keys().any(|name| is_wanted(name)) {
            some.converters.retain(|name, _| is_wanted(name));
        }
        some
    }

    /// Returns what was [derived](Registry::derived) and is kept, and makes nothing.
    pub fn kept<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.derived.get()
    }

    /// Returns what `make` makes of these plug-ins, such as a schema of all their settings. It is made at the first call, and
    /// kept for the next one, that of a clone included.
    pub fn derived<T: Any + Send + Sync>(&self, make: impl FnOnce(&Self) -> T) -> Arc<T> {
        let known = self.derived.get::<T>();
        // Made while nobody waits for it: it may ask for something else that is derived.
        known.unwrap_or_else(|| self.derived.keep(make(self)))
    }

    /// Lets go of what was [derived](Registry::derived) and not asked for in this time. Who has it keeps it, and the next call makes
    /// it anew.
    pub fn forget_unused(&self, time: Duration) {
        self.derived.all().retain(|_, kept| kept.used.elapsed() < time);
    }

    /// Makes the serializer of a format, without I/O. `None` where none has the name.
    pub fn serializer(
        &self,
        name: &str,
        choices: SerializerChoices,
    ) -> Option<Result<Box<dyn Serializer>, SettingsError>> {
        self.serializers.get(name).map(|build| build(choices))
    }

    /// Walks the names of the serializers.
    pub fn serializer_names(&self) -> impl Iterator<Item = &'static str> {
        self.serializers.keys().copied()
    }

    /// Finds a sink by its name.
    pub fn sink(&self, name: &str) -> Result<&Plugin<dyn Sink>, UnknownPlugin> {
        find("sink", &self.sinks, name)
    }

    /// Finds a transform by its name.
    pub fn transform(&self, name: &str) -> Result<&Plugin<dyn Transform>, UnknownPlugin> {
        find("transform", &self.transforms, name)
    }

    /// Finds a predicate by its name.
    pub fn predicate(&self, name: &str) -> Result<&Plugin<dyn Predicate>, UnknownPlugin> {
        find("predicate", &self.predicates, name)
    }

    /// Finds a converter by its name.
    pub fn converter(&self, name: &str) -> Result<&Plugin<dyn Converter>, UnknownPlugin> {
        find("converter", &self.converters, name)
    }

    /// Finds a provider by its prefix.
    pub fn provider(&self, name: &str) -> Result<&Plugin<dyn Provider>, UnknownPlugin> {
        find("provider", &self.providers, name)
    }

    /// Walks the sinks by name.
    pub fn sinks(&self) -> impl Iterator<Item = &Plugin<dyn Sink>> {
        self.sinks.values()
    }

    /// Walks the transforms by name.
    pub fn transforms(&self) -> impl Iterator<Item = &Plugin<dyn Transform>> {
        self.transforms.values()
    }

    /// Walks the predicates by name.
    pub fn predicates(&self) -> impl Iterator<Item = &Plugin<dyn Predicate>> {
        self.predicates.values()
    }

    /// Walks the converters by name.
    pub fn converters(&self) -> impl Iterator<Item = &Plugin<dyn Converter>> {
        self.converters.values()
    }

    /// Returns the names of the crates that its plug-ins are of, sorted.
    pub fn crate_names(&self) -> BTreeSet<&'static str> {
        let transforms = self.transforms().map(Plugin::crate_name);
        let predicates = self.predicates().map(Plugin::crate_name);
        let converters = self.converters().map(Plugin::crate_name);
        let providers = self.providers().map(Plugin::crate_name);
        let others = transforms.chain(predicates).chain(converters).chain(providers);
        self.sinks().map(Plugin::crate_name).chain(others).collect()
    }

    /// Walks the providers by prefix.
    pub fn providers(&self) -> impl Iterator<Item = &Plugin<dyn Provider>> {
        self.providers.values()
    }
}

fn plugin<S: JsonSchema, T: ?Sized>(
    name: &'static str,
    build: fn(Value) -> Result<Box<T>, SettingsError>,
) -> Plugin<T> {
    let crate_name = std::any::type_name::<S>().split("::").next().unwrap_or_default();
    Plugin { name, crate_name, schema: S::json_schema, build }
}

fn read<S: DeserializeOwned>(settings: Value) -> Result<S, SettingsError> {
    serde_path_to_error::deserialize(settings).map_err(|error| {
        SettingsError::at(error.path().to_string().trim_start_matches('.'), error.inner().to_string())
    })
}

fn find<'a, T: ?Sized>(
    kind: &'static str,
    plugins: &'a BTreeMap<&'static str, Plugin<T>>,
    name: &str,
) -> Result<&'a Plugin<T>, UnknownPlugin> {
    let unknown = || UnknownPlugin { kind, name: name.to_owned(), known: plugins.keys().copied().collect() };
    plugins.get(name).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::{Rejection, Transformed};

    /// Lets every record through.
    ///
    /// A second paragraph.
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Pass {
        #[allow(dead_code, reason = "read by serde only")]
        times: u8,
    }

    impl Transform for Pass {
        fn apply(&self, record: crate::Record) -> Result<Transformed, Rejection> {
            Ok(record.into())
        }
    }

    impl TransformSettings for Pass {
        const NAME: &'static str = "pass";

        fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
            Ok(Box::new(self))
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let registry = Registry::new().with_transform::<Pass>();
        let error = registry.transform("pas").map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(error, Err("unknown transform `pas`; known are: pass".to_owned()));
    }

    #[test]
    fn settings_that_do_not_fit_name_the_key() {
        let registry = Registry::new().with_transform::<Pass>();
        let build = |settings| registry.transform("pass").map(|plugin| plugin.build(settings).err());
        assert_eq!(build(json!({"times": 3})), Ok(None));
        let Ok(Some(error)) = build(json!({"times": 300})) else { panic!("300 is no u8") };
        assert_eq!(error.path(), "times");
    }

    #[test]
    fn the_crates_of_plug_ins_are_known() {
        let registry = Registry::new().with_transform::<Pass>();
        assert_eq!(registry.crate_names().into_iter().collect::<Vec<_>>(), ["sluice_connector_api"]);
    }

    #[test]
    fn the_summary_is_the_first_line_of_the_documentation() {
        let registry = Registry::new().with_transform::<Pass>();
        let summaries: Vec<_> = registry.transforms().map(Plugin::summary).collect();
        assert_eq!(summaries, ["Lets every record through."]);
    }

    #[test]
    fn what_is_made_of_the_plug_ins_is_made_once_and_anew_when_one_is_added() {
        let mut made = 0;
        let mut count = |registry: &Registry| {
            let names = registry.derived(|registry| {
                made += 1;
                registry.transforms().map(Plugin::name).collect::<Vec<_>>()
            });
            (names.to_vec(), made)
        };
        let registry = Registry::new();
        assert_eq!(count(&registry), (vec![], 1));
        assert_eq!(count(&registry.clone()), (vec![], 1), "a clone shares it");
        let more = registry.clone().with_transform::<Pass>();
        assert_eq!(count(&more), (vec!["pass"], 2));
        assert_eq!(count(&registry), (vec![], 2), "and changes nothing of what it was made from");
        assert_eq!(*registry.derived(|_| "another type"), "another type");
        registry.forget_unused(Duration::from_mins(1));
        assert_eq!(count(&registry), (vec![], 2), "it was asked for within the minute");
        registry.clone().forget_unused(Duration::ZERO);
        assert_eq!(count(&registry), (vec![], 3), "what nobody asked for is made anew");
    }
}

//! From `.proto` text, or what it was compiled to, to descriptors.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost_reflect::prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use sluice_connector_api::SchemaType;

use super::known_files::KnownFiles;
use super::types::type_of;
use crate::registries::SchemaText;

/// What the schema of a registry is called, which has no name of its own.
const MAIN: &str = "schema.proto";

/// The deepest nesting of braces and brackets in `.proto` text: the compiler calls itself for each.
const MAX_NESTING: usize = 200;

/// A schema that is ready to read payloads.
#[derive(Debug)]
pub(crate) struct ProtoSchema {
    /// The file whose messages records may be.
    pub(super) file: FileDescriptor,
    /// Those messages, nested ones included, sorted by their full names, as AWS Glue counts them.
    pub(super) messages: Vec<MessageDescriptor>,
    /// What the schema says of each message that a record was, by its full name.
    types: RwLock<HashMap<String, Option<Arc<SchemaType>>>>,
}

impl ProtoSchema {
    fn new(file: FileDescriptor) -> Self {
        let mut messages: Vec<_> = file.messages().collect();
        let mut next = 0;
        while let Some(message) = messages.get(next).cloned() {
            messages.extend(message.child_messages());
            next += 1;
        }
        messages.retain(|message| !message.is_map_entry() || message.parent_message().is_none());
        messages.sort_by(|a, b| a.full_name().cmp(b.full_name()));
        Self { file, messages, types: RwLock::default() }
    }

    /// Returns what the schema says of the records that are such a message.
    pub(super) fn type_of(&self, message: &MessageDescriptor) -> Option<Arc<SchemaType>> {
        let name = message.full_name();
        let known = self.types.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        known.unwrap_or_else(|| {
            let of = type_of(message).shared();
            let mut types = self.types.write().unwrap_or_else(PoisonError::into_inner);
            types.insert(name.to_owned(), of.clone());
            of
        })
    }
}

/// Sources by the names that they are imported by.
struct Sources(Vec<(String, Vec<u8>)>);

impl FileResolver for Sources {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let found = self.0.iter().find(|(path, _)| path == name);
        // Files are listed by their paths here, and imported by those of another folder.
        let found = found.or_else(|| self.0.iter().find(|(path, _)| path.ends_with(&format!("/{name}"))));
        let (_, content) = found.ok_or_else(|| protox::Error::file_not_found(name))?;
        open(name, content)
    }
}

/// Reads `.proto` text, or the Base64 of a descriptor, as some serializers register it.
fn open(name: &str, content: &[u8]) -> Result<File, protox::Error> {
    let text = std::str::from_utf8(content).map_err(protox::Error::new)?;
    if let Some(mut descriptor) = descriptor(text) {
        descriptor.name = Some(name.to_owned());
        return Ok(File::from(descriptor));
    }
    let nesting = nesting(text);
    if nesting > MAX_NESTING {
        let reason = format!("{name} is nested {nesting} deep, and {MAX_NESTING} is the most");
        return Err(protox::Error::new(std::io::Error::other(reason)));
    }
    File::from_source(name, text)
}

/// No `.proto` text is Base64: it has blanks and semicolons.
fn descriptor(text: &str) -> Option<FileDescriptorProto> {
    let bytes = BASE64.decode(text.trim()).ok()?;
    FileDescriptorProto::decode(bytes.as_slice()).ok()
}

/// Counts how deep brackets of any kind are nested, those in comments and strings included.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'(' | b'[' | b'<' => depth += 1,
            b'}' | b')' | b']' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn compile(sources: Sources, main: &str) -> Result<ProtoSchema, String> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(sources);
    resolver.add(KnownFiles);
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true);
    // Only this form of the error has the line.
    compiler.open_file(main).map_err(|error| format!("{error:?}"))?;
    find(&compiler.descriptor_pool(), main)
}

fn find(pool: &DescriptorPool, name: &str) -> Result<ProtoSchema, String> {
    let file = pool.get_file_by_name(name).ok_or_else(|| format!("{name} was not compiled"))?;
    Ok(ProtoSchema::new(file))
}

/// Names a file as imports do: by a path below some folder.
fn importable(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
    parts.join("/")
}

/// Compiles what a registry has.
pub(super) fn from_registry(text: &SchemaText) -> Result<ProtoSchema, String> {
    let mut sources = vec![(MAIN.to_owned(), text.text.clone().into_bytes())];
    for reference in &text.references {
        sources.push((reference.name.clone(), reference.text.clone().into_bytes()));
    }
    compile(Sources(sources), MAIN)
}

/// Compiles files. Of several, the last is the one whose messages records are, or that which has the message.
pub(super) fn from_files(files: &[(String, Vec<u8>)], message: Option<&str>) -> Result<ProtoSchema, String> {
    let Some((name, content)) = files.last() else { return Err("no file is named".to_owned()) };
    let is_text =
        Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("proto"));
    let schema = if is_text {
        let sources = files.iter().map(|(path, content)| (importable(path), content.clone())).collect();
        compile(Sources(sources), &importable(name))?
    } else {
        let pool = DescriptorPool::decode(content.as_slice()).map_err(|error| {
            format!("{name} is neither a .proto file nor a descriptor set with its imports: {error}")
        })?;
        let of_message = message.and_then(|message| pool.get_message_by_name(message));
        // What a set is about stands behind what it imports.
        let file = of_message.map(|message| message.parent_file()).or_else(|| pool.files().last());
        ProtoSchema::new(file.ok_or_else(|| format!("{name} holds no file"))?)
    };
    let pool = schema.file.parent_pool();
    match message {
        Some(message) if pool.get_message_by_name(message).is_none() => {
            Err(format!("there is no message `{message}`; {}", known(&schema)))
        }
        None if schema.file.messages().len() != 1 => Err(format!("set `message`; {}", known(&schema))),
        _ => Ok(schema),
    }
}

/// Names the messages that there are.
pub(super) fn known(schema: &ProtoSchema) -> String {
    let names: Vec<&str> = schema.messages.iter().map(MessageDescriptor::full_name).take(20).collect();
    format!("there are: {}", names.join(", "))
}

//! Which requests are made of a batch. Pure.

use std::sync::Arc;

use bytes::Bytes;
use sluice_connector_api::{Failure, FormNeed, Record, SettingsError};
use sluice_template::RecordName;
use sluice_wire::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use sluice_wire::{HttpRequest, Method, Url};

use super::body::{self, Body, BodyPart};
use super::settings::{BodyBatchSettings, BodyFormat, HttpMethod, HttpSettings};
use super::target::{HeaderTemplates, RequestTarget};
use super::trace::RequestTrace;
use crate::record::on_null::{OnNull, rejected_tombstone};

/// A request, and the records that it stores.
#[derive(Debug)]
pub(super) struct Planned {
    /// The records, by their index in the batch.
    pub(super) indices: Vec<usize>,
    pub(super) request: HttpRequest,
}

/// The requests of a batch, in order, and the records that make none.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) requests: Vec<Planned>,
    pub(super) rejected: Vec<(usize, Failure)>,
}

/// Makes requests of records.
#[derive(Debug)]
pub(super) struct Planner {
    method: Method,
    target: RequestTarget,
    /// Where a tombstone goes, if it goes anywhere.
    delete: Option<RequestTarget>,
    on_null: OnNull,
    headers: HeaderTemplates,
    batch: Option<BodyBatchSettings>,
    /// The head of every request with a body, where nothing of it depends on the record.
    fixed: Option<Arc<Head>>,
}

/// What a request is but for its body.
#[derive(Clone, Debug, PartialEq)]
struct Head {
    method: Method,
    url: Url,
    headers: HeaderMap,
}

/// A request that may yet take more records.
struct Open {
    indices: Vec<usize>,
    head: Arc<Head>,
    body: Body,
    trace: RequestTrace,
}

impl Planner {
    pub(super) fn new(settings: &HttpSettings) -> Result<Self, SettingsError> {
        let target = RequestTarget::parse("url", &settings.url)?;
        let method = match settings.method {
            HttpMethod::Post => Method::POST,
            HttpMethod::Put => Method::PUT,
            HttpMethod::Patch => Method::PATCH,
        };
        let delete =
            if settings.on_null == OnNull::Delete { Some(delete_target(settings, &target)?) } else { None };
        let headers = HeaderTemplates::parse(&settings.headers)?;
        let fixed = target.fixed().zip(headers.fixed()).map(|(url, headers)| {
            Arc::new(Head { method: method.clone(), url: url.clone(), headers: headers.clone() })
        });
        Ok(Self {
            method,
            target,
            delete,
            on_null: settings.on_null,
            headers,
            batch: settings.batch.clone(),
            fixed,
        })
    }

    pub(super) fn target(&self) -> &RequestTarget {
        &self.target
    }

    /// Returns the settings whose paths have parts that look as if they were filled in.
    pub(super) fn with_placeholders(&self) -> Vec<&'static str> {
        let delete = self.delete.iter().map(|delete| ("delete_path", delete));
        let all = std::iter::once(("url", &self.target)).chain(delete);
        all.filter(|(_, target)| target.has_placeholder()).map(|(key, _)| key).collect()
    }

    /// States the forms that addresses and headers need.
    pub(super) fn needs(&self) -> Vec<FormNeed> {
        let mut needs = self.target.needs("url");
        if let Some(delete) = &self.delete {
            needs.extend(delete.needs("delete_path"));
        }
        needs.extend(self.headers.needs());
        needs
    }

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    pub(super) fn has_header(&self, name: &HeaderName) -> bool {
        self.headers.has(name)
    }

    /// Measures what a record adds to a body, with what stands between it and the next.
    pub(super) fn size_of(&self, record: &Record) -> usize {
        let part = record.value.as_ref().map(|value| BodyPart::new(value, self.format()));
        let between = self.batch.as_ref().map_or(0, |batch| match batch.format {
            BodyFormat::Raw => batch.separator().len(),
            BodyFormat::JsonArray | BodyFormat::JsonLines => 1,
        });
        match part {
            Some(Ok(part)) => part.len() + between,
            Some(Err(_)) | None => record.size(),
        }
    }

    pub(super) fn plan(&self, batch: &[Record]) -> Plan {
        let (mut open, mut rejected) = (Vec::<Open>::new(), Vec::new());
        for (index, record) in batch.iter().enumerate() {
            if let Err(reason) = self.add(&mut open, index, record) {
                rejected.push((index, Failure::rejected(reason)));
            }
        }
        Plan { requests: open.into_iter().map(|open| self.close(open)).collect(), rejected }
    }

    /// Lets a record join the last request if they are alike; the order between requests stays that of the records. A
    /// tombstone that is ignored makes none.
    fn add(&self, open: &mut Vec<Open>, index: usize, record: &Record) -> Result<(), String> {
        let (head, part) = match (&record.value, &self.delete) {
            (Some(value), _) => {
                let part = BodyPart::new(value, self.format())?;
                let head = self.head(record)?;
                if self.batch.is_none() && body::is_json(head.headers.get(CONTENT_TYPE)) {
                    part.must_be_json()?;
                }
                (head, Some(part))
            }
            (None, Some(target)) => {
                let (url, headers) = (target.url(record)?, self.headers.render(record)?);
                (Arc::new(Head { method: Method::DELETE, url, headers }), None)
            }
            (None, None) if self.on_null == OnNull::Ignore => return Ok(()),
            (None, None) => return Err(rejected_tombstone("value to send").to_string()),
        };
        if !open.last().is_some_and(|last| self.batch.is_some() && last.takes(&head)) {
            open.push(Open {
                indices: Vec::new(),
                head,
                body: Body::default(),
                trace: RequestTrace::default(),
            });
        }
        if let Some(request) = open.last_mut() {
            request.indices.push(index);
            request.trace.note(record);
            if let Some(part) = part {
                request.body.push(part, self.batch.as_ref());
            }
        }
        Ok(())
    }

    /// Makes the head of a record that has a value.
    fn head(&self, record: &Record) -> Result<Arc<Head>, String> {
        if let Some(fixed) = &self.fixed {
            return Ok(Arc::clone(fixed));
        }
        let (url, headers) = (self.target.url(record)?, self.headers.render(record)?);
        Ok(Arc::new(Head { method: self.method.clone(), url, headers }))
    }

    fn close(&self, open: Open) -> Planned {
        let Open { indices, head, body, trace } = open;
        let Head { method, url, mut headers } = Arc::unwrap_or_clone(head);
        trace.write(&mut headers);
        if method == Method::DELETE {
            headers.remove(CONTENT_TYPE);
            return Planned { indices, request: HttpRequest { method, url, headers, body: Bytes::new() } };
        }
        let content_type = HeaderValue::from_static(body.content_type(self.format()));
        headers.entry(CONTENT_TYPE).or_insert(content_type);
        let body = Bytes::from(body.into_bytes(self.format()));
        Planned { indices, request: HttpRequest { method, url, headers, body } }
    }

    fn format(&self) -> Option<BodyFormat> {
        self.batch.as_ref().map(|batch| batch.format)
    }
}

impl Open {
    /// Says whether a record with this head may share the request. Each `DELETE` is one of its own.
    fn takes(&self, head: &Arc<Head>) -> bool {
        self.head.method != Method::DELETE && (Arc::ptr_eq(&self.head, head) || self.head == *head)
    }
}

/// A `DELETE` of the collection instead of a record would be a disaster, so that the key must be in its path.
fn delete_target(settings: &HttpSettings, target: &RequestTarget) -> Result<RequestTarget, SettingsError> {
    let (key, target) = match &settings.delete_path {
        Some(path) => ("delete_path", target.with_path("delete_path", path)?),
        None => ("on_null", RequestTarget::parse("url", &settings.url)?),
    };
    let wrong = |reason: String| Err(SettingsError::at(key, reason));
    if let Some(value) = target.uses().iter().find(|each| each.name == RecordName::Value) {
        let raw = &value.written;
        return wrong(format!(
            "`{raw}` is in the value, which a tombstone has not; set a `delete_path` such as /records/{{{{@record.key}}}}"
        ));
    }
    if !target.is_plain() {
        return wrong(
            "the path of a DELETE takes plain tags alone, so that the key is always in it; set a `delete_path` such as \
             /records/{{@record.key}}"
                .to_owned(),
        );
    }
    if !target.uses().iter().any(|each| each.name == RecordName::Key) {
        return wrong(
            "a DELETE needs the record's key; set a `delete_path` such as /records/{{@record.key}}"
                .to_owned(),
        );
    }
    Ok(target)
}

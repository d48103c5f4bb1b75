//! Creating, changing and removing connectors, which is writing and removing their files.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sluice_connector_api::AnyJson;

use crate::config::flat::{CLASS, FlatConfig, flatten};
use crate::config::settings::TargetState;
use crate::config::shared_schema::ConnectorSchema;
use crate::control::configs::{self, Patch, check, file_text, refused};
use crate::control::error::{RestError, RestResult};
use crate::control::file_writes::{FileWrites, WrittenBefore};
use crate::control::served::Served;
use crate::control::shapes::{ConnectorInfo, config_of};
use crate::control::states::{KEPT, how_long};

/// Says that comments stood in the file, and stand there no more.
const COMMENTS: HeaderName = HeaderName::from_static("sluice-comments");

/// What has to be written otherwise in the path of an address (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `CreateConnectorRequest`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewConnector {
    name: Option<String>,
    config: Option<BTreeMap<String, AnyJson>>,
    initial_state: Option<String>,
}

/// `POST /connectors`.
pub(super) async fn create(State(served): State<Served>, body: Bytes) -> RestResult<Response> {
    let writes = served.writes()?;
    let asked: NewConnector = serde_json::from_slice(&body)
        .map_err(|error| RestError::bad_request(format!("the body does not hold a connector: {error}")))?;
    let name = asked.name.unwrap_or_default().trim().to_owned();
    let state = asked.initial_state.as_deref().map(initial_state).transpose()?;
    let config = configs::texts(configs::patch_of(asked.config.unwrap_or_default())?);
    named(&name, &config)?;
    let _turn = writes.turn().await;
    let file = Change { served: &served, writes, name: &name, before: None, request: "POST /connectors" };
    let text = file.text(&config).await?;
    if served.is_there(writes, &name).await? {
        return Err(RestError::new(StatusCode::CONFLICT, format!("Connector {name} already exists")));
    }
    let kept = state.map(|state| served.control.ask_for_before_start(&name, state));
    if let Err(error) = writes.store(&name, text).await {
        if kept.is_some() {
            served.control.forget_before_start(&name);
        }
        return Err(error);
    }
    let mut answer = created(&name, served.written(&name)?);
    if let Some(kept) = kept {
        answer.headers_mut().insert(KEPT, HeaderValue::from_static(how_long(kept)));
    }
    Ok(answer)
}

/// `PUT /connectors/{name}/config`.
pub(super) async fn put(
    State(served): State<Served>,
    Path(name): Path<String>,
    body: Bytes,
) -> RestResult<Response> {
    let writes = served.writes()?;
    let config = configs::read(&body)?;
    named(&name, &config)?;
    let _turn = writes.turn().await;
    let is_there = served.is_there(writes, &name).await?;
    let before = writes.before(&name).await?;
    let request = format!("PUT /connectors/{name}/config");
    let change = Change { served: &served, writes, name: &name, before: before.as_ref(), request: &request };
    let info = change.store(&config).await?;
    let answer = if is_there { Json(info).into_response() } else { created(&name, info) };
    Ok(with_comments(answer, before.as_ref()))
}

/// `PATCH /connectors/{name}/config`: null takes a value out.
pub(super) async fn patch(
    State(served): State<Served>,
    Path(name): Path<String>,
    body: Bytes,
) -> RestResult<Response> {
    let writes = served.writes()?;
    let patch = configs::read_patch(&body)?;
    let _turn = writes.turn().await;
    let before = writes.before(&name).await?;
    // The file, and not what runs: it may have been changed since, and not be valid.
    let config = match before.as_ref().and_then(|before| before.node.as_ref()) {
        Some(node) => flatten(node, ConnectorSchema::of(&served.registry).value(), &served.registry),
        None => config_of(&served.connector(&name)?.0),
    };
    let config = patched(config, patch);
    named(&name, &config)?;
    let request = format!("PATCH /connectors/{name}/config");
    let change = Change { served: &served, writes, name: &name, before: before.as_ref(), request: &request };
    let info = change.store(&config).await?;
    Ok(with_comments(Json(info).into_response(), before.as_ref()))
}

/// `DELETE /connectors/{name}`. Its consumer group stays: a connector of this name goes on where this one ended.
pub(super) async fn delete(State(served): State<Served>, Path(name): Path<String>) -> RestResult<StatusCode> {
    let writes = served.writes()?;
    let _turn = writes.turn().await;
    if !served.is_there(writes, &name).await? {
        return Err(RestError::not_found(format!("Connector {name} not found")));
    }
    writes.remove(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A file that is about to be written.
struct Change<'a> {
    served: &'a Served,
    writes: &'a FileWrites,
    name: &'a str,
    before: Option<&'a WrittenBefore>,
    request: &'a str,
}

impl Change<'_> {
    async fn store(&self, config: &FlatConfig) -> RestResult<ConnectorInfo> {
        let text = self.text(config).await?;
        self.writes.store(self.name, text).await?;
        self.served.written(self.name)
    }

    /// Returns the text of the file, if there is nothing wrong with the configuration.
    async fn text(&self, config: &FlatConfig) -> RestResult<String> {
        let class = config.get(CLASS).ok_or_else(configs::no_class)?;
        configs::known_class(class.trim(), &self.served.registry)?;
        let before = self.before.and_then(|before| before.node.as_ref());
        let (node, errors) = check(self.name, config, before, &self.served.registry).await;
        match node {
            Some(node) if errors.is_empty() => file_text(&node, &self.writes.head(self.request)),
            _ => Err(refused(&errors)),
        }
    }
}

impl Served {
    fn writes(&self) -> RestResult<&FileWrites> {
        self.writes.as_ref().ok_or_else(|| {
            RestError::new(
                StatusCode::FORBIDDEN,
                "connectors are files here, which requests do not write: write, change or remove a file in the worker's \
                 directory, which is followed, or start the worker with `--rest-writes`",
            )
        })
    }

    async fn is_there(&self, writes: &FileWrites, name: &str) -> RestResult<bool> {
        Ok(self.control.status(name).is_ok() || writes.has(name).await?)
    }

    /// Returns a connector that was written just now.
    fn written(&self, name: &str) -> RestResult<ConnectorInfo> {
        let status = self.status(name)?;
        if !status.config_errors.is_empty() {
            return Err(RestError::failed(format!(
                "the file is written, and was changed again since: {}",
                status.config_errors.join("\n")
            )));
        }
        let (connector, status) = self.connector(name)?;
        Ok(ConnectorInfo::new(&connector, &status))
    }
}

/// A configuration may hold the name, which is that of the connector.
fn named(name: &str, config: &FlatConfig) -> RestResult<()> {
    match config.get("name") {
        Some(other) if other != name => Err(RestError::bad_request(format!(
            "Connector name configuration ({other}) doesn't match connector name in the URL ({name})"
        ))),
        _ => Ok(()),
    }
}

fn patched(mut config: FlatConfig, patch: Patch) -> FlatConfig {
    for (name, text) in patch {
        match text {
            Some(text) => config.insert(name, text),
            None => config.remove(&name),
        };
    }
    config
}

fn initial_state(text: &str) -> RestResult<TargetState> {
    match text.to_ascii_uppercase().as_str() {
        "RUNNING" => Ok(TargetState::Running),
        "PAUSED" => Ok(TargetState::Paused),
        "STOPPED" => Ok(TargetState::Stopped),
        _ => Err(RestError::bad_request(format!(
            "`initial_state`: expected one of RUNNING, PAUSED, STOPPED, found `{text}`"
        ))),
    }
}

fn created(name: &str, info: ConnectorInfo) -> Response {
    let place = format!("/connectors/{}", utf8_percent_encode(name, RESERVED));
    (StatusCode::CREATED, [(header::LOCATION, place)], Json(info)).into_response()
}

fn with_comments(mut answer: Response, before: Option<&WrittenBefore>) -> Response {
    if before.is_some_and(|before| before.has_comments) {
        answer.headers_mut().insert(COMMENTS, HeaderValue::from_static("lost"));
    }
    answer
}

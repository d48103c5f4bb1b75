//! What the service's errors mean: what to do about them, as a [`Failure`]. Pure.

use std::error::Error;
use std::time::Duration;

use aws_sdk_bedrockagent::config::http::HttpResponse;
use aws_sdk_bedrockagent::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockagent::operation::RequestId;
use serde_json::Value;
use sluice_connector_api::{Failure, Json, Trouble};
use sluice_wire::{asked_wait, causes, credentials_error, credentials_failure, one_line, shown_code};

use super::subject;

/// No service means a longer wait than this.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Bytes of an answer that is no error of the service, as far as they are looked at.
const START_BYTES: usize = 2048;

/// Characters of the service's words, as far as a reason shows them.
const SHOWN_CHARS: usize = 300;

/// Codes of what is about whoever calls, and says so.
const CALLER_CODES: [&str; 15] = [
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "ResourceNotFoundException",
    "ServiceQuotaExceededException",
    "SignatureDoesNotMatch",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "UnrecognizedClientException",
];
/// Codes of a refusal that may be about the data; every other one is about whoever calls.
const DATA_CODES: [&str; 7] = [
    "BadRequestException",
    "InvalidParameterException",
    "InvalidRequestException",
    "RequestEntityTooLargeException",
    "SerializationException",
    "ValidationError",
    "ValidationException",
];

/// A 400 that is none: the account has too many calls or unfinished documents just now. The model does not
/// list it; two public code bases met it.
const TOO_MANY_CONCURRENT: &str = "concurrent IngestKnowledgeBaseDocuments";

/// The call that an answer is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ApiCall<'a> {
    pub(crate) operation: &'static str,
    /// What the caller must be allowed to do.
    pub(crate) permissions: &'static str,
    pub(crate) knowledge_base_id: &'a str,
    pub(crate) data_source_id: Option<&'a str>,
    /// The documents that the call sends or names. Its answer may echo what it sent.
    pub(crate) document_ids: &'a [&'a str],
}

/// Says what to do about a call that failed.
pub(crate) fn failure<E>(call: ApiCall<'_>, error: &SdkError<E>) -> Failure
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let operation = call.operation;
    if let Some(error) = credentials_error(error) {
        return credentials_failure(error);
    }
    match error.raw_response() {
        Some(response) => ErrorAnswer::new(error, response).failure(call),
        None => match error {
            SdkError::TimeoutError(_) => {
                Failure::retriable(format!("{operation} had no answer within `request_timeout`"))
                    .because(Trouble::TimedOut)
            }
            SdkError::ConstructionFailure(_) => {
                Failure::fatal(format!("{operation} cannot be built: {}", causes(error)))
            }
            _ => Failure::retriable(format!("{operation} did not get through: {}", causes(error)))
                .because(Trouble::Unreachable),
        },
    }
}

#[derive(Debug)]
struct ErrorAnswer<'a> {
    status: u16,
    code: Option<&'a str>,
    words: String,
    /// The fields of the request that the answer lists as wrong.
    fields: Vec<String>,
    request_id: Option<&'a str>,
    wait: Option<Duration>,
}

/// What an answer asks us to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    SlowDown,
    TryLater,
    ChangeData,
    ChangePermissions,
    ChangeCredentials,
    ChangeIds,
    ChangeSetUp,
    ChangeEndpoint,
}

impl<'a> ErrorAnswer<'a> {
    fn new<E: ProvideErrorMetadata>(error: &'a SdkError<E>, response: &'a HttpResponse) -> Self {
        let body = response.body().bytes().unwrap_or_default();
        Self {
            status: response.status().as_u16(),
            code: error.code(),
            words: error.message().map_or_else(|| start_of(body), one_line),
            fields: if error.code().is_some() { listed_fields(body) } else { Vec::new() },
            request_id: error.request_id().filter(|id| is_request_id(id)),
            wait: wait(response),
        }
    }

    fn failure(&self, call: ApiCall<'_>) -> Failure {
        let demand = self.demand(call);
        let said = self.said(self.may_show_words(demand, call));
        let reason = format!("{} {said}{}", call.operation, way_out(demand, call));
        let failure = match demand {
            Demand::SlowDown => Failure::throttled(reason),
            Demand::TryLater if self.status >= 500 => {
                Failure::retriable(reason).because(Trouble::ServerError)
            }
            Demand::TryLater => Failure::retriable(reason),
            Demand::ChangeData => Failure::rejected(reason),
            _ => Failure::fatal(reason),
        };
        let failure = failure.with_detail(&self.words);
        match self.wait {
            Some(wait) => failure.retry_after(wait),
            None => failure,
        }
    }

    /// Words about the data may quote it, and a proxy may echo anything: shown is what the service says of whoever calls, and of
    /// the set-up.
    fn may_show_words(&self, demand: Demand, call: ApiCall<'_>) -> bool {
        let is_one_of = |codes: &[&str]| self.code.is_some_and(|code| codes.contains(&code));
        let is_of_set_up = demand == Demand::ChangeSetUp && is_one_of(&DATA_CODES);
        call.document_ids.is_empty() || is_of_set_up || is_one_of(&CALLER_CODES)
    }

    /// Codes count before the status: the same code comes with more than one.
    fn demand(&self, call: ApiCall<'_>) -> Demand {
        match self.code {
            Some(
                "ThrottlingException"
                | "Throttling"
                | "TooManyRequestsException"
                | "ServiceQuotaExceededException",
            ) => Demand::SlowDown,
            Some("ExpiredTokenException" | "ExpiredToken" | "RequestExpired") => Demand::TryLater,
            Some(
                "UnrecognizedClientException"
                | "InvalidClientTokenId"
                | "InvalidSignatureException"
                | "SignatureDoesNotMatch"
                | "IncompleteSignatureException"
                | "MissingAuthenticationTokenException",
            ) => Demand::ChangeCredentials,
            Some("AccessDeniedException") => Demand::ChangePermissions,
            Some("ResourceNotFoundException") => Demand::ChangeIds,
            _ if self.status == 400 && self.words.contains(TOO_MANY_CONCURRENT) => Demand::SlowDown,
            code => match (demand_of(self.status), code) {
                (Demand::ChangeData, code) => self.refusal(code, call),
                (demand, _) => demand,
            },
        }
    }

    /// Tells what a refusal is about. Only the service can find fault with a document: what has no code of its is a proxy's.
    fn refusal(&self, code: Option<&str>, call: ApiCall<'_>) -> Demand {
        match code {
            // Whoever stands on the way may find a body too large, and halves of it pass.
            _ if self.status == 413 => Demand::ChangeData,
            None => Demand::ChangeEndpoint,
            Some(code) if !DATA_CODES.contains(&code) => Demand::ChangeSetUp,
            Some(_) if subject::is_set_up(&self.words, &self.fields, call.document_ids) => {
                Demand::ChangeSetUp
            }
            Some(_) => Demand::ChangeData,
        }
    }

    fn said(&self, with_words: bool) -> String {
        let code = self.code.map(shown_code).unwrap_or_default();
        let unread = if self.status < 300 { ", which cannot be read" } else { "" };
        let words = match shown(&self.words) {
            "" => String::new(),
            words if with_words => format!(": {words}"),
            _ => String::new(),
        };
        let request_id = self.request_id.map(|id| format!(" (request id {id})")).unwrap_or_default();
        format!("was answered {}{code}{unread}{words}{request_id}", self.status)
    }
}

fn demand_of(status: u16) -> Demand {
    match status {
        402 | 429 => Demand::SlowDown,
        // A success that cannot be read is none; neither is a time-out, a conflict or a failed dependency.
        200..=299 | 408 | 409 | 424 | 425 | 500.. => Demand::TryLater,
        400 | 413 | 422 => Demand::ChangeData,
        401 | 403 => Demand::ChangePermissions,
        404 => Demand::ChangeIds,
        _ => Demand::ChangeEndpoint,
    }
}

fn way_out(demand: Demand, call: ApiCall<'_>) -> String {
    let ApiCall { permissions, knowledge_base_id: knowledge_base, .. } = call;
    match demand {
        Demand::SlowDown | Demand::TryLater | Demand::ChangeData => String::new(),
        // What lists all there is belongs to none.
        Demand::ChangePermissions if knowledge_base == "*" => {
            format!("; allow this AWS identity {permissions} on *")
        }
        Demand::ChangePermissions => format!(
            "; allow this AWS identity {permissions} on arn:aws:bedrock:<region>:<account>:knowledge-base/{knowledge_base}"
        ),
        Demand::ChangeCredentials => "; the AWS credentials are wrong, set valid ones".to_owned(),
        Demand::ChangeIds => match call.data_source_id {
            Some(data_source) => format!(
                "; see that knowledge base {knowledge_base} and its data source {data_source} are in this account and region, \
                 or change `knowledge_base_id`, `data_source_id` or `region`"
            ),
            None => format!("; see that knowledge base {knowledge_base} is in this account and region"),
        },
        Demand::ChangeSetUp => format!(
            "; this is about knowledge base {knowledge_base}{} and not about a record: see what `sluice check --connect` says",
            call.data_source_id.map(|id| format!(" or its data source {id}")).unwrap_or_default()
        ),
        Demand::ChangeEndpoint => {
            "; this is not an answer of Amazon Bedrock, check `endpoint_url` and any proxy".to_owned()
        }
    }
}

/// Reads how long the service asks us to wait: as the standard header has it, or milliseconds in AWS's own. At most a day.
fn wait(response: &HttpResponse) -> Option<Duration> {
    let text = |name| response.headers().get(name);
    let millis = text("x-amz-retry-after").and_then(|asked| asked.trim().parse().ok());
    let millis = millis.map(|asked| Duration::from_millis(asked).min(LONGEST_WAIT));
    millis.or_else(|| asked_wait(text("retry-after")?, text("date")))
}

fn start_of(body: &[u8]) -> String {
    one_line(&String::from_utf8_lossy(body.get(..START_BYTES).unwrap_or(body)))
}

/// Says whether a text is an id of a request, such as `1b0ed3a9-6f2e-4f53-a4c5-0e3c8d5f7a11`, and not anything else.
fn is_request_id(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|char| char == '-' || char.is_ascii_hexdigit())
}

/// As much of somebody else's words as a reason shows.
fn shown(words: &str) -> &str {
    words.char_indices().nth(SHOWN_CHARS).and_then(|(end, _)| words.get(..end)).unwrap_or(words)
}

/// Reads the names of a refusal's `fieldList`.
fn listed_fields(body: &[u8]) -> Vec<String> {
    let Ok(json) = Json::from_slice(body) else { return Vec::new() };
    let mut names = Vec::new();
    for field in json.value().get("fieldList").and_then(Value::as_array).into_iter().flatten() {
        names.extend(field.get("name").and_then(Value::as_str).map(str::to_owned));
    }
    names
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use sluice_connector_api::FailureKind;

    use super::*;

    const CALL: ApiCall<'_> = ApiCall {
        operation: "IngestKnowledgeBaseDocuments",
        permissions: "bedrock:IngestKnowledgeBaseDocuments",
        knowledge_base_id: "KB12345678",
        data_source_id: Some("DS12345678"),
        document_ids: &["prices-0-1", "prices-0-2"],
    };

    fn answer<'a>(status: u16, code: Option<&'a str>, words: &str) -> ErrorAnswer<'a> {
        ErrorAnswer { status, code, words: words.into(), fields: Vec::new(), request_id: None, wait: None }
    }

    fn demand(status: u16, code: Option<&str>, words: &str) -> Demand {
        answer(status, code, words).demand(CALL)
    }

    #[test]
    fn every_way_to_say_slow_down_is_heard() {
        assert_eq!(demand(429, Some("ThrottlingException"), ""), Demand::SlowDown);
        assert_eq!(demand(400, Some("ThrottlingException"), ""), Demand::SlowDown);
        assert_eq!(demand(429, None, "<html>"), Demand::SlowDown);
        assert_eq!(demand(402, Some("ServiceQuotaExceededException"), ""), Demand::SlowDown);
        assert_eq!(
            demand(400, Some("ServiceQuotaExceededException"), ""),
            Demand::SlowDown,
            "so says Retrieve"
        );
        let words = "Your account's sum of concurrent IngestKnowledgeBaseDocuments and DeleteKnowledgeBaseDocuments requests can't exceed (10)";
        assert_eq!(demand(400, Some("ValidationException"), words), Demand::SlowDown);
    }

    #[test]
    fn only_the_service_finding_fault_with_the_data_blames_the_data() {
        assert_eq!(demand(400, Some("ValidationException"), "blank"), Demand::ChangeData);
        assert_eq!(demand(413, None, ""), Demand::ChangeData);
        for status in [401, 402, 403, 404, 405, 407, 408, 409, 424, 429, 500, 502, 503, 504, 200, 202, 302] {
            assert_ne!(demand(status, None, ""), Demand::ChangeData, "{status}");
        }
    }

    #[test]
    fn a_refusal_that_speaks_of_the_set_up_is_no_fault_of_the_data() {
        for (status, code, words) in [
            (400, Some("ValidationException"), "The data source has another type."),
            (422, Some("ValidationException"), "Knowledge base KB12345678 is being deleted"),
            (400, Some("ResourceNotFoundException"), "no such thing"),
            (400, Some("UnsupportedOperationException"), "not here"),
            (400, None, "<html>400 Bad Request</html>"),
            (422, None, ""),
        ] {
            let failure = answer(status, code, words).failure(CALL);
            assert_eq!(failure.kind(), FailureKind::Fatal, "{failure}");
        }
        let mut refused = answer(400, Some("ValidationException"), "The request is invalid");
        refused.fields = vec!["dataSourceId".to_owned()];
        assert_eq!(refused.demand(CALL), Demand::ChangeSetUp);
        refused.fields = vec!["documents[0].content".to_owned()];
        assert_eq!(refused.demand(CALL), Demand::ChangeData);
        let of_a_document = "prices-0-2 is not a document of a data source of this type";
        assert_eq!(demand(400, Some("ValidationException"), of_a_document), Demand::ChangeData);
        assert_eq!(demand(413, None, "<html>the data source"), Demand::ChangeData);
    }

    #[test]
    fn words_that_may_quote_a_record_are_kept_out_of_the_reason() {
        let echo = "card 4111 is wrong";
        for (status, code) in [
            (400, Some("ValidationException")),
            (413, None),
            (400, None),
            (502, None),
            (202, None),
            (500, Some("InternalServerException")),
            (400, Some("4111")),
            (403, Some("card 4111")),
        ] {
            let failure = answer(status, code, echo).failure(CALL);
            assert!(!failure.to_string().contains("4111"), "{failure}");
            assert_eq!(failure.detail(), Some(echo));
        }
        let failure =
            answer(400, Some("ValidationException"), echo).failure(ApiCall { document_ids: &[], ..CALL });
        assert!(
            failure.to_string().contains(echo),
            "nobody's record is in a call without documents: {failure}"
        );
        let long = answer(500, Some("InternalServerException"), &"x".repeat(9000)).failure(CALL);
        assert!(long.to_string().len() < 400, "{long}");
    }

    #[test]
    fn an_expired_token_is_tried_again_and_a_wrong_one_stops() {
        assert_eq!(demand(403, Some("ExpiredTokenException"), ""), Demand::TryLater);
        assert_eq!(demand(403, Some("UnrecognizedClientException"), ""), Demand::ChangeCredentials);
        assert_eq!(demand(400, Some("UnrecognizedClientException"), ""), Demand::ChangeCredentials);
        assert_eq!(demand(403, Some("InvalidSignatureException"), ""), Demand::ChangeCredentials);
        assert_eq!(demand(403, None, ""), Demand::ChangePermissions);
    }

    #[test]
    fn a_failure_names_operation_code_words_request_and_way_out() {
        let mut answer = answer(403, Some("AccessDeniedException"), "not authorized");
        answer.request_id = Some("1b0ed3a9-6f2e-4f53-a4c5-0e3c8d5f7a11");
        let failure = answer.failure(CALL);
        assert_eq!(failure.kind(), FailureKind::Fatal);
        assert_eq!(
            failure.to_string(),
            "IngestKnowledgeBaseDocuments was answered 403 AccessDeniedException: not authorized (request id \
             1b0ed3a9-6f2e-4f53-a4c5-0e3c8d5f7a11); allow this AWS \
             identity bedrock:IngestKnowledgeBaseDocuments on arn:aws:bedrock:<region>:<account>:knowledge-base/KB12345678"
        );
    }
}

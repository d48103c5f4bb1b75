//! What the service's errors mean: what to do about them, as a [`Failure`]. Pure.

use std::error::Error;
use std::time::Duration;

use aws_sdk_bedrockagent::config::http::HttpResponse;
use aws_sdk_bedrockagent::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockagent::operation::RequestId;
use sluice_connector_api::{Failure, Trouble};
use sluice_wire::{causes, credentials_error, credentials_failure, one_line};

/// Bytes of an answer that is no error of the service, as far as a failure shows it.
const SHOWN_BYTES: usize = 200;

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
    ChangeEndpoint,
}

impl<'a> ErrorAnswer<'a> {
    fn new<E: ProvideErrorMetadata>(error: &'a SdkError<E>, response: &'a HttpResponse) -> Self {
        let words = error.message().map_or_else(|| start_of(response.body().bytes()), one_line);
        Self {
            status: response.status().as_u16(),
            code: error.code(),
            words,
            request_id: error.request_id(),
            wait: wait(response),
        }
    }

    fn failure(&self, call: ApiCall<'_>) -> Failure {
        let demand = self.demand();
        let reason = format!("{} {}{}", call.operation, self.said(), way_out(demand, call));
        let failure = match demand {
            Demand::SlowDown => Failure::throttled(reason),
            Demand::TryLater if self.status >= 500 => {
                Failure::retriable(reason).because(Trouble::ServerError)
            }
            Demand::TryLater => Failure::retriable(reason),
            Demand::ChangeData => Failure::rejected(reason),
            _ => Failure::fatal(reason),
        };
        match self.wait {
            Some(wait) => failure.retry_after(wait),
            None => failure,
        }
    }

    /// Codes count before the status: the same code comes with more than one.
    fn demand(&self) -> Demand {
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
            _ if self.status == 400 && self.words.contains(TOO_MANY_CONCURRENT) => Demand::SlowDown,
            _ => demand_of(self.status),
        }
    }

    fn said(&self) -> String {
        let code = self.code.map(|code| format!(" {code}")).unwrap_or_default();
        let unread = if self.status < 300 { ", which cannot be read" } else { "" };
        let words = if self.words.is_empty() { String::new() } else { format!(": {}", self.words) };
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
        Demand::ChangeEndpoint => {
            "; this is no answer of Amazon Bedrock, check `endpoint_url` and any proxy".to_owned()
        }
    }
}

/// Reads how long the service asks us to wait: seconds in the standard header, milliseconds in AWS's own.
fn wait(response: &HttpResponse) -> Option<Duration> {
    let number = |name| response.headers().get(name)?.trim().parse::<u64>().ok();
    number("x-amz-retry-after")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
}

fn start_of(body: Option<&[u8]>) -> String {
    let body = body.unwrap_or_default();
    one_line(&String::from_utf8_lossy(body.get(..SHOWN_BYTES).unwrap_or(body)))
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
    };

    fn demand(status: u16, code: Option<&str>, words: &str) -> Demand {
        ErrorAnswer { status, code, words: words.into(), request_id: None, wait: None }.demand()
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
    fn an_expired_token_is_tried_again_and_a_wrong_one_stops() {
        assert_eq!(demand(403, Some("ExpiredTokenException"), ""), Demand::TryLater);
        assert_eq!(demand(403, Some("UnrecognizedClientException"), ""), Demand::ChangeCredentials);
        assert_eq!(demand(400, Some("UnrecognizedClientException"), ""), Demand::ChangeCredentials);
        assert_eq!(demand(403, Some("InvalidSignatureException"), ""), Demand::ChangeCredentials);
        assert_eq!(demand(403, None, ""), Demand::ChangePermissions);
    }

    #[test]
    fn a_failure_names_operation_code_words_request_and_way_out() {
        let answer = ErrorAnswer {
            status: 403,
            code: Some("AccessDeniedException"),
            words: "not authorized".into(),
            request_id: Some("r-1"),
            wait: None,
        };
        let failure = answer.failure(CALL);
        assert_eq!(failure.kind(), FailureKind::Fatal);
        assert_eq!(
            failure.to_string(),
            "IngestKnowledgeBaseDocuments was answered 403 AccessDeniedException: not authorized (request id r-1); allow this AWS \
             identity bedrock:IngestKnowledgeBaseDocuments on arn:aws:bedrock:<region>:<account>:knowledge-base/KB12345678"
        );
    }
}

//! A bucket, and the calls to it: signed HTTP, see docs/decisions/0006-signed-http.md.

use bytes::Bytes;
use percent_encoding::{AsciiSet, utf8_percent_encode};
use sluice_connector_api::{Failure, FailureKind, Finding};
use sluice_wire::{AwsCall, AwsService, HttpAnswer, Method, UNRESERVED, Url, shown_code};

/// What a path holds as it is: the unreserved characters of RFC 3986 and the slash, as S3's signatures have it.
const IN_PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// What is wrong with the data, and not with the bucket.
const REJECTING: [&str; 2] = ["EntityTooLarge", "KeyTooLongError"];

/// What came of storing an object that must not be there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Creation {
    Created,
    /// There is one of this name already.
    Exists,
    /// The multipart upload is not there any more: it was completed, or aborted.
    NoUpload,
}

/// A bucket of a region, or at an endpoint.
pub(super) struct Bucket {
    pub(super) name: String,
    /// What `endpoint_url` says, if it does.
    pub(super) own_endpoint: Option<String>,
    pub(super) service: AwsService,
}

/// One object to be stored whole.
pub(super) struct WholeObject {
    pub(super) key: String,
    pub(super) kind: &'static str,
    pub(super) bytes: Bytes,
    /// Nothing is overwritten.
    pub(super) is_new: bool,
}

impl Bucket {
    /// Stores an object at once.
    pub(super) async fn put(&self, object: WholeObject) -> Result<Creation, Failure> {
        let WholeObject { key, kind, bytes, is_new } = object;
        let mut headers = vec![("content-type", kind.to_owned())];
        headers.extend(only_new(is_new));
        let answer = self.call(Call { headers, ..Call::new("PutObject", Method::PUT, &key, bytes) }).await?;
        Ok(if answer.status == 412 { Creation::Exists } else { Creation::Created })
    }

    /// Begins a multipart upload, and returns its id.
    pub(super) async fn create_upload(&self, key: &str, kind: &str) -> Result<String, Failure> {
        let headers = vec![("content-type", kind.to_owned())];
        let call = Call::new("CreateMultipartUpload", Method::POST, key, Bytes::new());
        let answer = self.call(Call { headers, query: "uploads=".to_owned(), ..call }).await?;
        let id = element(&answer, "UploadId");
        id.ok_or_else(|| Failure::retriable("CreateMultipartUpload was answered without an `UploadId`"))
    }

    /// Uploads a part, and returns its entity tag; none where the upload is not there any more.
    pub(super) async fn upload_part(
        &self,
        key: &str,
        upload: &str,
        number: usize,
        bytes: Bytes,
    ) -> Result<Option<String>, Failure> {
        let query = format!("partNumber={number}&uploadId={}", in_query(upload));
        let call = Call::new("UploadPart", Method::PUT, key, bytes);
        let answer = self.call(Call { query, ..call }).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let tag = answer.header("etag").map(str::to_owned);
        tag.map(Some).ok_or_else(|| Failure::retriable("UploadPart was answered without an `ETag`"))
    }

    /// Completes a multipart upload of parts with these entity tags.
    pub(super) async fn complete_upload(
        &self,
        key: &str,
        upload: &str,
        tags: &[String],
        is_new: bool,
    ) -> Result<Creation, Failure> {
        let mut body = String::from("<CompleteMultipartUpload>");
        for (number, tag) in (1..).zip(tags) {
            let tag = tag.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
            let part: [&str; 5] =
                ["<Part><PartNumber>", &format!("{number}"), "</PartNumber><ETag>", &tag, "</ETag></Part>"];
            body.extend(part);
        }
        body.push_str("</CompleteMultipartUpload>");
        let call = Call::new("CompleteMultipartUpload", Method::POST, key, body.into());
        let query = format!("uploadId={}", in_query(upload));
        let answer =
            self.call(Call { query, headers: only_new(is_new).into_iter().collect(), ..call }).await?;
        match answer.status {
            412 => Ok(Creation::Exists),
            404 => Ok(Creation::NoUpload),
            // It is answered 200 before it is done, and the body says how that ended.
            _ => match code(&answer) {
                None => Ok(Creation::Created),
                Some(code) => {
                    let code = shown_code(&code);
                    Err(Failure::retriable(format!("CompleteMultipartUpload was answered 200{code}"))
                        .with_detail(answer.words()))
                }
            },
        }
    }

    /// Gives a multipart upload up, so that its parts are paid for no longer.
    pub(super) async fn abort_upload(&self, key: &str, upload: &str) -> Result<(), Failure> {
        let query = format!("uploadId={}", in_query(upload));
        let call = Call::new("AbortMultipartUpload", Method::DELETE, key, Bytes::new());
        self.call(Call { query, ..call }).await.map(|_| ())
    }

    /// Returns the bytes of an object; none where there is no such object.
    pub(super) async fn size_of(&self, key: &str) -> Result<Option<u64>, Failure> {
        let answer = self.call(Call::new("HeadObject", Method::HEAD, key, Bytes::new())).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let length = answer.header("content-length").and_then(|length| length.parse().ok());
        length
            .map(Some)
            .ok_or_else(|| Failure::retriable("HeadObject was answered without a `Content-Length`"))
    }

    /// Looks for the bucket.
    pub(super) async fn check(&self) -> Vec<Finding> {
        let operation = "HeadBucket, which this check needs s3:ListBucket for,";
        let look = async {
            let call = Call::new(operation, Method::HEAD, "", Bytes::new());
            let answer = self.service.call_or(self.signed(call).await?, &[404]).await?;
            if answer.status == 404 {
                return Err(Failure::fatal("there is no such bucket; create it, or mend `bucket`"));
            }
            Ok(answer)
        };
        self.service.check(format!("bucket {}", self.name), Box::pin(look)).await
    }

    /// Looks for the right to write an object of this key, by a part of an upload that is not there, which stores nothing. `is_sure` says
    /// whether such an object will be written: where it is not, another may be allowed.
    pub(super) async fn check_right(&self, key: &str, is_sure: bool) -> Finding {
        let subject = format!("right to write {key}");
        let call = Call::new("UploadPart", Method::PUT, key, Bytes::new());
        let answered =
            self.call(Call { query: "partNumber=1&uploadId=sluice-check".to_owned(), ..call }).await;
        match answered {
            Ok(answer) if answer.status == 404 => Finding::good(subject, "given"),
            Err(failure) if failure.is_forbidden() && is_sure => {
                Finding::wrong(subject, format!("is missing: {failure} (s3:PutObject)"))
            }
            Err(failure) if failure.kind() == FailureKind::Retriable => {
                Finding::from_failure(subject, &failure)
            }
            _ => Finding::unseen(subject, "could not be told beforehand; the first put will tell"),
        }
    }

    /// Sends a call; that something is there already, or not there, is an answer where a call asks for it.
    async fn call(&self, call: Call<'_>) -> Result<HttpAnswer, Failure> {
        let expected: &[u16] = match call.operation {
            "PutObject" => &[412],
            "UploadPart" | "CompleteMultipartUpload" | "AbortMultipartUpload" | "HeadObject" => &[404, 412],
            _ => &[],
        };
        let is_part_of_upload = call.query.contains("uploadId=");
        let answer = self.service.call_or(self.signed(call).await?, expected).await?;
        // A bucket that is not there is no upload that is not there.
        if answer.status == 404 && is_part_of_upload && code(&answer).as_deref() == Some("NoSuchBucket") {
            return Err(Failure::fatal("the call was answered 404 NoSuchBucket").with_detail(answer.words()));
        }
        Ok(answer)
    }

    async fn signed<'a>(&self, call: Call<'a>) -> Result<AwsCall<'a>, Failure> {
        let Call { operation, method, key, query, headers, body } = call;
        let mut url = self.url(key).await?;
        if !query.is_empty() {
            url.set_query(Some(&query));
        }
        Ok(AwsCall { operation, method, url, headers, body, code, rejecting: &REJECTING })
    }

    /// Addresses an object by the bucket's host, or by its path where no such host is, or has no certificate.
    async fn url(&self, key: &str) -> Result<Url, Failure> {
        let bucket = &self.name;
        let key = utf8_percent_encode(key, IN_PATH);
        let url = if let Some(url) = &self.own_endpoint {
            format!("{}/{bucket}/{key}", url.trim_end_matches('/'))
        } else {
            let region = self.service.region().await?;
            let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            if bucket.contains('.') {
                format!("https://s3.{region}.{domain}/{bucket}/{key}")
            } else {
                format!("https://{bucket}.s3.{region}.{domain}/{key}")
            }
        };
        Url::parse(&url).map_err(|error| Failure::fatal(format!("{url} is not a URL: {error}")))
    }
}

/// One call, before it is addressed.
struct Call<'a> {
    operation: &'a str,
    method: Method,
    key: &'a str,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl<'a> Call<'a> {
    fn new(operation: &'a str, method: Method, key: &'a str, body: Bytes) -> Self {
        Self { operation, method, key, query: String::new(), headers: Vec::new(), body }
    }
}

fn only_new(is_new: bool) -> Option<(&'static str, String)> {
    is_new.then(|| ("if-none-match", "*".to_owned()))
}

fn in_query(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The code of an error: the text between `<Code>` and `</Code>`.
fn code(answer: &HttpAnswer) -> Option<String> {
    element(answer, "Code")
}

/// Returns the text of the first element of this name.
fn element(answer: &HttpAnswer, name: &str) -> Option<String> {
    let body = String::from_utf8_lossy(&answer.body);
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

use std::time::SystemTime;

use aws_credential_types::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use sluice_wire::header::{HeaderMap, HeaderName, RANGE};
use sluice_wire::{HttpRequest, Method, signature};

use super::*;

fn token(token: &str, expires_in: u64) -> HttpReply {
    reply(
        200,
        "",
        &format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{expires_in}}}"#),
    )
}

fn oauth2(tokens: &HttpServer, changes: &Value) -> Value {
    let mut settings = json!({
        "token_url": format!("{}/token", tokens.url),
        "client_id": "me:1",
        "client_secret": "hunter2/+",
    });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    json!({ "auth": { "oauth2": settings } })
}

fn sent_tokens(server: &HttpServer) -> Vec<String> {
    server.seen().iter().map(|seen| seen.headers["authorization"].clone()).collect()
}

#[tokio::test]
async fn fixed_credentials_are_sent() {
    let server = HttpServer::start([]).await;
    for auth in [
        json!({ "basic": { "username": "me", "password": "hunter2" } }),
        json!({ "bearer": { "token": "t-1" } }),
        json!({ "header": { "name": "X-Api-Key", "value": "k-1" } }),
        json!("none"),
    ] {
        sink_at(&server, "/", &json!({ "auth": auth })).put(&prices()[..1]).await.unwrap();
    }
    let seen = server.seen();
    assert_eq!(seen[0].headers["authorization"], format!("Basic {}", BASE64.encode("me:hunter2")));
    assert_eq!(seen[1].headers["authorization"], "Bearer t-1");
    assert_eq!(seen[2].headers["x-api-key"], "k-1");
    assert!(!seen[3].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_token_is_fetched_once_and_kept() {
    let (server, tokens) = (HttpServer::start([]).await, HttpServer::start([token("t-1", 3600)]).await);
    let changes = json!({ "scope": "write read", "params": { "audience": "https://a/" } });
    sink_at(&server, "/", &oauth2(&tokens, &changes)).put(&prices()).await.unwrap();
    assert_eq!(sent_tokens(&server), ["Bearer t-1"; 3]);
    let asked = tokens.seen();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line(), "POST /token");
    assert_eq!(
        asked[0].text(),
        "grant_type=client_credentials&scope=write%20read&audience=https%3A%2F%2Fa%2F"
    );
    assert_eq!(asked[0].headers["authorization"], format!("Basic {}", BASE64.encode("me%3A1:hunter2%2F%2B")));
    assert_eq!(asked[0].headers["content-type"], "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn the_client_can_be_named_in_the_body() {
    let (server, tokens) = (HttpServer::start([]).await, HttpServer::start([token("t-1", 3600)]).await);
    let settings = oauth2(&tokens, &json!({ "credentials_in": "body" }));
    sink_at(&server, "/", &settings).put(&prices()[..1]).await.unwrap();
    let asked = &tokens.seen()[0];
    assert!(!asked.headers.contains_key("authorization"));
    assert!(asked.text().ends_with("&client_id=me%3A1&client_secret=hunter2%2F%2B"), "{}", asked.text());
}

#[tokio::test]
async fn a_token_is_fetched_again_before_it_expires() {
    let (server, tokens) =
        (HttpServer::start([]).await, HttpServer::start([token("t-1", 1), token("t-2", 3600)]).await);
    let sink = sink_at(&server, "/", &oauth2(&tokens, &json!({})));
    sink.put(&prices()[..1]).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    sink.put(&prices()[..1]).await.unwrap();
    assert_eq!(sent_tokens(&server), ["Bearer t-1", "Bearer t-2"]);
}

#[tokio::test]
async fn a_refused_token_is_fetched_again_once() {
    let tokens = HttpServer::start([token("t-1", 3600), token("t-2", 3600), token("t-3", 3600)]).await;
    let server = HttpServer::start([status(401), status(200), status(401), status(401)]).await;
    let sink = sink_at(&server, "/", &oauth2(&tokens, &json!({})));
    sink.put(&prices()[..1]).await.unwrap();
    assert_eq!(sent_tokens(&server), ["Bearer t-1", "Bearer t-2"]);
    let failure = batch_failure(sink.put(&prices()[..1]).await);
    assert_eq!(failure.kind(), FailureKind::Fatal, "a second 401 is not about the token");
    assert_eq!(sent_tokens(&server).len(), 4);
}

#[tokio::test]
async fn an_outage_of_the_token_endpoint_is_retriable_and_a_refused_client_is_not() {
    for (reply, kind) in [
        (
            reply(400, "", r#"{"error":"invalid_client","error_description":"hunter2/+ is wrong"}"#),
            FailureKind::Fatal,
        ),
        (reply(401, "", r#"{"error":"invalid_client"}"#), FailureKind::Fatal),
        (status(404), FailureKind::Fatal),
        (status(302), FailureKind::Fatal),
        (reply(503, "retry-after: 5\r\n", ""), FailureKind::Retriable),
        (status(429), FailureKind::Retriable),
        (HttpReply::Close, FailureKind::Retriable),
        (HttpReply::Hang, FailureKind::Retriable),
        (reply(200, "", "<html>"), FailureKind::Retriable),
    ] {
        let (server, tokens) = (HttpServer::start([]).await, HttpServer::start([reply.clone()]).await);
        let mut settings = oauth2(&tokens, &json!({}));
        settings["request_timeout"] = json!("300ms");
        let sink = sink_at(&server, "/", &settings);
        let failure = batch_failure(sink.put(&prices()[..1]).await);
        assert_eq!(failure.kind(), kind, "{reply:?}: {failure}");
        assert!(failure.to_string().contains("token endpoint"), "{failure}");
        assert!(!failure.to_string().contains("hunter2"), "{failure}");
        assert!(server.seen().is_empty(), "nothing is sent without a token");
        if kind == FailureKind::Retriable {
            tokens.script([token("t-1", 60)]);
            sink.put(&prices()[..1]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_check_fetches_a_token_first() {
    let (server, tokens) = (HttpServer::start([]).await, HttpServer::start([status(401)]).await);
    let sink = sink_at(&server, "/", &oauth2(&tokens, &json!({})));
    let findings = sink.check().await;
    assert_eq!(findings.len(), 1, "nothing is asked without a token");
    assert!(findings[0].as_result().is_err_and(|wrong| wrong.contains("client_secret")));
    tokens.script([token("t-1", 60)]);
    let findings = sink.check().await;
    assert!(
        findings.len() == 2 && findings.iter().all(|finding| finding.as_result().is_ok()),
        "{findings:?}"
    );
    assert_eq!(sent_tokens(&server), ["Bearer t-1"]);
}

#[tokio::test]
async fn no_echo_of_a_secret_is_shown() {
    let basic = BASE64.encode("me:hunter2");
    let echo = format!("you sent\n Basic {basic} or hunter2");
    let auth = json!({ "auth": { "basic": { "username": "me", "password": "hunter2" } } });
    let failure = failure_of([reply(400, "", &echo)], &auth).await;
    assert!(failure.to_string().ends_with("was answered 400"), "{failure}");
    assert_eq!(failure.detail(), Some("you sent [redacted] or [redacted]"));
    let tokens = HttpServer::start([token("t-secret", 60)]).await;
    let settings = oauth2(&tokens, &json!({}));
    let failure = failure_of([reply(500, "", "bad token t-secret")], &settings).await;
    assert!(failure.to_string().ends_with("was answered 500"), "{failure}");
    assert_eq!(failure.detail(), Some("bad token [redacted]"));
    assert!(!format!("{failure:?}").contains("t-secret"));
}

#[tokio::test]
async fn no_echo_of_a_secret_is_shown_in_another_notation() {
    let secret = r#"hunter2/"x\y z"#;
    let in_json = serde_json::to_string(secret).unwrap();
    let auth = json!({ "auth": { "header": { "name": "x-key", "value": secret } } });
    for echo in [
        json!({ "key": secret }).to_string(),
        in_json.replace('/', "\\/"),
        "key=hunter2%2F%22x%5Cy%20z".to_owned(),
        "key=hunter2%2f%22x%5cy%20z".to_owned(),
        format!("you sent {secret}"),
    ] {
        let failure = failure_of([reply(400, "", &echo)], &auth).await;
        let detail = failure.detail().unwrap();
        assert!(detail.contains("[redacted]") && !detail.contains("hunter2"), "{echo}: {detail}");
    }
}

/// Signs what a server saw once more, with the same library, and compares.
fn assert_signed(server: &HttpServer, service: &str) {
    let seen = &server.seen()[0];
    let variable = |name, placeholder: &str| std::env::var(name).unwrap_or_else(|_| placeholder.to_owned());
    let credentials = Credentials::new(
        variable("AWS_ACCESS_KEY_ID", "emulator"),
        variable("AWS_SECRET_ACCESS_KEY", "emulator"),
        std::env::var("AWS_SESSION_TOKEN").ok(),
        None,
        "test",
    );
    let mut headers = HeaderMap::new();
    let signed_headers = seen.headers["authorization"].split("SignedHeaders=").nth(1).unwrap();
    for name in signed_headers.split(',').next().unwrap().split(';') {
        if name != "host" && !name.starts_with("x-amz-") {
            headers.insert(name.parse::<HeaderName>().unwrap(), seen.headers[name].parse().unwrap());
        }
    }
    let request = HttpRequest {
        method: seen.method.parse().unwrap(),
        url: format!("{}{}", server.url, seen.path).parse().unwrap(),
        headers,
        body: Bytes::from(seen.body.clone()),
    };
    let time = format!("{} UTC", seen.headers["x-amz-date"]);
    let expected = signature(&request, service, "eu-central-1", credentials, moment(&time)).unwrap();
    assert_eq!(seen.headers["authorization"], expected["authorization"].to_str().unwrap());
    assert_eq!(seen.headers["x-amz-content-sha256"], expected["x-amz-content-sha256"].to_str().unwrap());
    assert!(seen.headers["authorization"].contains(&format!("/eu-central-1/{service}/aws4_request")));
    assert!(
        signed_headers.contains("content-type;host;x-amz-content-sha256;x-amz-date;x-n"),
        "{signed_headers}"
    );
}

/// Reads `20260131T235959Z` by way of the format that `httpdate` knows.
fn moment(amz: &str) -> SystemTime {
    let (date, time) = amz.split_once('T').unwrap();
    let month: usize = date[4..6].parse().unwrap();
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (day, year) = (&date[6..8], &date[..4]);
    let http = (0..7).find_map(|weekday| {
        let weekday = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][weekday];
        let (hour, minute, second) = (&time[..2], &time[2..4], &time[4..6]);
        let text = format!("{weekday}, {day} {} {year} {hour}:{minute}:{second} GMT", months[month - 1]);
        httpdate::parse_http_date(&text).ok()
    });
    http.unwrap()
}

#[tokio::test]
async fn requests_are_signed_for_aws() {
    for (service, method, compression) in [("es", "POST", "none"), ("s3", "PUT", "gzip")] {
        let server = HttpServer::start([]).await;
        let changes = json!({
            "auth": { "sigv4": { "service": service, "region": "eu-central-1" } },
            "headers": { "x-n": "n {{@record.offset}}" },
            "method": method,
            "compression": compression,
        });
        sink_at(&server, "/p/{{ticker}}?b=2&a=1", &changes).put(&[price(0, "a/b c")]).await.unwrap();
        assert_signed(&server, service);
    }
}

#[tokio::test]
async fn a_check_signs_as_well() {
    let server = HttpServer::start([]).await;
    let changes = json!({ "auth": { "sigv4": { "service": "es", "region": "eu-central-1" } } });
    let findings = sink_at(&server, "/", &changes).check().await;
    assert!(
        findings.len() == 3 && findings.iter().all(|finding| finding.as_result().is_ok()),
        "{findings:?}"
    );
    assert!(server.seen()[0].headers["authorization"].starts_with("AWS4-HMAC-SHA256 Credential="));
}

/// The first example of AWS's documentation of Signature Version 4 for S3: a signature that nobody here computed.
#[test]
fn a_signature_is_the_one_that_aws_documents() {
    let request = HttpRequest {
        method: Method::GET,
        url: "https://examplebucket.s3.amazonaws.com/test.txt".parse().unwrap(),
        headers: [(RANGE, "bytes=0-9".parse().unwrap())].into_iter().collect(),
        body: Bytes::new(),
    };
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, None, None, "test");
    let time = moment("20130524T000000Z");
    let signed = signature(&request, "s3", "us-east-1", credentials, time).unwrap();
    let expected = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
                    SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
                    Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    assert_eq!(signed["authorization"], expected);
    assert!(signed["authorization"].is_sensitive());
}

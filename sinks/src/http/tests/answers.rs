use std::time::{Duration, Instant, SystemTime};

use super::*;

#[tokio::test]
async fn every_status_says_what_to_do() {
    use FailureKind::{Fatal, Rejected, Retriable};
    for (code, kind) in [
        (301, Fatal),
        (307, Fatal),
        (400, Rejected),
        (401, Fatal),
        (403, Fatal),
        (404, Rejected),
        (407, Fatal),
        (408, Retriable),
        (409, Rejected),
        (413, Rejected),
        (422, Rejected),
        (425, Retriable),
        (429, Retriable),
        (500, Retriable),
        (501, Retriable),
        (503, Retriable),
        (599, Retriable),
    ] {
        let failure =
            failure_of([reply(code, "location: http://127.0.0.1:1/\r\n", "because")], &json!({})).await;
        assert_eq!(failure.kind(), kind, "{code}");
        assert_eq!(failure.is_throttled(), code == 429);
        assert!(failure.to_string().contains(&format!("was answered {code}")), "{failure}");
        assert!(!failure.to_string().contains("because"), "{failure}");
        assert_eq!(failure.detail(), Some("because"));
    }
    for code in [200, 201, 202, 204, 207] {
        let server = HttpServer::start([status(code)]).await;
        sink_at(&server, "/", &json!({})).put(&prices()[..1]).await.unwrap();
    }
}

/// Whatever the record: with `tolerance: all` they would drain a topic.
#[tokio::test]
async fn a_status_that_speaks_of_the_form_of_the_request_is_the_set_ups_fault_and_says_the_way_out() {
    use FailureKind::{Fatal, Rejected};
    let own_type = json!({ "headers": { "Content-Type": "text/x-own" } });
    let by_record = json!({ "headers": { "content-type": "{{@record.headers.kind}}" } });
    let batch = json!({ "batch": { "format": "json_lines" } });
    for (code, changes, kind, way_out) in [
        (405, json!({}), Fatal, "change `method` or `url`"),
        (406, json!({}), Fatal, "change `headers` or `url`"),
        (411, json!({}), Fatal, "change `headers` or `url`"),
        (421, json!({}), Fatal, "change `headers` or `url`"),
        (426, json!({}), Fatal, "change `headers` or `url`"),
        (415, own_type, Fatal, "change `content-type` under `headers`"),
        (415, batch, Fatal, "change `content-type` under `headers`"),
        (415, json!({}), Rejected, "change `content-type` under `headers`"),
        (405, json!({ "statuses": { "405": "rejected" } }), Rejected, "change `method`"),
        (415, json!({ "batch": { "format": "raw" } }), Rejected, "was answered 415"),
        (451, json!({}), Rejected, "was answered 451"),
    ] {
        let failure = failure_of([status(code)], &changes).await;
        assert_eq!(failure.kind(), kind, "{code}: {changes}");
        assert!(failure.to_string().contains(way_out), "{failure}");
    }
    let server = HttpServer::start([status(415)]).await;
    let mut record = price(0, "OOOO");
    record.headers.push("kind", Some("text/plain".into()));
    let outcome = sink_at(&server, "/", &by_record).put(&[record]).await;
    assert_eq!(record_failures(outcome)[0].1, Rejected);
    // Of a tombstone it speaks of what becomes of those.
    let server = HttpServer::start([status(405)]).await;
    let outcome =
        sink_at(&server, "/{{@record.key}}", &json!({ "on_null": "delete" })).put(&[gone(0, "OOOO")]).await;
    assert_eq!(batch_failure(outcome).kind(), Fatal);
}

#[tokio::test]
async fn a_status_means_what_the_settings_say() {
    let statuses =
        json!({ "statuses": { "404": "fatal", "409": "stored", "503": "rejected", "400": "retriable" } });
    assert_eq!(failure_of([status(404)], &statuses).await.kind(), FailureKind::Fatal);
    assert_eq!(failure_of([status(503)], &statuses).await.kind(), FailureKind::Rejected);
    assert_eq!(failure_of([status(400)], &statuses).await.kind(), FailureKind::Retriable);
    let server = HttpServer::start([status(409)]).await;
    sink_at(&server, "/", &statuses).put(&prices()[..1]).await.unwrap();
}

#[tokio::test]
async fn retry_after_is_heard_as_seconds_and_as_a_date() {
    let date = |seconds| httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(seconds));
    let asked =
        async |code, headers: String| failure_of([reply(code, &headers, "")], &json!({})).await.wait();
    assert_eq!(asked(503, "retry-after: 7\r\n".into()).await, Some(Duration::from_secs(7)));
    assert_eq!(asked(429, "Retry-After: 0\r\n".into()).await, Some(Duration::ZERO));
    let wait = asked(429, format!("retry-after: {}\r\n", date(60))).await.unwrap();
    assert!((55..=60).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(asked(503, format!("retry-after: {}\r\n", date(0))).await, Some(Duration::ZERO));
    let fast_clock = format!("date: {}\r\nretry-after: {}\r\n", date(3600), date(3630));
    assert_eq!(asked(503, fast_clock).await.unwrap().as_secs(), 30);
    let endless = format!("retry-after: {}\r\n", u64::MAX);
    assert_eq!(asked(503, endless).await, Some(Duration::from_hours(24)));
    assert_eq!(asked(503, "retry-after: soon\r\n".into()).await, None);
    assert_eq!(asked(400, "retry-after: 7\r\n".into()).await, None, "a rejected record is not tried again");
}

#[tokio::test]
async fn a_lost_connection_is_retriable_and_not_tried_again_by_the_client() {
    let server = HttpServer::start([HttpReply::Close]).await;
    let sink = sink_at(&server, "/secret", &json!({}));
    let failure = batch_failure(sink.put(&prices()[..1]).await);
    assert_eq!(failure.kind(), FailureKind::Retriable);
    assert!(!failure.to_string().contains("secret"), "{failure}");
    assert_eq!(server.seen().len(), 1);
    sink.put(&prices()[..1]).await.unwrap();
}

#[tokio::test]
async fn an_answer_cut_short_counts_by_its_status() {
    let cut = |code: u16| HttpReply::Text(format!("HTTP/1.1 {code} Told\r\ncontent-length: 99\r\n\r\nhalf"));
    let server = HttpServer::start([cut(200), HttpReply::Close, cut(400)]).await;
    let sink = sink_at(&server, "/", &json!({ "request_timeout": "300ms" }));
    sink.put(&prices()[..1]).await.unwrap();
    assert_eq!(batch_failure(sink.put(&prices()[..1]).await).kind(), FailureKind::Retriable);
    let (_, kind, reason, detail) = details(sink.put(&prices()[..1]).await).remove(0);
    assert_eq!(kind, FailureKind::Rejected);
    assert!(reason.ends_with("400") && detail == "half", "{reason} {detail}");
}

#[tokio::test]
async fn nobody_there_and_no_http_are_retriable() {
    let sink = built("http", json!({ "url": "http://127.0.0.1:1/" }));
    assert_eq!(batch_failure(sink.put(&prices()[..1]).await).kind(), FailureKind::Retriable);
    let failure = failure_of([HttpReply::Text("SMTP ready\r\n\r\n".into())], &json!({})).await;
    assert_eq!(failure.kind(), FailureKind::Retriable);
}

#[tokio::test]
async fn a_target_that_hangs_is_left_at_the_time_out() {
    let start = Instant::now();
    let failure = failure_of([HttpReply::Hang], &json!({ "request_timeout": "200ms" })).await;
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(failure.kind(), FailureKind::Retriable);
    assert!(failure.to_string().contains("`request_timeout`"), "{failure}");
}

#[tokio::test]
async fn a_rejected_record_does_not_keep_the_next_from_being_sent() {
    let server = HttpServer::start([status(200), reply(422, "", "no such ticker"), status(200)]).await;
    let outcome = sink_at(&server, "/", &json!({})).put(&prices()).await;
    assert_eq!(kinds(outcome), [(1, FailureKind::Rejected)]);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn what_comes_after_a_failure_is_not_sent_and_fails_alike() {
    for (code, kind) in [(503, FailureKind::Retriable), (403, FailureKind::Fatal)] {
        let server = HttpServer::start([status(200), reply(code, "retry-after: 9\r\n", "")]).await;
        let outcome = sink_at(&server, "/", &json!({})).put(&prices()).await;
        let Err(PutError::Records(failures)) = outcome else { panic!("{outcome:?}") };
        let seen: Vec<_> = failures.iter().map(|(index, failure)| (*index, failure.kind())).collect();
        assert_eq!(seen, [(1, kind), (2, kind)]);
        let wait = (code == 503).then_some(Duration::from_secs(9));
        assert!(failures.iter().all(|(_, failure)| failure.wait() == wait));
        assert_eq!(server.seen().len(), 2);
    }
}

#[tokio::test]
async fn a_rejected_batch_is_left_to_the_engine_to_narrow() {
    let server = HttpServer::start([status(400), status(400)]).await;
    let sink = sink_at(&server, "/", &json!({ "batch": { "format": "json_array" } }));
    assert_eq!(batch_failure(sink.put(&prices()).await).kind(), FailureKind::Rejected);
    assert_eq!(kinds(sink.put(&prices()[..1]).await), [(0, FailureKind::Rejected)]);
}

#[tokio::test]
async fn a_rejected_request_among_several_blames_no_innocent_record() {
    let server = HttpServer::start([status(200), status(200), status(400)]).await;
    let changes =
        json!({ "batch": { "format": "raw" }, "on_null": "delete", "delete_path": "/{{@record.key}}" });
    let batch = [price(0, "A"), gone(1, "A"), price(2, "B"), price(3, "C")];
    assert_eq!(
        batch_failure(sink_at(&server, "/", &changes).put(&batch).await).kind(),
        FailureKind::Rejected
    );
}

fn with_items(reason: bool) -> Value {
    let mut items = json!({ "pointer": "/items", "status": "/status" });
    if reason {
        items["reason"] = json!("/error");
    }
    json!({ "batch": { "format": "json_array" }, "item_errors": items })
}

#[tokio::test]
async fn an_answer_per_item_names_the_records() {
    let body = r#"{"items":[{"status":201},{"status":"429","error":"slow\n down"},{"status":400,"error":{"type":"bad"}}]}"#;
    let server = HttpServer::start([reply(207, "retry-after: 3\r\n", body)]).await;
    let failures = details(sink_at(&server, "/", &with_items(true)).put(&prices()).await);
    let [(1, FailureKind::Retriable, slow, slow_detail), (2, FailureKind::Rejected, bad, bad_detail)] =
        &*failures
    else {
        panic!("{failures:?}")
    };
    assert!(slow.ends_with("answered 429 for the record") && slow_detail == "slow down", "{slow}");
    assert!(bad.ends_with("answered 400 for the record") && bad_detail == "{\"type\":\"bad\"}", "{bad}");
}

#[tokio::test]
async fn an_answer_that_echoes_names_of_the_json_library_is_read() {
    let echo = r#"{"items":[{"status":201},{"status":400,"error":{"$serde_json::private::Number":"7"}},{"status":200,"of":{"$serde_json::private::Number":7}}]}"#;
    let server = HttpServer::start([reply(207, "", echo)]).await;
    let failures = details(sink_at(&server, "/", &with_items(true)).put(&prices()).await);
    let [(1, FailureKind::Rejected, _, detail)] = &*failures else { panic!("{failures:?}") };
    assert_eq!(detail, r#"{"$serde_json::private::Number":"7"}"#);
}

#[tokio::test]
async fn items_that_are_all_well_are_stored_and_an_item_without_rights_stops() {
    let server = HttpServer::start([
        reply(200, "", r#"{"items":[{"status":200},{"status":201},{"status":204}]}"#),
        reply(200, "", r#"{"items":[{"status":200},{"status":403},{"status":204}]}"#),
    ])
    .await;
    let sink = sink_at(&server, "/", &with_items(false));
    sink.put(&prices()).await.unwrap();
    assert_eq!(kinds(sink.put(&prices()).await), [(1, FailureKind::Fatal)]);
}

#[tokio::test]
async fn an_item_that_is_tried_again_holds_back_what_was_to_be_sent_later() {
    let server = HttpServer::start([reply(200, "", r#"{"items":[{"status":503},{"status":200}]}"#)]).await;
    let mut changes = with_items(false);
    changes["on_null"] = json!("delete");
    changes["delete_path"] = json!("/{{@record.key}}");
    let batch = [price(0, "A"), price(1, "B"), gone(2, "A"), price(3, "A")];
    let outcome = sink_at(&server, "/", &changes).put(&batch).await;
    let again = FailureKind::Retriable;
    assert_eq!(kinds(outcome), [(0, again), (2, again), (3, again)]);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_answer_without_the_items_loses_nothing() {
    for (body, kind) in [
        ("<html>", FailureKind::Retriable),
        (r#"{"items":[{"st"#, FailureKind::Retriable),
        ("{}", FailureKind::Fatal),
        (r#"{"items":[]}"#, FailureKind::Fatal),
        (r#"{"items":[{"status":200}]}"#, FailureKind::Fatal),
    ] {
        let server = HttpServer::start([reply(200, "", body)]).await;
        let failure = batch_failure(sink_at(&server, "/", &with_items(false)).put(&prices()).await);
        assert_eq!(failure.kind(), kind, "{body}");
    }
    let server = HttpServer::start([reply(200, "", r#"{"items":[{"status":200},{},{"status":200}]}"#)]).await;
    let failures = record_failures(sink_at(&server, "/", &with_items(false)).put(&prices()).await);
    assert_eq!(failures[0].1, FailureKind::Fatal);
    assert!(failures[0].2.contains("item_errors.status"), "{failures:?}");
}

#[tokio::test]
async fn a_dropped_put_can_be_put_again() {
    let server = HttpServer::start([HttpReply::Hang]).await;
    let sink = sink_at(&server, "/", &json!({}));
    let batch = prices();
    let mut hanging = sink.put(&batch);
    while server.seen().is_empty() {
        assert!(tokio::time::timeout(Duration::from_millis(10), &mut hanging).await.is_err());
    }
    drop(hanging);
    sink.put(&batch).await.unwrap();
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn an_answer_that_echoes_its_input_says_nothing_of_it_in_the_reason() {
    let sink_says = |code: u16, body: &str| {
        let reply = reply(code, "", body);
        async move {
            let changes = json!({ "headers": { "x-a": "{{ticker}}" } });
            failure_of([reply], &changes).await
        }
    };
    for code in [301, 400, 401, 403, 404, 422, 429, 500, 503] {
        let failure = sink_says(code, "Cannot POST /services/hunter2: card 41114111 of OOOO").await;
        for echo in ["hunter2", "41114111", "OOOO"] {
            assert!(
                !failure.to_string().contains(echo) && !format!("{failure:?}").contains(echo),
                "{failure}"
            );
        }
        assert!(failure.detail().is_some_and(|said| said.contains("card 41114111 of OOOO")));
    }
    let endless = sink_says(422, &"41114111 ".repeat(100_000)).await;
    assert!(endless.to_string().len() < 200 && endless.detail().is_some_and(|said| said.len() <= 4096));
}

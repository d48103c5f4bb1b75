//! A raw HTTP client, and bodies for it to send.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const DOCUMENTS: &str = "/knowledgebases/DEMOKB0001/datasources/DEMODS0001/documents";
pub(crate) const RETRIEVE: &str = "/knowledgebases/DEMOKB0001/retrieve";

pub(crate) struct Client {
    address: SocketAddr,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &body.to_string()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &body.to_string()).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        self.try_send(method, path, body).await.unwrap()
    }

    /// Returns why there is no answer: whether the connection was reset.
    pub(crate) async fn is_reset(&self, method: &str, path: &str, body: &str) -> bool {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}");
        connection.write_all(request.as_bytes()).await.unwrap();
        let read = connection.read(&mut [0]).await;
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    }

    /// Returns `None` when there is no connection, or no answer on it.
    pub(crate) async fn try_send(&self, method: &str, path: &str, body: &str) -> Option<Answer> {
        let signature = format!(
            "authorization: AWS4-HMAC-SHA256 \
             Credential=AKIDEXAMPLE/20261122/us-east-1/bedrock/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature={}\r\n\
             x-amz-date: 20261122T101112Z\r\n",
            "0".repeat(64)
        );
        self.exchange(method, path, &signature, body).await
    }

    pub(crate) async fn unsigned(&self, method: &str, path: &str, body: &str) -> Answer {
        self.exchange(method, path, "", body).await.unwrap()
    }

    async fn exchange(&self, method: &str, path: &str, headers: &str, body: &str) -> Option<Answer> {
        let mut connection = TcpStream::connect(self.address).await.ok()?;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        connection.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.ok()?;
        Answer::parse(&answer)
    }
}

impl Answer {
    fn parse(answer: &str) -> Option<Self> {
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some(Self {
            status: head.split(' ').nth(1)?.parse().ok()?,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.into_iter().find_map(|(key, value)| (key == name).then_some(value))
    }

    pub(crate) fn statuses(&self) -> Vec<String> {
        self.details("/status")
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.details("/identifier/custom/id")
    }

    fn details(&self, pointer: &str) -> Vec<String> {
        let body = self.json();
        let details = body["documentDetails"].as_array().unwrap().iter();
        details.map(|detail| detail.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn document(id: &str, text: &str) -> Value {
    json!({ "content": {
        "dataSourceType": "CUSTOM",
        "custom": {
            "customDocumentIdentifier": { "id": id },
            "sourceType": "IN_LINE",
            "inlineContent": { "type": "TEXT", "textContent": { "data": text } },
        },
    } })
}

pub(crate) fn documents(ids: &[&str]) -> Value {
    let documents: Vec<Value> = ids.iter().map(|id| document(id, "some text")).collect();
    json!({ "documents": documents })
}

pub(crate) fn identifiers(ids: &[&str]) -> Value {
    let named = |id: &&str| json!({ "dataSourceType": "CUSTOM", "custom": { "id": id } });
    json!({ "documentIdentifiers": ids.iter().map(named).collect::<Vec<_>>() })
}

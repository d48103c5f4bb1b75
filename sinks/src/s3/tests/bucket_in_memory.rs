//! A bucket in memory that keeps to the rules of multipart uploads and of `If-None-Match`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sluice_wire_testing::{HttpReply, HttpServer, SeenRequest, reply, status};

/// S3 takes no smaller part but the last.
const LEAST_PART: usize = 5 * 1024 * 1024;

#[derive(Default)]
struct Store {
    objects: BTreeMap<String, Vec<u8>>,
    uploads: BTreeMap<String, BTreeMap<usize, Vec<u8>>>,
    begun: usize,
    /// How many calls fail from now on, and with what status and code.
    failing: (usize, u16, &'static str),
}

impl Store {
    /// Makes an object of the parts of an upload, of which the body has to name each.
    fn complete(&mut self, id: &str, key: String, body: &str) -> HttpReply {
        let parts = self.uploads.remove(id).unwrap();
        for (index, (number, part)) in parts.iter().enumerate() {
            let length = part.len();
            let tag = format!("<PartNumber>{number}</PartNumber><ETag>&quot;{number}-{length}&quot;</ETag>");
            assert!(body.contains(&tag), "{body} lacks {tag}");
            assert!(index + 1 == parts.len() || length >= LEAST_PART, "part {number} is too small");
        }
        self.objects.insert(key, parts.into_values().flatten().collect());
        reply(200, "", "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
    }
}

/// A bucket called `archive`.
#[derive(Clone, Default)]
pub(super) struct BucketInMemory(Arc<Mutex<Store>>);

impl BucketInMemory {
    pub(super) async fn serve(&self) -> HttpServer {
        let bucket = self.clone();
        HttpServer::start_answering(move |seen| bucket.answer(seen)).await
    }

    /// Returns the names of the objects.
    pub(super) fn keys(&self) -> Vec<String> {
        self.0.lock().unwrap().objects.keys().cloned().collect()
    }

    pub(super) fn object(&self, key: &str) -> Vec<u8> {
        self.0.lock().unwrap().objects[key].clone()
    }

    pub(super) fn uploads(&self) -> usize {
        self.0.lock().unwrap().uploads.len()
    }

    /// Lets the next calls fail with a status.
    pub(super) fn fail(&self, calls: usize, status: u16) {
        self.refuse(calls, status, "");
    }

    /// Lets the next calls fail with a status and the code of an error.
    pub(super) fn refuse(&self, calls: usize, status: u16, code: &'static str) {
        self.0.lock().unwrap().failing = (calls, status, code);
    }

    /// Forgets all uploads, as a rule of the bucket does after a while.
    pub(super) fn expire_uploads(&self) {
        self.0.lock().unwrap().uploads.clear();
    }

    fn answer(&self, seen: &SeenRequest) -> HttpReply {
        let mut store = self.0.lock().unwrap();
        if store.failing.0 > 0 {
            store.failing.0 -= 1;
            let (_, status, code) = store.failing;
            return reply(status, "", &format!("<Error><Code>{code}</Code></Error>"));
        }
        let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
        let key = path.strip_prefix("/archive/").unwrap().replace("%3D", "=");
        let queried = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).map(str::to_owned)
        };
        let only_new = seen.headers.get("if-none-match").is_some_and(|tag| tag == "*");
        let is_there = store.objects.contains_key(&key);
        let upload = queried("uploadId").map(|id| id.replace("%2F", "/"));
        match (seen.method.as_str(), upload) {
            ("HEAD", _) => match store.objects.get(&key) {
                Some(bytes) => {
                    HttpReply::Text(format!("HTTP/1.1 200 Told\r\ncontent-length: {}\r\n\r\n", bytes.len()))
                }
                None => status(404),
            },
            ("POST", None) if query == "uploads=" => {
                store.begun += 1;
                let id = format!("upload/{}", store.begun);
                store.uploads.insert(id.clone(), BTreeMap::new());
                reply(200, "", &format!("<R><UploadId>{id}</UploadId></R>"))
            }
            (_, Some(id)) if !store.uploads.contains_key(&id) => {
                reply(404, "", "<Error><Code>NoSuchUpload</Code></Error>")
            }
            ("PUT", Some(id)) => {
                let number: usize = queried("partNumber").unwrap().parse().unwrap();
                store.uploads.get_mut(&id).unwrap().insert(number, seen.body.clone());
                reply(200, &format!("ETag: \"{number}-{}\"\r\n", seen.body.len()), "")
            }
            ("DELETE", Some(id)) => {
                store.uploads.remove(&id);
                status(204)
            }
            ("POST", Some(_)) | ("PUT", None) if only_new && is_there => status(412),
            ("POST", Some(id)) => store.complete(&id, key, seen.text()),
            ("PUT", None) => {
                store.objects.insert(key, seen.body.clone());
                status(200)
            }
            other => panic!("{other:?}"),
        }
    }
}

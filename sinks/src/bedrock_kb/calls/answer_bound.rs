//! How much of an answer is read: whatever a server sends, it must not fill the memory.

use std::pin::Pin;
use std::task::{Context, Poll};

use aws_sdk_bedrockagent::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_bedrockagent::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_bedrockagent::error::BoxError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame};

/// Bytes of an answer about documents that are read: 25 documents with long ids and reasons take less than a tenth.
pub(crate) const DOCUMENT_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of an answer with passages that are read: a hundred of the longest take about a quarter.
pub(crate) const PASSAGE_BYTES: usize = 16 * 1024 * 1024;

/// Cuts every answer off after so many bytes. What is left of it counts by its status, and is no answer that can be read.
#[derive(Debug)]
pub(crate) struct AnswerBound {
    most_bytes: usize,
}

impl AnswerBound {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self { most_bytes }
    }
}

impl Intercept for AnswerBound {
    fn name(&self) -> &'static str {
        "AnswerBound"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let body = response.take_body();
        *response.body_mut() = SdkBody::from_body_1_x(BoundedBody { body, left: self.most_bytes });
        Ok(())
    }
}

/// A body that ends after so many bytes.
struct BoundedBody {
    body: SdkBody,
    left: usize,
}

impl Body for BoundedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let frame = match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => frame,
            other => return other,
        };
        let bounded = frame.map_data(|mut data| {
            data.truncate(self.left);
            self.left -= data.len();
            data
        });
        Poll::Ready(Some(Ok(bounded)))
    }
}

//! Gives a client its token; the safe wrapper does so from a poll only.
#![allow(unsafe_code, reason = "a foreign function; see the safety comment")]

use std::ffi::{CStr, CString};
use std::ptr;

use rdkafka::bindings::rd_kafka_oauthbearer_set_token;
use rdkafka::client::{Client, ClientContext, OAuthToken};
use rdkafka::types::RDKafkaRespErr;
use sluice_connector_api::BoxError;

/// Room for librdkafka's reason, which is a line.
const REASON: usize = 512;

/// Gives a client its token. The wrapper does so from a poll only, and never for an admin client, which has none.
pub(crate) fn set_token<C: ClientContext>(client: &Client<C>, token: &OAuthToken) -> Result<(), BoxError> {
    let value = CString::new(token.token.as_str())?;
    let principal = CString::new(token.principal_name.as_str())?;
    let mut reason = vec![0; REASON];
    // SAFETY: the client is borrowed for this call, and so alive; the strings and the buffer outlive it; there are no
    // extensions. The function may be called by any thread, and copies what it is given.
    let code = unsafe {
        rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            value.as_ptr(),
            token.lifetime_ms,
            principal.as_ptr(),
            ptr::null_mut(),
            0,
            reason.as_mut_ptr().cast(),
            reason.len(),
        )
    };
    if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(());
    }
    let reason = CStr::from_bytes_until_nul(&reason)?;
    Err(format!("librdkafka refuses the token: {}", reason.to_string_lossy()).into())
}

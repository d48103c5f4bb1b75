//! The check of a request's signature: that there is one, and that it has the right form.
//!
//! The signature itself is not verified: the emulator knows no secret key. Form: "Signature
//! Version 4", `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request,
//! SignedHeaders=<a;b>, Signature=<64 hex digits>`, with the time in `x-amz-date`.

use axum::http::HeaderMap;

use crate::error::ServiceError;
use crate::shape::ModelPattern;

/// Both services sign as `bedrock`, whatever their endpoint prefix (botocore 1.44.5).
const SERVICE: &str = "bedrock";

static AMZ_DATE: ModelPattern = ModelPattern::new("^[0-9]{8}T[0-9]{6}Z$");
static HEX_SHA256: ModelPattern = ModelPattern::new("^[0-9a-f]{64}$");

/// Refuses a request that AWS would refuse for its signature's form or for its access key.
pub(crate) fn check(headers: &HeaderMap, expected_key: Option<&str>) -> Result<(), ServiceError> {
    let authorization = header(headers, "authorization").ok_or_else(missing_token)?;
    let signature = Signature::parse(authorization)?;
    signature.check_scope(headers)?;
    match expected_key {
        Some(key) if key != signature.access_key_id => Err(unrecognized_client()),
        _ => Ok(()),
    }
}

struct Signature<'a> {
    access_key_id: &'a str,
    scope: Vec<&'a str>,
    signed_headers: &'a str,
}

impl<'a> Signature<'a> {
    fn parse(authorization: &'a str) -> Result<Self, ServiceError> {
        let parameters = authorization
            .strip_prefix("AWS4-HMAC-SHA256 ")
            .ok_or_else(|| incomplete("Authorization header requires 'AWS4-HMAC-SHA256'."))?;
        let credential = parameter(parameters, "Credential")?;
        let signed_headers = parameter(parameters, "SignedHeaders")?;
        if !HEX_SHA256.holds(parameter(parameters, "Signature")?) {
            return Err(incomplete("'Signature' must be 64 hexadecimal digits."));
        }
        let mut parts = credential.split('/');
        Ok(Self { access_key_id: parts.next().unwrap_or_default(), scope: parts.collect(), signed_headers })
    }

    fn check_scope(&self, headers: &HeaderMap) -> Result<(), ServiceError> {
        let [date, region, SERVICE, "aws4_request"] = self.scope.as_slice() else {
            let problem = format!("Credential should be scoped to correct service: '{SERVICE}'.");
            return Err(incomplete(&problem));
        };
        if self.access_key_id.is_empty() || region.is_empty() {
            return Err(incomplete("Credential must name an access key and a region."));
        }
        let time = header(headers, "x-amz-date").unwrap_or_default();
        if !AMZ_DATE.holds(time) || !time.starts_with(date) {
            let problem = "'X-Amz-Date' must be there and match the date in 'Credential'.";
            return Err(incomplete(problem));
        }
        self.check_signed_headers()
    }

    fn check_signed_headers(&self) -> Result<(), ServiceError> {
        let signed = |name: &str| self.signed_headers.split(';').any(|header| header == name);
        if signed("host") && signed("x-amz-date") {
            return Ok(());
        }
        let problem = "'Host' and 'X-Amz-Date' must be in 'SignedHeaders'.";
        Err(incomplete(problem))
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Result<&'a str, ServiceError> {
    parameters
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
        .ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
}

fn missing_token() -> ServiceError {
    let message = "Missing Authentication Token";
    ServiceError::new(403, "MissingAuthenticationTokenException", message)
}

fn incomplete(message: &str) -> ServiceError {
    ServiceError::new(403, "IncompleteSignatureException", message)
}

fn unrecognized_client() -> ServiceError {
    let message = "The security token included in the request is invalid.";
    ServiceError::new(403, "UnrecognizedClientException", message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const KEY: &str = "AKIDEXAMPLE";

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", authorization.parse().unwrap());
        headers.insert("x-amz-date", "20261122T101112Z".parse().unwrap());
        headers
    }

    fn signed() -> String {
        let signature = "0".repeat(64);
        format!(
            "AWS4-HMAC-SHA256 Credential={KEY}/20261122/us-east-1/bedrock/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature={signature}"
        )
    }

    fn code(headers: &HeaderMap, expected: Option<&str>) -> Option<String> {
        check(headers, expected).err().map(|error| error.code)
    }

    #[test]
    fn takes_a_well_formed_signature() {
        assert_eq!(code(&headers(&signed()), None), None);
        assert_eq!(code(&headers(&signed()), Some(KEY)), None);
    }

    #[test]
    fn asks_for_a_signature_where_there_is_none() {
        let code = code(&HeaderMap::new(), None).unwrap();
        assert_eq!(code, "MissingAuthenticationTokenException");
    }

    #[test]
    fn refuses_every_way_in_which_a_signature_can_be_incomplete() {
        let whole = signed();
        let broken = [
            whole.replace("AWS4-HMAC-SHA256", "Bearer"),
            whole.replace("/bedrock/", "/s3/"),
            whole.replace("/aws4_request", ""),
            whole.replace(KEY, ""),
            whole.replace(";host", ""),
            whole.replace("/20261122/", "/20261123/"),
            whole.replace("Signature=0", "Signature=x"),
            whole.replace("SignedHeaders=", "Headers="),
        ];
        for authorization in broken {
            let code = code(&headers(&authorization), None);
            assert_eq!(code.as_deref(), Some("IncompleteSignatureException"), "{authorization}");
        }
    }

    #[test]
    fn asks_for_the_date_of_the_request() {
        let mut headers = headers(&signed());
        headers.remove("x-amz-date");
        let code = code(&headers, None).unwrap();
        assert_eq!(code, "IncompleteSignatureException");
    }

    #[test]
    fn knows_only_the_expected_access_key() {
        let code = code(&headers(&signed()), Some("SOMEONEELSE")).unwrap();
        assert_eq!(code, "UnrecognizedClientException");
    }
}

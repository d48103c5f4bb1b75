//! AWS credentials that were not found.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use sluice_connector_api::{Failure, Trouble};

use crate::text::causes;

/// Tells credentials that are not there from those that could not be fetched just now.
pub fn credentials_failure(error: &CredentialsError) -> Failure {
    let said = causes(error);
    let said = said.trim_end_matches('.');
    let missing = matches!(
        error,
        CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_)
    );
    let way_out = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run with a role of the \
                   instance, task, pod or function";
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        // What each place in the chain said is no help: none of them was set up.
        Failure::fatal(format!("found no AWS credentials in any of the usual places; {way_out}"))
    } else if missing {
        Failure::fatal(format!("found no AWS credentials: {said}; {way_out}"))
    } else {
        Failure::retriable(format!("cannot fetch AWS credentials: {said}; if it stays so, {way_out}"))
            .because(Trouble::Unreachable)
    }
}

/// Finds the credentials' error below another: the SDK reports it as a failure to dispatch the request.
pub fn credentials_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CredentialsError> {
    std::iter::successors(Some(error), |error| (*error).source()).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sluice_connector_api::FailureKind;

    use super::*;

    #[test]
    fn missing_credentials_are_fatal_and_unreachable_ones_are_not() {
        let missing = credentials_failure(&CredentialsError::not_loaded("no providers in chain"));
        assert_eq!(missing.kind(), FailureKind::Fatal);
        assert!(missing.to_string().contains("AWS_PROFILE"), "{missing}");
        let late = credentials_failure(&CredentialsError::provider_timed_out(Duration::from_secs(5)));
        assert_eq!(late.kind(), FailureKind::Retriable);
        assert!(late.to_string().contains("AWS_PROFILE"), "{late}");
    }
}

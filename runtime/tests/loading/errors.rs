//! What happens when something fails, as a file says it.

use sluice_runtime::engine::letters::tolerance::{Threshold, ThresholdSetting};

use crate::plug_ins::{load, problems, registry, with_source};

/// A connector file with these settings of `errors`.
fn with_errors(errors: &str) -> String {
    format!("{}errors: {{ tolerance: all, {errors} }}\n", with_source(""))
}

#[tokio::test]
async fn a_threshold_is_a_share_or_off_and_has_a_default() {
    let of = |rejected, of_last| ThresholdSetting::At(Threshold { rejected, of_last });
    let settings = [
        ("", of(50, 100)),
        ("threshold: { rejected: 3, of_last: 7 }", of(3, 7)),
        ("threshold: off", ThresholdSetting::Off),
    ];
    for (errors, expected) in settings {
        let connector = load(&with_errors(errors), &registry()).await.unwrap();
        assert_eq!(connector.errors.threshold, expected, "{errors}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_threshold_is_said_where_it_stands() {
    let settings = [
        ("threshold: of", "`errors.threshold`: expected a map or one of `off`, found `of`"),
        ("threshold: { rejected: 3 }", "missing key `errors.threshold.of_last`"),
        ("threshold: { rejected: 0, of_last: 7 }", "`errors.threshold.rejected`: "),
        ("threshold: { rejected: 8, of_last: 7 }", "`errors.threshold.rejected`: is more than `of_last`"),
        ("threshold: { rejected: 3, of: 7 }", "unknown key `errors.threshold.of`; did you mean"),
    ];
    for (errors, expected) in settings {
        let problems = problems(&with_errors(errors)).await;
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{errors}: {problems:?}");
    }
}

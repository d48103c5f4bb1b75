# What the module plans, with a provider that asks nobody: `terraform test` in infra/terraform.
mock_provider "awscc" {}

variables {
  cluster_arn = "arn:aws:kafka:eu-central-1:123456789012:cluster/orders/abc-1"
  topic       = "orders"
  code_bucket = "code"
  code_key    = "sluice/1.zip"
}

run "provisioned_pollers_take_partial_answers" {
  command = plan
  assert {
    condition     = awscc_lambda_function.sluice.environment.variables["SLUICE_BATCH_RESPONSE"] == "partial"
    error_message = "Provisioned pollers take partial answers."
  }
  assert {
    condition     = awscc_lambda_event_source_mapping.topic.function_response_types == tolist(["ReportBatchItemFailures"])
    error_message = "The mapping has to heed what the function answers, or records are lost."
  }
  assert {
    condition     = awscc_lambda_event_source_mapping.topic.amazon_managed_kafka_event_source_config.consumer_group_id == "connect-stock-prices"
    error_message = "The group is made of the connector's name."
  }
}

run "pollers_on_demand_take_no_partial_answers" {
  command = plan
  variables {
    poller_mode = "on-demand"
  }
  assert {
    condition     = awscc_lambda_function.sluice.environment.variables["SLUICE_BATCH_RESPONSE"] == "whole"
    error_message = "Pollers on demand pass over a partial answer, and records are lost."
  }
}

run "answers_are_whole_while_pollers_change" {
  command = plan
  variables {
    batch_response = "whole"
  }
  assert {
    condition     = awscc_lambda_function.sluice.environment.variables["SLUICE_BATCH_RESPONSE"] == "whole"
    error_message = "The first of two steps."
  }
}

run "more_rights_are_given_by_policies" {
  command = plan
  variables {
    policy_arns = ["arn:aws:iam::123456789012:policy/dead-letters"]
  }
  assert {
    condition     = length(awscc_iam_role.function.managed_policy_arns) == 1
    error_message = "The policy is not the role's."
  }
}

run "a_name_that_is_none_is_refused" {
  command = plan
  variables {
    name = "Sluice!"
  }
  expect_failures = [var.name]
}

run "a_mode_that_is_none_is_refused" {
  command = plan
  variables {
    poller_mode = "sometimes"
  }
  expect_failures = [var.poller_mode]
}

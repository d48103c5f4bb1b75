output "knowledge_base_id" {
  value = awscc_bedrock_knowledge_base.documents.knowledge_base_id
}

output "data_source_id" {
  value = awscc_bedrock_data_source.documents.data_source_id
}

output "function_name" {
  value = awscc_lambda_function.sluice.function_name
}

output "role_arn" {
  value = awscc_iam_role.function.arn
}

output "failure_bucket" {
  description = "Records that could not be stored"
  value       = awscc_s3_bucket.failures.bucket_name
}

# The function, its mapping and the knowledge base that it fills, beside an Amazon MSK cluster that is there: what
# infra/cloudformation/function.yaml and knowledge-base.yaml make, for those who use Terraform or OpenTofu.

locals {
  arn_parts  = split(":", var.cluster_arn)
  partition  = local.arn_parts[1]
  region     = local.arn_parts[3]
  account    = local.arn_parts[4]
  name_id    = split(":cluster/", var.cluster_arn)[1]
  group      = coalesce(var.consumer_group, "connect-${var.connector_name}")
  kafka      = "arn:${local.partition}:kafka:${local.region}:${local.account}"
  model_arn  = "arn:${local.partition}:bedrock:${local.region}::foundation-model/${var.embedding_model}"
  lambda_arn = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}"

  # Only then does Lambda look at a partial answer; it passes over one otherwise, and records are lost.
  provisioned = var.poller_mode == "provisioned"
  answers     = local.provisioned && var.batch_response == "partial" ? "partial" : "whole"
  pollers = {
    minimum_pollers   = 1
    maximum_pollers   = 1
    poller_group_name = var.poller_group_name
  }
  response_types = ["ReportBatchItemFailures"]
  poller_log     = { system_log_level = "WARN" }
  poller_counts  = { metrics = ["EventCount", "ErrorCount"] }
  titan = {
    bedrock_embedding_model_configuration = {
      dimensions          = var.embedding_dimension
      embedding_data_type = "FLOAT32"
    }
  }

  trust_bedrock = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "bedrock.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:bedrock:${local.region}:${local.account}:knowledge-base/*" }
      }
    }]
  }
  trust_lambda = {
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  }

  embed_and_store = [
    { Sid = "Embed", Effect = "Allow", Action = ["bedrock:InvokeModel"], Resource = local.model_arn },
    {
      Sid      = "Store"
      Effect   = "Allow"
      Action   = ["s3vectors:PutVectors", "s3vectors:GetVectors", "s3vectors:DeleteVectors", "s3vectors:QueryVectors", "s3vectors:GetIndex"]
      Resource = awscc_s3vectors_index.documents.index_arn
    },
  ]
  log = [
    { Sid = "Log", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = awscc_logs_log_group.function.arn },
  ]
  read_the_topic = [
    { Sid = "FindTheBrokers", Effect = "Allow", Action = ["kafka:DescribeCluster", "kafka:DescribeClusterV2"], Resource = var.cluster_arn },
    # Cannot be narrowed to a cluster.
    { Sid = "NameTheBrokers", Effect = "Allow", Action = ["kafka:GetBootstrapBrokers"], Resource = "*" },
    { Sid = "Connect", Effect = "Allow", Action = ["kafka-cluster:Connect", "kafka-cluster:DescribeClusterDynamicConfiguration"], Resource = var.cluster_arn },
    { Sid = "ReadTheTopic", Effect = "Allow", Action = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"], Resource = "${local.kafka}:topic/${local.name_id}/${var.topic}" },
    { Sid = "JoinTheGroup", Effect = "Allow", Action = ["kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"], Resource = "${local.kafka}:group/${local.name_id}/${local.group}" },
    # Of the pollers. Lambda makes them, in whichever subnet.
    { Sid = "NetworkInterfaces", Effect = "Allow", Action = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"], Resource = "arn:${local.partition}:ec2:${local.region}:${local.account}:*/*" },
    {
      Sid      = "DescribeTheNetwork"
      Effect   = "Allow"
      Action   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"]
      Resource = "*"
    },
    # That is Lambda's part; the function's own code has nothing to do with the network's interfaces.
    {
      Sid       = "NotTheCodeItself"
      Effect    = "Deny"
      Action    = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"]
      Resource  = "*"
      Condition = { ArnLike = { "lambda:SourceFunctionArn" = [local.lambda_arn, "${local.lambda_arn}:*"] } }
    },
  ]
  write_documents = [
    {
      Sid      = "Documents"
      Effect   = "Allow"
      Action   = ["bedrock:IngestKnowledgeBaseDocuments", "bedrock:DeleteKnowledgeBaseDocuments", "bedrock:GetKnowledgeBaseDocuments", "bedrock:StartIngestionJob"]
      Resource = awscc_bedrock_knowledge_base.documents.knowledge_base_arn
    },
  ]
  keep_failures = [
    { Sid = "FindTheBucket", Effect = "Allow", Action = ["s3:ListBucket"], Resource = awscc_s3_bucket.failures.arn },
    { Sid = "KeepFailures", Effect = "Allow", Action = ["s3:PutObject"], Resource = "${awscc_s3_bucket.failures.arn}/aws/lambda/*" },
  ]
  only_encrypted = [
    {
      Sid       = "OnlyEncrypted"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["s3:*"]
      Resource  = [awscc_s3_bucket.failures.arn, "${awscc_s3_bucket.failures.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    },
  ]
}

# --- The knowledge base. Nothing that holds documents is destroyed by a plan; take prevent_destroy away to do so. ---------

resource "awscc_s3vectors_vector_bucket" "documents" {
  encryption_configuration = { sse_type = "AES256" }
  lifecycle {
    prevent_destroy = true
  }
}

resource "awscc_s3vectors_index" "documents" {
  vector_bucket_arn = awscc_s3vectors_vector_bucket.documents.vector_bucket_arn
  index_name        = "documents"
  data_type         = "float32"
  dimension         = var.embedding_dimension
  distance_metric   = "cosine"
  metadata_configuration = {
    non_filterable_metadata_keys = ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]
  }
  lifecycle {
    prevent_destroy = true
  }
}

resource "awscc_iam_role" "knowledge_base" {
  description                 = "What the knowledge base may do"
  assume_role_policy_document = jsonencode(local.trust_bedrock)
  policies = [
    { policy_name = "embed-and-store", policy_document = jsonencode({ Version = "2012-10-17", Statement = local.embed_and_store }) },
  ]
}

resource "awscc_bedrock_knowledge_base" "documents" {
  name     = var.name
  role_arn = awscc_iam_role.knowledge_base.arn
  knowledge_base_configuration = {
    type = "VECTOR"
    vector_knowledge_base_configuration = {
      embedding_model_arn           = local.model_arn
      embedding_model_configuration = var.embedding_model == "amazon.titan-embed-text-v2:0" ? local.titan : null
    }
  }
  storage_configuration = {
    type                     = "S3_VECTORS"
    s3_vectors_configuration = { index_arn = awscc_s3vectors_index.documents.index_arn }
  }
  lifecycle {
    prevent_destroy = true
  }
}

resource "awscc_bedrock_data_source" "documents" {
  knowledge_base_id         = awscc_bedrock_knowledge_base.documents.knowledge_base_id
  name                      = var.name
  data_deletion_policy      = "DELETE"
  data_source_configuration = { type = "CUSTOM" }
  vector_ingestion_configuration = {
    chunking_configuration = {
      chunking_strategy = "FIXED_SIZE"
      fixed_size_chunking_configuration = {
        max_tokens         = var.chunk_tokens
        overlap_percentage = 20
      }
    }
  }
  lifecycle {
    prevent_destroy = true
  }
}

# --- The function and what calls it -----------------------------------------------------------------------------------

resource "awscc_logs_log_group" "function" {
  log_group_name    = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "awscc_s3_bucket" "failures" {
  bucket_encryption = {
    server_side_encryption_configuration = [{ server_side_encryption_by_default = { sse_algorithm = "AES256" } }]
  }
  public_access_block_configuration = {
    block_public_acls       = true
    block_public_policy     = true
    ignore_public_acls      = true
    restrict_public_buckets = true
  }
  lifecycle_configuration = {
    rules = [{
      id                                = "forget"
      status                            = "Enabled"
      expiration_in_days                = 90
      abort_incomplete_multipart_upload = { days_after_initiation = 1 }
    }]
  }
  lifecycle {
    prevent_destroy = true
  }
}

resource "awscc_s3_bucket_policy" "failures" {
  bucket          = awscc_s3_bucket.failures.bucket_name
  policy_document = jsonencode({ Version = "2012-10-17", Statement = local.only_encrypted })
}

resource "awscc_iam_role" "function" {
  description                 = "What the function and its event source mapping may do"
  assume_role_policy_document = jsonencode(local.trust_lambda)
  managed_policy_arns         = length(var.policy_arns) > 0 ? var.policy_arns : null
  policies = [
    { policy_name = "log", policy_document = jsonencode({ Version = "2012-10-17", Statement = local.log }) },
    { policy_name = "read-the-topic", policy_document = jsonencode({ Version = "2012-10-17", Statement = local.read_the_topic }) },
    { policy_name = "write-documents", policy_document = jsonencode({ Version = "2012-10-17", Statement = local.write_documents }) },
    { policy_name = "keep-failures", policy_document = jsonencode({ Version = "2012-10-17", Statement = local.keep_failures }) },
  ]
}

resource "awscc_lambda_function" "sluice" {
  function_name                  = var.name
  description                    = "Sluice, from Amazon MSK to an Amazon Bedrock knowledge base"
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  code                           = { s3_bucket = var.code_bucket, s3_key = var.code_key }
  role                           = awscc_iam_role.function.arn
  memory_size                    = var.memory_size
  timeout                        = 300
  reserved_concurrent_executions = var.reserved_concurrency
  logging_config                 = { log_group = awscc_logs_log_group.function.log_group_name }
  environment = {
    variables = {
      KBID                  = awscc_bedrock_knowledge_base.documents.knowledge_base_id
      DSID                  = awscc_bedrock_data_source.documents.data_source_id
      SLUICE_BATCH_RESPONSE = local.answers
    }
  }
}

resource "awscc_lambda_event_source_mapping" "topic" {
  function_name                            = awscc_lambda_function.sluice.arn
  event_source_arn                         = var.cluster_arn
  topics                                   = [var.topic]
  amazon_managed_kafka_event_source_config = { consumer_group_id = local.group }
  starting_position                        = var.starting_position
  batch_size                               = var.batch_size
  maximum_batching_window_in_seconds       = 1
  provisioned_poller_config                = local.provisioned ? local.pollers : null
  function_response_types                  = local.provisioned ? local.response_types : null
  bisect_batch_on_function_error           = local.provisioned ? true : null
  maximum_retry_attempts                   = local.provisioned ? var.maximum_retry_attempts : null
  maximum_record_age_in_seconds            = local.provisioned ? -1 : null
  logging_config                           = local.provisioned ? local.poller_log : null
  destination_config                       = { on_failure = { destination = awscc_s3_bucket.failures.arn } }
  metrics_config                           = local.provisioned ? local.poller_counts : null
}

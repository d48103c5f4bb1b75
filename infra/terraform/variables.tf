variable "name" {
  description = "Name of the function, the knowledge base and what goes with them: small letters, digits and single dashes."
  type        = string
  default     = "sluice"
  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9]){0,39}$", var.name))
    error_message = "A name has small letters, digits and single dashes, 40 at most."
  }
}

variable "code_bucket" {
  description = "Bucket with the package, in this region; infra/lambda/package makes it."
  type        = string
}

variable "code_key" {
  description = "Key of the package; another key for other code, or the function is not updated."
  type        = string
}

variable "connector_name" {
  description = "Name of the connector in the package, its file's stem. The consumer group is made of it."
  type        = string
  default     = "stock-prices"
}

variable "architecture" {
  description = "What the package was built for: x86_64 or arm64."
  type        = string
  default     = "x86_64"
  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "An architecture is x86_64 or arm64."
  }
}

variable "memory_size" {
  description = "MiB of the function."
  type        = number
  default     = 256
}

variable "reserved_concurrency" {
  description = "Invocations at once; null reserves none. One process learns one pace of calls, so 1 makes the most of the quota."
  type        = number
  default     = 1
}

variable "policy_arns" {
  description = "Managed policies of the function's role beside its own rights, for what else the connector names: dead letters in a queue, secrets."
  type        = list(string)
  default     = []
}

variable "cluster_arn" {
  description = "An Amazon MSK cluster with IAM authentication."
  type        = string
  validation {
    condition     = can(regex("^arn:[a-z-]+:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[^/]+/.+$", var.cluster_arn))
    error_message = "This is not the ARN of a cluster."
  }
}

variable "topic" {
  description = "The topic to read, as in the connector file."
  type        = string
  default     = "streamtopic"
}

variable "consumer_group" {
  description = "Consumer group; null is connect- and the connector's name. With another one the topic is read anew."
  type        = string
  default     = null
}

variable "starting_position" {
  description = "Where a group without offsets begins: TRIM_HORIZON or LATEST."
  type        = string
  default     = "TRIM_HORIZON"
}

variable "batch_size" {
  description = "Records an invocation, at most."
  type        = number
  default     = 100
}

variable "poller_mode" {
  description = "provisioned, or on-demand, which is cheap: the network of the cluster then needs endpoints of Lambda and STS or a NAT gateway, and a batch with a record at fault is tried until the record expires."
  type        = string
  default     = "provisioned"
  validation {
    condition     = contains(["provisioned", "on-demand"], var.poller_mode)
    error_message = "A mode is provisioned or on-demand."
  }
}

variable "batch_response" {
  description = "partial or whole. From on-demand to provisioned pollers go in two steps, the first with whole, or records are lost."
  type        = string
  default     = "partial"
  validation {
    condition     = contains(["partial", "whole"], var.batch_response)
    error_message = "An answer is partial or whole."
  }
}

variable "poller_group_name" {
  description = "Mappings in one network with the same name share what is paid for provisioned pollers; null shares with nobody."
  type        = string
  default     = null
}

variable "maximum_retry_attempts" {
  description = "How often a batch is tried again before it goes to the failure bucket."
  type        = number
  default     = 100
}

variable "embedding_model" {
  description = "Model that makes vectors of documents. Another one is another knowledge base."
  type        = string
  default     = "amazon.titan-embed-text-v2:0"
}

variable "embedding_dimension" {
  description = "Length of a vector: 256, 512 or 1024. Another one is another index."
  type        = number
  default     = 1024
}

variable "chunk_tokens" {
  description = "Tokens of a chunk. Another number is another data source."
  type        = number
  default     = 300
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 14
}

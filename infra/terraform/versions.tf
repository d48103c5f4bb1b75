terraform {
  required_version = ">= 1.3"
  required_providers {
    # The provider that is made of CloudFormation's own resource schemas: what is checked against these is right here, too.
    awscc = {
      source  = "hashicorp/awscc"
      version = ">= 1.60.0"
    }
  }
}

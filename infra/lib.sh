#!/usr/bin/env bash
# What deploy, destroy, rollback and send share. Their `dry_run` decides whether anything is done. All of them run on the
# bash 3.2 of macOS, too.

# Ends with a word on what is not understood or not possible.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 2
}

# Runs a command, or only prints it.
run() {
  if ${dry_run:?}; then
    printf '%q ' "$@"
    printf '\n'
  else
    "$@"
  fi
}

# Sets `account` and `region`; a dry run asks nobody.
find_account() {
  region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
  if ${dry_run:?}; then
    account=ACCOUNT region=${region:-REGION}
    return
  fi
  region=${region:-$(aws configure get region || true)}
  [[ -n $region ]] || die "no region is set; set AWS_REGION"
  export AWS_REGION=$region
  # shellcheck disable=SC2034 # read by who sources this
  account=$(aws sts get-caller-identity --query Account --output text)
}

# Says whether there is such a bucket and it is this account's. The names are easily guessed, and whoever took one first
# could put code of their own into the function.
owns_bucket() {
  aws s3api head-bucket --bucket "$1" --expected-bucket-owner "$account" >/dev/null 2>&1
}

# Prints what tells a file from another; a file that a dry run did not build has no digest yet.
digest() {
  if [[ ! -f $1 ]]; then
    echo DIGEST
  elif command -v sha256sum >/dev/null; then
    sha256sum "$1" | cut -c1-16
  else
    shasum -a 256 "$1" | cut -c1-16
  fi
}

# Sets `status` to the status of a stack, or to nothing where there is no such stack; other failures end the script.
# shellcheck disable=SC2034 # read by who sources this
find_stack() {
  local said
  status=''
  if said=$(aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].StackStatus' --output text 2>&1); then
    # Of a change set that was never carried out; there is no stack yet.
    if [[ $said != REVIEW_IN_PROGRESS ]]; then status=$said; fi
  elif [[ $said != *"does not exist"* ]]; then
    printf '%s\n' "$said" >&2
    die "cannot look at the stack $1"
  fi
}

# Prints the ids of the stack and of those nested in it; takes the name of a stack, or the id of one that is gone.
stacks_of() {
  printf '%s\n' "$1"
  aws cloudformation list-stack-resources --stack-name "$1" --output text \
    --query "StackResourceSummaries[?ResourceType=='AWS::CloudFormation::Stack'].PhysicalResourceId" | tr '\t' '\n'
}

# Prints an output of the stack: nothing where there is no such stack, `None` where it never came up.
output() {
  if ${dry_run:?}; then
    tr '[:lower:]' '[:upper:]' <<<"$1"
  else
    aws cloudformation describe-stacks --stack-name "${stack:?}" --output text \
      --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" || true
  fi
}

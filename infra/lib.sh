#!/usr/bin/env bash
# What deploy and destroy share. Their `dry_run` decides whether anything is done.

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
  if [[ -z $region ]]; then
    echo "no region is set; set AWS_REGION" >&2
    exit 2
  fi
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
  if [[ -f $1 ]]; then sha256sum "$1" | cut -c1-16; else echo DIGEST; fi
}

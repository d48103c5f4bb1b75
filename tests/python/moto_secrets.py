"""Puts secrets and parameters into a moto server: `moto_secrets.py URL fill` writes the ARN of one, `moto_secrets.py URL rotate` changes
their values."""

import sys

import boto3

url, what = sys.argv[1:]
options = {
    "endpoint_url": url,
    "region_name": "eu-central-1",
    "aws_access_key_id": "id",
    "aws_secret_access_key": "key",
}
secrets, parameters = boto3.client("secretsmanager", **options), boto3.client("ssm", **options)
if what == "fill":
    made = secrets.create_secret(Name="prod/http", SecretString='{"token": "hunter2-first", "port": 5432}')
    secrets.create_secret(Name="prod/plain", SecretString="hunter2-plain")
    secrets.create_secret(Name="prod/bytes", SecretBinary=b"\x00\xff")
    parameters.put_parameter(Name="/prod/user", Value="alice-in-chains", Type="SecureString")
    parameters.put_parameter(Name="/prod/list", Value="one,two", Type="StringList")
    print(made["ARN"])
else:
    secrets.put_secret_value(SecretId="prod/http", SecretString='{"token": "hunter2-second", "port": 5432}')
    parameters.put_parameter(Name="/prod/user", Value="bob-the-builder", Type="SecureString", Overwrite=True)

"""Deploys the bundle's template to an emulator: what `sam deploy` does, without its packaging and questions.

Zips the functions' binaries, uploads them with the workflow and the nested templates, puts their places into the template
where it names local paths, creates the stack with the SAM transform and waits for it. Prints one JSON object.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET = "deployment"
LOOK_EACH_S = 0.1
CREATED_WITHIN_S = 120
# A fixed time makes equal binaries equal zips.
ZIP_TIME = (2000, 1, 1, 0, 0, 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--template", required=True, type=pathlib.Path)
    parser.add_argument("--binaries", required=True, type=pathlib.Path)
    parser.add_argument("--artifacts", required=True, type=pathlib.Path)
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--variable", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    threading.Thread(target=end_with_starter, daemon=True).start()
    try:
        deployed = Deployment(arguments).run()
    except (Failed, ClientError) as failed:
        sys.exit(str(failed))
    json.dump(deployed, sys.stdout)


def end_with_starter():
    """The other end of the input is held by whoever started this; it closes however they end."""
    while os.read(0, 4096):
        pass
    os._exit(1)


class Failed(Exception):
    """What is wrong, for people."""


class Deployment:
    def __init__(self, arguments):
        self.arguments = arguments
        self.parameters = pairs(arguments.parameter)
        self.variables = pairs(arguments.variable)
        settings = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
        client = lambda service: boto3.client(
            service, endpoint_url=arguments.endpoint, region_name="us-east-1", config=settings,
            aws_access_key_id="test", aws_secret_access_key="test")
        self.s3, self.cloudformation, self.lambda_ = client("s3"), client("cloudformation"), client("lambda")
        self.conditions = {}
        self.binaries = {}

    def run(self):
        self.s3.create_bucket(Bucket=BUCKET)
        template = self.rewritten(self.arguments.template, self.parameters)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.upload_function, sorted(self.binaries)))
        stack = self.create(template)
        resources = self.resources(self.arguments.stack)
        return {
            "outputs": {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
            "resources": resources,
            "left_out": self.left_out(resources),
            "packages": self.binaries,
        }

    # Rewriting.

    def rewritten(self, path, given, under=""):
        """The template with the places of uploads instead of local paths, and with numbers for parameters that are some:
        the emulator hands them on as text, which its own services then trip over."""
        template = yaml.load(path.read_text(), Loader)
        folder = path.parent
        numbers = {}
        for name, declared in template.get("Parameters", {}).items():
            value = given.get(name, declared.get("Default"))
            if declared["Type"] == "Number" and is_number(value):
                numbers[name] = number(value)
        template["Resources"] = with_numbers(template["Resources"], numbers)
        globals_ = template.get("Globals", {}).get("Function", {})
        globals_.pop("CodeUri", None)
        for name, resource in template["Resources"].items():
            properties = resource.setdefault("Properties", {})
            kind = resource["Type"]
            if "Condition" in resource:
                self.conditions[under + name] = resource["Condition"]
            if kind == "AWS::Serverless::Function":
                self.rewrite_function(name, resource)
            elif kind == "AWS::Serverless::StateMachine" and is_local(properties.get("DefinitionUri")):
                key = self.upload(folder / properties["DefinitionUri"])
                properties["DefinitionUri"] = {"Bucket": BUCKET, "Key": key}
            elif kind == "AWS::Serverless::LayerVersion" and is_local(properties.get("ContentUri")):
                key = self.upload_folder(folder / properties["ContentUri"])
                properties["ContentUri"] = f"s3://{BUCKET}/{key}"
            elif kind in ("AWS::CloudFormation::Stack", "AWS::Serverless::Application"):
                field = "TemplateURL" if kind == "AWS::CloudFormation::Stack" else "Location"
                if is_local(properties.get(field)):
                    nested = self.rewritten(folder / properties[field], properties.get("Parameters", {}), f"{under}{name}/")
                    key = properties[field].replace("/", "-")
                    self.put(key, json.dumps(nested, default=str).encode())
                    properties[field] = f"{self.arguments.endpoint}/{BUCKET}/{key}"
        return template

    def rewrite_function(self, name, resource):
        binary = resource.get("Metadata", {}).get("BuildProperties", {}).get("Binary") or binary_of(name)
        properties = resource["Properties"]
        self.binaries[binary] = None
        properties["CodeUri"] = f"s3://{BUCKET}/{binary}.zip"
        properties.setdefault("Handler", "bootstrap")
        resource.pop("Metadata", None)
        variables = properties.get("Environment", {}).get("Variables", {})
        for variable, value in variables.items():
            if variable in self.variables:
                variables[variable] = self.variables[variable]
            elif isinstance(value, (int, float)):
                variables[variable] = str(value)

    # Uploading.

    def upload_function(self, binary):
        content = self.package(binary)
        self.put(f"{binary}.zip", content)
        self.binaries[binary] = {"zip_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def package(self, binary):
        """The binary as the bytes of a zip that holds `bootstrap`; made anew when the binary is newer."""
        built = self.arguments.binaries / binary
        if not built.is_file():
            raise Failed(f"there is no binary {built}; build it with: cargo build --bin {binary}")
        self.arguments.artifacts.mkdir(parents=True, exist_ok=True)
        # Time and size of what it was made from are in its name, so it need not be opened to be compared.
        made_from = built.stat()
        package = self.arguments.artifacts / f"{binary}-{made_from.st_mtime_ns:x}-{made_from.st_size:x}.zip"
        try:
            # Another stack that packs a newer binary may remove it at any moment.
            return package.read_bytes()
        except FileNotFoundError:
            with tempfile.TemporaryDirectory(dir=self.arguments.artifacts) as folder:
                stripped = pathlib.Path(folder) / "bootstrap"
                strip(built, stripped)
                whole = pathlib.Path(folder) / "whole.zip"
                with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
                    entry = zipfile.ZipInfo("bootstrap", ZIP_TIME)
                    entry.external_attr = 0o100755 << 16
                    archive.writestr(entry, stripped.read_bytes())
                for older in self.arguments.artifacts.glob(f"{binary}-*-*.zip"):
                    if re.fullmatch(re.escape(binary) + r"-[0-9a-f]+-[0-9a-f]+\.zip", older.name):
                        older.unlink(missing_ok=True)
                content = whole.read_bytes()
                os.replace(whole, package)
                return content

    def upload(self, path):
        self.put(path.name, path.read_bytes())
        return path.name

    def upload_folder(self, folder):
        with tempfile.TemporaryDirectory() as temporary:
            archive = pathlib.Path(temporary) / f"{folder.name}.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as stored:
                for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                    stored.write(path, path.relative_to(folder))
            return self.upload(archive)

    def put(self, key, body):
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    # Creating.

    def create(self, template):
        name, declared = self.arguments.stack, template.get("Parameters", {})
        unknown = self.parameters.keys() - declared.keys()
        if unknown:
            raise Failed(f"the template has no parameter {', '.join(sorted(unknown))}")
        self.cloudformation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(template, default=str),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()])
        deadline = time.monotonic() + CREATED_WITHIN_S
        while True:
            stack = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            if stack["StackStatus"] == "CREATE_COMPLETE":
                return stack
            if stack["StackStatus"] != "CREATE_IN_PROGRESS" or time.monotonic() > deadline:
                raise Failed(f"the stack is {stack['StackStatus']}:\n{self.reasons(name)}")
            time.sleep(LOOK_EACH_S)

    def reasons(self, stack):
        events = self.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        failed = [event for event in events if event.get("ResourceStatusReason")]
        return "\n".join(f"  {event['LogicalResourceId']}: {event['ResourceStatusReason']}" for event in reversed(failed))

    def resources(self, stack, under=""):
        """Every resource there is, by its path of logical names."""
        found = {}
        for resource in self.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]:
            path = under + resource["LogicalResourceId"]
            found[path] = resource["PhysicalResourceId"]
            if resource["ResourceType"] == "AWS::CloudFormation::Stack":
                found |= self.resources(resource["PhysicalResourceId"], path + "/")
        return found

    def left_out(self, resources):
        by_condition = {}
        for path, condition in self.conditions.items():
            if path not in resources:
                by_condition.setdefault(condition, []).append(path)
        return [{"condition": condition, "resources": paths} for condition, paths in sorted(by_condition.items())]


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, read as the long form."""


def tagged(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", tagged)


def with_numbers(value, numbers):
    if isinstance(value, dict):
        if value.keys() == {"Ref"} and value["Ref"] in numbers:
            return numbers[value["Ref"]]
        return {key: with_numbers(inner, numbers) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_numbers(inner, numbers) for inner in value]
    return value


def is_number(value):
    return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", str(value)) is not None


def number(text):
    return int(text) if float(text).is_integer() else float(text)


def is_local(location):
    return isinstance(location, str) and not location.startswith(("s3://", "http://", "https://"))


def binary_of(logical_name):
    """`AgentLightFunction` is `agent-light`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", logical_name.removesuffix("Function")).lower()


def strip(built, stripped):
    """Without what only a debugger reads, where the system has a tool for it."""
    tool = shutil.which("strip")
    if tool and subprocess.run([tool, "-o", stripped, built], capture_output=True).returncode == 0:
        return
    shutil.copyfile(built, stripped)


def pairs(arguments):
    return dict(argument.split("=", 1) for argument in arguments)


if __name__ == "__main__":
    main()

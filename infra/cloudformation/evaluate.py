"""Computes what CloudFormation makes of a value of a template, as far as the tests need it."""

import base64
import re


def evaluate(value, given):
    """Returns what a value is where parameters, and what else it refers to, are `given`."""
    if isinstance(value, list):
        return [evaluate(inner, given) for inner in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref":
            return given[argument]
        if function in FUNCTIONS:
            return FUNCTIONS[function](argument, given)
    return {key: evaluate(inner, given) for key, inner in value.items()}


def join(argument, given):
    separator, parts = argument
    return separator.join(evaluate(parts, given))


def split(argument, given):
    separator, text = argument
    return evaluate(text, given).split(separator)


def select(argument, given):
    index, parts = argument
    return evaluate(parts, given)[int(index)]


def substitute(argument, given):
    text, named = argument if isinstance(argument, list) else (argument, {})
    names = {**given, **{name: evaluate(inner, given) for name, inner in named.items()}}
    return re.sub(r"\$\{([A-Za-z.:]+)\}", lambda found: str(names[found[1]]), text)


def in_base64(argument, given):
    return base64.b64encode(evaluate(argument, given).encode()).decode()


FUNCTIONS = {
    "Fn::Base64": in_base64,
    "Fn::Join": join,
    "Fn::Select": select,
    "Fn::Split": split,
    "Fn::Sub": substitute,
}

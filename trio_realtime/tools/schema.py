"""The JSON Schema of a function's parameters, and the reader of the arguments that a model writes.

Nothing is coerced: ``"3"`` is not an integer. What does not fit is a ``ModelBehaviorError`` of one line that names the
field. Keys that no parameter has are ignored.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NoReturn, Optional, get_args, get_origin

import attrs

from trio_realtime.context import RunContextWrapper
from trio_realtime.errors import ModelBehaviorError, UserError
from trio_realtime.tools._classes import resolve_hints
from trio_realtime.tools._compiler import TypeCompiler
from trio_realtime.tools._constraints import is_field_info
from trio_realtime.tools._defaults import json_default
from trio_realtime.tools._shape import ArgumentError, Schema, Shape, UnsupportedTypeError, at_key, is_object, kind_of
from trio_realtime.tools.docstrings import DocstringStyle, Documentation, read_docstring
from trio_realtime.tools.strict import strict_schema, without_unused_definitions

__all__ = ["FunctionSchema", "InputSchema", "function_schema", "input_schema", "parse_arguments"]

_MISSING = inspect.Parameter.empty
_VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


@attrs.frozen
class _Parameter:
    name: str
    kind: Any
    shape: Shape
    default: Any = _MISSING
    factory: Callable[[], Any] | None = None

    @property
    def required(self) -> bool:
        return self.default is _MISSING and self.factory is None and self.kind not in _VARIADIC

    def missing(self) -> Any:
        return self.default if self.factory is None else self.factory()


@attrs.frozen(eq=False)
class FunctionSchema:
    """A function as a model may call it.

    Attributes:
        name: the tool's name.
        description: what the model is told about it.
        params_json_schema: of its parameters, without the context.
        takes_context: whether its first parameter is the context.
        strict: whether the schema is in its strict form.
    """

    name: str
    description: str
    params_json_schema: Schema
    takes_context: bool
    strict: bool
    _parameters: list[_Parameter] = attrs.field(repr=False)

    def bind(self, arguments: str) -> tuple[list[Any], dict[str, Any]]:
        """Read the model's arguments.

        Args:
            arguments: the JSON text; an empty one means no arguments.

        Returns:
            The positional and the keyword arguments for the function, without the context.

        Raises:
            ModelBehaviorError: they do not fit; ``param`` is the path of the field.
        """
        given = parse_arguments(arguments, f"tool {self.name!r}")
        try:
            return self._bind(given)
        except ArgumentError as exc:
            _refuse(f"tool {self.name!r}", exc)
        except RecursionError:
            raise ModelBehaviorError(f"invalid arguments for tool {self.name!r}: nested too deeply") from None

    def _bind(self, given: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for parameter in self._parameters:
            name = parameter.name
            if name not in given:
                if parameter.required:
                    raise ArgumentError(name, f"expected {parameter.shape.expects}, but it is missing")
                if parameter.kind in _VARIADIC:
                    continue
                value = parameter.missing()
            else:
                value = parameter.shape.load(given[name], name)
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                positional.extend(value)
            elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
                self._check_extra(value, name)
                named |= value
            elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                named[name] = value
            else:
                positional.append(value)
        return positional, named

    def _check_extra(self, value: Mapping[str, Any], name: str) -> None:
        own = {p.name for p in self._parameters if p.kind not in {*_VARIADIC, inspect.Parameter.POSITIONAL_ONLY}}
        if taken := own & value.keys():
            raise ArgumentError(at_key(name, min(taken)), "expected another key, this is a parameter's own name")


def parse_arguments(arguments: str, owner: str) -> dict[str, Any]:
    """Read the JSON text of a call's arguments.

    Args:
        arguments: the text; an empty one means ``{}``.
        owner: whose arguments, for the error text: ``"tool 'add'"``.

    Raises:
        ModelBehaviorError: it is not JSON, or not an object.
    """
    if not arguments.strip():
        return {}
    try:
        value = json.loads(arguments, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        reason = "nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        raise ModelBehaviorError(f"invalid arguments for {owner}: not JSON: {reason}") from None
    if not is_object(value):
        raise ModelBehaviorError(f"invalid arguments for {owner}: expected an object, got {kind_of(value)}")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _refuse(owner: str, error: ArgumentError) -> NoReturn:
    raise ModelBehaviorError(f"invalid arguments for {owner}: {error}", param=error.path or None) from error.__cause__


def function_schema(
    func: Callable[..., Any],
    *,
    name_override: str | None = None,
    description_override: str | None = None,
    docstring_style: DocstringStyle | None = None,
    use_docstring_info: bool = True,
    strict_mode: bool = True,
    namespace: Mapping[str, Any] | None = None,
) -> FunctionSchema:
    """Read a function's signature and docstring.

    Args:
        func: a function, a bound method, or an instance with ``__call__``.
        name_override: instead of the function's name.
        description_override: instead of the docstring's text.
        docstring_style: ``"google"``, ``"numpy"`` or ``"sphinx"``; found out by itself if None.
        use_docstring_info: take descriptions from the docstring.
        strict_mode: bring the schema into its strict form.
        namespace: local names that string annotations may use.

    Returns:
        The schema, which also reads the arguments.

    Raises:
        UserError: the function cannot be a tool; the message names it and the parameter.
    """
    name = name_override or _function_name(func)
    owner = f"tool {name!r}"
    _check_callable(func, owner)
    docs = read_docstring(_docstring(func), docstring_style) if use_docstring_info else Documentation()
    compiler = TypeCompiler(namespace)
    try:
        signature = inspect.signature(func)
        hints = resolve_hints(_annotated_part(func), namespace or {})
    except (UnsupportedTypeError, ValueError) as exc:
        raise UserError(f"{owner}: {exc}") from exc
    entries = list(signature.parameters.values())
    takes_context = bool(entries) and _is_context(hints.get(entries[0].name))
    parameters: list[_Parameter] = []
    properties: dict[str, Schema] = {}
    for entry in entries[takes_context:]:
        hint = hints.get(entry.name, Any)
        if _is_context(hint):
            raise UserError(f"{owner}, parameter {entry.name!r}: only the first parameter can be the context")
        try:
            parameter, schema = _read_parameter(compiler, entry, hint)
        except UnsupportedTypeError as exc:
            raise UserError(f"{owner}, parameter {entry.name!r}: {exc}") from exc
        if text := docs.params.get(entry.name):
            schema["description"] = text
        parameters.append(parameter)
        properties[entry.name] = schema
    root: Schema = {
        "type": "object",
        "properties": properties,
        "required": [parameter.name for parameter in parameters if parameter.required],
    }
    if not root["required"]:
        del root["required"]
    if compiler.defs:
        root["$defs"] = compiler.defs
    if strict_mode:
        root = strict_schema(root, owner)
    description = docs.description if description_override is None else description_override
    return FunctionSchema(name, description, root, takes_context, strict_mode, parameters)


def _read_parameter(compiler: TypeCompiler, entry: inspect.Parameter, hint: Any) -> tuple[_Parameter, Schema]:
    default, factory = entry.default, None
    if is_field_info(default):  # pydantic: x: int = Field(ge=1)
        hint = Annotated[hint, default]
        default, factory = _field_default(default)
    if default is None and hint is not Any:
        hint = Optional[hint]  # noqa: UP045  (the type is a value here)
    shape = compiler.compile(hint)
    if entry.kind is inspect.Parameter.VAR_POSITIONAL:
        shape = compiler.compile(list[hint])
    elif entry.kind is inspect.Parameter.VAR_KEYWORD:
        shape = compiler.compile(dict[str, hint])
    schema = dict(shape.schema)
    if default is not _MISSING and (value := json_default(default)) is not ...:
        schema["default"] = value
    return _Parameter(entry.name, entry.kind, shape, default, factory), schema


def _field_default(info: Any) -> tuple[Any, Callable[[], Any] | None]:
    """Give the default, or the factory, of a pydantic ``Field(...)``."""
    if info.default_factory is not None:
        return _MISSING, info.default_factory
    return (_MISSING if info.is_required() else info.default), None


def _is_context(hint: Any) -> bool:
    cls = get_origin(hint) or hint
    if cls is Annotated:
        return _is_context(get_args(hint)[0])
    return isinstance(cls, type) and issubclass(cls, RunContextWrapper)


def _function_name(func: Any) -> str:
    name = getattr(func, "__name__", None) or type(func).__name__
    if name == "<lambda>":
        raise UserError("a lambda has no name that a model could call; give name_override")
    return name


def _annotated_part(func: Any) -> Any:
    """Give what carries the annotations: the function, or the ``__call__`` of an instance."""
    return func if inspect.isroutine(func) else type(func).__call__


def _docstring(func: Any) -> str | None:
    if inspect.isroutine(func):
        return inspect.getdoc(func)
    own = type(func).__call__.__doc__
    return own or type(func).__dict__.get("__doc__")


def _check_callable(func: Any, owner: str) -> None:
    if isinstance(func, (functools.partial, functools.partialmethod)):
        raise UserError(f"{owner}: a partial has no signature of its own; write a function around it")
    if isinstance(func, type) or not callable(func):
        raise UserError(f"{owner}: a tool is made of a function, a method or an instance that can be called")
    if isinstance(func, (staticmethod, classmethod)):
        raise UserError(f"{owner}: write the tool's decorator inside of staticmethod and classmethod")
    called = _annotated_part(func)
    if inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called):
        raise UserError(f"{owner}: a generator gives no single result; return a list or a text")
    if getattr(type(func), "__parameters__", ()):
        raise UserError(
            f"{owner}: an instance of a generic class has no definite signature; write a function around it"
        )


@attrs.frozen(eq=False)
class InputSchema:
    """The JSON Schema of one type, and its reader.

    Attributes:
        json_schema: the schema, in its strict form.
    """

    json_schema: Schema
    _shape: Shape = attrs.field(repr=False)

    def load(self, arguments: str, owner: str) -> Any:
        """Read a JSON text.

        Args:
            arguments: the text; an empty one means ``{}``.
            owner: whose arguments, for the error text.

        Raises:
            ModelBehaviorError: it does not fit.
        """
        given = parse_arguments(arguments, owner)
        try:
            return self._shape.load(given, "")
        except ArgumentError as exc:
            _refuse(owner, exc)
        except RecursionError:
            raise ModelBehaviorError(f"invalid arguments for {owner}: nested too deeply") from None


def input_schema(tp: Any, owner: str, namespace: Mapping[str, Any] | None = None) -> InputSchema:
    """Give the schema of a type that is to be the whole of a call's arguments.

    Args:
        tp: a class with fields, or another type whose JSON form is an object.
        owner: whose arguments, for error texts.
        namespace: local names that string annotations may use.

    Raises:
        UserError: the type has no JSON form, or not that of a closed object.
    """
    compiler = TypeCompiler(namespace)
    try:
        shape = compiler.compile(tp)
    except UnsupportedTypeError as exc:
        raise UserError(f"{owner}: {exc}") from exc
    schema = dict(shape.schema)
    if compiler.defs:
        schema["$defs"] = compiler.defs
    return InputSchema(without_unused_definitions(strict_schema(schema, owner)), shape)


def caller_namespace(module: str | None) -> dict[str, Any]:
    """Give the local names of the nearest caller in a module, for string annotations of local classes.

    Args:
        module: the name of the module in which the function or class is defined.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == module:
            return dict(frame.f_locals)
        frame = frame.f_back
    return {}

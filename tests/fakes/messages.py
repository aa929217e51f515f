"""Protocol messages that fit the installed release: fields that it does not know are left out."""

from typing import Any, TypeVar

from google.protobuf.message import Message

M = TypeVar("M", bound=Message)


def message(kind: type[M], **fields: Any) -> M:
    """A message with those of the fields that this release of the protocol has."""
    known = {field.name for field in kind.DESCRIPTOR.fields}
    return kind(**{name: value for name, value in fields.items() if name in known})


def success() -> Any:
    """The result of something that went well."""
    from modal_proto import api_pb2

    return api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS)

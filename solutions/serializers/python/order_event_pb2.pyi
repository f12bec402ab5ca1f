from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATUS_UNSPECIFIED: _ClassVar[Status]
    PLACED: _ClassVar[Status]
    PAID: _ClassVar[Status]
    CANCELLED: _ClassVar[Status]
    REFUNDED: _ClassVar[Status]
STATUS_UNSPECIFIED: Status
PLACED: Status
PAID: Status
CANCELLED: Status
REFUNDED: Status

class OrderEvent(_message.Message):
    __slots__ = ("order_id", "customer", "status", "amount_cents", "currency", "occurred_at", "note")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_CENTS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    customer: str
    status: Status
    amount_cents: int
    currency: str
    occurred_at: int
    note: str
    def __init__(self, order_id: _Optional[str] = ..., customer: _Optional[str] = ..., status: _Optional[_Union[Status, str]] = ..., amount_cents: _Optional[int] = ..., currency: _Optional[str] = ..., occurred_at: _Optional[int] = ..., note: _Optional[str] = ...) -> None: ...

"""Subjects whose schemas use types that other subjects define."""

from __future__ import annotations

from random import Random

from naming import Names
from pairs import ID, Schema, array, field, record
from subjects import Reference, Subject, Version, Written

STREET = field("@street", "string")
ADDRESSES = (
    record(STREET, name="@Address"),
    record(STREET, field("@zip", "string"), name="@Address"),
    record(STREET, field("@zip", "string", ""), name="@Address"),
)
"""Three versions: the second asks for more, the third has a default for it."""


class Library:
    """The types that are referred to, each a subject, and the subjects that use them.

    Apicurio compares an earlier version under the *proposed* schema's references, and so overlooks
    that a type has changed: there the verdict is the specification's (and the registry's own, once
    the types stand in the schemas themselves).
    """

    def __init__(self, rng: Random, prefix: str) -> None:
        self._names = Names(rng)
        self._prefix = prefix
        self.address = self._subject("address")
        self.customer = self._subject("customer")
        customer = record(ID, field("@lives", "@shop.@Address"), name="@Customer")
        self.types = [
            Subject(
                self.address,
                tuple(Version(n, self._written(s)) for n, s in enumerate(ADDRESSES, 1)),
                None,
            ),
            Subject(
                self.customer,
                tuple(Version(n, self._written(customer, self._address(n))) for n in (1, 2, 3)),
                None,
            ),
        ]

    def _subject(self, what: str) -> str:
        return f"{self._prefix}-{what}-{self._names.of(f'subject_{what}')}"

    def _written(self, schema: Schema, *references: Reference) -> Written:
        return Written(self._names.schema(schema), references)

    def _reference(self, name: str, subject: str, version: int) -> Reference:
        return Reference(self._names.text(name), subject, version)

    def _address(self, version: int) -> Reference:
        return self._reference("@shop.@Address", self.address, version)

    def _customer(self, version: int) -> Reference:
        return self._reference("@shop.@Customer", self.customer, version)

    def _using(
        self, what: str, about: str, schema: Schema, old: Reference, new: Reference, at: str
    ) -> Subject:
        """The same text with another version of the type; ``at`` is what breaks, if anything."""
        before = Version(
            1, self._written(schema, old), not at, True, (self._names.text(at),) if at else ()
        )
        proposed = self._written(schema, new)
        return Subject(self._subject(what), (before,), proposed, "FULL", about=about)

    def judged(self) -> list[Subject]:
        """Those with a verdict."""
        order = record(ID, field("@to", "@shop.@Address"))
        parcels = record(ID, field("@parcels", array("@shop.@Address")), name="@Round")
        account = record(ID, field("@of", "@shop.@Customer"), name="@Account")
        gift = record(ID, field("@to", "@shop.@Address"), name="@Gift")
        wrapping = record(*gift["fields"], field("@back", "@shop.@Address"), name="@Gift")
        before = Version(
            1, self._written(gift, self._address(1)), False, True, (self._names.text("@back"),)
        )
        return [
            Subject(
                self._subject("gift"), (before,), self._written(wrapping, self._address(1)),
                "FULL", about="a new field, whose type is another subject's, has no default",
            ),
            self._using(
                "order", "the same text refers to another version of a type, which asks for more",
                order, self._address(1), self._address(2), "@to.@zip",
            ),
            self._using(
                "parcel", "the same text refers to a version that adds a field with a default",
                parcels, self._address(1), self._address(3), "",
            ),
            self._using(
                "account", "a reference of a reference changes",
                account, self._customer(1), self._customer(2), "@of.@lives.@zip",
            ),
            self._using(
                "invoice", "a reference of a reference adds a field with a default",
                record(field("@of", "@shop.@Customer"), name="@Invoice"),
                self._customer(1), self._customer(3), "",
            ),
        ]  # fmt: skip

    def unjudged(self) -> list[Subject]:
        """Those that refer to what is not there."""
        order = record(ID, field("@to", "@shop.@Address"))
        old = Version(1, self._written(order, self._address(1)))
        nowhere = self._reference("@shop.@Address", f"{self.address}-of-nobody", 1)
        cases = [
            ("late", "it refers to a version that does not exist", (self._address(9),)),
            ("lost", "it refers to a subject that does not exist", (nowhere,)),
            ("bare", "nothing defines a type that it uses, and it has no references", ()),
        ]
        return [
            Subject(
                self._subject(what), (old,), self._written(order, *references),
                judged=False, about=about,
            )
            for what, about, references in cases
        ]  # fmt: skip

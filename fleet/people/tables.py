"""Regions, companies, users, what each user may do and where, API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from flask_security import RoleMixin, UserMixin
from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.storage import Base, Scoped, UtcInstant
from fleet.storage.history import Audited


class Region(Audited, Base):
    """A region 片区: its insurance desk chooses the designated insurers (3.1)."""

    __tablename__ = "regions"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    companies: Mapped[list[Company]] = relationship(back_populates="region")

    def audit_name(self) -> str:
        """The region's code."""
        return self.code


class Company(Audited, Scoped, Base):
    """A company of the group; it holds vehicles and claims premiums."""

    __tablename__ = "companies"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"), index=True)
    credit_code: Mapped[str | None] = mapped_column(String(18))
    region: Mapped[Region] = relationship(back_populates="companies")

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The company is one of them."""
        return cls.id.in_(companies)

    def audit_name(self) -> str:
        """The company's code."""
        return self.code


class Role(RoleMixin, Base):
    """One of the five roles; what each may do is said in fleet.web.access."""

    __tablename__ = "roles"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    description: ClassVar[str] = ""
    permissions: ClassVar[None] = None


class User(UserMixin, Audited, Base):
    """A person who signs in, with their language and time of last sign-in."""

    __tablename__ = "users"
    AUDIT_HIDES = frozenset({"password", "fs_uniquifier", "tf_totp_secret", "mf_recovery_codes"})

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    password: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    language: Mapped[str | None] = mapped_column(String(10))
    tf_primary_method: Mapped[str | None] = mapped_column(String(64))
    tf_totp_secret: Mapped[str | None] = mapped_column(String(255))
    mf_recovery_codes: Mapped[str | None] = mapped_column(Text)
    grants: Mapped[list[Grant]] = relationship(
        back_populates="user", cascade="all, delete-orphan", lazy="selectin"
    )
    roles: Mapped[list[Role]] = relationship(secondary="grants", viewonly=True)

    def audit_name(self) -> str:
        """The user's address."""
        return self.email


class Grant(Audited, Base):
    """A role of a user for a company, for a region, or (neither) for the whole group."""

    __tablename__ = "grants"
    __table_args__ = (
        UniqueConstraint("user_id", "role_id", "company_id", "region_id"),
        CheckConstraint("company_id IS NULL OR region_id IS NULL", name="one_scope"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("roles.id"))
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    user: Mapped[User] = relationship(back_populates="grants")
    role: Mapped[Role] = relationship(lazy="joined")
    company: Mapped[Company | None] = relationship()
    region: Mapped[Region | None] = relationship()


class ApiToken(Audited, Base):
    """A user's key to the API; only its SHA-256 digest is kept."""

    __tablename__ = "api_tokens"
    AUDIT_HIDES = frozenset({"digest"})

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcInstant)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    user: Mapped[User] = relationship()


class SignInTry(Base):
    """A try to sign in, by a digest of the address or of the host; old ones are swept."""

    __tablename__ = "sign_in_tries"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(80), index=True)
    at: Mapped[datetime] = mapped_column(UtcInstant, index=True)

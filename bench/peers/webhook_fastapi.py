"""The webhook row's FastAPI peer: async SQLAlchemy on asyncpg with a pool, one ORM insert and its commit."""

import hashlib
import hmac
import json
import os
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from sqlalchemy import BigInteger, DateTime, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SECRET = os.environ["WHATSAPP_APP_SECRET"].encode()
engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"), pool_size=8, max_overflow=0
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
application = FastAPI()


class Base(DeclarativeBase):
    pass


class Receipt(Base):
    __tablename__ = "receipts"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    wamid: Mapped[str] = mapped_column(String(255))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


@application.post("/whatsapp/webhook")
async def webhook(request: Request) -> dict[str, str]:
    """Verify, parse, insert, answer."""
    raw = await request.body()
    expected = "sha256=" + hmac.new(SECRET, raw, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("X-Hub-Signature-256", "")):
        raise HTTPException(401)
    value = json.loads(raw)["entry"][0]["changes"][0]["value"]
    async with sessions() as session:
        for message in value["messages"]:
            session.add(Receipt(wamid=message["id"], payload=message, received_at=datetime.now(UTC)))
        await session.commit()
    return {"status": "ok"}

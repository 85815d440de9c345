"""Contract: which clauses of a dealer contract put the brand at risk, and what is missing?

`Request` brings the contract as text, or as a document (plain, DOCX, PDF) in base64; `answer` reads it
and words
the `Response`. Offsets are characters of `text`, which is returned when a document was sent.
`probability` of a
clause is that of its type; `high_probability` that it is of high risk; of the contract, that some clause is.

Errors: serving.errors.Wrong with the path of the field (no text, too long, an unreadable document, an unknown
industry or clause type).

>>> Request.model_validate(EXAMPLE).industry
'general'
"""

import base64
import binascii
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from features.industries import CLAUSES, UnknownIndustry, industry
from features.sources.documents import DOCX, PDF, PLAIN, UnreadableDocument, read_document
from models.contract.model import ContractModel, ContractTooLong, EmptyContract
from models.contract.review import Clause, Review
from serving.errors import wrong
from serving.rooms.asked import ModelUsed, made_by
from serving.rooms.history import STRICT
from serving.scores import Scores

_MOST_BASE64 = 28_000_000  # characters: 20 MB of document
_MOST_TEXT = 6_000_000

EXAMPLE: dict[str, JsonValue] = {
    "text": "第一条 付款\n乙方于货物售出后与甲方结算。\n第二条 争议解决\n由甲方所在地人民法院管辖。",
    "industry": "general",
}


class Document(BaseModel):
    """A file, as it lies on the disk."""

    model_config = STRICT

    media_type: Literal["text/plain", "application/pdf"] | Annotated[str, Field(pattern=f"^{DOCX}$")] = Field(
        description=f"{PLAIN}, {PDF} or {DOCX}.", examples=[PDF]
    )
    content: Annotated[str, Field(min_length=1, max_length=_MOST_BASE64)] = Field(description="In base64.")


class Request(BaseModel):
    """One contract."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [EXAMPLE]})

    text: Annotated[str, Field(max_length=_MOST_TEXT)] | None = Field(
        None, description="The contract as text. Either this or `document`."
    )
    document: Document | None = Field(None, description="The contract as a file. Either this or `text`.")
    language: Literal["zh", "en"] | None = Field(
        None,
        description="What the contract should be in; a note says when it is not.",
    )
    industry: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        "general", description="Pack that says which clause types a contract may not lack."
    )
    required: Annotated[list[str], Field(max_length=len(CLAUSES))] | None = Field(
        None, description="Clause types that may not be missing, instead of the industry's."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.text is None) == (self.document is None):
            raise ValueError("give either text or document")
        return self


class Reason(BaseModel):
    """Why a clause is judged as it is."""

    code: str = Field(examples=["PAYMENT_TERMS_HIGH"])
    text: str
    effect: float = Field(description="In log-odds of high risk, against a clause of average risk.")


class Span(BaseModel):
    """`text[start:end]`."""

    start: int
    end: int


class ReadClause(Span):
    """One clause and what is said of it."""

    text: str
    heading: str
    language: str
    type: str = Field(examples=["payment_terms"])
    type_name: str = Field(examples=["货款结算"])
    probability: float = Field(description="Of the type.")
    risk: str = Field(examples=["high"])
    risk_probabilities: dict[str, float]
    high_probability: float = Field(description="That the clause is of high risk for the brand.")
    score: float = Field(description="0-100, higher is safer for the brand.")
    evidence: list[Span] = Field(description="The sentences that speak most for the type.")
    reasons: list[Reason]
    suggestion: str = Field(description="A wording that protects the brand; empty at low risk.")


class MissingClause(BaseModel):
    """A clause type that is not there."""

    type: str
    type_name: str
    suggestion: str


class Response(BaseModel):
    """A contract as it was read."""

    model: ModelUsed
    as_of: str
    data_version: str
    language: str
    score: float = Field(description="0-100, higher is safer for the brand.")
    probability: float = Field(description="That at least one clause is of high risk.")
    reasons: list[Reason] = Field(description="Of the clauses that are likeliest of high risk.")
    clauses: list[ReadClause]
    missing: list[MissingClause]
    notes: list[str]
    text: str | None = Field(None, description="What was read from the document; offsets count in it.")


FIELDS = frozenset(f for m in (Request, Document) for f in m.model_fields)


def answer(request: Request, scores: Scores) -> Response:
    """The review of one contract."""
    model: ContractModel = scores.model
    text = request.text if request.text is not None else _read(request.document)
    field = "text" if request.document is None else "document.content"
    try:
        review = model.review(text, required=_required(request))
    except (EmptyContract, ContractTooLong) as error:
        raise wrong(field, f"{field}: {error}") from None
    return Response(
        **made_by(scores),
        language=review.language,
        score=review.score,
        probability=review.probability,
        reasons=_worst(review),
        clauses=[_clause(text, clause, model) for clause in review.clauses],
        missing=[
            MissingClause(
                type=m.type, type_name=_name(model, m.type, review.language), suggestion=m.suggestion
            )
            for m in review.missing
        ],
        notes=[*review.notes, *_language_note(request, review)],
        text=text if request.document else None,
    )


def _required(request: Request) -> tuple[str, ...]:
    if request.required is not None:
        for i, kind in enumerate(request.required):
            if kind not in CLAUSES:
                detail = f"required[{i}]: no clause type."
                raise wrong(f"required[{i}]", detail, next_step=f"Types: {', '.join(CLAUSES)}.")
        return tuple(request.required)
    try:
        return industry(request.industry).contract.required_types
    except UnknownIndustry as error:
        raise wrong("industry", f"industry: {error}") from None


def _read(document: Document | None) -> str:
    assert document is not None  # noqa: S101  # Request has one of the two
    try:
        content = base64.b64decode(document.content, validate=True)
    except (binascii.Error, ValueError):
        raise wrong("document.content", "document.content: should be base64.") from None
    try:
        return read_document(content, document.media_type)
    except UnreadableDocument as error:
        raise wrong("document.content", f"document.content: {error}", next_step=error.next_step) from None


def _clause(text: str, clause: Clause, model: ContractModel) -> ReadClause:
    return ReadClause(
        start=clause.start,
        end=clause.end,
        text=text[clause.start : clause.end],
        heading=clause.heading,
        language=clause.language,
        type=clause.type,
        type_name=_name(model, clause.type, clause.language),
        probability=clause.probability,
        risk=clause.risk,
        risk_probabilities=clause.risks,
        high_probability=clause.high_probability,
        score=round(100 * (1 - clause.high_probability), 1),
        evidence=[Span(start=a, end=b) for a, b in clause.evidence],
        reasons=[_reason(reason) for reason in clause.reasons],
        suggestion=clause.suggestion,
    )


def _worst(review: Review) -> list[Reason]:
    risky = sorted(review.clauses, key=lambda clause: -clause.high_probability)[:4]
    return [_reason(clause.reasons[0]) for clause in risky if clause.risk != "low"]


def _reason(reason: dict[str, Any]) -> Reason:
    return Reason(code=str(reason["code"]), text=str(reason["text"]), effect=float(reason["effect"]))


def _name(model: ContractModel, kind: str, language: str) -> str:
    return model.wording.names[kind]["en" if language == "en" else "zh"]


def _language_note(request: Request, review: Review) -> list[str]:
    if request.language in (None, review.language):
        return []
    return [f"The contract reads as {review.language}, not {request.language} as stated."]

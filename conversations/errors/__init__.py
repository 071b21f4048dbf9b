"""The errors of conversations; a class's docstring is its default message.

ConversationError
├── NotLoggedIn
├── InvalidKey
├── InsufficientScope
├── NotFound
│   └── PreviousNotFound
├── VersionConflict
├── Unstorable
│   ├── TranscriptGone
│   ├── MessageTooLarge
│   └── ReplyTooLong
├── ResponseInProgress
├── NotTheLast
├── IdempotencyConflict
├── AlreadyAnswered
├── NotActive
├── NotSteerable
├── Fenced
│   └── Buried
├── InvalidFrame
│   ├── InvalidJson
│   ├── UnsupportedParameter
│   ├── UnknownType
│   ├── MissingField
│   ├── InvalidValue
│   │   └── InvalidState
│   │       └── StateExpired
│   └── TooLarge
├── RateLimited
├── NoWorker
├── TooManyConnections
└── TurnFailed

Beside the tree: StoreAway is one of Django's database errors, and is borne like one.
"""

from conversations.errors.base import ConversationError
from conversations.errors.requests import (
    InsufficientScope,
    InvalidFrame,
    InvalidJson,
    InvalidKey,
    InvalidState,
    InvalidValue,
    MissingField,
    NotLoggedIn,
    RateLimited,
    StateExpired,
    TooLarge,
    TooManyConnections,
    UnknownType,
    UnsupportedParameter,
)
from conversations.errors.turns import (
    AlreadyAnswered,
    Buried,
    Fenced,
    IdempotencyConflict,
    MessageTooLarge,
    NotActive,
    NotFound,
    NotSteerable,
    NotTheLast,
    NoWorker,
    PreviousNotFound,
    ReplyTooLong,
    ResponseInProgress,
    StoreAway,
    TranscriptGone,
    TurnFailed,
    Unstorable,
    VersionConflict,
)

__all__ = [
    "AlreadyAnswered",
    "Buried",
    "ConversationError",
    "Fenced",
    "IdempotencyConflict",
    "InsufficientScope",
    "InvalidFrame",
    "InvalidJson",
    "InvalidKey",
    "InvalidState",
    "InvalidValue",
    "MessageTooLarge",
    "MissingField",
    "NoWorker",
    "NotActive",
    "NotFound",
    "NotLoggedIn",
    "NotSteerable",
    "NotTheLast",
    "PreviousNotFound",
    "RateLimited",
    "ReplyTooLong",
    "ResponseInProgress",
    "StateExpired",
    "StoreAway",
    "TooLarge",
    "TooManyConnections",
    "TranscriptGone",
    "TurnFailed",
    "UnknownType",
    "Unstorable",
    "UnsupportedParameter",
    "VersionConflict",
]

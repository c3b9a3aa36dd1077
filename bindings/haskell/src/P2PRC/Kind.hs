{-# LANGUAGE OverloadedStrings #-}
-- | The kinds of errors. Generated from the node's OpenAPI document by bindings/gen; do not edit.
module P2PRC.Kind (Kind (..), kindOf, kindOfStatus) where

import Data.Text (Text)

-- | What went wrong. The list only grows; a newer node's kind is 'Unknown'.
data Kind
  = Internal
  | Invalid
  | Usage
  | TasksFailed
  | NotRunning
  | Denied
  | NotFound
  | NobodyCan
  | Conflict
  | TooLarge
  | Quota
  | Unavailable
  | Timeout
  | Corrupt
  | Unsupported
  | Lost
  | Withdrawn
  | Canceled
  | Unknown Text
  deriving (Eq, Show)

-- | A kind by its name in the API.
kindOf :: Text -> Kind
kindOf "internal" = Internal
kindOf "invalid" = Invalid
kindOf "usage" = Usage
kindOf "tasks_failed" = TasksFailed
kindOf "not_running" = NotRunning
kindOf "denied" = Denied
kindOf "not_found" = NotFound
kindOf "nobody_can" = NobodyCan
kindOf "conflict" = Conflict
kindOf "too_large" = TooLarge
kindOf "quota" = Quota
kindOf "unavailable" = Unavailable
kindOf "timeout" = Timeout
kindOf "corrupt" = Corrupt
kindOf "unsupported" = Unsupported
kindOf "lost" = Lost
kindOf "withdrawn" = Withdrawn
kindOf "canceled" = Canceled
kindOf other = Unknown other

-- | A kind by the number that the C library answers.
kindOfStatus :: Int -> Kind
kindOfStatus 1 = Internal
kindOfStatus 2 = Invalid
kindOfStatus 3 = Usage
kindOfStatus 4 = TasksFailed
kindOfStatus 5 = NotRunning
kindOfStatus 6 = Denied
kindOfStatus 7 = NotFound
kindOfStatus 8 = NobodyCan
kindOfStatus 9 = Conflict
kindOfStatus 10 = TooLarge
kindOfStatus 11 = Quota
kindOfStatus 12 = Unavailable
kindOfStatus 13 = Timeout
kindOfStatus 14 = Corrupt
kindOfStatus 15 = Unsupported
kindOfStatus 16 = Lost
kindOfStatus 17 = Withdrawn
kindOfStatus 18 = Canceled
kindOfStatus _ = Internal

{-# LANGUAGE FlexibleInstances #-}
{-# LANGUAGE OverloadedStrings #-}
-- | How the types of the API are read and written.
module P2PRC.Json (Blank (..), Bytes (..), (?:), (=?), (=!)) where

import Data.Aeson
import Data.Aeson.Types (Pair, Parser)
import qualified Data.ByteString as B
import qualified Data.ByteString.Base64 as Base64
import Data.Int (Int64)
import Data.Map.Strict (Map)
import qualified Data.Map.Strict as Map
import Data.Maybe (fromMaybe)
import Data.Text (Text)
import Data.Text.Encoding (decodeLatin1, encodeUtf8)

-- | What says nothing: the beginning of every value that is sent.
class Blank a where
  blank :: a

instance Blank Text where blank = ""
instance Blank Int64 where blank = 0
instance Blank Double where blank = 0
instance Blank Bool where blank = False
instance Blank [a] where blank = []
instance Blank (Map k a) where blank = Map.empty
instance Blank (Maybe a) where blank = Nothing
instance Blank Bytes where blank = Bytes B.empty

-- | Bytes, which travel in base64.
newtype Bytes = Bytes { unBytes :: B.ByteString } deriving (Eq, Show)

instance FromJSON Bytes where
  parseJSON = withText "base64" $ either fail (pure . Bytes) . Base64.decode . encodeUtf8

instance ToJSON Bytes where
  toJSON = String . decodeLatin1 . Base64.encode . unBytes

-- | A field, blank where it is missing or null.
(?:) :: (FromJSON a, Blank a) => Object -> Key -> Parser a
o ?: name = fromMaybe blank <$> o .:? name

-- | A field that is sent unless it is blank.
(=?) :: (ToJSON a, Eq a, Blank a) => Key -> a -> [Pair]
name =? v = [name .= v | v /= blank]

-- | A field that is always sent.
(=!) :: ToJSON a => Key -> a -> [Pair]
name =! v = [name .= v]

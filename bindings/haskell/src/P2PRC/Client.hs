{-# LANGUAGE OverloadedStrings #-}
-- | The way to a node, and what all routes have in common.
module P2PRC.Client
  ( -- * Ways
    Client (..), Way (..), Answer (..)
    -- * Errors
  , Error (..), module P2PRC.Kind
    -- * Requests
  , Request (..), Body, Query, Segment (..), request, nobody, json, raw
    -- * Answers
  , done, value, bytes, rows
    -- * For ways
  , problem, broke
  ) where

import Control.Exception (bracket)
import Data.Aeson (FromJSON (..), ToJSON, decodeStrict, eitherDecodeStrict, encode, withObject, (.!=), (.:), (.:?))
import qualified Data.ByteString as B
import Data.ByteString (ByteString)
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Lazy as L
import Data.IORef
import Data.Int (Int64)
import Data.Text (Text)
import qualified Data.Text as T
import Data.Text.Encoding (encodeUtf8)
import Network.HTTP.Types.URI (renderSimpleQuery, urlEncode)

import P2PRC.Kind

-- | A node, by one of the two ways: "P2PRC.Socket" or "P2PRC.Library". It may be used
-- from several threads.
newtype Client = Client { way :: Way }

-- | How requests get to a node.
newtype Way = Way { ask :: Request -> IO (Either Error Answer) }

-- | An answer that has begun. 'piece' is its next bytes, none at its end.
data Answer = Answer
  { piece :: IO (Either Error ByteString)
  , close :: IO ()
  }

-- | What went wrong, in words, and where there is something to do, what.
data Error = Error { errorKind :: Kind, errorDetail :: Text, errorHint :: Text }
  deriving (Eq, Show)

-- | One request.
data Request = Request
  { method :: ByteString
  , target :: ByteString -- ^ path and query
  , content :: ByteString -- ^ the body's content type; none: no body
  , body :: ByteString
  , goesOn :: Bool -- ^ its answer is a stream
  }

-- | Named values.
type Query = [(Text, Text)]

data Body = Body ByteString ByteString

-- | A route's request.
request :: ByteString -> ByteString -> Query -> Body -> Request
request m p q (Body c b) = Request m (p <> renderSimpleQuery (not (null q)) pairs) c b False
  where pairs = [(encodeUtf8 k, encodeUtf8 v) | (k, v) <- q]

-- | A value as a segment of a path.
class Segment a where
  segment :: a -> ByteString

instance Segment Text where segment = urlEncode True . encodeUtf8
instance Segment Int64 where segment = C.pack . show

-- | No body.
nobody :: Body
nobody = Body "" ""

-- | A body of JSON.
json :: ToJSON a => a -> Body
json = Body "application/json" . L.toStrict . encode

-- | A body of bytes of a content type.
raw :: ByteString -> ByteString -> Body
raw = Body

-- | The answer as it is.
bytes :: Client -> Request -> IO (Either Error ByteString)
bytes c r = with c r (go [])
  where
    go got a = piece a >>= \p -> case p of
      Left e -> pure (Left e)
      Right b | B.null b -> pure (Right (B.concat (reverse got)))
              | otherwise -> go (b : got) a

-- | That it was done.
done :: Client -> Request -> IO (Either Error ())
done c r = (() <$) <$> bytes c r

-- | The answer as a value.
value :: FromJSON a => Client -> Request -> IO (Either Error a)
value c r = (>>= readValue) <$> bytes c r

readValue :: FromJSON a => ByteString -> Either Error a
readValue b = case eitherDecodeStrict b of
  Right v -> Right v
  Left why -> Left (Error Corrupt ("the node's answer makes no sense here: " <> T.pack why) "is the node another version than this package?")

-- | The rows of a stream, until one is answered with False.
rows :: FromJSON a => Client -> Request -> (a -> IO Bool) -> IO (Either Error ())
rows c r each = with c r { goesOn = True } $ \a -> do
  rest <- newIORef B.empty
  let next = do
        have <- readIORef rest
        case C.elemIndex '\n' have of
          Just i -> writeIORef rest (B.drop (i + 1) have) >> pure (Right (B.take i have))
          Nothing -> piece a >>= \p -> case p of
            Left e -> pure (Left e)
            Right more
              | B.null more && B.null have -> pure (Right B.empty)
              | B.null more -> pure (Left broke) -- in the middle of a row
              | otherwise -> writeIORef rest (have <> more) >> next
      loop = next >>= \l -> case l of
        Left e -> pure (Left e)
        Right line
          | B.null line -> pure (Right ())
          | "{\"problem\":" `B.isPrefixOf` line -> pure (Left (lastRow line))
          | otherwise -> case readValue line of
              Left e -> pure (Left e)
              Right v -> each v >>= \more -> if more then loop else pure (Right ())
  loop

with :: Client -> Request -> (Answer -> IO (Either Error a)) -> IO (Either Error a)
with c r use = bracket (ask (way c) r) (either (const (pure ())) close) (either (pure . Left) use)

lastRow :: ByteString -> Error
lastRow line = case decodeStrict line of
  Just (End e) -> e
  Nothing -> Error Corrupt "the stream's last line is malformed" ""

newtype End = End Error
instance FromJSON End where
  parseJSON = withObject "the end of a stream" $ \o -> End <$> o .: "problem"

instance FromJSON Error where
  parseJSON = withObject "problem" $ \o ->
    Error <$> (kindOf <$> o .: "kind") <*> o .:? "detail" .!= "" <*> o .:? "hint" .!= ""

-- | The error that a problem of the API stands for; its status, where it is none.
problem :: Int -> ByteString -> Error
problem status b = case decodeStrict b of
  Just e -> e
  Nothing | status == 404 || status == 405 -> Error Unsupported "the node has no such route" ""
          | otherwise -> Error Unavailable ("the node answered " <> T.pack (show status)) ""

-- | The error of a connection that broke.
broke :: Error
broke = Error Unavailable "the connection to the node broke" ""
